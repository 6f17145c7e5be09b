"""
The Firebase store against a stand-in for Google in a process of its own.

It speaks the documented REST API, and signs with real RSA keys. With the environment
variable ``FIREBASE_TOOLS`` set to the ``firebase`` program of the npm package
``firebase-tools``, all but logins is tested against Google's own emulator, too: its ID
tokens are not signed, so that nobody can log in by them.
"""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mxisd.config.structure import Section
from mxisd.drivers.http import http_clients
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser
from mxisd.model.profiles import SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, ThreePid, canonical
from mxisd.stores.firebase import factory
from mxisd.testing.stores import (
    ALICE,
    ALICE_MAIL,
    BOB_MAIL,
    PEOPLE,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)
from mxisd.testing.tools import tools_for_tests
from tests.integration.firebase_backend import GoogleProcess
from tests.integration.server import free_port, wait_until

EMULATOR = os.environ.get("FIREBASE_TOOLS", "")
EMULATED = "demo-mxisd"
SECOND = canonical(EMAIL, "second@example.org")


class StoreCase(TestCase):
    """Makes stores with a real HTTP client."""

    timeout = 120

    def built(self, section: dict[str, Any]) -> Store:
        """The store of a section; its connections end with the test."""
        clients = http_clients(reactor, user_agent="mxisd")
        self.addCleanup(lambda: Deferred.fromCoroutine(clients.configured.close()))
        tools = tools_for_tests("fire", reactor=reactor, http=clients.stores)
        store = factory.build(factory.parse(Section(section)), tools, environment={})
        assert store.service is not None
        store.service.startService()
        self.addCleanup(store.service.stopService)
        return store

    async def found(
        self, store: Store, addresses: Iterable[ThreePid]
    ) -> dict[str, str]:
        """Localparts by address."""
        assert store.lookup is not None
        answer = await store.lookup.lookup(frozenset(addresses))
        return {key.address: user_id.localpart for key, user_id in answer.items()}


class OneAddressContract(ThreePidLookupContract, AssociationSourceContract):
    """
    What the suites say, of people who have one address of a kind.

    A second address is a provider's, such as Google's, in the same account. Firebase
    cannot be asked for it, and nobody knows whether it is verified.
    """

    # A token names its account exactly.
    takes_any_name = False

    async def test_lookup_finds_every_address_of_a_person(self) -> None:
        """Only the account's own address leads to it."""
        lookup = await self._lookup()
        found = await lookup.lookup(frozenset([SECOND, ALICE_MAIL]))
        self.assertEqual(dict(found), {ALICE_MAIL: ALICE.user_id})

    async def test_listing_is_complete(self) -> None:
        """Every address by which an account is found is listed, and no other."""
        expected = {
            (canonical(medium, address), person.user_id)
            for person in PEOPLE
            for medium, address in person.threepids
        } - {(SECOND, ALICE.user_id)}
        listed = await self._listed(PEOPLE)
        self.assertEqual(sorted(listed, key=str), sorted(expected, key=str))

    async def test_listing_comes_in_batches(self) -> None:
        """A list of several pages is complete."""
        crowd = [
            Person(username=f"p{i}", threepids=[(EMAIL, f"p{i}@example.org")])
            for i in range(2100)
        ]
        self.assertEqual(len(set(await self._listed(crowd))), 2100)


class GoogleCase(StoreCase):
    """Starts stand-ins for Google."""

    def google(self, people: Sequence[Person] = ()) -> GoogleProcess:
        """A stand-in that knows these people."""
        google = GoogleProcess(Path(self.mktemp()))
        self.addCleanup(google.stop)
        google.start(people)
        return google

    def store(self, google: GoogleProcess, **section: Any) -> Store:
        """The store of a section that fits."""
        endpoints = {
            "accounts": f"{google.base}/v1",
            "certificates": f"{google.base}/certificates",
        }
        return self.built(
            {"credentials": str(google.key_file), "endpoints": endpoints, **section}
        )


class ContractTests(OneAddressContract, GoogleCase):
    """The Firebase store is a store."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Start Google."""
        return self.store(self.google(people))

    async def test_outage_is_no_absence(self) -> None:
        """Each capability says that it could not answer; so does one with a token."""
        google = self.google(PEOPLE)
        store = self.store(google)
        token = Secret(google.token("alice", reactor.seconds()))
        google.stop()
        assert store.lookup and store.associations and store.authenticator
        assert store.directory and store.profile

        async def put(batch: object) -> None:
            self.fail("there is nothing to put")

        for question in (
            store.lookup.lookup(frozenset([ALICE_MAIL])),
            store.associations.associations(put),
            store.authenticator.authenticate(ALICE.user_id, token),
            store.directory.search("alice", SearchBy.NAME, 10, ALICE.user_id),
            store.profile.profile(ALICE.user_id),
        ):
            with self.assertRaises(StoreUnavailable):
                await question


class DirectoryContractTests(DirectoryContract, GoogleCase):
    """The Firebase store searches."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Start Google."""
        return self.store(self.google(people), onlyVerified=False)


class ProfileContractTests(ProfileContract, GoogleCase):
    """The Firebase store knows profiles with roles."""

    # A token names its account exactly.
    takes_any_name = False

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Start Google."""
        return self.store(self.google(people), onlyVerified=False)


class AuthenticatorContractTests(AuthenticatorContract, GoogleCase):
    """The Firebase store knows ID tokens: each person's password stands for one."""

    # A token names its account exactly.
    takes_any_name = False

    can_tell_unknown_users = False

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Start Google, and sign in everybody who has a password."""
        google = self.google(people)
        now = reactor.seconds()
        self.tokens = {p.password: google.token(p.username, now) for p in people}
        return self.store(google)

    async def _verdict(self, user_id: UserId, password: str) -> Any:
        authenticator = await self._authenticator()
        token = self.tokens.get(password, password)
        return await authenticator.authenticate(user_id, Secret(token))


class OutageTests(GoogleCase):
    """Google may be slow, away, or not itself."""

    async def test_restart(self) -> None:
        """After an outage the next question is answered, with a new access token."""
        google = self.google(PEOPLE)
        store = self.store(google)
        both = {"alice@example.org": "alice", "bob@example.org": "bob"}
        self.assertEqual(await self.found(store, [ALICE_MAIL, BOB_MAIL]), both)
        google.stop()
        with self.assertRaises(StoreUnavailable) as caught:
            await self.found(store, [ALICE_MAIL])
        self.assertNotIn("alice", str(caught.exception))
        google.start(PEOPLE)
        self.assertEqual(await self.found(store, [ALICE_MAIL, BOB_MAIL]), both)

    async def test_hang(self) -> None:
        """A question that hangs can be given up; the next one is answered."""
        google = self.google(PEOPLE)
        store = self.store(google)
        await self.found(store, [ALICE_MAIL])
        google.pause()
        waiting = Deferred.fromCoroutine(self.found(store, [ALICE_MAIL]))
        waiting.addTimeout(0.5, reactor)
        with self.assertRaises(Exception):  # noqa: B017
            await waiting
        google.resume()
        found = await self.found(store, [ALICE_MAIL])
        self.assertEqual(found, {"alice@example.org": "alice"})

    async def test_nonsense(self) -> None:
        """A page of a proxy, or a failure, is never "absent"."""
        google = self.google(PEOPLE)
        store = self.store(google)
        for mood in ("garbage", "502", "429"):
            google.control(mood=mood)
            with self.assertRaises(StoreUnavailable):
                await self.found(store, [ALICE_MAIL])

    async def test_key_rotation(self) -> None:
        """A token with a new key is good, and one with the old key no longer is."""
        google = self.google(PEOPLE)
        store = self.store(google)
        google.control(keys={"k2": "second"})
        now = reactor.seconds()
        token = google.token("alice", now, key_id="k2")
        assert store.authenticator is not None
        login = store.authenticator.authenticate
        self.assertIsInstance(await login(ALICE.user_id, Secret(token)), Accepted)
        google.control(keys={"k1": "first"})
        old = google.token("alice", now)
        self.assertEqual(await login(ALICE.user_id, Secret(old)), NoSuchUser())

    async def test_self_check(self) -> None:
        """All is well."""
        store = self.store(self.google(PEOPLE))
        assert store.self_check is not None
        self.assertEqual(list(await store.self_check.problems()), [])


# --- Google's own emulator ------------------------------------------------------------


class Emulator:
    """Google's emulator on a free loopback port."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        ports = {name: {"port": free_port()} for name in ("hub", "logging")}
        auth = {"host": "127.0.0.1", "port": self.port}
        settings = {"auth": auth, "ui": {"enabled": False}, **ports}
        (folder / "firebase.json").write_text(
            json.dumps({"emulators": {**settings, "singleProjectMode": True}})
        )
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [EMULATOR, "emulators:start", "--only=auth", f"--project={EMULATED}"],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(folder.absolute()), "CI": "1"},
                process_group=0,
            )
        wait_until(self._is_up, "the emulator answers", 90)

    @property
    def api(self) -> str:
        """Where the Identity Toolkit is."""
        return f"http://127.0.0.1:{self.port}/identitytoolkit.googleapis.com/v1"

    def create(self, person: Person) -> None:
        """Make an account."""
        mails = [a for medium, a in person.threepids if medium == EMAIL][:1]
        phones = [a for medium, a in person.threepids if medium != EMAIL][:1]
        account = {
            "localId": person.username,
            "displayName": person.display_name,
            **({"email": mails[0]} if mails else {}),
            **({"phoneNumber": phones[0].replace(" ", "")} if phones else {}),
        }
        self._post(f"projects/{EMULATED}/accounts", account)
        claims = json.dumps({"roles": list(person.roles)})
        update = {"localId": person.username, "customAttributes": claims}
        self._post(f"projects/{EMULATED}/accounts:update", update)

    def stop(self) -> None:
        """End it, and what it started."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _post(self, path: str, content: Any) -> None:
        request = urllib.request.Request(
            f"{self.api}/{path}",
            json.dumps(content).encode(),
            {"Authorization": "Bearer owner", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).close()

    def _is_up(self) -> bool:
        assert self._process.poll() is None, "the emulator did not start"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5).close()
        except OSError:
            return False
        return True


class EmulatorCase(StoreCase):
    """What Google's emulator and the store say to each other."""

    timeout = 300

    async def emulated(self, people: Sequence[Person]) -> Store:
        """Start the emulator and create everybody."""
        emulator = Emulator(Path(self.mktemp()))
        self.addCleanup(emulator.stop)
        for person in people:
            emulator.create(person)
        return self.built(
            {
                "accessToken": "owner",
                "project": EMULATED,
                "endpoints": {"accounts": emulator.api},
            }
        )

    async def check_everything_but_logins(self) -> None:
        """Lookup, list, directory and profile of people who are there and are not."""
        store = await self.emulated(PEOPLE)
        phone = canonical("msisdn", "491711234567")
        nobody = canonical(EMAIL, "nobody@example.org")
        asked = [ALICE_MAIL, BOB_MAIL, phone, nobody]
        expected = {
            "alice@example.org": "alice",
            "bob@example.org": "bob",
            "491711234567": "alice",
        }
        self.assertEqual(await self.found(store, asked), expected)
        listed: list[Any] = []

        async def put(batch: Sequence[Any]) -> None:
            listed.extend(batch)

        assert store.associations and store.directory and store.profile
        await store.associations.associations(put)
        found = {threepid.address: user.localpart for threepid, user in listed}
        self.assertEqual(found, {**expected, "493012345678": "bob"})
        page = await store.directory.search("lidd", SearchBy.NAME, 9, ALICE.user_id)
        self.assertEqual([e.user_id for e in page.entries], [ALICE.user_id])
        profile = await store.profile.profile(ALICE.user_id)
        assert profile is not None
        self.assertEqual(profile.display_name, "Alice Liddell")
        self.assertEqual(profile.roles, frozenset(["staff"]))
        self.assertIsNone(await store.profile.profile(UserId("nobody", "example.org")))


if EMULATOR:
    # Not a skipped test where it is not there: nobody is told to have it.
    class EmulatorTests(EmulatorCase):
        """The emulator is there."""

        async def test_everything_but_logins(self) -> None:
            """Lookup, list, directory and profile are as with the stand-in."""
            await self.check_everything_but_logins()

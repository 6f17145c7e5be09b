"""The REST store against a web application in a process of its own."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from mxisd.errors import ConfigError, Misconfigured, StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import canonical
from mxisd.testing.stores import (
    ALICE,
    DOMAIN,
    PEOPLE,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    OutageContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)
from mxisd.testing.stores.outage import questions_to
from tests.integration.rest_stores import BackendProcess, RestCase
from tests.tls import CertificateAuthority

MAIL = "alice@example.org"


class ContractTests(
    ThreePidLookupContract,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    ProfileContract,
    OutageContract,
    RestCase,
):
    """The REST store is a store."""

    # The back end is asked for the localpart, and knows its people by that.
    takes_any_name = False

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Start a back end."""
        return self.store(self.backend(people))

    async def store_without_backend(self) -> Store:
        """Stop the back end that the store has just used."""
        backend = self.backend()
        store = self.store(backend)
        self.assertEqual(await self.found(store, MAIL), {MAIL: "alice"})
        backend.stop()
        return store


class SingleLookupTests(ThreePidLookupContract, RestCase):
    """Without a bulk endpoint each 3PID is asked for."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Start a back end that offers single lookups."""
        endpoints = {"identity": {"bulk": ""}}
        return self.store(self.backend(people), endpoints=endpoints)


class WireTests(RestCase):
    """What goes over the wire is what mxisd sends."""

    async def test_requests(self) -> None:
        """Each member is there, in order; new ones stand behind the old."""
        backend = self.backend()
        store = self.store(backend)
        for ask in questions_to(store).values():
            await ask()
        paths = {each["path"]: each["body"] for each in backend.requests()}
        v1, who = "/_mxisd/backend/api/v1", f"@alice:{DOMAIN}"
        user = {"localpart": "alice", "domain": DOMAIN, "mxid": who}
        login = {
            "mxid": who,
            "localpart": "alice",
            "domain": DOMAIN,
            "password": "secret",
        }
        search = {"by": "name", "search_term": "alice", "user_id": who, "limit": 10}
        expected = {
            f"{v1}/identity/bulk": {"lookup": [{"medium": "email", "address": MAIL}]},
            f"{v1}/identity/associations": {
                "associations": {"cursor": None, "limit": 1000}
            },
            f"{v1}/auth/login": {"auth": login},
            f"{v1}/directory/user/search": search,
            f"{v1}/profile/displayName": user,
            f"{v1}/profile/threepids": user,
            f"{v1}/profile/roles": user,
        }
        compact = {
            path: json.dumps(each, separators=(",", ":"))
            for path, each in expected.items()
        }
        self.assertEqual(paths, compact)
        kinds = {(each["type"], each["agent"]) for each in backend.requests()}
        self.assertEqual(kinds, {("application/json; charset=UTF-8", "mxisd/test")})

    async def test_single_request(self) -> None:
        """One 3PID, as an object."""
        backend = self.backend()
        store = self.store(backend, endpoints={"identity": {"bulk": ""}})
        await self.found(store, MAIL)
        expected = [{"lookup": {"medium": "email", "address": MAIL}}]
        self.assertEqual(backend.questions(), expected)

    async def test_both_spellings_are_asked_for(self) -> None:
        """An address with ß is found by whoever holds it either way."""
        people = [
            Person(username="fold", threepids=[("email", "strauss@example.org")]),
            Person(username="exact", threepids=[("email", "groß@example.org")]),
        ]
        backend = self.backend(people)
        for endpoints in ({}, {"identity": {"bulk": ""}}):
            store = self.store(backend, endpoints=endpoints)
            found = await self.found(store, "strauß@example.org", "groß@example.org")
            self.assertEqual(
                found, {"strauss@example.org": "fold", "gross@example.org": "exact"}
            )

    async def test_few_requests(self) -> None:
        """A thousand addresses are two requests."""
        backend = self.backend()
        addresses = [f"nobody{index}@example.org" for index in range(1000)]
        self.assertEqual(await self.found(self.store(backend), *addresses), {})
        sizes = [len(each["lookup"]) for each in backend.questions()]
        self.assertEqual(sizes, [500, 500])

    async def test_whole_urls(self) -> None:
        """Endpoints may be anywhere, with a query too; no host is needed then."""
        backend = self.backend()
        path = "/_mxisd/backend/api/v1/identity/bulk"
        off: dict[str, Any] = dict.fromkeys(("auth", "directory", "associations"), "")
        off["profile"] = dict.fromkeys(("displayName", "threepids", "roles"), "")
        identity = {"bulk": backend.url + path, "single": ""}
        store = self.built({"endpoints": {"identity": identity, **off}})
        self.assertEqual(await self.found(store, MAIL), {MAIL: "alice"})

    async def test_hostile_values(self) -> None:
        """Whatever is in a value arrives as it is, in JSON."""
        backend = self.backend()
        store = self.store(backend)
        assert store.directory is not None and store.authenticator is not None
        for text in ('"}', "\\", "\0", "\r\nX: y", "%41", "{token}", "%TOKEN%", "ü"):
            user_id = UserId("alice", DOMAIN)
            password = Secret(text)
            await store.directory.search(text + "x", SearchBy.NAME, 3, user_id)
            verdict = await store.authenticator.authenticate(user_id, password)
            self.assertEqual(verdict, Refused())
            *_, search, login = backend.questions()
            self.assertEqual(search["search_term"], text + "x")
            self.assertEqual(login["auth"]["password"], text)

    async def test_half_characters(self) -> None:
        """What is no Unicode matches nobody, and the back end is not asked."""
        backend = self.backend()
        store = self.store(backend)
        assert store.directory is not None and store.authenticator is not None
        half, user_id = "\ud800", UserId("alice", DOMAIN)
        verdict = await store.authenticator.authenticate(user_id, Secret(half))
        self.assertEqual(verdict, NoSuchUser())
        page = await store.directory.search(half, SearchBy.NAME, 3, user_id)
        self.assertEqual(page.entries, ())
        self.assertEqual(backend.requests(), [])

    async def test_login_brings_the_profile(self) -> None:
        """Name and 3PIDs come with an accepted login."""
        store = self.store(self.backend())
        assert store.authenticator is not None
        verdict = await store.authenticator.authenticate(
            ALICE.user_id, Secret("wonderland")
        )
        assert isinstance(verdict, Accepted)
        self.assertEqual(verdict.profile.display_name, "Alice Liddell")
        threepids = frozenset(canonical(*each) for each in ALICE.threepids)
        self.assertEqual(verdict.profile.threepids, threepids)


class ListingTests(RestCase):
    """The list of everybody."""

    async def test_pages(self) -> None:
        """A list of several pages is complete."""
        crowd = [
            Person(username=f"p{i}", threepids=[("email", f"p{i}@example.org")])
            for i in range(2500)
        ]
        backend = self.backend(crowd)
        listed = await self.listed(self.store(backend))
        self.assertEqual(len(set(listed)), 2500)
        cursors = [each["associations"]["cursor"] for each in backend.questions()]
        self.assertEqual(cursors, [None, "1000", "2000"])

    async def test_back_ends_that_offer_no_list(self) -> None:
        """The default path may be missing; the log says once what that means."""
        backend = self.backend()
        backend.order(identity__associations={"status": 404, "text": "<html>"})
        store, lines = self.store(backend), self.log_lines()
        for _ in range(2):
            self.assertEqual(await self.listed(store), [])
        self.assertEqual(len([each for each in lines if "does not list" in each]), 1)

    async def test_a_list_does_not_vanish(self) -> None:
        """404 after there was a list is a failure, lest everybody be forgotten."""
        backend = self.backend()
        store = self.store(backend)
        self.assertEqual(len(await self.listed(store)), 5)
        backend.order(identity__associations={"status": 404, "text": ""})
        await self.fails(lambda: self.listed(store), "endpoints.associations")

    async def test_a_list_that_is_expected(self) -> None:
        """404 is a failure where the operator has written the endpoint."""
        backend = self.backend()
        store = self.store(backend, endpoints={"associations": "/nowhere"})
        error = await self.fails(lambda: self.listed(store), kind=Misconfigured)
        assert isinstance(error, Misconfigured)
        self.assertEqual(error.path, "endpoints.associations")

    async def test_broken_pages(self) -> None:
        """A list that does not end well is a failure, never a shorter list."""
        backend = self.backend()
        store = self.store(backend)
        row = {"medium": "email", "address": MAIL}
        for answer in (
            {},
            None,
            {"next_cursor": None},
            {"associations": {"a": 1}},
            {"associations": [row], "next_cursor": 7},
            {"associations": [row], "next_cursor": ""},
            {"associations": [row], "next_cursor": "x" * 2000},
            {"associations": [row], "next_cursor": "always the same"},
        ):
            backend.order(identity__associations={"text": json.dumps(answer)})
            await self.fails(lambda: self.listed(store), "endpoints.associations")

    async def test_bad_rows(self) -> None:
        """They are left out; the log has their number, and no address."""
        backend = self.backend()
        good = {"type": "mxid", "value": f"@Ann:{DOMAIN}"}
        rows = [
            {"medium": "email", "address": "ANN@Example.org", "id": good},
            {"medium": "email", "address": "no-address", "id": good},
            {"medium": "email", "address": "a@b", "id": {"type": "uid", "value": "a"}},
            {"medium": "email", "address": "a@b", "id": {"type": "mxid", "value": "a"}},
            {"medium": "email", "address": "a@b", "id": None},
            {"medium": "email", "address": 5, "id": good},
            {"address": "a@b", "id": good},
            None,
            "a@b",
        ]
        text = json.dumps({"associations": rows})
        backend.order(identity__associations={"text": text})
        lines = self.log_lines()
        listed = await self.listed(self.store(backend))
        expected = (canonical("email", "ann@example.org"), UserId("ann", DOMAIN))
        self.assertEqual(listed, [expected])
        self.assertIn("8 entries", "".join(lines))
        self.assertNotIn("no-address", "".join(lines))


class AuthorityTests(RestCase):
    """Who may talk to whom."""

    def setUp(self) -> None:
        """Make two authorities."""
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.stranger = CertificateAuthority(Path(self.mktemp()))

    def secure(self, **setup: Any) -> BackendProcess:
        """A back end with TLS."""
        own = self.authority.issue("localhost")
        files = {"certificate": own.cert_file, "key": own.key_file}
        return self.backend(PEOPLE, **files, **setup)

    async def test_token(self) -> None:
        """Every request carries it; a wrong one is no absence and no refusal."""
        backend = self.backend(token="t0ken")
        good = self.store(backend, token="t0ken")
        for ask in questions_to(good).values():
            await ask()
        tokens = {each["token"] for each in backend.requests()}
        self.assertEqual(tokens, {"Bearer t0ken"})
        lines = self.log_lines()
        for wrong in ({"token": "s3cret"}, {}):
            for ask in questions_to(self.store(backend, **wrong)).values():
                error = await self.fails(ask, "401", kind=Misconfigured)
                self.assertNotIn("s3cret", str(error))
        self.assertNotIn("s3cret", "".join(lines))

    async def test_authorities(self) -> None:
        """The server's certificate must be of an authority in ``caFile``."""
        backend = self.secure()
        good = self.store(backend, caFile=str(self.authority.ca_file))
        self.assertEqual(await self.found(good, MAIL), {MAIL: "alice"})
        for wrong in ({"caFile": str(self.stranger.ca_file)}, {}):
            store = self.store(backend, **wrong)
            for ask in questions_to(store).values():
                await self.fails(ask, "TLS")

    async def test_client_certificate(self) -> None:
        """A back end that wants a certificate gets it."""
        backend = self.secure(clients=self.authority.ca_file)
        ca_file = str(self.authority.ca_file)
        ours = self.authority.issue_client("mxisd")
        good = self.store(
            backend,
            caFile=ca_file,
            certificateFile=str(ours.cert_file),
            keyFile=str(ours.key_file),
        )
        self.assertEqual(await self.found(good, MAIL), {MAIL: "alice"})
        theirs = self.stranger.issue_client("mxisd")
        bad = self.store(
            backend,
            caFile=ca_file,
            certificateFile=str(theirs.cert_file),
            keyFile=str(theirs.key_file),
        )
        for store in (bad, self.store(backend, caFile=ca_file)):
            for ask in questions_to(store).values():
                await self.fails(ask)

    async def test_files_that_are_missing(self) -> None:
        """Each capability names the key to mend, and so does the start."""
        file, backend = Path(self.mktemp()), self.secure()
        with self.assertRaises(ConfigError) as caught:
            self.store(backend, caFile=str(file))
        self.assertEqual([each.path for each in caught.exception.problems], ["caFile"])
        shutil.copy(self.authority.ca_file, file)
        store = self.store(backend, caFile=str(file))
        file.unlink()
        for ask in questions_to(store).values():
            error = await self.fails(ask, "cannot be read", kind=Misconfigured)
            assert isinstance(error, Misconfigured)
            self.assertEqual(error.path, "caFile")


class OutageTests(RestCase):
    """Whatever goes wrong is never an absence, and never a refusal."""

    async def test_bad_answers(self) -> None:
        """Each capability says that it could not be answered, and by which key."""
        backend = self.backend()
        store = self.store(backend)
        location = f"{backend.url}/_mxisd/backend/api/v1/identity/bulk"
        for order, words in (
            ({"status": 500, "text": "{}"}, "500"),
            ({"status": 400, "text": "{}"}, "400"),
            ({"status": 301, "text": "", "location": location}, "redirect"),
            ({"text": "<html><body>Welcome</body></html>"}, "no JSON"),
            ({"text": '{"lookup": ['}, "no JSON"),
            ({"text": "[1]"}, "no JSON object"),
            ({"size": 10_000_000}, "longer than"),
        ):
            backend.order(any=order)
            for ask in questions_to(store).values():
                await self.fails(ask, words)
                await self.fails(ask, "endpoints.")

    async def test_wrong_shapes(self) -> None:
        """A document that lacks what was asked for answers nothing."""
        backend = self.backend()
        store = self.store(backend)
        shapes: dict[str, list[Any]] = {
            "lookup": [{"lookup": "x"}, {"error": "down"}],
            "authenticator": [
                {},
                {"auth": []},
                {"auth": {}},
                {"auth": {"success": "true"}},
                {"auth": {"success": True, "id": {"type": "uid", "value": "a"}}},
                {"auth": {"success": True, "id": {"type": "mxid", "value": "alice"}}},
                {"auth": {"success": True, "id": "alice"}},
            ],
            "directory": [{"results": "x"}, {"limited": False}],
            "profile": [{"profile": [1]}, {"profile": "x"}],
            "associations": [{}, [], {"next_cursor": None}],
        }
        for name, answers in shapes.items():
            for answer in answers:
                backend.order(any={"text": json.dumps(answer)})
                await self.fails(questions_to(store)[name], "endpoints.")

    async def test_missing_paths(self) -> None:
        """404 and 405 name the key; of a profile, 404 is an answer."""
        backend = self.backend()
        store = self.store(backend)
        backend.order(any={"status": 405, "text": ""})
        for ask in questions_to(store).values():
            await self.fails(ask, "405", kind=Misconfigured)
        backend.order(any={"status": 404, "text": ""})
        questions = questions_to(store)
        self.assertIsNone(await questions.pop("profile")())
        await questions.pop("associations")()
        for ask in questions.values():
            await self.fails(ask, "404", kind=Misconfigured)

    async def test_hanging(self) -> None:
        """A back end that hangs costs the time-out; afterwards it answers again."""
        backend = self.backend()
        store = self.store(backend, timeout=0.5)
        await self.found(self.store(backend), MAIL)
        backend.pause()
        start = reactor.seconds()
        for ask in questions_to(store).values():
            await self.fails(ask, "within 0.5 s")
        self.assertLess(reactor.seconds() - start, 30)
        backend.resume()
        found = await self.found(self.store(backend), MAIL)
        self.assertEqual(found, {MAIL: "alice"})

    async def test_restart(self) -> None:
        """Kept connections that broke do no harm."""
        backend = self.backend()
        store = self.store(backend)
        self.assertEqual(await self.found(store, MAIL), {MAIL: "alice"})
        backend.stop()
        for ask in questions_to(store).values():
            await self.fails(ask)
        backend.start()
        self.assertEqual(await self.found(store, MAIL), {MAIL: "alice"})


class SelfCheckTests(RestCase):
    """What ``--check-config --connect`` tells."""

    async def problems(self, store: Store) -> list[str]:
        """The keys of the problems."""
        assert store.self_check is not None
        return [each.path for each in await store.self_check.problems()]

    async def test_all_is_well(self) -> None:
        """Every endpoint is tried but the one for passwords."""
        backend = self.backend()
        self.assertEqual(await self.problems(self.store(backend)), [])
        paths = [each["path"] for each in backend.requests()]
        self.assertEqual(len(paths), 6)
        self.assertNotIn("auth", "".join(paths))

    async def test_problems_by_key(self) -> None:
        """What would not work is named."""
        backend = self.backend()
        endpoints = {"directory": "/nowhere", "associations": "/nowhere"}
        store = self.store(backend, endpoints=endpoints)
        backend.order(identity__bulk={"status": 500, "text": ""})
        self.assertEqual(
            await self.problems(store),
            ["endpoints.identity", "endpoints.associations", "endpoints.directory"],
        )
        file = Path(self.mktemp())
        shutil.copy(CertificateAuthority(Path(self.mktemp())).ca_file, file)
        store = self.store(self.backend(), caFile=str(file), host="https://localhost:1")
        file.unlink()
        self.assertEqual(await self.problems(store), ["caFile"])

    async def test_nobody_there(self) -> None:
        """A back end that cannot be reached is one failure."""
        backend = self.backend(PEOPLE)
        store = self.store(backend)
        backend.stop()
        with self.assertRaises(StoreUnavailable):
            await self.problems(store)

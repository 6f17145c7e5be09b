"""The whole server against a real directory: ten thousand people, plain and hashed."""

import atexit
import json
import shutil
import signal
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from signedjson.key import decode_verify_key_bytes
from signedjson.sign import verify_signed_json
from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import decode_base64

from tests.integration.client import V1, V2, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.server import MxisdProcess, wait_until
from tests.integration.slapd import Organisation, Slapd

PEOPLE = 10_000
TERMS = "https://example.org/privacy"
CAROL = "carol@elsewhere.example"


class World:
    """A directory, a homeserver, and mxisd between them; they end with the tests."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        atexit.register(shutil.rmtree, self.folder)
        self.slapd = Slapd(Organisation(people=PEOPLE))
        self.slapd.start()
        atexit.register(self.slapd.stop)
        self.homeserver = HomeserverProcess(self.folder / "homeserver", "alice", "bob")
        atexit.register(self.homeserver.stop)
        self.server = MxisdProcess(self.folder, self.config())
        self.server.start()
        atexit.register(self.server.stop)

    def config(self) -> dict[str, Any]:
        """A classic LDAP section, terms, and a homeserver on loopback."""
        return {
            "matrix": {"domain": self.homeserver.server_name},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(self.homeserver.ca_file),
            },
            "policy": {
                "policies": {
                    "privacy": {
                        "version": "1",
                        "terms": {"en": {"name": "Privacy", "url": TERMS}},
                    }
                }
            },
            "ldap": {
                "enabled": True,
                "connection": {
                    "host": "127.0.0.1",
                    "port": self.slapd.port,
                    "bindDn": self.slapd.bind_dn,
                    "bindPassword": self.slapd.password,
                    "baseDNs": [self.slapd.base_dn],
                },
                "attribute": {
                    "uid": {"type": "uid", "value": "uid"},
                    "name": "cn",
                    "threepid": {
                        "email": ["mail", "mailPrimaryAddress"],
                        "msisdn": ["telephoneNumber"],
                        "employee": ["employeeNumber"],
                    },
                },
                "filter": "(objectClass=inetOrgPerson)",
            },
            "memory": {
                "enabled": True,
                "identities": [
                    {
                        "username": "carol",
                        "threepids": [{"medium": "email", "address": CAROL}],
                    }
                ],
            },
            "lookup": {"storeTimeout": "2s"},
        }


@cache
def world() -> World:
    """The one world of all tests; each leaves it running."""
    return World()


class ServerTests(SynchronousTestCase):
    """Ten thousand people, found and not found."""

    def setUp(self) -> None:
        """Log in, accept the terms, and know some people."""
        self.slapd, self.server = world().slapd, world().server
        self.homeserver, self.folder = world().homeserver, world().folder
        self.people = self.slapd.organisation.members
        self.client = IdentityClient(self.server, self.homeserver, "alice")
        self.token = self.client.token
        self.server.post(f"{V2}/terms", {"user_accepts": [TERMS]}, self.token)
        wait_until(
            lambda: self.client.hashed(self.people[-1].mails[0]), "the index is built"
        )

    def user_id(self, uid: str) -> str:
        """A person's Matrix ID."""
        return f"@{uid}:{self.homeserver.server_name}"

    def health(self) -> str:
        """What ``/status`` says; a store that is down never makes it an error."""
        status, reply = self.server.get("/status")
        self.assertEqual(status, 200)
        health: str = reply["status"]["health"]
        return health

    def test_everybody_is_found_by_hash(self) -> None:
        """Each of ten thousand people is found, by every e-mail address."""
        expected = {
            mail.casefold(): self.user_id(person.uid)
            for person in self.people
            for mail in person.mails
        }
        addresses = sorted(expected)
        found: dict[str, str] = {}
        for start in range(0, len(addresses), 5000):
            found |= self.client.hashed(*addresses[start : start + 5000])
        self.assertEqual(len(found), len(expected))
        self.assertEqual(found, expected)

    def test_phones_are_found_by_hash(self) -> None:
        """However the directory writes a number, its digits find the owner."""
        expected = {
            f"49171{1_000_000 + index}": self.user_id(person.uid)
            for index, person in enumerate(self.people)
        }
        self.assertEqual(self.client.hashed(*expected, medium="msisdn"), expected)

    def test_people_are_found_in_the_clear(self) -> None:
        """v2 with ``none``: as the client spells them, and nobody else."""
        some = self.people[:50]
        addresses = {p.mails[0].upper(): self.user_id(p.uid) for p in some}
        found = self.client.plain(*addresses, "nobody@example.org", "*", "a)(uid=*")
        self.assertEqual(found, addresses)

    def test_v1_answers_signed(self) -> None:
        """v1 lookup gives a signed association; an unknown address gives ``{}``."""
        person = self.people[7]
        status, reply = self.server.get(
            f"{V1}/lookup", medium="email", address=person.mails[0]
        )
        self.assertEqual((status, reply["mxid"]), (200, self.user_id(person.uid)))
        name = self.homeserver.server_name
        ((key_id, _),) = reply["signatures"][name].items()
        _, key = self.server.get(f"{V1}/pubkey/{key_id}")
        verify_key = decode_verify_key_bytes(key_id, decode_base64(key["public_key"]))
        verify_signed_json(reply, name, verify_key)
        valid = self.server.get(f"{V2}/pubkey/isvalid", **key)
        self.assertEqual(valid, (200, {"valid": True}))
        nobody = self.server.get(f"{V1}/lookup", medium="email", address="no@body.org")
        self.assertEqual(nobody, (200, {}))

    def test_v1_bulk(self) -> None:
        """v1 bulk lookup gives triples of the found ones."""
        pairs = [["email", person.mails[0]] for person in self.people[:20]]
        status, reply = self.server.post(
            f"{V1}/bulk_lookup", {"threepids": [*pairs, ["email", "no@body.org"]]}
        )
        self.assertEqual(status, 200)
        expected = [
            ["email", person.mails[0], self.user_id(person.uid)]
            for person in self.people[:20]
        ]
        self.assertEqual(reply["threepids"], expected)

    def test_a_medium_of_ones_own(self) -> None:
        """An employee number is found both ways, in exact case."""
        person = next(p for p in self.people if p.employee_number)
        number = person.employee_number or ""
        for found in (
            self.client.hashed(number, medium="employee"),
            self.client.plain(number, medium="employee"),
        ):
            self.assertEqual(found, {number: self.user_id(person.uid)})
        other = number.swapcase()
        self.assertNotEqual(other, number)
        self.assertEqual(self.client.plain(other, medium="employee"), {})
        self.assertEqual(self.client.hashed(other, medium="employee"), {})

    def test_a_restart_forgets_nothing(self) -> None:
        """Peppers, tokens and accepted terms survive, even a SIGKILL."""
        person = self.people[3]
        _, before = self.server.get(f"{V2}/hash_details", self.token)
        for end in (signal.SIGTERM, signal.SIGKILL):
            self.server.restart(end)
            wait_until(self.is_ready, "the index is open")
            _, after = self.server.get(f"{V2}/hash_details", self.token)
            self.assertEqual(after, before)
            self.assertEqual(
                self.client.hashed(person.mails[0].casefold()),
                {person.mails[0].casefold(): self.user_id(person.uid)},
            )

    def is_ready(self) -> bool:
        """Whether lookups are answered; until then 503 says "not now"."""
        status, _ = self.server.get(f"{V2}/hash_details", self.token)
        self.assertIn(status, (200, 503))
        return bool(status == 200)

    def test_a_directory_that_is_down(self) -> None:
        """Hashes are answered, v1 says "not now", the others answer what is known."""
        person = self.people[5]
        mail = person.mails[0].casefold()
        carol = self.user_id("carol")
        self.slapd.stop()
        try:
            self.assertEqual(self.client.hashed(mail), {mail: self.user_id(person.uid)})
            self.assertEqual(self.client.plain(mail, CAROL), {CAROL: carol})
            bulk = {"threepids": [["email", mail], ["email", CAROL]]}
            self.assertEqual(
                self.server.post(f"{V1}/bulk_lookup", bulk),
                (200, {"threepids": [["email", CAROL, carol]]}),
            )
            self.assertEqual(self.one(CAROL), (200, carol))
            self.assertEqual(self.one(mail), (503, None))
            wait_until(lambda: self.health() == "DEGRADED", "the status tells")
        finally:
            self.slapd.start()
        wait_until(lambda: self.client.plain(mail), "the directory is asked again")
        wait_until(lambda: self.health() == "OK", "the status is good again")

    def one(self, mail: str) -> tuple[int, str | None]:
        """Look up through v1; status and user ID."""
        status, reply = self.server.get(f"{V1}/lookup", medium="email", address=mail)
        return status, reply.get("mxid")

    def test_a_directory_that_goes_and_comes_during_requests(self) -> None:
        """Each answer is the right one or "not now": never "absent", never an error."""
        person = self.people[11]
        answers: list[tuple[int, str | None]] = []
        is_over = threading.Event()

        def ask() -> None:
            while not is_over.is_set():
                answers.append(self.one(person.mails[0]))

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        right, not_now = (200, self.user_id(person.uid)), (503, None)
        try:
            wait_until(lambda: right in answers, "answers come")
            self.slapd.stop()
            wait_until(lambda: not_now in answers, "the outage is noticed")
        finally:
            self.slapd.start()
            seen = len(answers)
            wait_until(lambda: right in answers[seen:], "answers come again")
            is_over.set()
            for asker in askers:
                asker.join()
        self.assertEqual(set(answers), {right, not_now})

    def test_logout_and_terms(self) -> None:
        """A token ends with its logout; without accepted terms nothing is looked up."""
        token = IdentityClient(self.server, self.homeserver, "bob").token
        status, reply = self.server.get(f"{V2}/hash_details", token)
        self.assertEqual((status, reply["errcode"]), (403, "M_TERMS_NOT_SIGNED"))
        self.assertEqual(self.server.post(f"{V2}/account/logout", {}, token)[0], 200)
        status, reply = self.server.get(f"{V2}/account", token)
        self.assertEqual((status, reply["errcode"]), (401, "M_UNAUTHORIZED"))

    def test_foreign_homeservers_may_not_register(self) -> None:
        """``allowOnlyTrustDomains`` is on: users of others are refused."""
        status, reply = self.server.post(
            f"{V2}/account/register",
            {"access_token": "x", "matrix_server_name": "elsewhere.example"},
        )
        self.assertEqual((status, reply["errcode"]), (403, "M_FORBIDDEN"))
        log = self.server.log.read_text()
        (warning,) = (line for line in log.splitlines() if "may not register" in line)
        self.assertIn("#warn", warning)
        for name in ("elsewhere.example", "matrix.domain is "):
            self.assertIn(name, warning)

    def test_the_log_keeps_secrets(self) -> None:
        """No address, password, token or pepper's owner is in the log."""
        person = self.people[9]
        seen = len(self.server.log.read_text())
        self.server.get(f"{V1}/lookup", medium="email", address=person.mails[0])
        self.server.get(f"{V2}/account", access_token=self.token)
        # Lines of access wait up to a second.
        wait_until(lambda: "/v2/account" in self.logged(seen), "the access is logged")
        self.assertIn("/v1/lookup", self.logged(seen))
        log = self.logged(0)
        mail = person.mails[0]
        for secret in (mail, self.slapd.password, self.token, "openid-"):
            self.assertNotIn(secret, log)
            self.assertNotIn(quote(secret), log)
        self.assertNotIn("Traceback", log)

    def logged(self, start: int) -> str:
        """What the server has logged from there on."""
        return self.server.log.read_text()[start:]

    def test_keys_are_closed_to_others(self) -> None:
        """The key store and the database are for the server's user only."""
        for path in (self.folder / "keys", self.folder / "hashes"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
            for file in path.rglob("*"):
                self.assertEqual(file.stat().st_mode & 0o077, 0, file)
        self.assertEqual((self.folder / "mxisd.db").stat().st_mode & 0o077, 0)
        current = json.loads((self.folder / "keys" / "current").read_text())
        self.assertEqual(current["algo"], "ed25519")

"""The endpoints of the Identity Service API, each in its good and its bad days."""

import re
from base64 import b64decode
from typing import Any

from signedjson.key import decode_verify_key_bytes
from signedjson.sign import verify_signed_json
from twisted.internet.defer import Deferred

from mxisd.errors import HomeserverRejectedToken, HomeserverUnavailable
from mxisd.features.questions import QuestionPolicy
from mxisd.model.hashing import lookup_hash
from mxisd.model.requesters import Account, Stranger
from mxisd.ports import Resolution
from tests.resolver.doubles import BOB, BOB_ID
from tests.web.world import (
    INVITE_KEY,
    KEY,
    PEPPER,
    TERMS_URL,
    V1,
    V2,
    ApiTestCase,
    terms_of_service,
)

FAR = {"X-Forwarded-For": "192.0.2.1"}
BOB_CLEAR = "bob@example.org email"
BOB_HASH = lookup_hash("bob@example.org", "email", PEPPER)


class ServiceTests(ApiTestCase):
    """What needs nothing."""

    def test_versions(self) -> None:
        """All versions are listed."""
        versions = self.get("/_matrix/identity/versions").content["versions"]
        self.assertEqual(versions[:4], ["r0.1.0", "r0.2.0", "r0.2.1", "r0.3.0"])
        self.assertEqual((versions[4], versions[-1]), ("v1.1", "v1.19"))

    def test_versions_of_a_server_without_v1(self) -> None:
        """Versions with a v1 API are not claimed then."""
        self.restart(v1=False)
        versions = self.get("/_matrix/identity/versions").content["versions"]
        self.assertEqual(versions[0], "v1.1")

    def test_pings(self) -> None:
        """Both APIs answer at their roots, slash or not."""
        for path in (V1, f"{V1}/", V2, f"{V2}/"):
            answer = self.get(path)
            self.assertEqual((answer.status, answer.content), (200, {}))


class SwitchTests(ApiTestCase):
    """APIs that are closed."""

    def test_a_closed_v1_still_vouches_for_keys(self) -> None:
        """Its key URLs stand for ever in rooms and mails."""
        self.restart(v1=False)
        for path in ("", "/", "/lookup?medium=email&address=a@b"):
            self.assert_refused(self.get(V1 + path), 404, "M_UNRECOGNIZED")
        answer = self.post(f"{V1}/bulk_lookup", {"threepids": []})
        self.assert_refused(answer, 404, "M_UNRECOGNIZED")
        self.assertEqual(self.get(f"{V1}/pubkey/ed25519:0").status, 200)
        for kind in ("isvalid", "ephemeral/isvalid"):
            path = f"{V1}/pubkey/{kind}?public_key=x"
            self.assertEqual(self.get(path).content, {"valid": False})

    def test_a_closed_v2(self) -> None:
        """Nothing of it is left."""
        self.restart(v2=False)
        for path in ("", "/", "/terms", "/hash_details", "/pubkey/ed25519:0"):
            self.assert_refused(self.get(V2 + path), 404, "M_UNRECOGNIZED")
        self.assertEqual(self.get(V1).status, 200)


class AccountTests(ApiTestCase):
    """Accounts."""

    OPENID = {  # noqa: RUF012
        "access_token": "openid",
        "matrix_server_name": "example.org",
        "token_type": "Bearer",
        "expires_in": 3600,
    }

    def register(self, **changes: Any) -> Any:
        """Register."""
        return self.post(f"{V2}/account/register", self.OPENID | changes)

    def test_register_and_ask_who_i_am(self) -> None:
        """Both names of the token carry a token that is good."""
        content = self.register().content
        self.assertEqual(content["token"], content["access_token"])
        answer = self.get(f"{V2}/account", content["token"])
        self.assertEqual(answer.content, {"user_id": str(BOB_ID)})
        self.assertEqual(self.world.homeserver.asked[-1], ("example.org", "openid"))

    def test_whatever_type_the_body_claims_to_be(self) -> None:
        """It is read as JSON all the same."""
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "ä"):
            answer = self.ask(
                "POST",
                f"{V2}/account/register",
                b'{"access_token": "a", "matrix_server_name": "example.org"}',
                headers={"Content-Type": content_type},
            )
            self.assertEqual(answer.status, 200)

    def test_servers_that_may_not(self) -> None:
        """Users of other homeservers are refused, and nobody is asked."""
        asked = len(self.world.homeserver.asked)
        answer = self.register(matrix_server_name="other.example")
        self.assert_refused(answer, 403, "M_FORBIDDEN")
        self.assertEqual(len(self.world.homeserver.asked), asked)

    def test_names_that_are_none(self) -> None:
        """A server name has a grammar."""
        for name in ("", "a b", "a/b", "x" * 60_000, "a@b"):
            answer = self.register(matrix_server_name=name)
            self.assert_refused(answer, 400, "M_INVALID_PARAM")

    def test_too_much_at_once(self) -> None:
        """The client is told when to come back; no homeserver is asked."""
        asked = len(self.world.homeserver.asked)
        self.world.question_policy = QuestionPolicy(of_one_source=0)
        self.restart()
        answer = self.register()
        self.assert_refused(answer, 429, "M_LIMIT_EXCEEDED")
        self.assertEqual(answer.content["retry_after_ms"], 10_000)
        self.world.question_policy = QuestionPolicy(at_once=0)
        self.restart()
        self.assert_refused(self.register(), 503, "M_UNKNOWN")
        self.assertEqual(len(self.world.homeserver.asked), asked)

    def test_a_token_that_the_homeserver_does_not_know(self) -> None:
        """The client is told to get another one."""
        self.world.homeserver.answer = HomeserverRejectedToken("Get another token.")
        self.assert_refused(self.register(), 401, "M_UNAUTHORIZED")

    def test_a_homeserver_that_does_not_answer_or_lies(self) -> None:
        """It is the homeserver's fault, and said to be."""
        for answer in (HomeserverUnavailable("down"), "nobody", "@eve:other.example"):
            self.world.homeserver.answer = answer
            self.assert_refused(self.register(), 502, "M_UNKNOWN")

    def test_too_many_registrations_of_a_network(self) -> None:
        """Others still register."""
        for _ in range(50):
            answer = self.register()
        answer = self.register()
        self.assert_refused(answer, 429, "M_LIMIT_EXCEEDED")
        self.assertIn("Retry-After", answer.headers)
        path, headers = f"{V2}/account/register", {"X-Forwarded-For": "192.0.2.1"}
        answer = self.ask("POST", path, self.OPENID, headers=headers)
        self.assertEqual(answer.status, 200)

    def test_logout(self) -> None:
        """The token is good no more; neither a body nor its absence matters."""
        for body in (None, b"", b"rubbish", b"{}"):
            token = self.world.log_in()
            path = f"{V2}/account/logout"
            self.assertEqual(self.ask("POST", path, body, token).content, {})
            answer = self.get(f"{V2}/account", token)
            self.assert_refused(answer, 401, "M_UNAUTHORIZED")
            answer = self.ask("POST", path, body, token)
            self.assert_refused(answer, 401, "M_UNAUTHORIZED")


class TermsTests(ApiTestCase):
    """Terms of service."""

    def setUp(self) -> None:
        """Have terms."""
        super().setUp()
        self.world.policies = (terms_of_service(),)
        self.restart()

    def accept(self, *urls: str) -> Any:
        """Accept documents."""
        return self.post(f"{V2}/terms", {"user_accepts": urls}, self.token)

    def test_terms_are_shown_to_anybody(self) -> None:
        """One must be able to read before one registers."""
        policy = {"version": "1.0", "en": {"name": "Terms", "url": TERMS_URL}}
        content = self.get(f"{V2}/terms").content
        self.assertEqual(content, {"policies": {"terms": policy}})

    def test_no_terms(self) -> None:
        """That is an empty set, not an error."""
        self.world.policies = ()
        self.restart()
        self.assertEqual(self.get(f"{V2}/terms").content, {"policies": {}})

    def test_accepting_opens_the_door(self) -> None:
        """Until then an account can do nothing but accept and leave."""
        answer = self.get(f"{V2}/account", self.token)
        self.assert_refused(answer, 403, "M_TERMS_NOT_SIGNED")
        self.assertEqual(self.accept(TERMS_URL).content, {})
        self.assertEqual(self.get(f"{V2}/account", self.token).status, 200)

    def test_logout_without_accepting(self) -> None:
        """Nobody has to accept anything in order to leave."""
        path = f"{V2}/account/logout"
        self.assertEqual(self.ask("POST", path, token=self.token).status, 200)

    def test_documents_that_are_not_ours(self) -> None:
        """Nothing of such a list is accepted."""
        answer = self.accept(TERMS_URL, "https://example.org/other")
        self.assert_refused(answer, 400, "M_UNKNOWN")
        answer = self.get(f"{V2}/account", self.token)
        self.assert_refused(answer, 403, "M_TERMS_NOT_SIGNED")


class KeyTests(ApiTestCase):
    """Public keys, in both APIs."""

    def test_a_key(self) -> None:
        """The colon may be encoded."""
        for base in (V1, V2):
            for key_id in ("ed25519:0", "ed25519%3A0"):
                content = self.get(f"{base}/pubkey/{key_id}").content
                self.assertEqual(content, {"public_key": KEY.public_key})

    def test_no_such_key(self) -> None:
        """Not found is a proper answer."""
        for key_id in ("ed25519:1", "0", "x%2Fy", "..", "%00", "%C3%A4"):
            answer = self.get(f"{V2}/pubkey/{key_id}")
            self.assert_refused(answer, 404, "M_NOT_FOUND")

    def test_validity(self) -> None:
        """Each kind of key is valid in its own place only."""
        for base in (V1, V2):
            for path, good, bad in (
                ("isvalid", KEY, INVITE_KEY),
                ("ephemeral/isvalid", INVITE_KEY, KEY),
            ):
                for key, expected in ((good, True), (bad, False)):
                    name = key.public_key.replace("+", "%2B").replace("/", "%2F")
                    answer = self.get(f"{base}/pubkey/{path}?public_key={name}")
                    self.assertEqual(answer.content, {"valid": expected})

    def test_validity_of_rubbish(self) -> None:
        """A key that is none is not valid; that is no error."""
        for rubbish in ("", "%20", "a", "%F0%9F%98%80", "x" * 8000):
            answer = self.get(f"{V2}/pubkey/isvalid?public_key={rubbish}")
            self.assertEqual(answer.content, {"valid": False})

    def test_validity_of_nothing(self) -> None:
        """One has to say which key."""
        for path in ("isvalid", "ephemeral/isvalid"):
            answer = self.get(f"{V2}/pubkey/{path}")
            self.assert_refused(answer, 400, "M_MISSING_PARAMS")


class HashedLookupTests(ApiTestCase):
    """Lookups of today."""

    def look_up(self, *addresses: Any, **changes: Any) -> Any:
        """Look up by hash, or as the changes say."""
        body = {"algorithm": "sha256", "pepper": PEPPER, "addresses": addresses}
        return self.post(f"{V2}/lookup", body | changes, self.token)

    def test_hash_details(self) -> None:
        """The client learns how to hash."""
        content = self.get(f"{V2}/hash_details", self.token).content
        expected = {"lookup_pepper": PEPPER, "algorithms": ["sha256", "none"]}
        self.assertEqual(content, expected)

    def test_by_hash(self) -> None:
        """The found ones come back, and no store is asked."""
        odd = ["", "x", "a" * 43, "ä" * 43, "x" * 20_000]
        content = self.look_up(BOB_HASH, *odd).content
        self.assertEqual(content, {"mappings": {BOB_HASH: str(BOB_ID)}})
        self.assertEqual(self.world.resolver.asked, [])

    def test_in_clear(self) -> None:
        """The client's own spelling comes back."""
        spelled = "BOB@Example.org email"
        answer = self.look_up(spelled, "x", "ä", "a b c", algorithm="none")
        self.assertEqual(answer.content, {"mappings": {spelled: str(BOB_ID)}})
        (context,) = self.world.resolver.contexts
        assert isinstance(context.requester, Account)
        self.assertEqual(context.requester.user_id, str(BOB_ID))

    def test_stores_that_could_not_be_asked(self) -> None:
        """What could be found is answered all the same."""
        self.world.resolver.resolution = Resolution({}, frozenset({"ldap"}))
        answer = self.look_up(BOB_CLEAR, algorithm="none")
        self.assertEqual((answer.status, answer.content), (200, {"mappings": {}}))

    def test_an_old_pepper(self) -> None:
        """The current one comes with the refusal."""
        for algorithm in ("sha256", "none"):
            answer = self.look_up("x", algorithm=algorithm, pepper="stale")
            self.assert_refused(answer, 400, "M_INVALID_PEPPER")
            self.assertEqual(answer.content["algorithm"], algorithm)
            self.assertEqual(answer.content["lookup_pepper"], PEPPER)

    def test_an_unknown_algorithm(self) -> None:
        """It is refused even with a good pepper."""
        for algorithm in ("md5", "", "SHA256", "x" * 10_000):
            answer = self.look_up(algorithm=algorithm)
            self.assert_refused(answer, 400, "M_INVALID_PARAM")

    def test_too_many_addresses_in_an_hour(self) -> None:
        """The client learns when to come back."""
        for _ in range(20):
            self.assertEqual(self.look_up(*["x"] * 1000).status, 200)
        self.world.clock.advance(0.18)
        answer = self.look_up(*["x"] * 10)
        self.assert_refused(answer, 429, "M_LIMIT_EXCEEDED")
        self.assertEqual(answer.content["retry_after_ms"], 1620)
        self.world.clock.advance(1.62)
        self.assertEqual(self.look_up(*["x"] * 10).status, 200)

    def test_bad_bodies(self) -> None:
        """Each kind of wrong has its code."""
        path = f"{V2}/lookup"
        for body, errcode in (
            (b"", "M_NOT_JSON"),
            (b"[]", "M_BAD_JSON"),
            (b"{}", "M_MISSING_PARAMS"),
            (b'{"algorithm": 1}', "M_INVALID_PARAM"),
        ):
            answer = self.ask("POST", path, body, self.token)
            self.assert_refused(answer, 400, errcode)
        answer = self.look_up(*["x"] * 10_001)
        self.assert_refused(answer, 400, "M_TOO_LARGE")
        answer = self.ask("POST", path, b" " * (1024 * 1024 + 1), self.token)
        self.assert_refused(answer, 413, "M_TOO_LARGE")


class LegacyLookupTests(ApiTestCase):
    """Lookups of v1."""

    path = f"{V1}/lookup?medium=email&address=Bob%40example.org"

    def test_one(self) -> None:
        """The association is signed, and in the client's own spelling."""
        content = self.get(self.path).content
        self.assertEqual(content["mxid"], str(BOB_ID))
        self.assertEqual(content["address"], "Bob@example.org")
        public_key = b64decode(KEY.public_key + "=")
        key = decode_verify_key_bytes("ed25519:0", public_key)
        verify_signed_json(content, "example.org", key)
        (context,) = self.world.resolver.contexts
        self.assertIsInstance(context.requester, Stranger)

    def test_nobody(self) -> None:
        """Absent is an empty object."""
        self.world.resolver.resolution = Resolution({})
        self.assertEqual(self.get(self.path).content, {})
        answer = self.get(f"{V1}/lookup?medium=&address=%20")
        self.assertEqual(answer.content, {})

    def test_nobody_could_be_asked(self) -> None:
        """Unavailable is not absent."""
        self.world.resolver.resolution = Resolution({}, frozenset({"ldap"}))
        self.assert_refused(self.get(self.path), 503, "M_UNKNOWN")

    def test_parameters(self) -> None:
        """Both are needed, and must be readable."""
        for query in ("", "?medium=email", "?address=a"):
            answer = self.get(f"{V1}/lookup{query}")
            self.assert_refused(answer, 400, "M_MISSING_PARAMS")
        answer = self.get(f"{V1}/lookup?medium=email&address=%FF")
        self.assert_refused(answer, 400, "M_INVALID_PARAM")

    def test_many(self) -> None:
        """The found ones come back as triples."""
        sent = [["email", "Bob@example.org"], ["msisdn", "123"], ["", ""]]
        content = self.post(f"{V1}/bulk_lookup", {"threepids": sent}).content
        self.assertEqual(
            content, {"threepids": [["email", "Bob@example.org", str(BOB_ID)]]}
        )

    def test_strangers_from_afar(self) -> None:
        """Lookups are for networks that may; a forged header does not help."""
        for headers in (FAR, {"X-Forwarded-For": "10.0.0.1, 192.0.2.1"}):
            answer = self.ask("GET", self.path, headers=headers)
            self.assert_refused(answer, 403, "M_FORBIDDEN")
            answer = self.ask("POST", f"{V1}/bulk_lookup", b"rubbish", headers=headers)
            self.assert_refused(answer, 403, "M_FORBIDDEN")
        self.assertEqual(self.ask("GET", V1, headers=FAR).status, 200)
        path = f"{V1}/pubkey/ed25519:0"
        self.assertEqual(self.ask("GET", path, headers=FAR).status, 200)

    def test_a_near_one_behind_our_proxy(self) -> None:
        """Our own proxy's word counts."""
        headers = {"X-Forwarded-For": "10.0.0.1"}
        self.assertEqual(self.ask("GET", self.path, headers=headers).status, 200)


class SlowLookupTests(ApiTestCase):
    """Lookups that take their time."""

    def test_the_answer_comes_when_it_is_there(self) -> None:
        """The connection waits."""
        step: Deferred[Resolution] = Deferred()
        self.world.resolver.pending = [step]
        sent = self.send("GET", LegacyLookupTests.path)
        self.assertNoResult(sent)
        step.callback(Resolution({BOB: BOB_ID}))
        self.treq.flush()
        self.assertEqual(self.successResultOf(sent).content["mxid"], str(BOB_ID))


class PolicyPathTests(ApiTestCase):
    """Policies for some paths only."""

    def test_lookups_alone_need_them(self) -> None:
        """The path is the one of the request, not of the template."""
        pattern = re.compile("/_matrix/identity/v2/lookup")
        self.world.policies = (terms_of_service(pattern),)
        self.restart()
        self.assertEqual(self.get(f"{V2}/hash_details", self.token).status, 200)
        answer = self.post(f"{V2}/lookup", {}, self.token)
        self.assert_refused(answer, 403, "M_TERMS_NOT_SIGNED")

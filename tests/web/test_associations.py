"""Binding and unbinding over HTTP."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from mxisd.errors import HomeserverUnavailable, MessageNotSent, RecordsUnavailable
from mxisd.features.associations import BindPolicy
from mxisd.features.questions import QuestionPolicy
from mxisd.model.identifiers import UserId
from mxisd.model.sessions import LIFE_MS
from mxisd.model.signing import key_bytes
from mxisd.model.threepids import canonical
from tests.resolver.doubles import BOB_ID
from tests.web.sessions import CLIENT, FORM, ValidationTestCase
from tests.web.test_hostile import VALUES
from tests.web.world import KEY, V1, V2, Answer, terms_of_service

ALICE = canonical("email", "alice@example.org")
CAROL_ID = UserId.parse("@carol:example.org")
ADDRESS = {"medium": "email", "address": "Alice@Example.org"}
UNBIND: Mapping[str, Any] = {"mxid": str(BOB_ID), "threepid": ADDRESS}


def x_matrix(
    content: Any = UNBIND,
    base: str = V2,
    origin: str = "example.org",
    destination: str = "id.example.org",
    key_id: str = KEY.key_id,
) -> dict[str, str]:
    """A header as a homeserver makes it."""
    signed = {
        "method": "POST",
        "uri": f"{base}/3pid/unbind",
        "origin": origin,
        "destination_is": destination,
        "content": content,
    }
    signature = KEY.signed(signed, origin)["signatures"][origin][KEY.key_id]
    value = (
        f'X-Matrix origin="{origin}",key="{key_id}",sig="{signature}",'
        f'destination="{destination}"'
    )
    return {"Authorization": value}


class AssociationTestCase(ValidationTestCase):
    """Shorthands."""

    def setUp(self) -> None:
        """Let Bob's homeserver have a key."""
        super().setUp()
        key = key_bytes(KEY.public_key) or b""
        self.world.homeserver_keys.keys["example.org", KEY.key_id] = key

    def proved(self, base: str = V2, **changes: Any) -> dict[str, str]:
        """A session that has proved Alice's address."""
        given = self.begun(base, **changes)
        self.assertEqual(self.submit(given, base).status, 200)
        return {key: given[key] for key in ("sid", "client_secret")}

    def bind(
        self, session: Mapping[str, Any], user_id: Any = BOB_ID, base: str = V2
    ) -> Answer:
        """Bind."""
        token = self.token if base == V2 else None
        return self.post(f"{base}/3pid/bind", {**session, "mxid": str(user_id)}, token)

    def bound(self) -> None:
        """Let Alice's address be Bob's."""
        self.world.bindings.owners[ALICE] = BOB_ID

    def unbind(self, body: Any = UNBIND, base: str = V2, **options: Any) -> Answer:
        """Unbind."""
        return self.ask("POST", f"{base}/3pid/unbind", body, **options)

    def assert_unbound(self, answer: Answer) -> None:
        """It is, and the answer is the specification's."""
        self.assertEqual((answer.status, answer.content), (200, {}))
        self.assertEqual(self.world.bindings.owners, {})

    def assert_still_bound(self, answer: Answer, status: int, errcode: str) -> None:
        """It is not."""
        self.assert_refused(answer, status, errcode)
        self.assertEqual(self.world.bindings.owners, {ALICE: BOB_ID})
        self.assertEqual(self.world.notifier.unbound, [])


class BindTests(AssociationTestCase):
    """``3pid/bind``."""

    def test_the_signed_association(self) -> None:
        """Seven keys, our signature, a century."""
        content = self.bind(self.proved()).content
        signatures = content.pop("signatures")
        self.assertEqual(
            content,
            {
                "medium": "email",
                "address": "alice@example.org",
                "mxid": str(BOB_ID),
                "ts": 1000,
                "not_before": 1000,
                "not_after": 1000 + 100 * 365 * 86_400_000,
            },
        )
        expected = KEY.signed(content, "example.org")["signatures"]
        self.assertEqual(signatures, expected)
        self.assertEqual(self.world.bindings.owners, {ALICE: BOB_ID})
        self.assertEqual(self.world.known, [(ALICE, BOB_ID)])

    def test_a_session_can_be_used_again(self) -> None:
        """An answer may get lost on its way."""
        session = self.proved()
        self.assertEqual(self.bind(session).content, self.bind(session).content)

    def test_rebinding_moves(self) -> None:
        """Whoever proves the address now has it."""
        self.world.bindings.owners[ALICE] = CAROL_ID
        self.assertEqual(self.bind(self.proved()).status, 200)
        self.assertEqual(self.world.bindings.owners, {ALICE: BOB_ID})

    def test_a_form(self) -> None:
        """As old clients send it."""
        session = self.proved()
        body = f"sid={session['sid']}&client_secret={CLIENT}&mxid=%40bob%3Aexample.org"
        headers = {**FORM, "Authorization": f"Bearer {self.token}"}
        answer = self.ask("POST", f"{V2}/3pid/bind", body.encode(), headers=headers)
        self.assertEqual(answer.status, 200, answer.body)

    def test_only_ones_own_account(self) -> None:
        """Neither another user, nor the same name in capitals."""
        for other in (CAROL_ID, "@BOB:example.org", "@bob:EXAMPLE.org"):
            answer = self.bind(self.proved(), other)
            self.assert_refused(answer, 403, "M_UNAUTHORIZED")
        self.assertEqual((self.world.bindings.owners, self.world.known), ({}, []))

    def test_sessions_that_prove_nothing(self) -> None:
        """Unknown, somebody else's, not validated, over."""
        given = self.begun()
        session = {key: given[key] for key in ("sid", "client_secret")}
        for changes, status, errcode in (
            ({"sid": "unknown"}, 404, "M_NO_VALID_SESSION"),
            ({"client_secret": "other"}, 404, "M_NO_VALID_SESSION"),
            ({}, 400, "M_SESSION_NOT_VALIDATED"),
        ):
            self.assert_refused(self.bind({**session, **changes}), status, errcode)
        self.submit(given)
        self.world.clock.advance(LIFE_MS / 1000)
        self.token = self.world.log_in()
        self.assert_refused(self.bind(session), 400, "M_SESSION_EXPIRED")
        self.assertEqual(self.world.bindings.owners, {})

    def test_parameters(self) -> None:
        """Missing and wrong ones."""
        good = {"sid": "a", "client_secret": "b", "mxid": str(BOB_ID)}
        path = f"{V2}/3pid/bind"
        for key in good:
            rest = {k: v for k, v in good.items() if k != key}
            answer = self.post(path, rest, self.token)
            self.assert_refused(answer, 400, "M_MISSING_PARAMS")
            wrongs: tuple[Any, ...] = (5, [], "é", "", "@bob")
            for wrong in wrongs:
                answer = self.post(path, {**good, key: wrong}, self.token)
                self.assert_refused(answer, 400, "M_INVALID_PARAM")

    def test_login_and_terms(self) -> None:
        """Both are needed in v2."""
        session = self.proved()
        body = {**session, "mxid": str(BOB_ID)}
        self.assert_refused(self.post(f"{V2}/3pid/bind", body), 401, "M_UNAUTHORIZED")
        self.world.policies = (terms_of_service(),)
        self.restart()
        self.assert_refused(self.bind(session), 403, "M_TERMS_NOT_SIGNED")

    def test_v1(self) -> None:
        """Without login, for users of our domain and near; closed with its switch."""
        session = self.proved(V1)
        self.assertEqual(self.bind(session, BOB_ID, V1).status, 200)
        self.assertEqual(self.bind(session, CAROL_ID, V1).status, 200)
        for other in ("@bob:elsewhere.org", "@admin:EXAMPLE.org"):
            answer = self.bind(session, other, V1)
            self.assert_refused(answer, 403, "M_FORBIDDEN")
        far = {"X-Forwarded-For": "192.0.2.1"}
        for key in (session, {"sid": "unknown", "client_secret": "x"}, {}):
            body = {**key, "mxid": str(BOB_ID)}
            answer = self.ask("POST", f"{V1}/3pid/bind", body, headers=far)
            self.assert_refused(answer, 403, "M_FORBIDDEN")
        self.restart(v1=False)
        for path in ("bind", "unbind"):
            answer = self.post(f"{V1}/3pid/{path}", {})
            self.assert_refused(answer, 404, "M_UNRECOGNIZED")

    def test_v1_query(self) -> None:
        """Parameters may be in the query string."""
        session = self.proved(V1)
        query = f"sid={session['sid']}&client_secret={CLIENT}&mxid=@bob:example.org"
        answer = self.ask("POST", f"{V1}/3pid/bind?{query}")
        self.assertEqual(answer.status, 200, answer.body)

    def test_switched_off(self) -> None:
        """Nothing is published."""
        self.world.bind_policy = BindPolicy(False, "example.org")
        self.restart()
        self.assert_refused(self.bind(self.proved()), 403, "M_FORBIDDEN")
        self.assertEqual(self.world.bindings.owners, {})

    def test_records_that_are_down(self) -> None:
        """The client learns it, and nobody is told anything."""
        self.world.bindings.trouble = RecordsUnavailable("locked")
        self.assert_refused(self.bind(self.proved()), 503, "M_UNKNOWN")
        self.assertEqual(self.world.known, [])


class UnbindTests(AssociationTestCase):
    """``3pid/unbind``."""

    def setUp(self) -> None:
        """Let something be bound."""
        super().setUp()
        self.bound()

    def test_by_session(self) -> None:
        """In both versions, without login."""
        for base in (V1, V2):
            self.bound()
            session = self.proved(base)
            self.assert_unbound(self.unbind({**UNBIND, **session}, base))

    def test_sessions_that_prove_nothing(self) -> None:
        """Of another address, unknown, not validated, half there."""
        other = self.proved(email="carol@example.org")
        answer = self.unbind({**UNBIND, **other})
        self.assert_still_bound(answer, 403, "M_FORBIDDEN")
        begun = self.begun()
        fresh = {key: begun[key] for key in ("sid", "client_secret")}
        for changes, status, errcode in (
            ({}, 400, "M_SESSION_NOT_VALIDATED"),
            ({"sid": "unknown"}, 404, "M_NO_VALID_SESSION"),
            ({"client_secret": None}, 400, "M_MISSING_PARAMS"),
            ({"sid": None}, 400, "M_MISSING_PARAMS"),
        ):
            answer = self.unbind({**UNBIND, **fresh, **changes}, token=self.token)
            self.assert_still_bound(answer, status, errcode)

    def test_by_account(self) -> None:
        """Accepted terms are not asked for; the token may be in the query."""
        self.world.policies = (terms_of_service(),)
        self.restart()
        self.assert_unbound(self.unbind(token=self.token))
        self.bound()
        path = f"{V2}/3pid/unbind?access_token={self.token}"
        self.assert_unbound(self.post(path, UNBIND))

    def test_accounts_that_may_not(self) -> None:
        """Another user's, unknown ones, none, and any of them in v1."""
        others = {**UNBIND, "mxid": str(CAROL_ID)}
        answer = self.unbind(others, token=self.token)
        self.assert_still_bound(answer, 403, "M_UNAUTHORIZED")
        answer = self.unbind(token="unknown")
        self.assert_still_bound(answer, 401, "M_UNAUTHORIZED")
        self.assert_still_bound(self.unbind(), 401, "M_UNAUTHORIZED")
        answer = self.unbind(base=V1, token=self.token)
        self.assert_still_bound(answer, 401, "M_UNAUTHORIZED")

    def test_by_homeserver(self) -> None:
        """In both versions, without login, however we are called."""
        for base in (V1, V2):
            for name in ("id.example.org", "https://id.example.org"):
                self.bound()
                headers = x_matrix(base=base, destination=name)
                self.assert_unbound(self.unbind(base=base, headers=headers))

    def test_signatures_that_are_no_good(self) -> None:
        """Of another version or body, to another server, by an unknown key."""
        content = {
            **UNBIND,
            "threepid": {"medium": "email", "address": "b@example.org"},
        }
        for headers in (
            x_matrix(base=V1),
            x_matrix(destination="evil.org"),
            x_matrix(key_id="ed25519:unknown"),
            x_matrix(content),
            {"Authorization": "X-Matrix nonsense"},
            {"Authorization": "X-Matrix origin=a,key=ed25519:1"},
        ):
            answer = self.unbind(headers=headers)
            self.assert_still_bound(answer, 403, "M_FORBIDDEN")

    def test_a_homeserver_speaks_for_its_own_users(self) -> None:
        """Others are not even asked for their keys."""
        key = key_bytes(KEY.public_key) or b""
        self.world.homeserver_keys.keys["evil.org", KEY.key_id] = key
        answer = self.unbind(headers=x_matrix(origin="evil.org"))
        self.assert_still_bound(answer, 403, "M_FORBIDDEN")
        self.assertEqual(self.world.homeserver_keys.asked, [])

    def test_too_much_at_once(self) -> None:
        """The homeserver is told when to come back, and is not refused."""
        self.world.question_policy = QuestionPolicy(of_one_source=0)
        self.restart()
        answer = self.unbind(headers=x_matrix())
        self.assert_still_bound(answer, 429, "M_LIMIT_EXCEEDED")
        self.assertEqual(answer.headers["Retry-After"], "10")
        self.assertIn("from your network", answer.content["error"])
        self.world.question_policy = QuestionPolicy(at_once=0)
        self.restart()
        self.assert_still_bound(self.unbind(headers=x_matrix()), 503, "M_UNKNOWN")
        self.assertEqual(self.world.homeserver_keys.asked, [])

    def test_a_homeserver_that_is_down(self) -> None:
        """This is no refusal."""
        self.world.homeserver_keys.trouble = HomeserverUnavailable("down")
        answer = self.unbind(headers=x_matrix())
        self.assert_still_bound(answer, 502, "M_UNKNOWN")

    def test_what_is_not_bound(self) -> None:
        """The same answer, for there is nothing to do; but only with a proof."""
        for body in (
            {**UNBIND, "threepid": {"medium": "email", "address": "x@example.org"}},
            {**UNBIND, "threepid": {"medium": "msisdn", "address": "447700900001"}},
        ):
            answer = self.unbind(body, token=self.token)
            self.assertEqual((answer.status, answer.content), (200, {}))
            self.assert_refused(self.unbind(body), 401, "M_UNAUTHORIZED")
        self.world.bindings.owners[ALICE] = CAROL_ID
        self.assertEqual(self.unbind(token=self.token).status, 200)
        self.assertEqual(self.world.bindings.owners, {ALICE: CAROL_ID})
        self.assertEqual(self.world.notifier.unbound, [])

    def test_notices(self) -> None:
        """The owner of the address is told, in a language of theirs."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": "de"}
        self.assert_unbound(self.unbind(headers=headers))
        (notice,) = self.world.notifier.unbound
        found = (notice.threepid, notice.user_id, notice.languages)
        self.assertEqual(found, (ALICE, BOB_ID, ("de",)))

    def test_notices_that_fail_or_wait(self) -> None:
        """The unbind succeeds at once."""
        self.world.notifier.trouble = MessageNotSent("no mail server")
        self.assert_unbound(self.unbind(token=self.token))
        self.bound()
        self.world.notifier.trouble, self.world.notifier.pending = None, []
        self.assert_unbound(self.unbind(token=self.token))
        self.assertEqual(len(self.world.notifier.pending), 1)

    def test_notices_that_are_not_wanted(self) -> None:
        """By the operator, or by the medium."""
        self.world.notifier.media = {"msisdn"}
        self.assert_unbound(self.unbind(token=self.token))
        self.bound()
        self.world.notifier.media = {"email"}
        self.world.tells_unbound = False
        self.restart()
        self.assert_unbound(self.unbind(token=self.token))
        self.assertEqual(self.world.notifier.unbound, [])

    def test_switched_off(self) -> None:
        """Whatever the proof: homeservers go on only if there is no such thing."""
        session = self.proved()
        self.world.may_unbind = False
        self.restart()
        ways: list[dict[str, Any]] = [
            {"token": self.token},
            {"headers": x_matrix()},
            {"headers": x_matrix(base=V1), "base": V1},
            {"body": {**UNBIND, **session}},
            {"body": {**UNBIND, **session}, "base": V1},
            # What Synapse is not to blame for must not stop it either.
            {"headers": x_matrix(content={})},
            {"headers": {"Authorization": "X-Matrix nonsense"}},
            {"token": "unknown"},
            {"body": {}},
            {"body": b""},
        ]
        for options in ways:
            answer = self.unbind(**options)
            self.assert_still_bound(answer, 404, "M_UNRECOGNIZED")
            self.assertIn("session.policy.unbind.enabled", answer.content["error"])

    def test_parameters(self) -> None:
        """Missing and wrong ones."""
        for changes, errcode in (
            ({"mxid": None}, "M_MISSING_PARAMS"),
            ({"threepid": None}, "M_MISSING_PARAMS"),
            ({"threepid": {}}, "M_MISSING_PARAMS"),
            ({"threepid": {"medium": "email"}}, "M_MISSING_PARAMS"),
            ({"mxid": "bob"}, "M_INVALID_PARAM"),
            ({"mxid": 5}, "M_INVALID_PARAM"),
            ({"threepid": "a@b"}, "M_INVALID_PARAM"),
            ({"threepid": {"medium": "email", "address": "a"}}, "M_INVALID_PARAM"),
            ({"threepid": {"medium": "é", "address": "a"}}, "M_INVALID_PARAM"),
        ):
            answer = self.unbind({**UNBIND, **changes}, token=self.token)
            self.assert_still_bound(answer, 400, errcode)

    def test_no_address_and_no_secret_in_the_log(self) -> None:
        """Only who, and by which medium."""
        with capturedLogs() as events:
            session = self.proved()
            self.bind(session)
            self.unbind({**UNBIND, **session})
            self.bind(session)
            self.unbind(headers=x_matrix())
        self.assertGreaterEqual(len(events), 4)
        for secret in (ALICE.address, CLIENT, self.token):
            self.assertNotIn(secret, repr(events))

    @settings(max_examples=60)
    @given(
        st.dictionaries(st.sampled_from(["mxid", "threepid", "sid"]), VALUES),
        st.sampled_from([V1, V2]),
        st.sampled_from(["bind", "unbind"]),
        st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\0\r\n")),
    )
    def test_hostile_bodies(
        self, content: Any, base: str, path: str, signature: bytes
    ) -> None:
        """Refused, by an error of the specification; nothing changes."""
        body = json.dumps({**UNBIND, **content}).encode()
        value = "X-Matrix " + signature.decode("latin-1")
        headers = {"Authorization": value.encode("ascii", "replace").decode()}
        answer = self.ask("POST", f"{base}/3pid/{path}", body, headers=headers)
        self.assertIn(answer.status, (400, 401, 403, 404))
        self.assertTrue(answer.errcode.startswith("M_"))
        self.assertEqual(self.world.bindings.owners, {ALICE: BOB_ID})

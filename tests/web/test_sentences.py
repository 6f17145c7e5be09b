"""The sentences that callers read when they are refused."""

from typing import Any

from twisted.logger import globalLogPublisher

from mxisd.features.associations import BindPolicy
from mxisd.features.validation import ValidationPolicy
from mxisd.model.invites import BlockLists
from mxisd.model.sessions import LIFE_MS
from tests.records.invite_contract import INVITE, resolved
from tests.resolver.doubles import BOB_ID
from tests.web.sessions import MAIL, PHONE
from tests.web.test_admin import ADDRESS, ADMIN, AdminCase
from tests.web.test_associations import UNBIND, AssociationTestCase
from tests.web.test_invitations import SIGN, InvitationCase
from tests.web.world import V1, V2, Answer, World, terms_of_service

GAVE_UP = "gave up the delivery of"
FAR = {"X-Forwarded-For": "203.0.113.9"}


class SentenceTests(AssociationTestCase):
    """Accounts, lookups, validation, associations."""

    def assert_says(self, answer: Answer, status: int, sentence: str) -> None:
        """It refuses so, and says why."""
        self.assertEqual((answer.status, answer.content["error"]), (status, sentence))

    def submitted(self, given: Any) -> Answer:
        """Give a token back."""
        return self.post(f"{V2}/validate/email/submitToken", given, self.token)

    def test_accounts(self) -> None:
        """Tokens, homeservers, terms."""
        needed = "An access token is needed."
        self.assert_says(self.get(f"{V2}/account"), 401, needed)
        unknown = "Unknown access token."
        self.assert_says(self.get(f"{V2}/account", "nobodys"), 401, unknown)
        self.assert_says(self.post(f"{V2}/account/logout", {}, "other"), 401, unknown)
        body = {
            "access_token": "openid",
            "token_type": "Bearer",
            "matrix_server_name": "far.org",
            "expires_in": 3600,
        }
        answer = self.post(f"{V2}/account/register", body)
        sentence = "Users of this homeserver may not register here."
        self.assert_says(answer, 403, sentence)
        answer = self.post(
            f"{V2}/account/register", {**body, "matrix_server_name": "?"}
        )
        self.assert_says(answer, 400, "matrix_server_name is not a server name.")
        self.world.policies = (terms_of_service(),)
        self.restart()
        answer = self.post(f"{V2}/terms", {"user_accepts": ["https://x"]}, self.token)
        sentence = "A URL in user_accepts is not one of our documents."
        self.assert_says(answer, 400, sentence)

    def test_a_token_that_has_expired(self) -> None:
        """The client has to register again."""
        self.world.clock.advance(60)
        sentence = "The access token has expired; register again."
        self.assert_says(self.get(f"{V2}/account", self.token), 401, sentence)

    def test_lookups(self) -> None:
        """Algorithms, stores that are down, networks."""
        body = {"addresses": ["x"], "algorithm": "md5", "pepper": "matrixrocks"}
        answer = self.post(f"{V2}/lookup", body, self.token)
        sentence = "The algorithm is not one of sha256, none."
        self.assert_says(answer, 400, sentence)
        path = f"{V1}/lookup?medium=email&address=eve%40example.org"
        answer = self.ask("GET", path, headers=FAR)
        sentence = "Lookups are not answered for your network."
        self.assert_says(answer, 403, sentence)

    def test_networks(self) -> None:
        """What is for the operator's networks, and for operators."""
        answer = self.ask("POST", f"{V1}/store-invite", {}, headers=FAR)
        sentence = (
            "This is for homeservers in the operator's networks "
            "(server.internalNetworks); others use v2."
        )
        self.assert_says(answer, 403, sentence)
        answer = self.ask("GET", f"{ADMIN}/status", headers=FAR)
        self.assert_says(answer, 403, "Operators are not served in your network.")
        self.restart(operators=None)
        answer = self.get(f"{ADMIN}/status")
        self.assert_says(answer, 403, "Operators are not served here.")

    def test_validation(self) -> None:
        """Sessions and tokens."""
        given = self.begun()
        sentence = "The token has not been submitted yet."
        self.assert_says(self.validated(given), 400, sentence)
        answer = self.submitted({**given, "token": "wrong"})
        self.assert_says(answer, 400, "This is not the token that was sent.")
        unknown = "There is no such session for this client secret."
        answer = self.submitted({**given, "client_secret": "other"})
        self.assert_says(answer, 404, unknown)
        self.world.clock.advance(LIFE_MS / 1000 + 1)
        sentence = "The session has expired; ask for a new token."
        self.assert_says(self.submit(given, V1), 400, sentence)

    def test_what_is_not_validated(self) -> None:
        """Mediums, countries, or nothing at all."""
        path = f"{V2}/validate/msisdn/requestToken"
        self.world.validation_policy = ValidationPolicy(denied_countries={"GB"})
        self.restart()
        answer = self.post(path, PHONE, self.token)
        sentence = "No messages are sent to phones of this country."
        self.assert_says(answer, 400, sentence)
        self.world.validation_policy = ValidationPolicy(is_enabled=False)
        self.restart()
        answer = self.post(f"{V2}/validate/email/requestToken", MAIL, self.token)
        self.assert_says(answer, 403, "Addresses are not validated here.")
        self.world = World()
        self.world.notifier.media = {"email"}
        self.restart()
        answer = self.post(path, PHONE, self.world.log_in())
        sentence = "Addresses of this medium cannot be validated here."
        self.assert_says(answer, 400, sentence)

    def test_binding(self) -> None:
        """Who may not bind."""
        session = self.proved()
        answer = self.bind(session, "@carol:example.org")
        sentence = "Addresses can be bound to your own account only."
        self.assert_says(answer, 403, sentence)
        answer = self.bind(self.proved(V1), "@carol:far.org", V1)
        sentence = "Users of this homeserver have to log in (API v2)."
        self.assert_says(answer, 403, sentence)
        self.world.bind_policy = BindPolicy(False, "example.org")
        self.restart()
        sentence = "Associations are not published here."
        self.assert_says(self.bind(session), 403, sentence)

    def test_unbinding(self) -> None:
        """Who may not unbind."""
        self.bound()
        sentence = "A session, a signature or a token is needed."
        self.assert_says(self.unbind(), 401, sentence)
        other = {**UNBIND, "mxid": "@carol:example.org"}
        sentence = "This is another user's association."
        self.assert_says(self.unbind(other, token=self.token), 403, sentence)
        proved = self.proved(email="other@example.org")
        sentence = "The session has proved another address."
        self.assert_says(self.unbind({**UNBIND, **proved}), 403, sentence)
        header = 'X-Matrix origin="example.org",key="ed25519:0",sig="AAAA"'
        answer = self.unbind(headers={"Authorization": header})
        self.assert_says(answer, 403, "Invalid homeserver signature.")

    def test_too_much(self) -> None:
        """Limits say of what there was too much."""
        path = f"{V2}/validate/email/requestToken"
        for attempt in range(5):
            body = {**MAIL, "send_attempt": attempt}
            self.assertEqual(self.post(path, body, self.token).status, 200)
        answer = self.post(path, {**MAIL, "send_attempt": 9}, self.token)
        sentence = "Too many messages were asked for; try again later."
        self.assert_says(answer, 429, sentence)


class InvitationSentenceTests(InvitationCase):
    """Invites."""

    def says(self, status: int, errcode: str, **changes: Any) -> Any:
        """What is said of an invite."""
        return self.refused(status, errcode, **changes)["error"]

    def test_who_may_not_invite(self) -> None:
        """Others, those who are blocked, and nobody to countries that are closed."""
        said = self.says(403, "M_UNAUTHORIZED", sender="@carol:example.org")
        self.assertEqual(said, "The sender must be the owner of the token.")
        self.policy(blocked=BlockLists(rooms=frozenset(["!room"])))
        said = self.says(403, "M_FORBIDDEN")
        self.assertEqual(said, "Invites of this sender, or to this room, are refused.")
        self.policy(reaches=lambda _country: False)
        phone = {"medium": "msisdn", "address": "447700900001"}
        said = self.says(400, "M_DESTINATION_REJECTED", **phone)
        self.assertEqual(said, "No messages are sent to phones of this country.")

    def test_mediums(self) -> None:
        """Nobody reads a letter that cannot be sent."""
        self.world.notifier.media = {"msisdn"}
        said = self.says(400, "M_UNRECOGNIZED")
        self.assertEqual(said, "Nobody can be invited by this medium here.")

    def test_signing(self) -> None:
        """Invites that are not there, or have another key."""
        body = {"token": "t", "private_key": "A" * 43, "mxid": str(BOB_ID)}
        answer = self.post(SIGN, body, self.token)
        self.assertEqual(
            answer.content["error"], "There is no such invite with that key."
        )


class OperatorSentenceTests(AdminCase):
    """What operators read, in answers and in the log."""

    def setUp(self) -> None:
        """Read the log."""
        super().setUp()
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def say(self, path: str, status: int, errcode: str) -> str:
        """What is said of a change."""
        return self.refused(path, status, errcode)

    def added(self, invite: Any = INVITE) -> None:
        """An invite on record."""
        self.done(self.world.invite_records().add_invite(invite, 0))

    def test_what_is_not_there(self) -> None:
        """Invites, deliveries, sessions and bindings."""
        texts = {"/invites/x": "There is no such invite."}
        texts["/sessions/x"] = "There is no such session."
        for path, sentence in texts.items():
            self.assertEqual(self.not_seen(path, 404, "M_NOT_FOUND"), sentence)
        texts = {
            "/invites/x/revoke": "There is no such invite.",
            "/sessions/x/close": "There is no such session.",
            "/deliveries/x/resend": "There is no such delivery.",
            "/deliveries/x/revoke": "There is no such delivery.",
        }
        for path, sentence in texts.items():
            self.assertEqual(self.say(path, 404, "M_NOT_FOUND"), sentence)
        text = self.refused("/bindings/remove", 404, "M_NOT_FOUND", ADDRESS)
        self.assertEqual(text, "There is no such binding.")

    def test_what_has_ended(self) -> None:
        """Invites and deliveries."""
        self.added()
        self.do("/invites/first/revoke")
        for path, sentence in (
            ("/invites/first/revoke", "The invite has ended already."),
            ("/invites/first/resend", "The invite has ended: there is nobody to tell."),
        ):
            self.assertEqual(self.say(path, 400, "M_INVALID_PARAM"), sentence)

    def test_what_is_switched_off(self) -> None:
        """The index, and bindings."""
        text = self.refused("/hashes/rebuild", 403, "M_FORBIDDEN")
        sentence = "Lookups by hash are switched off (hashing.enabled)."
        self.assertEqual(text, sentence)
        self.world.bind_policy = BindPolicy(False, "example.org")
        self.restart()
        body = {**ADDRESS, "mxid": str(BOB_ID)}
        text = self.refused("/bindings", 403, "M_FORBIDDEN", body)
        sentence = "Associations are not published here (bindings.enabled)."
        self.assertEqual(text, sentence)

    def test_deliveries(self) -> None:
        """The log says what an operator did; the end has its time."""
        self.world.homeservers.statuses["Owner.org"] = 500
        self.added(resolved(INVITE))
        self.world.clock.advance(4)
        self.do("/deliveries/first/resend")
        shown = self.do("/deliveries/first/revoke")
        self.assertEqual(shown["delivery"]["ended_ts"], 5000)
        text = self.say("/deliveries/first/revoke", 400, "M_INVALID_PARAM")
        self.assertEqual(text, "The delivery has ended already.")
        self.assertEqual(self.done_by_operators(), ["had delivered again", GAVE_UP])

    def test_invites(self) -> None:
        """The log says what an operator did."""
        self.added()
        self.do("/invites/first/resend")
        self.do("/invites/first/revoke")
        self.assertEqual(self.done_by_operators(), ["had sent again", "revoked"])

    def done_by_operators(self) -> list[str]:
        """What the log has of it."""
        return [each["what"] for each in self.events if "An operator" in str(each)]

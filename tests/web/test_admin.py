"""The admin API: who is let in, and what it answers."""

from typing import Any
from urllib.parse import quote

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from mxisd.features.hash_index import HashIndex
from mxisd.features.hash_sources import Sources
from mxisd.features.invitations import InvitePolicy
from mxisd.model.hashing import PepperPolicy
from mxisd.model.overviews import PAGE_LIMIT
from mxisd.model.sessions import LIFE_MS, MAX_WRONG_TOKENS
from mxisd.records.sessions import SessionRecords
from tests.features.test_hash_index import Bindings, Files, Peppers, Source
from tests.records.invite_contract import INVITE, MAIL, OWNER, resolved
from tests.records.test_overviews import ALICE, session
from tests.resolver.doubles import BOB, BOB_ID, EVE
from tests.web.world import OPERATORS_TOKEN, ApiTestCase

ADMIN = "/_mxisd/admin/v1"
ADDRESS = {"medium": "email", "address": "Someone@Example.org"}
NOW_MS = 1000


class AdminCase(ApiTestCase):
    """Asks as the operator."""

    def restart(self, **settings: Any) -> None:
        """Build the API again."""
        super().restart(**settings)
        self.log: list[str] = []
        observer: Any = lambda event: self.log.append(repr(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def see(self, path: str) -> Any:
        """Look at something."""
        answer = self.get(ADMIN + path, OPERATORS_TOKEN)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.content

    def do(self, path: str, body: Any = None, status: int = 200) -> Any:
        """Change something."""
        answer = self.post(ADMIN + path, body, OPERATORS_TOKEN)
        self.assertEqual(answer.status, status, answer.body)
        return answer.content

    def refused(self, path: str, status: int, errcode: str, body: Any = None) -> str:
        """Why something is not changed."""
        answer = self.post(ADMIN + path, body, OPERATORS_TOKEN)
        self.assert_refused(answer, status, errcode)
        return str(answer.content["error"])

    def not_seen(self, path: str, status: int, errcode: str) -> str:
        """Why something is not shown."""
        answer = self.get(ADMIN + path, OPERATORS_TOKEN)
        self.assert_refused(answer, status, errcode)
        return str(answer.content["error"])

    def index(self, build_error: Exception | None = None) -> Source:
        """An index of one store."""
        world, files, staff = self.world, Files(), Source({BOB: BOB_ID})
        files.error = build_error
        world.hash_index = HashIndex(
            PepperPolicy(length=20, grace_ms=0, max_age_ms=1),
            Sources({"staff": staff}, files, world.clock),
            files,
            Peppers(),
            Bindings(),
            world.random,
            world.clock,
        )
        self.done(world.hash_index.start())
        self.restart()
        return staff

    def done(self, work: Any) -> Any:
        """Wait for something of the features."""
        return self.successResultOf(Deferred.fromCoroutine(work))


class DoorTests(AdminCase):
    """Who is let in."""

    def test_the_token_is_needed(self) -> None:
        """An account's is not enough, and one in the query string does not count."""
        for token in (None, "", self.token, OPERATORS_TOKEN + "x", "ü"):
            answer = self.get(f"{ADMIN}/status", token)
            self.assert_refused(answer, 401, "M_UNAUTHORIZED")
        path = f"{ADMIN}/status?access_token={OPERATORS_TOKEN}"
        self.assert_refused(self.get(path), 401, "M_UNAUTHORIZED")
        self.assertEqual(self.get(f"{ADMIN}/status", OPERATORS_TOKEN).status, 200)

    def test_the_network_is_needed(self) -> None:
        """Before the token is even looked at, and as proxies name it."""
        for origin in ("192.0.2.1", "10.0.0.1", "nonsense"):
            headers = {"X-Forwarded-For": origin}
            for token in (OPERATORS_TOKEN, "wrong"):
                answer = self.ask("GET", f"{ADMIN}/status", None, token, headers)
                self.assert_refused(answer, 403, "M_FORBIDDEN")
        near = {"X-Forwarded-For": "127.0.0.9"}
        answer = self.ask("GET", f"{ADMIN}/status", None, OPERATORS_TOKEN, near)
        self.assertEqual(answer.status, 200)

    def test_guessing_is_slow(self) -> None:
        """The network of who guesses has to wait, and only that."""
        for _ in range(10):
            answer = self.get(f"{ADMIN}/status", "wrong")
            self.assert_refused(answer, 401, "M_UNAUTHORIZED")
        answer = self.get(f"{ADMIN}/status", OPERATORS_TOKEN)
        self.assert_refused(answer, 429, "M_LIMIT_EXCEEDED")
        self.assertEqual(answer.headers["Retry-After"], "60")
        headers = {"X-Forwarded-For": "127.0.0.9"}
        answer = self.ask("GET", f"{ADMIN}/status", None, OPERATORS_TOKEN, headers)
        self.assertEqual(answer.status, 200)

    def test_no_token_no_door(self) -> None:
        """Without one in the configuration, there is nothing there."""
        self.restart(admin=False, ma1sd_internal=False, operators=None)
        for path in (f"{ADMIN}/status", "/_ma1sd/internal/admin/inv_manager"):
            answer = self.get(path, OPERATORS_TOKEN)
            self.assert_refused(answer, 404, "M_UNRECOGNIZED")

    def test_ma1sds_door(self) -> None:
        """It resolves pending invites, for operators only."""
        place = "/_ma1sd/internal/admin/inv_manager"
        self.assert_refused(self.get(place), 401, "M_UNAUTHORIZED")
        invite = evolve(INVITE, threepid=BOB)
        self.done(self.world.invite_records().add_invite(invite, 0))
        self.assertEqual(self.get(place, OPERATORS_TOKEN).content, {})
        self.assertEqual(self.see("/invites/first")["mxid"], str(BOB_ID))


class BindingTests(AdminCase):
    """Bindings."""

    def test_a_binding_comes_and_goes(self) -> None:
        """In canonical form; its owner is told when it is removed."""
        self.assertEqual(self.see("/bindings"), {"bindings": []})
        added = self.do("/bindings", {**ADDRESS, "mxid": str(ALICE)})
        self.assertEqual(added["address"], "someone@example.org")
        self.assertEqual((added["mxid"], added["ts"]), (str(ALICE), NOW_MS))
        self.assertEqual(self.see("/bindings"), {"bindings": [added]})
        for query in ("medium=email&address=SomeOne@example.org", f"mxid={ALICE}"):
            self.assertEqual(self.see(f"/bindings?{query}")["bindings"], [added])
        for query in ("medium=email&address=other@x.org", f"mxid={OWNER}"):
            self.assertEqual(self.see(f"/bindings?{query}")["bindings"], [])
        moved = self.do("/bindings", {**ADDRESS, "mxid": str(OWNER)})
        self.assertEqual(self.see("/bindings"), {"bindings": [moved]})
        wrong = {**ADDRESS, "mxid": str(ALICE)}
        self.refused("/bindings/remove", 404, "M_NOT_FOUND", wrong)
        self.assertEqual(self.do("/bindings/remove", ADDRESS), {"mxid": str(OWNER)})
        self.refused("/bindings/remove", 404, "M_NOT_FOUND", ADDRESS)
        self.assertNotIn("someone@", "".join(self.log).lower())

    def test_invites_are_resolved(self) -> None:
        """A binding by hand is as good as any."""
        self.done(self.world.invite_records().add_invite(INVITE, 0))
        binding = {"medium": "email", "address": MAIL.address, "mxid": str(OWNER)}
        self.do("/bindings", binding)
        found = self.see("/invites/first")
        self.assertEqual((found["state"], found["mxid"]), ("resolved", str(OWNER)))

    def test_many_are_listed_page_by_page(self) -> None:
        """What follows is asked for with what the page before ended with."""
        for number in range(5):
            binding = {"medium": "email", "address": f"{number}@x.org"}
            self.do("/bindings", {**binding, "mxid": str(ALICE)})
        seen, path = [], "/bindings?limit=2"
        while path:
            page = self.see(path)
            seen += [each["address"] for each in page["bindings"]]
            path = ""
            if "next" in page:
                path = f"/bindings?limit=2&from={quote(page['next'])}"
        self.assertEqual(seen, [f"{number}@x.org" for number in range(5)])

    def test_bindings_switched_off(self) -> None:
        """What would not be found is not taken."""
        self.world.bind_policy = evolve(self.world.bind_policy, is_enabled=False)
        self.restart()
        body = {**ADDRESS, "mxid": str(ALICE)}
        text = self.refused("/bindings", 403, "M_FORBIDDEN", body)
        self.assertIn("bindings.enabled", text)

    def test_bad_requests(self) -> None:
        """Each has its error."""
        for body, errcode in (
            ({}, "M_MISSING_PARAMS"),
            (ADDRESS, "M_MISSING_PARAMS"),
            ({**ADDRESS, "mxid": "alice"}, "M_INVALID_PARAM"),
            ({**ADDRESS, "mxid": 5}, "M_INVALID_PARAM"),
            ({**ADDRESS, "address": "a@b@c", "mxid": str(ALICE)}, "M_INVALID_PARAM"),
            (b"[]", "M_BAD_JSON"),
            (b"{", "M_NOT_JSON"),
        ):
            self.refused("/bindings", 400, errcode, body)
        for query in (
            "limit=0",
            f"limit={PAGE_LIMIT + 1}",
            "limit=x",
            "limit=000000500999",
            f"limit=00000000{'1' * 30}",
            "from=x",
            "from=WzEsIDJd",
            "from=bnVsbA==",
            "from=WyJcdWQ4MDAiLCAiYSJd",
            "state=pending",
            "mxid=alice",
        ):
            self.not_seen(f"/bindings?{query}", 400, "M_INVALID_PARAM")
        self.not_seen("/bindings?medium=email", 400, "M_MISSING_PARAMS")
        text = self.not_seen(f"/sessions?mxid={ALICE}", 400, "M_INVALID_PARAM")
        self.assertIn("mxid", text)
        text = self.not_seen("/invites?state=lost", 400, "M_INVALID_PARAM")
        self.assertIn("pending, resolved, expired, revoked", text)


class InviteTests(AdminCase):
    """Invites and their deliveries."""

    def add(self, invite: Any = INVITE) -> None:
        """An invite on record."""
        self.done(self.world.invite_records().add_invite(invite, 0))

    def test_an_invite_is_shown(self) -> None:
        """With all that was told of it, but what would let others in."""
        facts = {"room_name": "Ü", "guest_access_token": "s3cret"}
        self.add(evolve(INVITE, facts=facts))
        (listed,) = self.see("/invites?state=pending")["invites"]
        shown = self.see("/invites/first")
        self.assertEqual(shown, {**listed, "facts": {"room_name": "Ü"}})
        expected = {
            "token": "first",
            "medium": "email",
            "address": MAIL.address,
            "room_id": "!room",
            "sender": str(INVITE.sender),
            "state": "pending",
            "created_ts": INVITE.created_ms,
            "message": {"to": "email", "state": "waiting", "failures": 0, "due_ts": 0},
        }
        self.assertEqual(listed, expected)
        self.assertEqual(self.see("/invites?state=resolved"), {"invites": []})
        self.not_seen("/invites/other", 404, "M_NOT_FOUND")

    def test_a_message_is_sent_again(self) -> None:
        """At once."""
        self.add()
        shown = self.do("/invites/first/resend")
        self.assertEqual(shown["message"]["state"], "sent")
        self.assertEqual(len(self.world.notifier.invites), 1)
        self.do("/invites/first/resend")
        self.assertEqual(len(self.world.notifier.invites), 2)

    def test_an_invite_is_revoked(self) -> None:
        """Once; then it is neither sent nor signed any more."""
        self.add()
        shown = self.do("/invites/first/revoke")
        self.assertEqual((shown["state"], shown["ended_ts"]), ("revoked", NOW_MS))
        self.assertEqual(shown["message"]["state"], "needless")
        self.refused("/invites/first/revoke", 400, "M_INVALID_PARAM")
        self.refused("/invites/first/resend", 400, "M_INVALID_PARAM")
        self.refused("/invites/other/revoke", 404, "M_NOT_FOUND")
        self.assertEqual(self.see("/deliveries"), {"deliveries": []})

    def test_a_revoked_invite_is_delivered_to_somebody(self) -> None:
        """If there is somebody for expired ones."""
        self.world.invite_policy = InvitePolicy(expired_to=OWNER)
        self.restart()
        self.add()
        shown = self.do("/invites/first/revoke")
        self.assertEqual(shown["delivery"]["to"], "owner.org")

    def test_a_delivery_is_sent_again(self) -> None:
        """Even if the homeserver has refused it; and it can be given up."""
        statuses = self.world.homeservers.statuses
        statuses["Owner.org"] = 500
        self.add(resolved(INVITE))
        shown = self.do("/deliveries/first/resend")
        self.assertEqual(shown["delivery"]["failures"], 1)
        self.assertEqual(shown["delivery"]["answer"], "Owner.org: HTTP 500")
        (listed,) = self.see("/deliveries?state=waiting")["deliveries"]
        self.assertEqual(listed["token"], "first")
        shown = self.do("/deliveries/first/revoke")
        self.assertEqual(shown["delivery"]["state"], "revoked")
        self.refused("/deliveries/first/revoke", 400, "M_INVALID_PARAM")
        statuses["Owner.org"] = 400
        shown = self.do("/deliveries/first/resend")
        self.assertEqual(shown["delivery"]["state"], "refused")
        statuses["Owner.org"] = 200
        shown = self.do("/invites/first/resend")
        self.assertEqual(shown["delivery"]["state"], "delivered")
        self.assertEqual(self.see("/deliveries/first")["facts"], dict(INVITE.facts))

    def test_no_delivery(self) -> None:
        """While nobody is known, there is none."""
        self.add()
        for what in ("first", "other"):
            for how in ("resend", "revoke"):
                self.refused(f"/deliveries/{what}/{how}", 404, "M_NOT_FOUND")

    def test_pending_invites_are_resolved(self) -> None:
        """On request."""
        self.add(evolve(INVITE, threepid=BOB))
        self.assertEqual(self.do("/invites/resolve"), {})
        self.assertEqual(self.see("/invites/first")["mxid"], str(BOB_ID))

    def test_our_tables_are_down(self) -> None:
        """That is no invite missing."""
        self.add()
        self.world.invite_database.works_for = 0
        self.not_seen("/invites", 503, "M_UNKNOWN")
        self.refused("/invites/first/revoke", 503, "M_UNKNOWN")


class SessionTests(AdminCase):
    """Validation sessions."""

    def add(self, **changes: Any) -> None:
        """A session on record."""
        records = SessionRecords(self.world.invite_database)
        fresh = evolve(session(1), changed_ms=NOW_MS, **changes)
        self.done(records.add_session(fresh))

    def test_sessions_are_shown(self) -> None:
        """Without what it takes to go on with them."""
        self.add(sid="a", send_attempt=1)
        self.add(sid="b", validated_ms=NOW_MS)
        self.add(sid="c", wrong_tokens=MAX_WRONG_TOKENS)
        listed = self.see("/sessions")["sessions"]
        states = {each["sid"]: each["state"] for each in listed}
        self.assertEqual(states, {"a": "open", "b": "validated", "c": "closed"})
        expected = {
            "sid": "a",
            "medium": "email",
            "address": MAIL.address,
            "state": "open",
            "changed_ts": NOW_MS,
            "send_attempt": 1,
            "wrong_tokens": 0,
        }
        self.assertEqual(self.see("/sessions/a"), expected)
        self.world.clock.advance(LIFE_MS / 1000)
        self.assertEqual(self.see("/sessions/b")["state"], "expired")
        self.not_seen("/sessions/d", 404, "M_NOT_FOUND")

    def test_a_session_is_closed(self) -> None:
        """It is gone."""
        self.add(sid="a")
        self.assertEqual(self.do("/sessions/a/close"), {})
        self.assertEqual(self.see("/sessions"), {"sessions": []})
        self.refused("/sessions/a/close", 404, "M_NOT_FOUND")


class IndexTests(AdminCase):
    """The hash index, and the state of everything."""

    def test_a_rebuild(self) -> None:
        """It goes on after the answer; how far it is can be seen."""
        staff = self.index()
        staff.pause = Deferred()
        self.assertEqual(self.do("/hashes/rebuild", status=202), {"through_at": 1})
        under_way = self.see("/hashes")
        self.assertTrue(under_way["is_refreshing"])
        source = {"is_failing": False, "so_far": 1}
        self.assertEqual(under_way["sources"], {"staff": source})
        self.assertEqual(self.do("/hashes/rebuild", status=202), {"through_at": 2})
        self.assertEqual(self.do("/hashes/rebuild", status=202), {"through_at": 3})
        staff.people[EVE] = ALICE
        staff.pause.callback(None)
        status = self.see("/hashes")
        self.assertEqual((status["refreshes"], status["count"]), (3, 2))
        self.assertFalse(status["is_refreshing"])
        self.assertNotIn("failure", status)

    def test_no_index(self) -> None:
        """Then there is nothing to rebuild, and the key is named."""
        text = self.refused("/hashes/rebuild", 403, "M_FORBIDDEN")
        self.assertIn("hashing.enabled", text)
        self.not_seen("/hashes", 403, "M_FORBIDDEN")
        self.assertNotIn("hashes", self.see("/status"))

    def test_the_status(self) -> None:
        """Of the server, its stores and its index."""
        self.index()
        self.world.store.misconfigured = ("identity.query",)
        status = self.see("/status")
        self.assertEqual(status["health"], "DEGRADED")
        store = {"state": "MISCONFIGURED", "keys": ["identity.query"]}
        self.assertEqual(status["stores"], {"staff": store})
        self.assertEqual(status["hashes"]["refreshes"], 0)
        self.assertTrue(status["version"])

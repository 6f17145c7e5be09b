"""What the resource does for every endpoint."""

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.model.identifiers import ServerName
from mxisd.model.requesters import Account
from mxisd.model.secret import Secret
from mxisd.ports import IHomeserver, IRecordsHealth, Resolution
from tests.resolver.doubles import BOB, BOB_ID
from tests.web.world import CORS, PEPPER, V1, V2, ApiTestCase, Wire

LOOKUP = f"{V1}/lookup?medium=email&address=bob%40example.org"


@implementer(IRecordsHealth)
@define(eq=False)
class BrokenPulse:
    """A part of ours with a mistake in it."""

    async def check(self) -> None:
        """Fail as nobody foresaw."""
        raise ZeroDivisionError("secret detail")


@implementer(IHomeserver)
@define(eq=False)
class BrokenHomeserver:
    """Another part of ours with a mistake in it."""

    async def openid_user(self, server_name: ServerName, token: Secret) -> str:
        """Fail as nobody foresaw."""
        raise ZeroDivisionError("secret detail")


@implementer(IHomeserver)
@define(eq=False)
class SlowHomeserver:
    """A homeserver that answers when the test says so."""

    answer: "Deferred[str]"

    async def openid_user(self, server_name: ServerName, token: Secret) -> str:
        """Answer later."""
        return await self.answer


class EveryReplyTests(ApiTestCase):
    """What all replies have in common."""

    def test_cors_and_json_everywhere(self) -> None:
        """Browsers can read every answer of the API, errors included."""
        self.world.homeserver = BrokenHomeserver()
        self.restart()
        token = {"access_token": "a", "matrix_server_name": "example.org"}
        for method, path, body, status in (
            ("GET", V2, None, 200),
            ("GET", "/nowhere", None, 404),
            ("PUT", V2, None, 405),
            ("GET", f"{V2}/account", None, 401),
            ("POST", f"{V2}/account/register", None, 400),
            ("POST", f"{V2}/account/register", token, 500),
            ("OPTIONS", V2, None, 200),
        ):
            answer = self.ask(method, path, body)
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.headers, {**answer.headers, **CORS})
            self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_options_need_nothing(self) -> None:
        """A browser asks before it sends its token, and wherever it likes."""
        for path in (f"{V2}/account", f"{V2}/lookup", "/nowhere", "/%ff"):
            self.assertEqual(self.ask("OPTIONS", path).status, 200)

    def test_unknown_paths(self) -> None:
        """They are errors of the specification, not pages."""
        for path in ("/", "/x", f"{V2}/x", f"{V2}/account/", "/status/", f"{V2}//"):
            self.assert_refused(self.get(path), 404, "M_UNRECOGNIZED")

    def test_unknown_methods(self) -> None:
        """The answer names those that there are; nobody has to log in for it."""
        for method, path, allowed in (
            ("DELETE", f"{V2}/account", "GET, HEAD, OPTIONS"),
            ("GET", f"{V2}/lookup", "OPTIONS, POST"),
            ("BREW", f"{V2}/terms", "GET, HEAD, OPTIONS, POST"),
            ("POST", f"{V2}/pubkey/ed25519:0", "GET, HEAD, OPTIONS"),
        ):
            answer = self.ask(method, path)
            self.assert_refused(answer, 405, "M_UNRECOGNIZED")
            self.assertEqual(answer.headers["Allow"], allowed)

    def test_head_is_get_without_the_body(self) -> None:
        """Status, length and all other headers are the same."""
        for path, status in ((V2, 200), ("/nowhere", 404), ("/status", 200)):
            wire = Wire(self.world.site())
            wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            (got,) = wire.answers()
            wire = Wire(self.world.site())
            wire.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            (headed,) = wire.answers()
            self.assertEqual((headed.status, headed.body), (status, b""))
            self.assertEqual(headed.headers, got.headers)
            self.assertEqual(headed.headers["Content-Length"], str(len(got.body)))

    def test_an_unforeseen_failure(self) -> None:
        """The client gets a number to quote, the log the rest."""
        self.world.pulse = BrokenPulse()
        self.restart()
        answer = self.get("/status?access_token=verysecret")
        self.assert_refused(answer, 500, "M_UNKNOWN")
        self.assertNotIn("secret detail", answer.content["error"])
        self.assertTrue(answer.content["request_id"])
        (failure,) = self.flushLoggedErrors(ZeroDivisionError)
        self.assertNotIn("verysecret", str(failure))


class HangUpTests(ApiTestCase):
    """Clients that do not wait for the answer."""

    def setUp(self) -> None:
        """A server, byte by byte."""
        super().setUp()
        self.step: Deferred[Resolution] = Deferred()
        self.world.resolver.pending = [self.step]

    def connect(self) -> Wire:
        """Connect."""
        return Wire(self.world.site())

    def hang_up(self, wire: Wire) -> None:
        """Lose the connection."""
        wire.channel.connectionLost(Failure(ConnectionLost()))

    def test_a_question_is_given_up(self) -> None:
        """Nobody is there to read the answer."""
        given_up: list[object] = []
        self.world.resolver.pending = [Deferred(given_up.append)]
        wire = self.connect()
        wire.send(f"GET {LOOKUP} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.hang_up(wire)
        self.assertEqual(len(given_up), 1)
        self.assertEqual(wire.answers(), [])

    def test_what_writes_goes_on(self) -> None:
        """An account is made as a whole, even if its owner went away."""
        waiting: Deferred[str] = Deferred()
        self.world.homeserver = SlowHomeserver(waiting)
        wire = self.connect()
        body = b'{"access_token": "a", "matrix_server_name": "example.org"}'
        head = f"POST {V2}/account/register HTTP/1.1\r\nHost: x\r\n"
        length = f"Content-Length: {len(body)}\r\n\r\n"
        wire.send(f"{head}{length}".encode() + body)
        before = len(self.world.accounts.accounts)
        self.hang_up(wire)
        waiting.callback(str(BOB_ID))
        self.assertEqual(len(self.world.accounts.accounts), before + 1)
        self.assertEqual(wire.answers(), [])

    def test_stopping_answers_those_who_wait(self) -> None:
        """What was given up on our side is said to be."""
        wire = self.connect()
        wire.send(f"GET {LOOKUP} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.step.cancel()
        (answer,) = wire.answers()
        self.assert_refused(answer, 503, "M_UNKNOWN")

    def test_the_next_request_waits_its_turn(self) -> None:
        """Answers come in the order of the questions."""
        wire = self.connect()
        one, other = (
            f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in (LOOKUP, V2)
        )
        wire.send(f"{one}{other}".encode())
        self.assertEqual(wire.answers(), [])
        self.step.callback(Resolution({BOB: BOB_ID}))
        first, second = wire.answers()
        self.assertEqual(first.content["mxid"], str(BOB_ID))
        self.assertEqual(second.content, {})


class RequesterTests(ApiTestCase):
    """Who asks."""

    def test_the_account_and_its_origin(self) -> None:
        """The resolver learns whom it works for."""
        body = {
            "algorithm": "none",
            "pepper": PEPPER,
            "addresses": ["a@b email"],
        }
        self.post(f"{V2}/lookup", body, self.token)
        requester = self.world.resolver.contexts[0].requester
        assert isinstance(requester, Account)
        self.assertEqual(str(requester.origin.address), "127.0.0.1")

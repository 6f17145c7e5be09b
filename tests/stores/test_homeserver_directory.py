"""Tests of the homeserverDirectory store against a server that lies."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from mxisd.config.structure import Section
from mxisd.errors import ConfigError, Misconfigured, StoreUnavailable
from mxisd.interfaces import IDirectory
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import SearchBy
from mxisd.stores.homeserver_directory import SEARCH, build, parse
from mxisd.testing.tools import tools_for_tests
from tests.stores.synapse.fake_admin import FakeAdmin, always, json_of

GOOD = {"host": "https://matrix.partner.example/", "token": "hush"}
ME = UserId("me", "example.org")


class Searched(Resource):
    """Answers that it knows nobody, and remembers what it was asked."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[Any] = []

    def render_POST(self, request: Request) -> bytes:
        """Answer."""
        self.bodies.append(json_of(request))
        return b'{"results": [], "limited": false}'


class HomeserverDirectoryTests(SynchronousTestCase):
    def directory(self, server: Resource) -> IDirectory:
        """A directory around a server."""
        tools = tools_for_tests(reactor=Clock(), http=StubTreq(server))
        directory = build(parse(Section(GOOD)), tools).directory
        assert directory is not None
        return directory

    def search(self, server: Resource, term: str = "alice", limit: int = 2) -> Any:
        """What a search by name comes to."""
        directory = self.directory(server)
        asking: Any = directory.search(term, SearchBy.NAME, limit, ME)
        return Deferred.fromCoroutine(asking)

    def test_settings(self) -> None:
        """A host and a token are needed, and the token is not shown."""
        self.assertNotIn("hush", repr(parse(Section(GOOD))))
        for key, value in (("host", "partner"), ("token", ""), ("timeout", 0)):
            section = Section({**GOOD, key: value})
            error = self.assertRaises(ConfigError, parse, section)
            self.assertEqual([each.path for each in error.problems], [key])

    def test_results_that_make_no_sense_are_left_out(self) -> None:
        """The others are shown, of whatever server they are, without avatars."""
        results = [
            {"user_id": "nonsense"},
            {"user_id": "@A:other.org", "display_name": 5, "avatar_url": "mxc://x"},
            {"user_id": 7},
            None,
            {"user_id": "@b:third.org", "display_name": "B"},
            {"user_id": "@c:third.org"},
        ]
        server = FakeAdmin(always(200, {"results": results, "limited": False}))
        page = self.successResultOf(self.search(server, limit=5))
        shown = [(str(each.user_id), each.display_name) for each in page.entries]
        self.assertEqual(shown, [("@A:other.org", None), ("@b:third.org", "B")])
        self.assertTrue(page.limited)
        self.assertEqual(server.asked, [SEARCH])
        self.assertEqual(server.tokens, ["Bearer hush"])

    def test_answers_that_make_no_sense(self) -> None:
        """They are failures, never an empty directory."""
        answers: list[tuple[int, Any]] = [
            (200, []),
            (200, {}),
            (200, {"results": {}}),
            (200, b"<html>"),
            (404, {"errcode": "M_NOT_FOUND"}),
            (429, {"errcode": "M_LIMIT_EXCEEDED"}),
            (500, b""),
        ]
        for status, document in answers:
            server = FakeAdmin(always(status, document))
            self.failureResultOf(self.search(server), StoreUnavailable)

    def test_what_the_operator_must_mend(self) -> None:
        """The key is named, and the token is not."""
        for status, document, path in (
            (401, {"errcode": "M_UNKNOWN_TOKEN"}, "token"),
            (403, b"", "token"),
            (404, {"errcode": "M_UNRECOGNIZED"}, "host"),
        ):
            server = FakeAdmin(always(status, document))
            error = self.failureResultOf(self.search(server), Misconfigured).value
            self.assertEqual(error.path, path)
            self.assertNotIn("hush", str(error))

    def test_searches_by_3pid_are_not_passed_on(self) -> None:
        """An address is nobody else's business."""
        server = FakeAdmin(always(500, {}))
        directory = self.directory(server)
        asking: Any = directory.search("a@b.c", SearchBy.THREEPID, 9, ME)
        page = self.successResultOf(Deferred.fromCoroutine(asking))
        self.assertEqual((page.entries, server.asked), ((), []))

    @given(st.text(st.characters(codec="utf-8"), max_size=50))
    def test_a_term_is_a_text(self, term: str) -> None:
        """Whatever it holds, the server reads it as it is."""
        server = Searched()
        self.successResultOf(self.search(server, term))
        expected = {"search_term": term.strip(), "limit": 2}
        self.assertEqual(server.bodies, [expected] if term.strip() else [])

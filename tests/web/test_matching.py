"""From a path to its routes."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.web import messages
from mxisd.web.authorization import Auth
from mxisd.web.exchange import Call, Reply
from mxisd.web.matching import Matcher
from mxisd.web.routes import Route, read


def nothing(_call: Call) -> Reply:
    """Answer nothing."""
    return messages.EMPTY


def route(method: str, template: str) -> Route:
    """A route."""
    return read(method, template, Auth.NONE, 1, nothing)


class MatcherTests(SynchronousTestCase):
    """Plain paths and templates."""

    def setUp(self) -> None:
        """A few routes."""
        self.matcher = Matcher(
            [
                route("GET", "/a/b"),
                route("POST", "/a/b"),
                route("GET", "/a/{x}"),
                route("GET", "/a/{x}/c"),
                route("GET", "/a/"),
            ]
        )

    def template(self, path: bytes) -> str | None:
        """The template that a path leads to."""
        match = self.matcher.find(path)
        return "/".join(match.place.template) if match else None

    def test_plain_paths_go_first(self) -> None:
        """A word that is a path of its own is no variable."""
        self.assertEqual(self.template(b"/a/b"), "/a/b")
        self.assertEqual(self.template(b"/a/%62"), "/a/b")
        self.assertEqual(self.template(b"/a/bb"), "/a/{x}")

    def test_variables_are_decoded_once(self) -> None:
        """An encoded slash stays within its segment, an encoded percent sign stays."""
        for raw, decoded in (
            (b"ed25519%3A0", "ed25519:0"),
            (b"ed25519:0", "ed25519:0"),
            (b"x%2Fy", "x/y"),
            (b"%2525", "%25"),
            (b"%", "%"),
            ("ä".encode(), "ä"),
        ):
            match = self.matcher.find(b"/a/" + raw)
            assert match is not None
            self.assertEqual(match.variables, {"x": decoded})

    def test_what_leads_nowhere(self) -> None:
        """Dots, doubled slashes, encoded slashes and broken UTF-8 are no paths."""
        for path in (
            b"",
            b"/",
            b"/a",
            b"/a/b/",
            b"//a/b",
            b"/a//b",
            b"/a//c",
            b"/x/../a/b",
            b"/a%2Fb",
            b"/a/%ff",
            b"*",
            b"http://host/a/b",
        ):
            self.assertIsNone(self.template(path), path)

    def test_methods_of_a_path(self) -> None:
        """What can be got can be asked for its head; everything has options."""
        match = self.matcher.find(b"/a/b")
        assert match is not None
        self.assertEqual(match.place.allowed, b"GET, HEAD, OPTIONS, POST")

    def test_a_head_can_have_a_route_of_its_own(self) -> None:
        """Where asking for the head shall not do what getting does."""
        head, get = route("HEAD", "/a"), route("GET", "/a")
        match = Matcher([head, get]).find(b"/a")
        assert match is not None
        self.assertEqual(match.place.routes, {b"HEAD": head, b"GET": get})

    def test_the_same_route_twice(self) -> None:
        """It is a mistake that shows at the start."""
        twice = [route("GET", "/a"), route("GET", "/a")]
        self.assertRaises(ValueError, Matcher, twice)

    @given(st.binary())
    def test_any_path_is_found_or_not(self, path: bytes) -> None:
        """No path makes the search fail."""
        self.matcher.find(b"/a/" + path)

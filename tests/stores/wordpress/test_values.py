"""Tests of what WordPress's columns hold."""

import contextlib
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import StoreUnavailable
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import EMAIL, canonical
from mxisd.stores.wordpress.values import roles, text, threepid, user_id


def serialised(capabilities: Mapping[str, bool]) -> str:
    """An array as PHP writes it."""
    pairs = "".join(
        f's:{len(name.encode())}:"{name}";b:{int(granted)};'
        for name, granted in capabilities.items()
    )
    return f"a:{len(capabilities)}:{{{pairs}}}"


NAMES = st.text(st.characters(codec="utf-8"), max_size=20)


class RoleTests(SynchronousTestCase):
    """Arrays as PHP writes them."""

    def test_capabilities(self) -> None:
        """Those that are granted; numbers and texts are true or not, as in PHP."""
        for written, expected in (
            ('a:1:{s:13:"administrator";b:1;}', {"administrator"}),
            ('a:2:{s:6:"editor";b:1;s:6:"author";b:0;}', {"editor"}),
            ('a:2:{s:1:"a";s:1:"1";s:1:"b";s:1:"0";}', {"a"}),
            ('a:3:{s:1:"a";i:1;s:1:"b";i:0;s:1:"c";N;}', {"a"}),
            ('a:1:{i:0;s:6:"editor";}', set()),
            ("a:0:{}", set()),
            (b'a:1:{s:6:"editor";b:1;}', {"editor"}),
        ):
            self.assertEqual(roles(written), expected, written)

    def test_nonsense(self) -> None:
        """What is no such array may hide a role; no object is ever made."""
        for nothing in (None, "", b"", "  "):
            self.assertEqual(roles(nothing), frozenset())
        for written in (
            "editor",
            'a:1:{s:6:"editor";b:1;',
            'a:2:{s:6:"editor";b:1;}',
            'a:1:{s:9:"editor";b:1;}',
            'a:1:{s:6:"editor";b:1;}x',
            'a:999999:{s:6:"editor";b:1;}',
            'a:1:{s:6:"editor";O:8:"stdClass":0:{}}',
            'a:1:{s:1:"a";a:0:{}}',
            "a:1:{s:999999999:",
            'a:1:{s:1:"a";i:;}',
            'O:8:"stdClass":0:{}',
            "b:1;",
            b"a:1:{s:1:\xff;b:1;}",
            5,
            b"\xff",
        ):
            with self.assertRaises(StoreUnavailable) as caught:
                roles(written)
            self.assertNotIn("editor", str(caught.exception))

    @given(st.dictionaries(NAMES, st.booleans(), max_size=5))
    def test_any_capabilities(self, capabilities: dict[str, bool]) -> None:
        """Whatever their names are: quotes and brackets end nothing."""
        expected = {name for name, granted in capabilities.items() if granted}
        self.assertEqual(roles(serialised(capabilities)), expected)

    @given(st.one_of(st.text(), st.binary(), st.from_regex(r"a:\d:\{[sbiN:;\"\d]*\}")))
    def test_any_text(self, written: str | bytes) -> None:
        """It gives roles, or a failure, and nothing else happens."""
        with contextlib.suppress(StoreUnavailable):
            self.assertIsInstance(roles(written), frozenset)


class ColumnTests(SynchronousTestCase):
    """Logins and addresses."""

    def test_text(self) -> None:
        """Texts, in UTF-8 where they are bytes, and whole numbers."""
        known = {"a": "a", b"\xc3\xbc": "ü", 5: "5", None: None, b"\xff": None}
        for value, expected in known.items():
            self.assertEqual(text(value), expected)
        self.assertIsNone(text(True))
        self.assertIsNone(text(5.5))

    def test_user_ids(self) -> None:
        """Logins are lower-cased; what no localpart can hold is nobody."""
        self.assertEqual(str(user_id("Ann.B", "x.org")), "@ann.b:x.org")
        for login in ("ann b", "ann@x.org", "", None, "änn", "a" * 300, "a:b", "\0"):
            self.assertIsNone(user_id(login, "x.org"), login)

    def test_threepids(self) -> None:
        """In canonical form, or none."""
        expected = canonical(EMAIL, "ann@x.org")
        self.assertEqual(
            threepid(" email ", b"Ann@X.org ", StoredAddresses()), expected
        )
        for medium, address in (("email", "x"), (None, "a@x"), ("email", None)):
            self.assertIsNone(threepid(medium, address, StoredAddresses()))

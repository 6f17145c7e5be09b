"""User IDs and server names."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.identifiers import IllegalIdentifier, ServerName, UserId


class ServerNameTests(SynchronousTestCase):
    """The grammar of server names."""

    def test_legal_names(self) -> None:
        """Each is read into host and port, and written as it was."""
        for text, host, port, is_ip in (
            ("example.org", "example.org", None, False),
            ("example.org:8448", "example.org", 8448, False),
            ("localhost", "localhost", None, False),
            ("1.2.3.4", "1.2.3.4", None, True),
            ("1.2.3.4:80", "1.2.3.4", 80, True),
            ("1.2.3.4.5", "1.2.3.4.5", None, False),
            ("[::1]", "[::1]", None, True),
            ("[2001:db8::1]:443", "[2001:db8::1]", 443, True),
        ):
            name = ServerName.parse(text)
            self.assertEqual((name.host, name.port), (host, port))
            self.assertIs(name.is_ip_literal, is_ip)
            self.assertEqual(str(name), text)

    def test_illegal_names(self) -> None:
        """What could lead a request elsewhere is no server name."""
        for text in (
            "",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:80:80",
            "user@host",
            "host/path",
            "host?x",
            "host#x",
            "host\\x",
            "ho st",
            "host\n",
            "höst",
            "http://host",
            "[::1",
            "[nonsense]",
            "[::1]x",
            "::1",
            "a" * 256,
        ):
            with self.assertRaises(IllegalIdentifier):
                ServerName.parse(text)


class UserIdTests(SynchronousTestCase):
    """The grammar of user IDs."""

    def test_legal_ids(self) -> None:
        """Historical localparts are legal, and the server is behind the first colon."""
        for text, localpart, server_name in (
            ("@alice:example.org", "alice", "example.org"),
            ("@Alice Müller:example.org:8448", "Alice Müller", "example.org:8448"),
            ("@a=2fb/c+d:[::1]", "a=2fb/c+d", "[::1]"),
        ):
            user_id = UserId.parse(text)
            self.assertEqual(user_id, UserId(localpart, server_name))
            self.assertEqual(str(user_id), text)

    def test_illegal_ids(self) -> None:
        """Sigil, localpart and a legal server name are all needed."""
        for text in (
            "",
            "alice",
            "alice:example.org",
            "@alice",
            "@:example.org",
            "@alice:",
            "@alice:ex ample",
            "@a\0:example.org",
            "@a\ud800:example.org",
            "@" + "a" * 255 + ":example.org",
            "@" + "ä" * 125 + ":example.org",
        ):
            with self.assertRaises(IllegalIdentifier):
                UserId.parse(text)

    def test_canonical_form(self) -> None:
        """Capitals are lowered and names escaped; blanks are never taken away."""
        for localpart, canonical in (
            ("alice", "alice"),
            ("ALICE", "alice"),
            ("JÖRG", "j=c3=b6rg"),
            ("\uff21lice", "=ef=bd=81lice"),
            ("alice\n", None),
            (" alice", None),
            ("alice\u2028", None),
            ("ali\tce", None),
            ("alice\0", None),
            ("@alice", None),
        ):
            found = UserId(localpart, "example.org").canonical
            known = None if canonical is None else UserId(canonical, "example.org")
            self.assertEqual(found, known, repr(localpart))

    def test_names_in_stores(self) -> None:
        """They are lower-cased; what today's grammar forbids is escaped."""
        for name, localpart in (
            (" Alice.B ", "alice.b"),
            ("a=b", "a=b"),
            ("j=c3=b6rg", "j=c3=b6rg"),
            ("JÖRG", "j=c3=b6rg"),
            ("a b", "a=20b"),
            ("a:b@c", "a=3ab=40c"),
            ("a=b c", "a=3db=20c"),
        ):
            self.assertEqual(UserId.of(name, "a.org"), UserId(localpart, "a.org"))
        for name in (
            "",
            " ",
            "@a:b.org",
            "a\0",
            "a\nb",
            "a\ud800",
            "x" * 255,
            "é" * 60,
        ):
            with self.assertRaises(IllegalIdentifier):
                UserId.of(name, "a.org")

    def test_names_of_any_length(self) -> None:
        """What can be no user's name is refused before it is escaped."""
        with self.assertRaisesRegex(IllegalIdentifier, "too long"):
            UserId.of("é" * 1_000_000, "a.org")

    def test_names_that_need_no_escapes(self) -> None:
        """Where names cannot be escaped, only legal localparts will do."""
        self.assertEqual(UserId.unescaped(" Ann=b ", "a.org"), UserId("ann=b", "a.org"))
        for name in ("jörg", "a b", "a@b", ""):
            with self.assertRaises(IllegalIdentifier):
                UserId.unescaped(name, "a.org")

    def test_names_of_users(self) -> None:
        """A store may know a user by the localpart, and by what it stands for."""
        for localpart, names in (
            ("alice", ("alice",)),
            ("j=c3=b6rg", ("j=c3=b6rg", "jörg")),
            ("a=3db=20c", ("a=3db=20c", "a=b c")),
            ("a=3db", ("a=3db",)),
            ("a=ff", ("a=ff",)),
            ("a=00b", ("a=00b",)),
            ("Jörg", ("Jörg",)),
        ):
            self.assertEqual(UserId(localpart, "a.org").names, names)

    @given(st.text(max_size=40))
    def test_any_name_there_and_back(self, name: str) -> None:
        """Whoever has a legal ID is found by it under the name in the store."""
        with contextlib.suppress(IllegalIdentifier):
            user_id = UserId.of(name, "a.org")
            self.assertEqual(UserId.parse(str(user_id)), user_id)
            self.assertIn(name.strip().lower(), user_id.names)

    @given(st.text())
    def test_any_text_is_an_id_or_not(self, text: str) -> None:
        """Parsing says yes and gives the text back, or says no."""
        with contextlib.suppress(IllegalIdentifier):
            self.assertEqual(str(UserId.parse(text)), text)

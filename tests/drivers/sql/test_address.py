from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.sql.address import DatabaseAddress, Engine, parse_connection
from mxisd.model.secret import Secret


class ConnectionTests(SynchronousTestCase):
    """The text that mxisd has for a database."""

    def test_everything(self) -> None:
        """Names and values are decoded."""
        text = "//db.example.org:5433/my%20users?user=us%40er&password=a%20b%26c%25"
        expected = DatabaseAddress(
            engine=Engine.POSTGRESQL,
            host="db.example.org",
            port=5433,
            database="my users",
            user="us@er",
            password=Secret("a b&c%"),
        )
        self.assertEqual(parse_connection(Engine.POSTGRESQL, text), expected)

    def test_little(self) -> None:
        """Host and port may be left out, and a host may be an IPv6 address."""
        address = parse_connection(Engine.MYSQL, "///users")
        self.assertEqual((address.host, address.port), (None, None))
        address = parse_connection(Engine.MYSQL, "//[::1]:3307/users")
        self.assertEqual((address.host, address.port), ("::1", 3307))

    def test_a_file(self) -> None:
        """SQLite has a path, in which nothing is decoded."""
        for text in ("/var/lib/a b%20?.db", "relative.db"):
            address = parse_connection(Engine.SQLITE, text)
            self.assertEqual(address.database, text)

    def test_other_keys_go_first(self) -> None:
        """What is written on its own counts more."""
        text = "//one/users?user=a&password=b"
        address = parse_connection(Engine.MARIADB, text, host="two", user="c")
        self.assertEqual((address.host, address.user), ("two", "c"))

    def test_tls(self) -> None:
        """Only what asked for a verified certificate in Java does so here."""
        for tail, tls in (
            ("", False),
            ("?ssl=true", True),
            ("?ssl=true&sslmode=require", False),
            ("?sslmode=verify-full&sslrootcert=/ca.pem", True),
            ("?sslMode=VERIFY_IDENTITY", True),
            ("?useSSL=false&serverTimezone=UTC", False),
        ):
            address = parse_connection(Engine.POSTGRESQL, f"//host/users{tail}")
            self.assertEqual(address.tls, tls, tail)

    def test_nonsense(self) -> None:
        """What is no address is refused with a sentence that repeats nothing."""
        for text in (
            "",
            "secret",
            "//",
            "//host",
            "//host/",
            "//host/a/b",
            "//host:secret/users",
            "//[secret/users",
            "//user:secret@host/users",
            "//host/users?password=sec#secret",
        ):
            error = self.assertRaises(ValueError, self.parse, text)
            self.assertNotIn("secret", str(error))
        for text in ("", " ", ":memory:"):
            self.assertRaises(ValueError, parse_connection, Engine.SQLITE, text)

    def test_password_is_not_shown(self) -> None:
        """Neither in an address nor in what is printed of it."""
        self.assertNotIn("hush", repr(self.parse("//host/users?password=hush")))

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """A text is an address, or it is refused."""
        for tail in (text, f"//{text}", f"//host/users?{text}"):
            try:
                self.parse(tail)
            except ValueError as error:
                self.assertTrue(str(error))

    def parse(self, text: str) -> Any:
        """As for a server."""
        return parse_connection(Engine.POSTGRESQL, text)

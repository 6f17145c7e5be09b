import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import canonical
from mxisd.stores.command.documents import JsonOutput
from mxisd.stores.command.outputs import Hits, Login, Nonsense
from mxisd.stores.command.tables import PlainOutput, row
from mxisd.stores.command.users import Users

JSON = JsonOutput()
PLAIN = PlainOutput()
OWNER = '"id": {"type": "localpart", "value": "user1"}'


def rows(text: str) -> list[Any]:
    """The rows of a JSON document."""
    return list(JSON.rows(text))


JSON_READERS: tuple[Callable[[str], Any], ...] = (
    JSON.login,
    JSON.hits,
    JSON.owner,
    rows,
    JSON.display_name,
    JSON.threepids,
    JSON.roles,
)
PLAIN_READERS: tuple[Callable[[str], Any], ...] = (
    PLAIN.login,
    PLAIN.hits,
    PLAIN.owner,
    lambda text: list(PLAIN.rows(text)),
    PLAIN.display_name,
    PLAIN.threepids,
    PLAIN.roles,
)


class JsonTests(SynchronousTestCase):
    def test_login(self) -> None:
        """The object auth is required, and nothing in it."""
        self.assertEqual(JSON.login('{"auth":{}}'), Login())
        text = '{"auth":{"success":true,"profile":{"display_name":"U"},' + OWNER + "}}"
        expected = Login(is_right=True, owner=("localpart", "user1"), display_name="U")
        self.assertEqual(JSON.login(text), expected)
        refused = JSON.login('{"auth":{"success":false,"refused":true}}')
        self.assertTrue(refused.is_refused)
        for text in ("", "{}", '{"auth":true}', '{"auth":{"success":"yes"}}', "[]"):
            self.assertRaises(Nonsense, JSON.login, text)

    def test_hits(self) -> None:
        """As mxisd had them."""
        for text in ("", " \n", "{}", '{"limited":false,"results":[]}'):
            self.assertEqual(JSON.hits(text), Hits([], False))
        text = (
            '{"limited":true,"results":[{"user_id":"user1","display_name":"User 1"}]}'
        )
        self.assertEqual(JSON.hits(text), Hits([("user1", "User 1")], True))
        odd = '{"results":[{"user_id":5},5,{"user_id":"a","display_name":5}]}'
        self.assertEqual(JSON.hits(odd), Hits([("5", None), None, ("a", None)]))
        for text in ('{"results":{}}', '{"results":null}'):
            self.assertEqual(JSON.hits(text), Hits([], False))

    def test_owner(self) -> None:
        """Nothing, somebody, or nonsense."""
        for text in ("", "{}", '{"lookup":{}}', '{"lookup":null}', '{"lookup":[]}'):
            self.assertIsNone(JSON.owner(text))
        found = JSON.owner('{"lookup":{' + OWNER + "}}")
        self.assertEqual(found, ("localpart", "user1"))
        number = JSON.owner('{"lookup":{"id":{"type":"localpart","value":7}}}')
        self.assertEqual(number, ("localpart", "7"))
        for text in (
            '{"lookup":{"id":{"type":"localpart","value":true}}}',
            '{"lookup":{"medium":""}}',
            '{"lookup":[5]}',
            '{"lookup":{"id":5}}',
        ):
            self.assertRaises(Nonsense, JSON.owner, text)

    def test_rows(self) -> None:
        """No output is nobody; a document without the list is no answer."""
        for text in ("", " \n", '{"lookup":[]}', '{"lookup":null}', '{"lookup":{}}'):
            self.assertEqual(rows(text), [])
        found = rows('{"lookup":[{"medium":"x","address":"y",' + OWNER + "}, 5]}")
        self.assertEqual(found, [(("x", "y"), ("localpart", "user1")), None])
        for text in ("{}", '{"error":"no database"}', '{"lookup":{"a":1}}', "[]"):
            self.assertRaises(Nonsense, rows, text)

    def test_profiles(self) -> None:
        """Each part is optional, and no profile is nobody."""
        for text in ("", "{}"):
            self.assertIsNone(JSON.display_name(text))
            self.assertIsNone(JSON.threepids(text))
            self.assertIsNone(JSON.roles(text))
        self.assertEqual(JSON.threepids('{"profile":{}}'), [])
        self.assertEqual(JSON.threepids('{"profile":[]}'), [])
        name = JSON.display_name('{"profile":{"display_name":"User 1"}}')
        self.assertEqual(name, "User 1")
        two = (
            '{"profile":{"threepids":[{"medium":"email","address":"a@b.c"},'
            '{"medium":"msisdn","address":"33123456789"}]}}'
        )
        expected = [("email", "a@b.c"), ("msisdn", "33123456789")]
        self.assertEqual(JSON.threepids(two), expected)
        self.assertEqual(JSON.roles('{"profile":{"roles":["a","b"]}}'), ["a", "b"])
        self.assertRaises(Nonsense, JSON.roles, '{"profile":{"roles":["a",5]}}')

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["auth", "lookup", "profile", "results", "id", "type", "value"]
                    ),
                    inner,
                    max_size=3,
                )
            ),
        )
    )
    def test_anything(self, document: Any) -> None:
        """Whatever a program prints is read, or is nonsense."""
        for reader in JSON_READERS:
            try:
                reader(json.dumps(document))
            except Nonsense:
                continue

    def test_what_is_no_json(self) -> None:
        """Words, half a document, and one that is very deep."""
        for text in ("alice", "{", "[" * 100_000, "1" * 5000, '{"a":1}{"a":1}'):
            for reader in JSON_READERS:
                self.assertRaises(Nonsense, reader, text)


class PlainTests(SynchronousTestCase):
    def test_login(self) -> None:
        """A word, and a name."""
        for text, is_right, is_refused, name in (
            ("", None, False, None),
            ("\n", None, False, None),
            ("TRUE", True, False, None),
            ("1\nUser 1\n", True, False, "User 1"),
            ("\nUser 1\n", None, False, "User 1"),
            ("false\n", False, False, None),
            ("no", False, False, None),
            ("Refused\n", False, True, None),
        ):
            login = PLAIN.login(text)
            self.assertEqual(
                (login.is_right, login.is_refused, login.display_name),
                (is_right, is_refused, name),
                repr(text),
            )
        for text in ("true\na\nb", "a\nb\nc\nd"):
            self.assertRaises(Nonsense, PLAIN.login, text)

    def test_hits(self) -> None:
        """A user in each line, and perhaps a name."""
        hits = PLAIN.hits("a\tA B\n@b:c\n\n\tx\nd\te\tf\r\ng\t\r\n")
        expected = [("a", "A B"), ("@b:c", None), None, None, ("g", None)]
        self.assertEqual(list(hits.entries), expected)

    def test_owner(self) -> None:
        """One line, or two."""
        for text, owner in (
            ("", None),
            ("\n", None),
            ("\n\n", None),
            ("a", ("localpart", "a")),
            ("a\r\n", ("localpart", "a")),
            ("\na\n", ("localpart", "a")),
            ("mxid\n@a:b\n", ("mxid", "@a:b")),
            ("localpart\n\n", ("localpart", "")),
        ):
            self.assertEqual(PLAIN.owner(text), owner, repr(text))
        self.assertRaises(Nonsense, PLAIN.owner, "a\nb\nc")

    def test_rows(self) -> None:
        """Four cells, of which the type may be empty."""
        self.assertEqual(
            row("email\ta@b\tmxid\t@a:b"), (("email", "a@b"), ("mxid", "@a:b"))
        )
        self.assertEqual(
            row("email\ta@b\t\ta\r"), (("email", "a@b"), ("localpart", "a"))
        )
        for text in ("email\ta@b\ta", "a", "a\tb\tc\td\te"):
            self.assertIsNone(row(text))

    def test_profiles(self) -> None:
        """A name; media and addresses; roles."""
        self.assertIsNone(PLAIN.display_name("\n"))
        self.assertEqual(PLAIN.display_name("User 1\n"), "User 1")
        self.assertRaises(Nonsense, PLAIN.display_name, "a\nb\n")
        self.assertEqual(PLAIN.threepids("email\ta@b\nx\n"), [("email", "a@b"), None])
        self.assertIsNone(PLAIN.threepids("\n"))
        self.assertEqual(PLAIN.roles("a b\r\n\nc\n"), ["a b", "c"])
        self.assertIsNone(PLAIN.roles(""))

    @given(st.text(st.sampled_from("a1@:\t\n\r \0\x85"), max_size=40) | st.text())
    def test_anything(self, text: str) -> None:
        """Whatever a program prints is read, or is nonsense."""
        for reader in PLAIN_READERS:
            try:
                reader(text)
            except Nonsense:
                continue


class UsersTests(SynchronousTestCase):
    users = Users("example.org", StoredAddresses())

    def test_called(self) -> None:
        """Localparts are ours and lower-cased; whole user IDs are whole."""
        alice = UserId("alice", "example.org")
        for owner in (
            ("localpart", " Alice "),
            ("LOCALPART", "alice"),
            ("mxid", "@Alice:example.org"),
            ("MXID", "@alice:example.org\n"),
        ):
            self.assertEqual(self.users.called(owner), alice)
        for owner in (("localpart", "a\0b"), ("mxid", "alice"), ("localpart", "")):
            self.assertIsNone(self.users.called(owner))
        for kind in ("", "email", "uid"):
            self.assertRaises(Nonsense, self.users.called, (kind, "a"))

    def test_shown(self) -> None:
        """A whole user ID is not wrapped again."""
        other = UserId("a", "other.org")
        self.assertEqual(self.users.shown("@A:other.org"), other)
        self.assertEqual(self.users.shown("A"), UserId("a", "example.org"))
        for text in ("@a", "", "a\0b", "@@a:b"):
            self.assertIsNone(self.users.shown(text), text)

    def test_legal_ones(self) -> None:
        """In canonical form, once; the others are counted."""
        raws = [("email", "A@B.c"), ("email", "a@b.c"), None, ("msisdn", "030")]
        expected = (frozenset([canonical("email", "a@b.c")]), 2)
        self.assertEqual(self.users.threepids(raws), expected)

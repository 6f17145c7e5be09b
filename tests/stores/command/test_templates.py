import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.stores.command.calls import LOGIN, SEARCH, SINGLE, Calls
from mxisd.stores.command.lookup import written
from mxisd.stores.command.settings import (
    InputSettings,
    ProgramSettings,
    TokenSettings,
)
from mxisd.stores.command.templates import (
    Template,
    Unsayable,
    cell,
    json_text,
    line,
    literal,
)

SPELLED = {"localpart": "{localpart}", "mxid": "{mxid}", "password": "%p"}
HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        ["{mxid}", "%p", "%p{localpart}", '"', '\\"', "a\nb", "\0", "\u2028", "';--"]
    ),
    st.text(st.characters(categories=["Cs", "Cc"])),
)


class TemplateTests(SynchronousTestCase):
    def test_tokens_are_replaced(self) -> None:
        """Each as often as it stands there, and nothing else."""
        template = Template.parse("a{mxid}{mxid}%p {other} {localpart", SPELLED)
        values = {"mxid": "M", "password": "P", "localpart": "L"}
        self.assertEqual(template.filled(values, str), "aMMP {other} {localpart")
        self.assertEqual(template.names, {"mxid", "password"})
        self.assertEqual(Template.parse("", SPELLED).filled({}, str), "")
        self.assertEqual(Template.parse("a{mxid}", {}).filled({}, str), "a{mxid}")

    def test_values_are_not_replaced_again(self) -> None:
        """A value that looks like a token stays what it is."""
        template = Template.parse("{localpart}|%p", SPELLED)
        values = {"localpart": "%p{mxid}", "password": "{localpart}", "mxid": "M"}
        self.assertEqual(template.filled(values, str), "%p{mxid}|{localpart}")

    def test_a_token_may_begin_like_another(self) -> None:
        """The longer one is meant."""
        spelled = {"mxid": "%m", "medium": "%medium", "type": "a.c"}
        template = Template.parse("%m%medium abc a.c", spelled)
        values = {"mxid": "1", "medium": "2", "type": "3"}
        self.assertEqual(template.filled(values, str), "12 abc 3")

    def test_tokens_outside_of_quotes(self) -> None:
        """They are found, whatever is escaped before them."""
        for text, unquoted in (
            ('{"a":"{mxid}","b":{localpart}}', ["localpart"]),
            ('{"a\\"b":"{mxid}"}', []),
            ('{"a\\\\":{mxid}}', ["mxid"]),
            ('"x{mxid}y{localpart}"', []),
            ("{mxid}", ["mxid"]),
        ):
            found = list(Template.parse(text, SPELLED).unquoted())
            self.assertEqual(found, unquoted, text)

    def test_who_cannot_be_said(self) -> None:
        """The token is told, not the value."""
        template = Template.parse("{localpart}%p", SPELLED)
        with self.assertRaises(Unsayable) as caught:
            template.filled({"localpart": "a", "password": "b\0"}, literal)
        self.assertEqual(caught.exception.name, "password")
        self.assertEqual(str(caught.exception), "")


class HostileTests(SynchronousTestCase):
    """Whatever a value is, it arrives as it is, or not at all."""

    @given(HOSTILE, HOSTILE)
    def test_json(self, localpart: str, password: str) -> None:
        """A JSON document has exactly the values."""
        values = {"localpart": localpart, "password": password}
        template = Template.parse('{"l":"{localpart}","p":"%p"}', SPELLED)
        try:
            text = template.filled(values, json_text)
        except Unsayable:
            self.assertRaises(UnicodeEncodeError, (localpart + password).encode)
        else:
            self.assertEqual(json.loads(text), {"l": localpart, "p": password})

    @given(HOSTILE, HOSTILE)
    def test_lines(self, localpart: str, password: str) -> None:
        """Lines have exactly the values, for whoever reads them, or are not written."""
        template = Template.parse("{localpart}\n%p\n", SPELLED)
        values = {"localpart": localpart, "password": password}
        try:
            text = template.filled(values, line)
        except Unsayable:
            return
        self.assertEqual(text.splitlines(), [localpart, password])
        self.assertEqual(text.encode().split(b"\0"), [text.encode()])

    @given(HOSTILE)
    def test_arguments(self, value: str) -> None:
        """An argument is exactly the value, or the program is not run."""
        program = ProgramSettings(command="x", args=("{address}", "-a={address}"))
        call = Calls(TokenSettings()).call(program, SINGLE, "single")
        try:
            argv = call.program({"medium": "email", "address": value}).argv
        except Unsayable:
            return
        self.assertEqual(list(argv), ["x", value, f"-a={value}"])
        self.assertNotIn("\0", value)

    @given(st.lists(st.text(max_size=9)))
    def test_many_at_once(self, addresses: list[str]) -> None:
        """A document of many 3PIDs is exactly these."""
        asked = [("email", each) for each in addresses]
        document = json.loads(written(asked, "json"))
        self.assertEqual([e["address"] for e in document["lookup"]], addresses)

    @given(HOSTILE)
    def test_cells(self, value: str) -> None:
        """A cell of a line is one cell."""
        try:
            text = cell(value)
        except Unsayable:
            return
        self.assertEqual(f"a\t{text}\tb\n".split("\t"), ["a", value, "b\n"])


class UsualInputTests(SynchronousTestCase):
    def stdin(self, feature: object, kind: str) -> bytes:
        """What a program reads if nothing else is written."""
        program = ProgramSettings(command="x", input=InputSettings(type=kind))
        call = Calls(TokenSettings(mxid="%mxid")).call(program, feature, "x")  # type: ignore[arg-type]
        names = (*LOGIN.tokens, *SINGLE.tokens, *SEARCH.tokens)
        return call.program({n: 5 if n == "limit" else f"<{n}>" for n in names}).stdin

    def test_json(self) -> None:
        """Members in mxisd's order; its tokens may be spelled in another way."""
        self.assertEqual(
            self.stdin(LOGIN, "json"),
            b'{"mxid":"<mxid>","localpart":"<localpart>","domain":"<domain>",'
            b'"password":"<password>"}',
        )
        self.assertEqual(
            self.stdin(SINGLE, "json"), b'{"medium":"<medium>","address":"<address>"}'
        )
        asked = json.loads(self.stdin(SEARCH, "json"))
        self.assertEqual(asked.pop("limit"), 5)
        self.assertEqual(
            asked,
            {"by": "<type>", "search_term": "<query>", "searcher": "<searcher>"},
        )

    def test_plain(self) -> None:
        """A line for each value."""
        self.assertEqual(
            self.stdin(LOGIN, "plain"),
            b"<localpart>\n<domain>\n<mxid>\n<password>\n",
        )
        self.assertEqual(self.stdin(SEARCH, "plain"), b"<type>\n<query>\n")
        self.assertEqual(self.stdin(SINGLE, "plain"), b"<medium>\n<address>\n")

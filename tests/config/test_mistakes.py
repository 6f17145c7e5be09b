"""What is said about a file that is not YAML, or is other YAML than was meant."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.document import Sources, parse
from mxisd.errors import ConfigError, Problem


def problem_of(text: str) -> Problem:
    """The one thing that is wrong with a text."""
    try:
        problems = parse(text, Sources({}, dict[str, str]().__getitem__)).problems
    except ConfigError as error:
        problems = error.problems
    assert len(problems) == 1, (text, problems)
    return problems[0]


QUOTES = (
    # No other quote follows: the file ends inside.
    ("a: 1\nb: 'x\nc: 2\n", 2, "the quote ' that opens here is never closed"),
    ('a: 1\nb: "x\nc: 2\n', 2, 'the quote " that opens here is never closed'),
    # The next quote closes it.
    ("a:\n  b: 'x\n  c: 'y'\n", 2, "the quote ' that opens here is closed in line 3"),
    ('a:\n  b: "x\n  c: ""\n', 2, 'the quote " that opens here is closed in line 3'),
    ("a: {b: 'x,\n  c: 'y'}\n", 1, "the quote ' that opens here is closed in line 2"),
    ("a:\n  - 'x\n  - 'y'\n", 2, "the quote ' that opens here is closed in line 3"),
    ("a: 'x\nb: 1 # it's\n", 1, "the quote ' that opens here is closed in line 2"),
    ("a: 'x\nb: 1\nc: 'y'\n", 1, "the quote ' that opens here is closed in line 3"),
    ("'a: 1\nb: 2\n", 1, "the quote ' that opens here is never closed"),
    # One within another.
    ("a: 1\nb: 'it's'\n", 2, "text follows the closing quote '; inside, write ''"),
    ('a: 1\nb: "x" y\n', 2, 'text follows the closing quote "; inside, write \\"'),
    ("a: {b: 'x' c: 1}\n", 1, "text follows the closing quote '"),
)

BACKSLASHES = (
    ('a: 1\nb: "\\d+"\n', 2, "write each \\ twice, or use 'single quotes'"),
    ('a: "EXAMPLE\\user"\n', 1, "write each \\ twice, or use 'single quotes'"),
    ('a: "C:\\xampp"\n', 1, "write each \\ twice, or use 'single quotes'"),
    ('a: 1\nb: "\\UFFFFFFFF"\n', None, "write each \\ twice"),
)

FIRST_CHARACTERS = (
    ("a: 1\nb: @x\n", 2, "a value that begins with @ must be in quotes"),
    ("a: 1\nb: `x`\n", 2, "a value that begins with ` must be in quotes"),
    ("a:\n  b: %3pid\n", 2, "a value that begins with % must be in quotes"),
    ("a: {% x %}\n", 1, "a value that begins with % must be in quotes"),
    ("a: *\n", 1, "a value that begins with * must be in quotes"),
    ("a: [*.example.org]\n", 1, "a value that begins with * must be in quotes"),
    ("a: *x\n", 1, "a value that begins with * must be in quotes"),
    ("a: &x&y\n", 1, "a value that begins with & must be in quotes"),
    ("a: 1\nb: &x\n", 2, "a value that begins with & must be in quotes"),
    ("a: |x\n", 1, "a value that begins with | must be in quotes"),
    ("a: >x\n", 1, "a value that begins with > must be in quotes"),
    ("a: !x\n", 1, "a value that begins with ! must be in quotes"),
    ("a: !x!y\n", 1, "a value that begins with ! must be in quotes"),
    ("a: !<x\n", 1, "a value that begins with ! must be in quotes"),
    ("a: ,x\n", 1, "a value that begins with , must be in quotes"),
    ("a: }x\n", 1, "a value that begins with } must be in quotes"),
    ("a: - x\n", 1, "entries of a list have lines of their own; a value that begins "),
    ("a: !(x)\n", 1, "a value that begins with ! must be in quotes"),
    ("a: &(x)(y)\n", 1, "a value that begins with & must be in quotes"),
    ("\ufeffa: 1\r\nb: @x\r\n", 2, "a value that begins with @ must be in quotes"),
    ("a: {{ x }}\n", 1, "a value that begins with {{ must be in quotes"),
    ("a: 1\n%b\n", 2, "a line that begins with % is none of the file's keys"),
)

COLONS = (
    ("a: 1\nb: c: d\n", 2, "a value with a colon and a space in it must be in quotes"),
    ("a:\n  - b: c: d\n", 2, "a value with a colon and a space in it must be"),
    # The line without the space, not the one after it.
    ("a:\n  b:x\n  c: 1\n", 2, "a space is missing after the colon"),
    ("a:\n  b: 1\n  c:x\n  d: 2\n", 3, "a space is missing after the colon"),
    ("a:\n  b: 1\n  c:x\n", 3, "a space is missing after the colon"),
    ("a:1\nb: 2\n", 1, "a space is missing after the colon"),
    ("a:\n  b:x\n\n  # c\n  c: 1\n", 2, "a space is missing after the colon"),
    ("a:\n  b\n  c: 1\n", 2, "a colon is missing; a line is a key, a colon, a space"),
    ("a: 1\nb\nc: 2\n", 2, "a colon is missing"),
    ("a: 1\nb", 2, "a colon is missing"),
    ("a: |\nx\nb: 1\n", 2, "a text below | must be indented more than its key"),
)

INDENTATION = (
    ("a: 1\n b: 2\n", 2, "is indented more than line 1, which has its value already"),
    ("a:\n  b: 1\n    c: 2\n", 3, "is indented more than line 2, which has its value"),
    ("a:\n  b: 1\n\n    c: 2\n", 4, "is indented more than line 2, which has its"),
    ("a:\n  b: 1\n c: 2\n", 3, "is indented by 1 space, which fits no section above"),
    ("a:\n    b: 1\n  c: 2\n", 3, "is indented by 2 spaces, which fits no"),
    ("a:\n  b: {x: 1}\n    c: 2\n", 3, "is indented more than line 2, which has its"),
    ("a:\n  - x\n - y\n", 3, "is indented by 1 space, which fits no section above"),
    ("a:\n\tb: 1\n", 2, "a tab; YAML is indented by spaces"),
    ("a:\tb\n", 1, "a tab; YAML is indented by spaces"),
    ("a:\n\xa0\xa0b: 1\n  c: 2\n", 2, "a no-break space, as web pages have it"),
    ("a:\n  b:\xa01\n  c: 1\n", 2, "a no-break space, as web pages have it"),
    ("a:\n  - x\n  b: 1\n", 3, "list entries (with a dash) and keys are mixed"),
    ("a:\n  b: 1\n  - x\n", 3, "list entries (with a dash) and keys are mixed"),
)

BRACKETS = (
    ("a: [1, 2\nb: 3\n", 1, "the [ that opens here is not closed, or a comma is"),
    ("a:\n  b: [1,\n     2\n  c: 1\n", 2, "the [ that opens here is not closed"),
    ("a: {x: 1\nb: 3\n", 1, "the { that opens here is not closed, or a comma is"),
    ("a: {b: 1 c: 2}\n", 1, "the { that opens here is not closed, or a comma is"),
    ("a: [1]]\n", 1, "a ] that closes nothing"),
    ("a: {b: 1}}\n", 1, "a } that closes nothing"),
    ("a: 'x',\nb: 1\n", 1, "a comma after a value"),
)

DOCUMENTS = (
    ("a: 1\n---\nb: 2\n", 2, "only one document is read; take the second --- away"),
    ("a: 1\n...\nb: 2\n", 2, "only one document is read; take the ... away"),
)


class MistakeTests(SynchronousTestCase):
    """The commonest mistakes: the line to look at, and what to do there."""

    def check(self, mistakes: "tuple[tuple[str, int | None, str], ...]") -> None:
        """Each has its line and its sentence."""
        for text, line, words in mistakes:
            problem = problem_of(text)
            self.assertIn(words, problem.text, text)
            self.assertEqual(problem.line, line, text)

    def test_quotes(self) -> None:
        """The line is where the quote was opened, however much later YAML fails."""
        self.check(QUOTES)

    def test_backslashes(self) -> None:
        """Regular expressions and Windows names in double quotes."""
        self.check(BACKSLASHES)

    def test_first_characters(self) -> None:
        """What YAML has reserved."""
        self.check(FIRST_CHARACTERS)

    def test_colons(self) -> None:
        """Too many, too few, or without their space."""
        self.check(COLONS)

    def test_indentation(self) -> None:
        """Tabs, columns that fit nothing, spaces that are none."""
        self.check(INDENTATION)

    def test_brackets(self) -> None:
        """The line is where the bracket was opened."""
        self.check(BRACKETS)

    def test_documents(self) -> None:
        """Only the first would be read."""
        self.check(DOCUMENTS)

    def test_what_nobody_thought_of(self) -> None:
        """YAML's own words, and the line."""
        problem = problem_of("%YAML 2.0\n---\na: 1\n")
        self.assertIn("version 1", problem.text)
        self.assertEqual(problem.line, 1)

    def test_no_sentence_quotes_a_value(self) -> None:
        """Passwords are what these characters are found in."""
        for text in (
            "*hunter2",
            "@hunter2",
            "!hunter2",
            "!hunter2!x",
            "'x'hunter2",
            "a: hunter2",
        ):
            self.assertNotIn("hunter2", problem_of(f"a: {text}\n").text)

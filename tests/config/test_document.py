"""Tests of the YAML reader."""

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.document import MAX_DEPTH, Document, Sources, parse
from mxisd.errors import ConfigError, Problem


def read_file(path: str) -> str:
    """A few files."""
    if path == "latin":
        b"\xe9".decode()
    if path == "zero\0":
        raise ValueError("embedded null byte")
    texts = {"one": "secret\n", "two": "secret\n\n", "none": "secret", "dos": "a\r\n"}
    if path not in texts:
        raise FileNotFoundError(2, "No such file or directory")
    return texts[path]


def document(text: str, environment: "Mapping[str, str] | None" = None) -> Document:
    """A document, whatever its values are worth."""
    return parse(text, Sources(environment or {}, read_file))


def fatal(text: str) -> Problem:
    """Why a text cannot be read at all."""
    try:
        document(text)
    except ConfigError as error:
        return error.problems[0]
    raise AssertionError(f"{text!r} can be read")


class SyntaxTests(SynchronousTestCase):
    """What is not one mapping in YAML."""

    def test_each_is_one_problem_with_its_line(self) -> None:
        """The text of the problem says what is wrong with the line."""
        for text, line, words in (
            ("a: 1\n\tb: 2\n", 2, "tab"),
            ("a: 1\nb: [1\nc: 2\n", 2, "not closed"),
            ("a: 1\nb: c: d\n", 2, "in quotes"),
            ("a: 1\nb: 'x\n", 2, "never closed"),
            ("a: 1\nb: *c\n", 2, "in quotes"),
            ("a: 1\n---\nb: 2\n", 2, "one document"),
            ("a: 1\nb: \x07\n", 2, "not allowed"),
            ("- a\n- b\n", 1, "mapping"),
            ("just words\n", 1, "mapping"),
            ("5\n", 1, "mapping"),
            ("!!set {a, b}\n", 1, "tag"),
        ):
            problem = fatal(text)
            self.assertEqual((problem.path, problem.line), ("file", line), text)
            self.assertIn(words, problem.text, text)

    def test_escapes_that_are_no_character(self) -> None:
        """PyYAML fails on them in a way of its own; it is a problem all the same."""
        self.assertIn("YAML", fatal('a: "\\UFFFFFFFF"').text)

    def test_depth_is_bounded(self) -> None:
        """Brackets without end neither crash nor pass."""
        for depth in (MAX_DEPTH + 1, 5000):
            text = "a:\n  b: " + "[" * depth + "]" * depth
            self.assertIn("deep", fatal(text).text)

    def test_aliases_that_multiply_are_refused(self) -> None:
        """A small text that means a billion values is too large."""
        rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        for n in range(1, 10):
            aliases = ", ".join([f"*a{n - 1}"] * 10)
            rows.append(f"a{n}: &a{n} [{aliases}]")
        self.assertIn("too large", fatal("\n".join(rows)).text)

    def test_aliases_that_hold_themselves_are_refused(self) -> None:
        """A list within itself has no end."""
        problem = fatal("a: &a [*a]")
        self.assertIn("deep", problem.text)
        self.assertEqual(problem.line, 1)

    def test_an_empty_file_is_an_empty_mapping(self) -> None:
        """Comments alone are nothing, too."""
        for text in ("", "\n\n", "# nothing\n", "---\n"):
            self.assertEqual(document(text).values, {}, text)


class ValueTests(SynchronousTestCase):
    """What stands in the file."""

    def value(self, text: str) -> Any:
        """The value of a good scalar."""
        found = document(f"key: {text}")
        self.assertEqual(found.problems, (), text)
        return found.values["key"]

    def test_scalars(self) -> None:
        """Numbers, switches and nothing are those of YAML 1.1; dates are texts."""
        for text, value in (
            ("text", "text"),
            ("'12'", "12"),
            ("12", 12),
            ("0x10", 16),
            ("-1.5", -1.5),
            ("yes", True),
            ("off", False),
            ("~", None),
            ("", None),
            ("2019-07-01", "2019-07-01"),
            ("=", "="),
            ("!!str 12", "12"),
            ("[1, {a: b}]", [1, {"a": "b"}]),
            ('"\\ud83d\\ude00"', "\U0001f600"),
            ('"a\\u00e9\\uD83D\\uDE00b"', "a\xe9\U0001f600b"),
        ):
            self.assertEqual(self.value(text), value, text)
            self.assertIsInstance(self.value(text), type(value), text)

    def test_numbers_know_how_they_were_written(self) -> None:
        """``1.10`` may be a version, and ``0123`` a telephone number."""
        for text in ("1.10", "0123", "1e3", "12:30:45", "+33123456789", "1_000"):
            value = self.value(text)
            self.assertEqual(getattr(value, "written", value), text)

    def test_what_cannot_be_read_is_a_problem_with_a_line(self) -> None:
        """The value counts as absent; the rest is read."""
        for text, words in (
            ("!!python/object:os.system x", "tag"),
            ("!mine x", "in quotes"),
            ("!!int x", "tag"),
            ("!!binary aGVsbG8=", "tag"),
            ("!!bool maybe", "tag"),
            ("!!set {a}", "tag"),
            ("!!omap [a: b]", "tag"),
            ("9" * 5000, "number"),
            ("0b_", "number"),
            ('"\\ud800"', "half a character"),
            ('"\\ude00\\ud83d"', "half a character"),
            ('"\\ud83d\\ude00\\ud83d"', "half a character"),
        ):
            found = document(f"other: 1\nkey: {text}\n")
            (problem,) = found.problems
            self.assertEqual((problem.path, problem.line), ("key", 2), text)
            self.assertIn(words, problem.text, text)
            self.assertEqual(found.values, {"other": 1, "key": None})

    def test_an_alias_is_a_copy(self) -> None:
        """Changing what one key holds leaves the other alone."""
        values = document("a: &x {b: [1]}\nc: *x\n").values
        values["a"]["b"].append(2)
        self.assertEqual(values["c"], {"b": [1]})


class KeyTests(SynchronousTestCase):
    """The left-hand side."""

    def test_plain_keys_are_texts_as_written(self) -> None:
        """Norwegian is ``no``, not false."""
        values = document("no: a\n1: b\n1.0: c\n").values
        self.assertEqual(values, {"no": "a", "1": "b", "1.0": "c"})

    def test_keys_of_json(self) -> None:
        """What JSON writes as two halves is one character."""
        values = document('{"\\ud83d\\ude00": "a\\/b"}').values
        self.assertEqual(values, {"\U0001f600": "a/b"})

    def test_other_keys_are_problems(self) -> None:
        """Lists, mappings, nothing, and what cannot be printed on one line."""
        for key in ("[a]", "{a: b}", "~", "''", '"a\\nb"'):
            found = document(f"good: 1\n? {key}\n: 2\n")
            (problem,) = found.problems
            self.assertIn("key", problem.text)
            self.assertEqual((problem.path, problem.line), ("file", 2), key)
            self.assertEqual(found.values, {"good": 1})

    def test_a_key_with_half_a_character(self) -> None:
        """It is told like such a value."""
        (problem,) = document('good: 1\n"\\ud800": 2\n').problems
        self.assertEqual((problem.path, problem.line), ("file", 2))
        self.assertIn("half a character", problem.text)

    def test_a_key_that_is_there_twice(self) -> None:
        """Both lines are told; nested keys too."""
        found = document("a:\n  b: 1\n  c: 2\n  b: 3\na: 4\n")
        texts = {(each.path, each.line): each.text for each in found.problems}
        self.assertEqual(set(texts), {("a.b", 4), ("a", 5)})
        self.assertIn("line 2", texts["a.b", 4])
        self.assertIn("line 1", texts["a", 5])

    def test_lines(self) -> None:
        """Each key has its line; what is missing has that of the section."""
        found = document("a:\n  b:\n    - c\n    - d: 1\n\n  e: {f: 2,\n    g: 3}\n")
        for path, line in (
            ("a", 1),
            ("a.b", 2),
            ("a.b.0", 3),
            ("a.b.1.d", 4),
            ("a.e.f", 6),
            ("a.e.g", 7),
            ("a.e.missing.too", 6),
        ):
            self.assertEqual(found.line_of(path), line, path)
        self.assertIsNone(found.line_of("missing"))


class SubstitutionTests(SynchronousTestCase):
    """``${…}``."""

    def test_it_is_replaced(self) -> None:
        """By the environment, or by a file without its last line end."""
        for text, value in (
            ("${NAME}", "value"),
            ("a-${NAME}-${NAME}", "a-value-value"),
            ("${EMPTY}", ""),
            ("${file:one}", "secret"),
            ("${file:two}", "secret\n"),
            ("${file:none}", "secret"),
            ("//u:${file:one}@${NAME}", "//u:secret@value"),
            ("$${NAME}", "${NAME}"),
            ("$$${NAME}", "$${NAME}"),
            ("$NAME {NAME} $", "$NAME {NAME} $"),
            ("${TRICK}", "${NAME}"),
        ):
            environment = {"NAME": "value", "EMPTY": "", "TRICK": "${NAME}"}
            found = document(f'a: ["{text}"]', environment)
            self.assertEqual(found.problems, ())
            self.assertEqual(found.values, {"a": [value]}, text)

    def test_keys_and_comments_are_left_alone(self) -> None:
        """Only values are replaced."""
        self.assertEqual(document("'${A}': b # ${C}").values, {"${A}": "b"})

    def test_what_is_not_there_is_a_problem(self) -> None:
        """It names key and line and the missing thing, and no value."""
        for text, words in (
            ("${NOPE}", "'NOPE' is not defined"),
            ("${}", "'' is not defined"),
            ("x ${NAME} ${NOPE}", "'NOPE' is not defined"),
            ("${BYTES}", "not UTF-8"),
            ("${file:nope}", "'nope': No such file"),
            ("${file:}", "'': No such file"),
            ("${file:latin}", "not UTF-8"),
            ("${NAME", "no closing"),
        ):
            environment = {"NAME": "value", "BYTES": "value\udcff"}
            found = document(f"b: 1\na:\n  - '{text}'\n", environment)
            (problem,) = found.problems
            self.assertEqual((problem.path, problem.line), ("a.0", 3), text)
            self.assertIn(words, problem.text)
            self.assertNotIn("value", problem.text)
            self.assertEqual(found.values["a"], [None])

    def test_a_path_that_no_system_has(self) -> None:
        """NUL in a file name is a problem, not a crash."""
        (problem,) = document('a: "${file:zero\\0}"').problems
        self.assertIn("file", problem.text)
        self.assertTrue(problem.text.isprintable())

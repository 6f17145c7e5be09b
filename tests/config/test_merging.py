"""``<<``: a section that takes over what another has."""

from twisted.trial.unittest import SynchronousTestCase

from tests.config.test_document import document, fatal

ANCHORS = """\
a: &a
  one: 1
  two: {x: 1}
b: &b {two: 2, three: 3}
c:
"""


class MergeTests(SynchronousTestCase):
    def merged(self, text: str) -> object:
        """What the section ``c`` holds."""
        found = document(ANCHORS + text)
        self.assertEqual(found.problems, (), text)
        return found.values["c"]

    def test_one_section(self) -> None:
        """What is written here wins, wherever it stands; sections are not mixed."""
        for text, expected in (
            ("  <<: *a\n", {"one": 1, "two": {"x": 1}}),
            ("  <<: *a\n  one: 4\n", {"one": 4, "two": {"x": 1}}),
            ("  one: 4\n  <<: *a\n", {"one": 4, "two": {"x": 1}}),
            ("  <<: *a\n  two: {y: 2}\n", {"one": 1, "two": {"y": 2}}),
            ("  <<: *a\n  two:\n", {"one": 1, "two": None}),
            ("  <<: {four: 4}\n", {"four": 4}),
        ):
            self.assertEqual(self.merged(text), expected, text)

    def test_several(self) -> None:
        """The first in the list wins, as YAML has it."""
        both = {"one": 1, "two": {"x": 1}, "three": 3}
        self.assertEqual(self.merged("  <<: [*a, *b]\n"), both)
        self.assertEqual(self.merged("  <<: [*b, *a]\n"), {**both, "two": 2})
        self.assertEqual(self.merged("  <<: []\n"), {})

    def test_merged_sections_that_merge(self) -> None:
        """What comes from further away gives way."""
        text = "  - &d {<<: *a, one: 5}\n  - {<<: *d, two: 6}\n"
        self.assertEqual(
            self.merged(text), [{"one": 5, "two": {"x": 1}}, {"one": 5, "two": 6}]
        )

    def test_a_copy(self) -> None:
        """Changing what one section has leaves the other alone."""
        values = document(ANCHORS + "  <<: *a\n").values
        values["c"]["two"]["x"] = 2
        self.assertEqual(values["a"]["two"], {"x": 1})

    def test_lines(self) -> None:
        """A key has the line where it is written."""
        found = document(ANCHORS + "  <<: [*a, *b]\n  one: 4\n")
        for path, line in (
            ("a.two.x", 3),
            ("c", 5),
            ("c.one", 7),
            ("c.two", 3),
            ("c.two.x", 3),
            ("c.three", 4),
        ):
            self.assertEqual(found.line_of(path), line, path)

    def test_what_cannot_be_merged(self) -> None:
        """Texts and lists of texts, nothing, and a second ``<<``."""
        for text, line in (
            ("  <<: text\n", 6),
            ("  <<:\n", 6),
            ("  <<: [*a, text]\n", 6),
            ("  <<: [[*a]]\n", 6),
            ("  one: 1\n  <<: !mine {}\n", 7),
        ):
            (problem,) = document(ANCHORS + text).problems
            self.assertIn("<<", problem.text)
            self.assertEqual((problem.path, problem.line), ("c", line), text)
        (problem,) = document(ANCHORS + "  <<: *a\n  <<: *b\n").problems
        self.assertEqual((problem.path, problem.line), ("c", 7))
        self.assertIn("<<: [*…, *…]", problem.text)

    def test_keys_that_are_there_twice(self) -> None:
        """Only what was written twice in one section is."""
        (problem,) = document(ANCHORS + "  <<: *a\n  one: 1\n  one: 2\n").problems
        self.assertEqual((problem.path, problem.line), ("c.one", 8))

    def test_the_two_characters_in_quotes(self) -> None:
        """They are a key like others."""
        self.assertEqual(self.merged("  '<<': 1\n"), {"<<": 1})

    def test_sections_that_hold_themselves(self) -> None:
        """A merge without end is refused, and one that multiplies."""
        self.assertIn("deep", fatal("a: &a {<<: *a}\n").text)
        self.assertIn("deep", fatal("a: &a {<<: [*a, *a], b: 1}\n").text)
        rows = ["a0: &a0 {x: 1}"]
        rows += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 30)]
        self.assertIn("too large", fatal("\n".join(rows)).text)

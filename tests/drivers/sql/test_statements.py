from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.sql.address import Engine
from mxisd.drivers.sql.errors import QueryWrong, is_passable
from mxisd.drivers.sql.statements import Statement, is_table, marks, translated

SERVERS = (Engine.POSTGRESQL, Engine.MARIADB, Engine.MYSQL)


class MarkTests(SynchronousTestCase):
    """Which question marks are parameters."""

    def test_plain(self) -> None:
        """Each of them, and two in a row are one for a list."""
        for engine in Engine:
            found = marks(engine, "SELECT ? FROM t WHERE a=? AND b IN (??)")
            self.assertEqual(list(found), ["?", "?", "??"])

    def test_quotes_and_comments(self) -> None:
        """Those in there are none, in any engine."""
        query = "SELECT '?', 'it''s ?', \"a?\" -- ? '\n, /* ? ' */ ?"
        for engine in Engine:
            self.assertEqual(list(marks(engine, query)), ["?"], engine)

    def test_quotes_of_one_engine(self) -> None:
        """Each engine has its own."""
        for engine, query, count in (
            (Engine.POSTGRESQL, "SELECT $$ ? ' $$, $a$ ? $$ ? $a$, ?", 1),
            (Engine.POSTGRESQL, r"SELECT E'\'?', ?", 1),
            (Engine.POSTGRESQL, r"SELECT '\', ?", 1),
            (Engine.POSTGRESQL, "SELECT a[?], `?", 2),
            (Engine.MARIADB, r"SELECT '\'?', `a?`, ? # ?", 1),
            (Engine.MARIADB, "SELECT 5--?", 1),
            (Engine.SQLITE, "SELECT [a?], `b?`, ?", 1),
            (Engine.SQLITE, r"SELECT '\', ?", 1),
        ):
            self.assertEqual(len(marks(engine, query)), count, query)

    def test_open_quotes(self) -> None:
        """A quote that does not end reaches to the end."""
        for engine in Engine:
            for query in ("SELECT '?", 'SELECT "?', "SELECT /* ?", "SELECT -- ?"):
                self.assertEqual(list(marks(engine, query)), [], query)


class TranslationTests(SynchronousTestCase):
    """What drivers are told."""

    def test_sqlite(self) -> None:
        """Keeps question marks, and percent signs."""
        query = "SELECT a FROM t WHERE a LIKE '%?' AND b = ? AND c IN (??);"
        expected = Statement(
            "SELECT a FROM t WHERE a LIKE '%?' AND b = ? AND c IN (?, ?)",
            ("x", "y", "z"),
        )
        found = translated(Engine.SQLITE, query, ["x", ["y", "z"]])
        self.assertEqual(found, expected)

    def test_servers(self) -> None:
        """Have percent signs for parameters, so that others are doubled."""
        for engine in SERVERS:
            found = translated(engine, "SELECT 5 % 2, '%s', ?", ["x"])
            self.assertEqual(found, Statement("SELECT 5 %% 2, '%%s', %s", ("x",)))

    def test_without_parameters(self) -> None:
        """Nothing is formatted, and nothing is doubled."""
        for engine in Engine:
            query = "SELECT 5 % 2, '?'"
            self.assertEqual(translated(engine, query, []), Statement(query, None))

    def test_an_empty_list(self) -> None:
        """Contains nothing."""
        for engine in Engine:
            found = translated(engine, "SELECT a FROM t WHERE b IN (??)", [[]])
            self.assertEqual(found.text, "SELECT a FROM t WHERE b IN (NULL)")

    def test_numbers_that_do_not_fit(self) -> None:
        """Are an error of whoever wrote the query."""
        for given_values in ([], ["x", "y"]):
            error = self.assertRaises(
                QueryWrong, translated, Engine.SQLITE, "SELECT ?", given_values
            )
            self.assertIn("has 1", str(error))

    @given(st.sampled_from(SERVERS), st.text("?%'\"\\/*-#$`[]s \n", max_size=40))
    def test_formatting_gives_the_query_back(self, engine: Engine, text: str) -> None:
        """Whatever the text: with a question mark for each value it is the same."""
        wanted = marks(engine, text)
        values: list[Any] = [["?"] if mark == "??" else "?" for mark in wanted]
        statement = translated(engine, text, values)
        plain = statement.text
        if statement.parameters is not None:
            plain = plain % statement.parameters
        if "??" not in wanted:
            self.assertEqual(plain, text.rstrip().rstrip(";"))


class TableTests(SynchronousTestCase):
    """What may stand in a FROM."""

    def test_tables(self) -> None:
        """Selections, also behind comments."""
        for query in (
            "SELECT 1",
            " (select 1)",
            "-- x\nWITH a AS (b) c",
            "/*x*/VALUES",
        ):
            self.assertTrue(is_table(query), query)
        for query in ("", "SHOW TABLES", "CALL f(?)", "DELETE FROM t", "SELECTED"):
            self.assertFalse(is_table(query), query)

    def test_within(self) -> None:
        """A comment at the end swallows nothing."""
        found = Statement("SELECT 1 -- x", None).within("SELECT * FROM (", ") AS q")
        self.assertEqual(found.text, "SELECT * FROM (SELECT 1 -- x\n) AS q")


class ValueTests(SynchronousTestCase):
    def test_what_no_database_holds(self) -> None:
        """A NUL and half a character."""
        for value in ("a\0", "\ud800"):
            self.assertFalse(is_passable(value))
        for good in ("", "ü", 5, None, b"\0"):
            self.assertTrue(is_passable(good))

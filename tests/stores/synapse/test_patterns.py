"""Tests of patterns for parts of texts."""

import re
import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.sql.address import Engine
from mxisd.stores.synapse.sql.patterns import pattern

NASTY = st.text(
    st.sampled_from("aAüÜßſσςΣİı*?[]^-!\\%_'\".(){}|+$ \n\t💥Ж"), max_size=8
)
TEXTS = NASTY | st.text(st.characters(exclude_characters="\0", codec="utf-8"))


def finds(engine: Engine, term: str, text: str) -> bool:
    """Whether a text matches the term's pattern; for PostgreSQL by Python's word."""
    wanted = pattern(engine, term)
    if engine is Engine.POSTGRESQL:
        return re.search(wanted, text) is not None
    with closing(sqlite3.connect(":memory:")) as database:
        row = database.execute("SELECT ? GLOB ?", [text, wanted]).fetchone()
    return bool(row[0])


class PatternTests(SynchronousTestCase):
    engines = (Engine.SQLITE, Engine.POSTGRESQL)

    def test_cases(self) -> None:
        """Letters of every alphabet are found in every case."""
        for term, text in (
            ("lidd", "Alice LIDDELL"),
            ("ÜNAL", "Bob ünal"),
            ("иван", "ИВАН Грозный"),
            ("ΣΟΦΊΑ", "σοφία"),
            ("ŁÓDŹ", "łódź"),
        ):
            for engine in self.engines:
                self.assertTrue(finds(engine, term, text), (engine, term))

    def test_special_characters_are_literal(self) -> None:
        """Nothing stands for anything else."""
        for term in (
            "*",
            "?",
            "[a]",
            "[^b]",
            "a-z",
            ".",
            "^",
            "$",
            "(?i)a",
            "\\w",
            "%",
        ):
            for engine in self.engines:
                self.assertFalse(finds(engine, term, "abc xyz"), (engine, term))
                self.assertTrue(finds(engine, term, f"x{term}y"), (engine, term))

    @given(TEXTS, TEXTS, TEXTS)
    def test_a_text_contains_what_it_contains(
        self, before: str, term: str, after: str
    ) -> None:
        """A term is found wherever it stands."""
        for engine in self.engines:
            self.assertTrue(finds(engine, term, before + term + after))

    @given(TEXTS, TEXTS)
    def test_a_text_does_not_contain_more(self, term: str, text: str) -> None:
        """What is found is there, letter by letter, in some case."""
        for engine in self.engines:
            if finds(engine, term, text):
                self.assertIn(_folded(term), _folded(text))


def _folded(text: str) -> str:
    # The dotted capital I and the dotless small one are cases of i for somebody.
    return text.upper().casefold().replace("i̇", "i").replace("ı", "i")

"""Rows of earlier versions get A-labels."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.hashing import lookup_digest
from mxisd.model.threepids import canonical
from mxisd.records.migrations import migrations
from mxisd.records.sqlite import migrate

STEPS = tuple(step for step in migrations() if step.number <= 8)
BUECHER = "bob@xn--bcher-kva.example"
PEPPERS = ("old", "new")


class ALabelsTests(SynchronousTestCase):
    """A file that version 7 of the tables has filled."""

    def setUp(self) -> None:
        """Make the file."""
        self.path = Path(self.mktemp())
        migrate(self.path, STEPS[:-1])
        with self.opened() as file:
            rows = [(each,) for each in PEPPERS]
            file.executemany("INSERT INTO peppers (pepper) VALUES (?)", rows)

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Work on the file."""
        connection = sqlite3.connect(self.path)
        with connection:
            yield connection
        connection.close()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the file."""
        with self.opened() as file:
            return file.execute(sql).fetchall()

    def bind(
        self, address: str, lowered: str | None, user_id: str, ts_ms: int = 1
    ) -> None:
        """Write a binding as it was written."""
        with self.opened() as file:
            file.execute(
                "INSERT INTO bindings VALUES ('email', ?, ?, ?, ?, 2, 3)",
                (address, lowered, user_id, ts_ms),
            )
            for pepper in PEPPERS:
                for each in {address, lowered or address}:
                    file.execute(
                        "INSERT INTO binding_hashes VALUES (?, ?, 'email', ?, ?)",
                        (
                            pepper,
                            lookup_digest(each, "email", pepper),
                            address,
                            user_id,
                        ),
                    )

    def session(self, sid: str, address: str, lowered: str | None = None) -> None:
        """Write a session as it was written."""
        with self.opened() as file:
            file.execute(
                "INSERT INTO sessions (sid, medium, address, lowered, secret_digest, "
                "token, changed_ms, wrong_tokens) VALUES (?, 'email', ?, ?, x'', '', "
                "1, 0)",
                (sid, address, lowered),
            )

    def invite(self, token: str, address: str) -> None:
        """Write an invite as it was written."""
        with self.opened() as file:
            file.execute(
                "INSERT INTO invites (token, medium, address, room_id, sender, facts, "
                "languages, display_name, created_ms) VALUES (?, 'email', ?, '!r:x', "
                "'@a:x', '{}', '[]', 'b...', 1)",
                (token, address),
            )

    def migrate(self) -> str:
        """Bring the file up to date, twice; returns what the log says."""
        with capturedLogs() as events:
            migrate(self.path, STEPS)
        state = self.dump()
        migrate(self.path, STEPS)
        self.assertEqual(self.dump(), state)
        return "\n".join(formatEvent(event) for event in events)

    def dump(self) -> list[str]:
        """Everything in the file."""
        with self.opened() as file:
            return list(file.iterdump())

    def owners(self, *spellings: str) -> list[set[str]]:
        """Whom each spelling finds by hash: with each pepper the same."""
        found = []
        with self.opened() as file:
            for each in spellings:
                rows = [
                    file.execute(
                        "SELECT user_id FROM binding_hashes WHERE pepper = ? "
                        "AND digest = ?",
                        (pepper, lookup_digest(each, "email", pepper)),
                    ).fetchall()
                    for pepper in PEPPERS
                ]
                self.assertEqual(rows[0], rows[1])
                found.append({owner for (owner,) in rows[0]})
        return found

    def test_domains_become_a_labels(self) -> None:
        """A binding is found under both labels, and kept under one."""
        self.bind("bob@bücher.example", None, "@bob:x")
        self.bind("ann@xn--fa-hia.example", None, "@ann:x")
        self.bind("plain@example.org", None, "@plain:x")
        log = self.migrate()
        self.assertEqual(
            self.rows("SELECT address, lowered, user_id FROM bindings ORDER BY 1"),
            [
                ("ann@xn--fa-hia.example", None, "@ann:x"),
                (BUECHER, "bob@bücher.example", "@bob:x"),
                ("plain@example.org", None, "@plain:x"),
            ],
        )
        found = self.owners(
            BUECHER, "bob@bücher.example", "ann@faß.example", "plain@example.org"
        )
        self.assertEqual(found, [{"@bob:x"}, {"@bob:x"}, {"@ann:x"}, {"@plain:x"}])
        self.assertIn("changed 2 bindings", log)
        self.assertNotIn("bücher", log)

    def test_what_was_proved_stays(self) -> None:
        """A mail for ``straße.de`` went to ``strasse.de``: that is what it is about."""
        self.bind("strauss@strasse.de", "strauß@straße.de", "@eve:x")
        self.bind("a@βόλοσ.com", "a@βόλος.com", "@greek:x")
        self.bind("a@نامه\u200cای.com", None, "@iran:x")
        self.migrate()
        self.assertEqual(
            self.rows("SELECT address, lowered FROM bindings ORDER BY 1"),
            [
                ("a@xn--mgba3gch31f.com", None),
                ("a@xn--nxasmq6b.com", None),
                ("strauss@strasse.de", "strauß@strasse.de"),
            ],
        )
        found = self.owners(
            "strauß@straße.de", "strauß@strasse.de", "a@βόλος.com", "a@βόλοσ.com"
        )
        self.assertEqual(found, [set(), {"@eve:x"}, set(), {"@greek:x"}])

    def test_of_two_the_newest_wins(self) -> None:
        """Two spellings of one address become one binding; the log counts them."""
        for first, second in ((5, 9), (9, 5)):
            with self.opened() as file:
                file.executescript(
                    "DELETE FROM binding_hashes; DELETE FROM bindings; "
                    "PRAGMA user_version=7"
                )
            self.bind(BUECHER, None, "@first:x", first)
            self.bind("bob@bücher.example", None, "@second:x", second)
            log = self.migrate()
            owner = "@second:x" if second > first else "@first:x"
            sql = "SELECT address, user_id, ts_ms FROM bindings"
            self.assertEqual(self.rows(sql), [(BUECHER, owner, 9)])
            found = self.owners(BUECHER, "bob@bücher.example")
            self.assertEqual(found, [{owner}, {owner}])
            self.assertIn("1 bindings gave way", log)

    def test_what_is_no_address_any_more(self) -> None:
        """Nobody could take such a binding back, so it goes; an invite stays."""
        self.bind("a@☃.net", None, "@snow:x")
        self.bind("a@[127.0.0.1]", None, "@literal:x")
        self.session("s", "a@☃.net")
        self.invite("t", "a@☃.net")
        self.assertIn("dropped 3", self.migrate())
        self.assertEqual(self.rows("SELECT * FROM bindings"), [])
        self.assertEqual(self.rows("SELECT * FROM binding_hashes"), [])
        self.assertEqual(self.rows("SELECT * FROM sessions"), [])
        self.assertEqual(self.rows("SELECT address FROM invites"), [("a@☃.net",)])

    def test_sessions_and_invites(self) -> None:
        """They are about the same mailbox as before."""
        self.session("one", "bob@bücher.example")
        self.session("two", "bob@strasse.de", "bob@straße.de")
        self.session("three", "bob@example.org")
        self.invite("one", "bob@bücher.example")
        self.assertIn("2 sessions and 1 invites", self.migrate())
        self.assertEqual(
            self.rows("SELECT sid, address, lowered FROM sessions ORDER BY rowid"),
            [
                ("one", BUECHER, "bob@bücher.example"),
                ("two", "bob@strasse.de", None),
                ("three", "bob@example.org", None),
            ],
        )
        sql = "SELECT address, lowered FROM invites"
        self.assertEqual(self.rows(sql), [(BUECHER, "bob@bücher.example")])

    def test_everything_is_canonical_afterwards(self) -> None:
        """A new question finds what an old version wrote, beyond a chunk, too."""
        for number in range(1200):
            self.bind(f"p{number}@bücher.example", None, f"@p{number}:x")
        self.migrate()
        for (address,) in self.rows("SELECT address FROM bindings"):
            self.assertEqual(canonical("email", address).address, address)
        asked = canonical("email", "p1199@BÜCHER.example")
        self.assertEqual(self.owners(*asked.spellings), [{"@p1199:x"}] * 2)

    def test_nothing_to_do_is_not_worth_a_line(self) -> None:
        """A file with plain addresses is left as it is, in silence."""
        self.bind("strauss@example.org", "strauß@example.org", "@s:x")
        before = self.rows("SELECT * FROM bindings")
        hashes = self.rows("SELECT * FROM binding_hashes ORDER BY 1, 2")
        self.assertEqual(self.migrate(), "")
        self.assertEqual(self.rows("SELECT * FROM bindings"), before)
        after = self.rows("SELECT * FROM binding_hashes ORDER BY 1, 2")
        self.assertEqual(after, hashes)

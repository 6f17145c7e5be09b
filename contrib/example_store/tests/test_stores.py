# SPDX-License-Identifier: Apache-2.0
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mxisd.errors import ConfigError, StoreUnavailable
from mxisd.interfaces import IStoreFactory, Store
from mxisd.model.login import NoSuchUser
from mxisd.model.secret import Secret
from mxisd.testing.stores import (
    ALICE,
    ALICE_MAIL,
    BOB,
    BOB_MAIL,
    PEOPLE,
    SILENT,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    OutageContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)
from mxisd.testing.tools import GivenSection, ThreadlessReactor, tools_for_tests
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd_csv_store.files import LOOK_SECONDS
from tests.people_files import HEAD, store_of, write


class CsvContractTests(
    ThreePidLookupContract,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    ProfileContract,
    OutageContract,
    TestCase,
):
    """The CSV store is a store."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Write them into a file."""
        path = Path(self.mktemp())
        write(path, people)
        return store_of(path)

    async def store_without_backend(self) -> Store:
        """Take the file away after it was read."""
        path, reactor = Path(self.mktemp()), ThreadlessReactor()
        write(path, PEOPLE)
        store = store_of(path, reactor)
        assert store.profile is not None
        assert await store.profile.profile(ALICE.user_id) is not None
        path.unlink()
        reactor.advance(LOOK_SECONDS)
        return store


class FileTests(SynchronousTestCase):
    """The file is read again when it has changed."""

    def setUp(self) -> None:
        """A file with one person, and a store that has not looked yet."""
        self.path = Path(self.mktemp()).absolute()
        write(self.path, [ALICE])
        self.reactor = ThreadlessReactor()
        self.store = store_of(self.path, self.reactor)
        self.events: list[LogEvent] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def ask(self) -> "Deferred[Any]":
        """Look up everybody."""
        assert self.store.lookup is not None
        question: Any = self.store.lookup.lookup(frozenset([ALICE_MAIL, BOB_MAIL]))
        return Deferred.fromCoroutine(question)

    def found(self) -> set[str]:
        """The localparts that are found."""
        answer = self.successResultOf(self.ask())
        return {user_id.localpart for user_id in answer.values()}

    def problem(self) -> str:
        """Why the store could not answer."""
        return str(self.failureResultOf(self.ask(), StoreUnavailable).value)

    def log_lines(self) -> list[str]:
        """What the store logged."""
        namespace = "mxisd_csv_store"
        return [
            formatEvent(event)
            for event in self.events
            if event.get("log_namespace", "").startswith(namespace)
        ]

    def test_a_change_is_seen_after_a_second(self) -> None:
        """Within the second nobody looks; after it, the new people are there."""
        self.assertEqual(self.found(), {"alice"})
        write(self.path, [ALICE, BOB])
        self.reactor.advance(LOOK_SECONDS / 2)
        self.assertEqual(self.found(), {"alice"})
        self.reactor.advance(LOOK_SECONDS / 2)
        self.assertEqual(self.found(), {"alice", "bob"})

    def test_an_unchanged_file_is_not_read_again(self) -> None:
        """Time and size alone decide; the content is not looked at."""
        self.assertEqual(self.found(), {"alice"})
        before = os.stat(self.path)
        text = self.path.read_text(encoding="utf-8")
        with self.path.open("w", encoding="utf-8") as file:
            file.write(text.lower().replace("alice@example.org", "other@example.org"))
            file.truncate(before.st_size)
        os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.reactor.advance(LOOK_SECONDS)
        self.assertEqual(self.found(), {"alice"})

    def test_what_cannot_be_read_is_told_in_words(self) -> None:
        """Missing, a folder, not UTF-8, no CSV: unavailable, with the path and why."""
        self.path.unlink()
        self.assertIn("No such file", self.problem())
        self.path.mkdir()
        self.reactor.advance(LOOK_SECONDS)
        self.assertIn("directory", self.problem())
        self.path.rmdir()
        for content, why in (
            (b"username\n\xff", "UTF-8"),
            (b"", "username"),
            (b'username\n"x', "quotes"),
        ):
            self.path.write_bytes(content)
            self.reactor.advance(LOOK_SECONDS)
            problem = self.problem()
            self.assertIn(why, problem)
            self.assertIn(str(self.path), problem)

    def test_it_answers_again_when_the_file_is_back(self) -> None:
        """A failure is as fresh as an answer: the next look mends it."""
        aside = self.path.with_suffix(".aside")
        self.assertEqual(self.found(), {"alice"})
        self.path.rename(aside)
        self.reactor.advance(LOOK_SECONDS)
        self.problem()
        aside.rename(self.path)
        self.problem()
        self.reactor.advance(LOOK_SECONDS)
        self.assertEqual(self.found(), {"alice"})

    def test_a_byte_order_mark_is_passed_over(self) -> None:
        """A file of a spreadsheet is as good as another."""
        self.path.write_bytes(b"\xef\xbb\xbf" + self.path.read_bytes())
        self.assertEqual(self.found(), {"alice"})

    def test_bad_rows_are_logged_once(self) -> None:
        """Their lines are told once for each state of the file, and no address is."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write("dan,,,secret-dan.example.org,,\nbea,,,ALICE@example.org,,\n")
        for _ in range(3):
            self.assertEqual(self.found(), {"alice"})
            self.reactor.advance(LOOK_SECONDS)
        (line,) = self.log_lines()
        self.assertIn("2 rows", line)
        self.assertIn("3 (", line)
        self.assertIn("4 (", line)
        self.assertNotIn("secret-dan", str(self.events))
        self.assertNotIn("ALICE@", str(self.events))

    def test_many_bad_rows_are_one_short_line(self) -> None:
        """A file that is wrong throughout does not flood the log."""
        rows = "bad\aname,,,,,\n" * 5000
        self.path.write_text(f"{HEAD}\n{rows}", encoding="utf-8")
        self.assertEqual(self.found(), set())
        (line,) = self.log_lines()
        self.assertIn("5000 rows", line)
        self.assertLess(len(line), 2500)


class LoginTests(SynchronousTestCase):
    def test_who_has_no_password_here_may_have_one_elsewhere(self) -> None:
        """A row without a password lets the next store be asked."""
        path = Path(self.mktemp())
        write(path, [SILENT])
        store = store_of(path)
        assert store.authenticator is not None
        question: Any = store.authenticator.authenticate(SILENT.user_id, Secret("x"))
        verdict = self.successResultOf(Deferred.fromCoroutine(question))
        self.assertEqual(verdict, NoSuchUser())


class FactoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        """The factory that Twisted finds."""
        (self.factory,) = [
            each for each in getPlugins(IStoreFactory) if each.store_type == "csv"
        ]

    def test_it_makes_every_capability(self) -> None:
        """From the section to a store, through the plug-in."""
        settings = self.factory.parse(GivenSection({"file": "people.csv"}))
        store = self.factory.build(settings, tools_for_tests())
        for name in (
            "lookup",
            "associations",
            "authenticator",
            "directory",
            "profile",
        ):
            self.assertIsNotNone(getattr(store, name), name)

    def test_problems_name_their_key(self) -> None:
        """A blank or absent file and an unknown key are told where they are."""
        for values, expected in (
            ({}, ["file"]),
            ({"file": " "}, ["file"]),
            ({"file": "x", "path": "y"}, ["path"]),
        ):
            with self.assertRaises(ConfigError) as caught:
                self.factory.parse(GivenSection(values))
            found = [problem.path for problem in caught.exception.problems]
            self.assertEqual(found, expected)

"""The exec store with real programs."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from mxisd.config.structure import Section
from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.interfaces import Store, Tools
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, ThreePid, canonical
from mxisd.stores.command import factory
from mxisd.testing.stores import (
    ALICE,
    ALICE_MAIL,
    ALICE_PHONE,
    BOB,
    BOB_MAIL,
    DOMAIN,
    NOBODY_MAIL,
    PEOPLE,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    OutageContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)
from tests.integration.exec_programs import (
    PYTHON,
    SHELL,
    executable,
    people_file,
    python_program,
    python_section,
)
from tests.integration.store_case import StoreCase

TRANSPORTS = ("args", "env", "plain", "json")


class ExecCase(StoreCase):
    """Writes programs, makes stores, and cleans up."""

    timeout = 240

    def folder(self) -> Path:
        """A new folder."""
        path = Path(self.mktemp()).resolve()
        path.mkdir()
        return path

    def built(self, values: Mapping[str, Any]) -> Store:
        """The store of a section; its programs end with the test."""
        tools = Tools(name="scripts", domain=DOMAIN, reactor=reactor, http=None)
        store = factory.build(factory.parse(Section(values)), tools)
        assert store.service is not None
        self.addCleanup(store.service.stopService)
        return store

    def python_store(
        self, people: Sequence[Person], transport: str, output: str
    ) -> tuple[Store, Path]:
        """The store of one program of Python, and the file with its people."""
        folder = self.folder()
        file = people_file(folder, people)
        command = python_program(folder, PYTHON)
        section = python_section(command, file, transport, output)
        if output == "none":
            section = {"auth": {**section["auth"], "exit": {"refused": [2]}}}
        return self.built(section), file

    def sh(self, script: str) -> str:
        """The path of a script of sh."""
        return executable(self.folder() / "script", f"#!/bin/sh\n{script}\n")

    def single(self, script: str, **more: Any) -> Store:
        """A store whose single lookup is a script of sh with the address as $1."""
        values = {
            "command": self.sh(script),
            "args": ["{address}", "{medium}"],
            "output": {"type": "plain"},
            "timeout": 60,
            **more,
        }
        return self.built({"identity": {"lookup": {"single": values}}})

    def listing(self, script: str, **more: Any) -> Store:
        """A store whose list is printed by a script of sh."""
        values = {"command": self.sh(script), "output": {"type": "plain"}, **more}
        return self.built({"identity": {"associations": values}})

    async def found(self, store: Store, *threepids: ThreePid) -> dict[ThreePid, UserId]:
        """What a lookup finds."""
        assert store.lookup is not None
        return dict(await store.lookup.lookup(frozenset(threepids)))

    async def verdict(self, store: Store, user_id: UserId, password: str) -> Any:
        """What the store says to a password."""
        assert store.authenticator is not None
        return await store.authenticator.authenticate(user_id, Secret(password))

    async def assert_unavailable(
        self, answer: Any, words: str = ""
    ) -> StoreUnavailable:
        """The question fails as it should; gives the error."""
        with self.assertRaises(StoreUnavailable) as caught:
            await answer
        self.assertIn(words, str(caught.exception))
        error: StoreUnavailable = caught.exception
        return error

    def events(self) -> list[LogEvent]:
        """What will have been logged."""
        events: list[LogEvent] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return events

    def lines(self, events: Sequence[LogEvent], *levels: str) -> list[str]:
        """The lines of some levels, of ours."""
        return [
            formatEvent(each)
            for each in events
            if each["log_namespace"].startswith("mxisd")
            and (not levels or each["log_level"].name in levels)
        ]


# --- The contract ---------------------------------------------------------------------


class JsonContractTests(
    ThreePidLookupContract,
    AssociationSourceContract,
    DirectoryContract,
    ProfileContract,
    OutageContract,
    ExecCase,
):
    """A program of Python that speaks JSON is a store."""

    # Programs are asked for the localpart, and know their people by that.
    takes_any_name = False

    transport = output = "json"

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Write people and program."""
        return self.python_store(people, self.transport, self.output)[0]

    async def store_without_backend(self) -> Store:
        """Take the people away that the program has just used."""
        store, file = self.python_store(PEOPLE, self.transport, self.output)
        await self.found(store, ALICE_MAIL)
        file.unlink()
        return store


class PlainContractTests(JsonContractTests):
    """A program of Python that speaks lines is a store."""

    transport = output = "plain"


class JsonAuthenticatorTests(AuthenticatorContract, ExecCase):
    """A program checks passwords, and answers JSON."""

    # Programs are asked for the localpart, and know their people by that.
    takes_any_name = False

    transport = output = "json"

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Write people and program."""
        return self.python_store(people, self.transport, self.output)[0]


class PlainAuthenticatorTests(JsonAuthenticatorTests):
    """A program checks passwords, and answers lines."""

    transport = output = "plain"


class ExitCodeAuthenticatorTests(JsonAuthenticatorTests):
    """A program checks passwords, and answers by its exit code alone."""

    transport, output = "args", "none"


class ShellContractTests(
    ThreePidLookupContract,
    AssociationSourceContract,
    AuthenticatorContract,
    OutageContract,
    ExecCase,
):
    """A script of sh, run for each question, is a store."""

    # Programs are asked for the localpart, and know their people by that.
    takes_any_name = False

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Write people and script."""
        return self.shell_store(people)[0]

    async def store_without_backend(self) -> Store:
        """Take the people away that the script has just used."""
        store, people = self.shell_store(PEOPLE)
        await self.found(store, ALICE_MAIL)
        Path(f"{people}.threepids").unlink()
        return store

    def shell_store(self, people: Sequence[Person]) -> tuple[Store, Path]:
        """A store, and what the names of its people's files begin with."""
        folder = self.folder()
        threepids = [
            (t.medium, t.address, one.username)
            for one in people
            for t in (canonical(*each) for each in one.threepids)
        ]
        words = [(one.username.lower(), one.password or "") for one in people]
        for name, rows in (("threepids", threepids), ("passwords", words)):
            lines = ("\t".join(row) + "\n" for row in rows)
            (folder / f"p.{name}").write_text("".join(lines), encoding="utf-8")
        command = executable(folder / "people.sh", SHELL)

        def program(feature: str, **env: str) -> dict[str, Any]:
            return {
                "command": command,
                "args": [feature],
                "env": {"PEOPLE": str(folder / "p"), **env},
                "output": {"type": "plain"},
                "timeout": 60,
            }

        single = program("single", MEDIUM="{medium}", ADDRESS="{address}")
        login = program("auth", LOCALPART="{localpart}", PASS="{password}")
        section = {
            "auth": {**login, "exit": {"refused": [2]}},
            "identity": {
                "lookup": {"single": single},
                "associations": program("list"),
            },
        }
        return self.built(section), folder / "p"


# --- Ways in and out ------------------------------------------------------------------


class SpellingTests(ExecCase):
    async def test_each_spelling_is_asked_for(self) -> None:
        """A program that knows one label of a domain only answers for both."""
        ann = UserId("ann", DOMAIN)
        script = (
            'case "$1" in ann@faß.example) echo localpart; echo ann;; *) exit 1; esac'
        )
        line = 'printf "email\\tann@faß.example\\tlocalpart\\tann\\n"'
        many = {
            "command": self.sh(f"grep -q faß && {line}"),
            "input": {"type": "plain"},
            "output": {"type": "plain"},
        }
        bulk = self.built({"identity": {"lookup": {"bulk": many}}})
        for store in (self.single(script), bulk):
            for text in ("ann@faß.example", "ann@xn--fa-hia.example"):
                asked = canonical("email", text)
                self.assertEqual(await self.found(store, asked), {asked: ann})
            wrong = canonical("email", "ann@fass.example")
            self.assertEqual(await self.found(self.single(script), wrong), {})


class TransportTests(ExecCase):
    async def test_every_transport_gives_the_same(self) -> None:
        """Values arrive by arguments, environment, lines and JSON alike."""
        for transport in TRANSPORTS:
            for output in ("json", "plain"):
                store, _ = self.python_store(PEOPLE, transport, output)
                found = await self.found(store, ALICE_PHONE, BOB_MAIL, NOBODY_MAIL)
                expected = {ALICE_PHONE: ALICE.user_id, BOB_MAIL: BOB.user_id}
                self.assertEqual(found, expected, (transport, output))
                assert store.directory is not None
                page = await store.directory.search(
                    "ünal", SearchBy.NAME, 5, ALICE.user_id
                )
                self.assertEqual([e.user_id for e in page.entries], [BOB.user_id])
                assert store.profile is not None
                profile = await store.profile.profile(ALICE.user_id)
                assert profile is not None
                self.assertEqual(profile.roles, frozenset(["staff"]))
                self.assertEqual(len(profile.threepids), 3)

    async def test_odd_passwords_arrive_unchanged(self) -> None:
        """Quotes, tokens, metacharacters and any Unicode are what they are."""
        odd = [
            "\"'\\",
            "{localpart}{mxid}",
            "%s $(id) `id`",
            " a ",
            "☃\U0001f600",
            "\\n",
        ]
        for transport in TRANSPORTS:
            people = [
                Person(username=f"u{index}", password=word)
                for index, word in enumerate(odd)
            ]
            store, _ = self.python_store(people, transport, "plain")
            for person in people:
                verdict = await self.verdict(
                    store, person.user_id, person.password or ""
                )
                self.assertIsInstance(verdict, Accepted, (transport, person.password))

    async def test_mxisds_own_login_scripts(self) -> None:
        """Presence, equality and password are told by exit codes, in three ways."""
        checks = (
            '[ -n "$l" ] || exit 10; [ -n "$d" ] || exit 11; [ -n "$m" ] || exit 12\n'
            '[ "$l" = user ] || exit 20; [ "$d" = example.org ] || exit 21\n'
            '[ "$m" = @user:example.org ] || exit 22; [ "$p" = "a \'b\' \\\\" ]\n'
        )
        names = ("localpart", "domain", "mxid", "password")
        env = dict(zip(("LOCALPART", "DOMAIN", "MXID", "PASS"), names, strict=True))
        lines = "for i in l d m p; do IFS= read -r $i; done\n"
        template = "".join(f"{{{name}}}\n" for name in names)
        ways: list[tuple[str, dict[str, Any]]] = [
            ("l=$1 d=$2 m=$3 p=$4\n", {"args": [f"{{{each}}}" for each in names]}),
            (
                "l=$LOCALPART d=$DOMAIN m=$MXID p=$PASS\n",
                {"env": {key: f"{{{name}}}" for key, name in env.items()}},
            ),
            (lines, {"input": {"type": "plain"}}),
            (lines, {"input": {"type": "plain", "template": template}}),
        ]
        for read, how in ways:
            exits = {"success": [0], "failure": [1, 10, 11, 12, 20, 21, 22]}
            values = {"command": self.sh(read + checks), "exit": exits, **how}
            store = self.built({"auth": {**values, "timeout": 60}})
            user = UserId("user", DOMAIN)
            right = await self.verdict(store, user, "a 'b' \\")
            self.assertEqual(right, Accepted(user), how)
            self.assertEqual(await self.verdict(store, user, "wrong"), NoSuchUser())
            other = UserId("other", DOMAIN)
            self.assertEqual(await self.verdict(store, other, "a"), NoSuchUser())

    async def test_what_cannot_be_said_is_not_said(self) -> None:
        """A line break where lines count, or a NUL, runs no program."""
        marker = self.folder() / "ran"
        script = self.sh(f"touch {marker}; exit 0")
        ways: list[tuple[dict[str, Any], list[str]]] = [
            ({"args": ["{password}"]}, ["a\0b", "\ud800"]),
            ({"env": {"P": "{password}"}}, ["a\0b", "\ud800"]),
            ({"input": {"type": "plain"}}, ["a\nb", "a\r", "a\0b", "a\u2028b", "\x85"]),
            ({"input": {"type": "json"}}, ["\ud800"]),
        ]
        for how, passwords in ways:
            store = self.built({"auth": {"command": script, **how}})
            for password in passwords:
                verdict = await self.verdict(store, ALICE.user_id, password)
                self.assertEqual(verdict, Refused(), repr(password))
        self.assertFalse(marker.exists())

    async def test_line_breaks_are_fine_in_json(self) -> None:
        """There they shift nothing."""
        person = Person(username="nl", password="a\nb\r\tc")
        for transport in ("json", "args", "env"):
            store, _ = self.python_store([person], transport, "json")
            verdict = await self.verdict(store, person.user_id, "a\nb\r\tc")
            self.assertIsInstance(verdict, Accepted, transport)

    async def test_login_by_another_name(self) -> None:
        """The program may say who it is that logs in, and what is known of them."""
        answer = {
            "auth": {
                "success": True,
                "id": {"type": "mxid", "value": "@Carol:example.org"},
                "profile": {
                    "display_name": "Carol",
                    "three_pids": [
                        {"medium": "email", "address": "C@x.org"},
                        {"medium": "email", "address": "no address"},
                    ],
                },
            }
        }
        script = self.sh(f"cat >/dev/null; echo '{json.dumps(answer)}'")
        values = {"command": script, "output": {"type": "json"}, "timeout": 60}
        store = self.built({"auth": {**values, "input": {"type": "json"}}})
        verdict = await self.verdict(store, UserId("carol@x.org", DOMAIN), "secret")
        assert isinstance(verdict, Accepted)
        self.assertEqual(verdict.user_id, UserId("carol", DOMAIN))
        self.assertEqual(verdict.profile.threepids, {canonical(EMAIL, "c@x.org")})

    async def test_who_searches_and_how_many(self) -> None:
        """The program may learn both."""
        script = self.sh('cat > "$0.in"; echo "{}"')
        values = {"command": script, "input": {"type": "json"}, "timeout": 60}
        by_name = {**values, "output": {"type": "json"}}
        store = self.built({"directory": {"search": {"byName": by_name}}})
        assert store.directory is not None
        await store.directory.search('a"b', SearchBy.NAME, 7, ALICE.user_id)
        self.assertEqual(
            json.loads(Path(f"{script}.in").read_text()),
            {
                "by": "name",
                "search_term": 'a"b',
                "searcher": "@alice:example.org",
                "limit": 7,
            },
        )
        # The other kind of search has no program.
        page = await store.directory.search("a", SearchBy.THREEPID, 7, ALICE.user_id)
        self.assertEqual(page.entries, ())


# --- Outages --------------------------------------------------------------------------


class TroubleTests(ExecCase):
    async def test_what_is_no_answer(self) -> None:
        """Each is told in words that name the program's key."""
        for script, words in (
            ("exit 3", "exit code 3, which is in neither"),
            ("kill -9 $$", "signal 9"),
            ("sleep 1000", "no end after 1 s"),
            ("trap '' TERM; sleep 1000", "no end after 1 s"),
            ("kill -STOP $$", "no end after 1 s"),
            ("printf '\\377\\n'", "not UTF-8"),
            ("echo unknown; echo x", "neither localpart nor mxid"),
            ("echo a; echo b; echo c", "more than two lines"),
            ("no-such-command-here", "program or its interpreter is missing"),
        ):
            store = self.single(script, timeout=1 if "1 s" in words else 60)
            error = await self.assert_unavailable(self.found(store, ALICE_MAIL), words)
            self.assertIn("identity.lookup.single.command", str(error))
            self.assertNotIn("alice", str(error))

    async def test_floods(self) -> None:
        """Whatever is printed too much ends the program."""
        for redirection in ("", ">&2"):
            store = self.single(f"yes {redirection}")
            answer = self.found(store, ALICE_MAIL)
            await self.assert_unavailable(answer, "printed more than")

    async def test_nothing_is_nobody(self) -> None:
        """So is a failure, a blank line, and an illegal name."""
        for script in (
            "exit 0",
            "exit 1",
            "echo",
            "echo '@no legal name'",
            "echo; echo",
        ):
            self.assertEqual(await self.found(self.single(script), ALICE_MAIL), {})

    async def test_forms_of_an_answer(self) -> None:
        """A localpart; its type, blank or not, and value; a whole user ID."""
        for script in (
            "printf alice",
            "echo Alice",
            "printf 'localpart\\r\\nalice\\r\\n'",
            "echo; echo alice",
            "echo mxid; echo @alice:example.org",
        ):
            found = await self.found(self.single(script), BOB_MAIL)
            self.assertEqual(found, {BOB_MAIL: ALICE.user_id}, script)

    async def test_input_that_nobody_reads(self) -> None:
        """The answer counts nevertheless."""
        many = [canonical(EMAIL, f"{'x' * 200}{i}@example.org") for i in range(1000)]
        printed = "printf 'email\\talice@example.org\\tlocalpart\\talice\\n'"
        values = {
            "command": self.sh(printed),
            "input": {"type": "json"},
            "output": {"type": "plain"},
            "timeout": 60,
        }
        store = self.built({"identity": {"lookup": {"bulk": values}}})
        found = await self.found(store, *many, ALICE_MAIL)
        self.assertEqual(found, {ALICE_MAIL: ALICE.user_id})

    async def test_missing_program(self) -> None:
        """That is told before and when it is asked, by its key; the others go on."""
        single = {
            "command": "/nonexistent/program",
            "args": ["{address}"],
            "output": {"type": "plain"},
        }
        login = {"command": self.sh("exit 0"), "args": ["{password}"], "timeout": 60}
        store = self.built({"auth": login, "identity": {"lookup": {"single": single}}})
        assert store.self_check is not None
        (problem,) = await store.self_check.problems()
        self.assertEqual(problem.path, "identity.lookup.single.command")
        with self.assertRaises(Misconfigured) as caught:
            await self.found(store, ALICE_MAIL)
        self.assertEqual(caught.exception.path, "identity.lookup.single.command")
        verdict = await self.verdict(store, ALICE.user_id, "secret")
        self.assertIsInstance(verdict, Accepted)

    async def test_one_bad_row(self) -> None:
        """It is left out of an answer with many; the log tells how many there were."""
        rows = [
            {"medium": "email", "address": "alice@example.org"},
            {"medium": "email", "address": 5, "id": {"type": "mxid", "value": "x"}},
            None,
            *(
                {"medium": "email", "address": "alice@example.org", "id": each}
                for each in (
                    {"type": "mxid", "value": "nobody"},
                    {"type": "localpart", "value": "@not legal"},
                    {"type": "colour", "value": "red"},
                    {"type": "localpart", "value": None},
                    {"type": "LocalPart", "value": "Alice"},
                    {"type": "localpart", "value": "second"},
                )
            ),
        ]
        script = self.sh(f"cat >/dev/null; echo '{json.dumps({'lookup': rows})}'")
        values = {
            "command": script,
            "input": {"type": "json"},
            "output": {"type": "json"},
            "timeout": 60,
        }
        store = self.built(
            {"identity": {"lookup": {"bulk": values}, "hashLookup": True}}
        )
        events = self.events()
        found = await self.found(store, ALICE_MAIL, BOB_MAIL)
        self.assertEqual(found, {ALICE_MAIL: ALICE.user_id})
        warnings = self.lines(events, "warn")
        self.assertEqual(len(warnings), 1)
        self.assertIn("printed 7 illegal", warnings[0])
        # ma1sd had the same program list everything.
        self.assertEqual((await self.listed(store))[0], (ALICE_MAIL, ALICE.user_id))

    async def test_many_at_once(self) -> None:
        """200 lookups at the same time run no more programs than they may."""
        folder = self.folder()
        script = (
            f"cd {folder}; mkdir $$; set -- [0-9]*; echo $# >> ../count; "
            "sleep 0.01; rmdir $$; echo alice"
        )
        single = {
            "command": self.sh(script),
            "args": ["{address}"],
            "output": {"type": "plain"},
            "timeout": 60,
        }
        store = self.built(
            {"concurrency": 5, "identity": {"lookup": {"single": single}}}
        )
        asked = [canonical(EMAIL, f"u{index}@example.org") for index in range(200)]
        answers = await gatherResults(
            [Deferred.fromCoroutine(self.found(store, each)) for each in asked]
        )
        self.assertEqual(sum(map(len, answers)), 200)
        counts = [int(each) for each in (folder.parent / "count").read_text().split()]
        self.assertEqual(len(counts), 200)
        self.assertLessEqual(max(counts), 5)

    async def test_who_does_not_wait_ends_the_programs(self) -> None:
        """A cancelled lookup leaves no process behind, waiting or not."""
        folder = self.folder()
        script = f"echo $$ > {folder}/$$; sleep 1000"
        store = self.single(script)
        asked = [canonical(EMAIL, f"u{index}@example.org") for index in range(20)]
        running = Deferred.fromCoroutine(self.found(store, *asked))
        end = reactor.seconds() + 60
        while len(list(folder.iterdir())) < 8:
            self.assertLess(reactor.seconds(), end)
            await deferLater(reactor, 0.02)
        running.cancel()
        await self.assertFailure(running, CancelledError)
        assert store.service is not None
        await store.service.stopService()
        names = [each.name for each in folder.iterdir()]
        self.assertEqual(len(names), 8)
        for name in names:
            with self.assertRaises(ProcessLookupError):
                os.kill(int(name), 0)


# --- Lists ----------------------------------------------------------------------------


class ListingTests(ExecCase):
    async def test_batches_come_while_the_program_runs(self) -> None:
        """The first batch is there before the last line is printed."""
        folder = self.folder()
        rows = "awk 'BEGIN {for (i = 0; i < 2500; i++) printf "
        rows += '"email\\tu%d@example.org\\tlocalpart\\tu%d\\n", i, i}\''
        script = f"{rows}; until [ -e {folder}/go ]; do sleep 0.05; done; {rows}"
        store = self.listing(script)
        sizes: list[int] = []

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            sizes.append(len(batch))
            (folder / "go").touch()

        assert store.associations is not None
        await store.associations.associations(put)
        self.assertEqual(sizes, [1000] * 5)

    async def test_cut_lists_fail(self) -> None:
        """A list is complete, or it is none."""
        row = "printf 'email\\talice@example.org\\tlocalpart\\talice\\n'; "
        for script, words in (
            ("exit 1", "exit code 1"),
            ("exit 3", "exit code 3"),
            ("kill -9 $$", "signal 9"),
            ("sleep 1000", "printed nothing for 1 s"),
            ("printf '\\377'", "not UTF-8"),
            ("yes | tr -d '\\n'", "a line of more than"),
        ):
            store = self.listing(row + script, timeout=1 if "1 s" in words else 60)
            await self.assert_unavailable(self.listed(store), words)
        for script in ("exit 0", "echo; echo", "no-such-command-here | cat"):
            store = self.listing(script)
            await self.assert_unavailable(self.listed(store), "nothing instead of")
        as_json = {"output": {"type": "json"}}
        for script, words in (
            ("echo '{\"lookup\": ['", "no JSON"),
            ("exit 0", "nothing instead of a list"),
            ('echo \'{"error": "no database"}\'', "no list lookup"),
            ("echo '{\"lookup\": []}'; exit 1", "exit code 1"),
        ):
            await self.assert_unavailable(
                self.listed(self.listing(script, **as_json)), words
            )

    async def test_bad_rows(self) -> None:
        """They are left out and counted; the log has no address."""
        script = (
            "printf 'email\\tAlice@Example.org\\t\\tAlice\\n'\n"
            "printf 'email\\tnot an address\\tlocalpart\\tcarl\\n'\n"
            "printf 'email\\tdora@example.org\\n\\n'\n"
            "printf 'msisdn\\t+49 30 12345678\\tmxid\\t@bob:example.org'\n"
        )
        events = self.events()
        listed = await self.listed(self.listing(script))
        phone = canonical("msisdn", "+493012345678")
        self.assertEqual(listed, [(ALICE_MAIL, ALICE.user_id), (phone, BOB.user_id)])
        (warning,) = self.lines(events, "warn")
        self.assertIn("printed 2 illegal", warning)
        self.assertNotIn("dora", "".join(self.lines(events)))


# --- The log --------------------------------------------------------------------------


class LogTests(ExecCase):
    async def test_diagnostics(self) -> None:
        """They do not disturb the answer, and are shown at debug, a few of them."""
        events = self.events()
        store = self.single("seq 1000 >&2; echo alice")
        found = await self.found(store, ALICE_MAIL)
        self.assertEqual(found, {ALICE_MAIL: ALICE.user_id})
        lines = self.lines(events, "debug")
        self.assertEqual(len(lines), 20)
        self.assertIn("scripts: identity.lookup.single.command says: 1", lines[0])
        self.assertEqual(self.lines(events, "info", "warn", "error"), [])

    async def test_diagnostics_of_one_that_fails(self) -> None:
        """They are warnings, without what the program was asked, and not too often."""
        events = self.events()
        store = self.single('echo "no bob+x@y.org or $1 or +4930123456" >&2; exit 3')
        for _ in range(3):
            await self.assert_unavailable(self.found(store, ALICE_MAIL))
        (warning,) = self.lines(events, "warn")
        self.assertIn("says: no … or … or …", warning)

    async def test_no_secret_in_any_line(self) -> None:
        """A program may even trace itself: its password is in no line of the log."""
        password = 'it\'s $ecret "pass" wörd'
        events = self.events()
        for code in (0, 1, 2, 3):
            script = (
                'set -x; p=$(cat); echo "$p" >&2; echo "$1 $V" >&2; '
                f"echo fine >&2; exit {code}"
            )
            values = {
                "command": self.sh(script),
                "args": ["{password}"],
                "env": {"V": "{password}"},
                "input": {"type": "json"},
                "exit": {"refused": [2]},
                "timeout": 60,
            }
            answer = self.verdict(self.built({"auth": values}), ALICE.user_id, password)
            if code == 3:
                await self.assert_unavailable(answer)
            else:
                expected = {0: Accepted, 1: NoSuchUser, 2: Refused}[code]
                self.assertIsInstance(await answer, expected)
        text = "\n".join([*self.lines(events), *map(repr, events)])
        self.assertIn("fine", text)
        for piece in ("ecret", "wörd", "w\\xf6rd", "w\\u00f6rd"):
            self.assertNotIn(piece, text)

"""The commands, against the whole API in memory."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.console.arguments import COMMANDS, OneLineParser, add_commands
from mxisd.console.client import AdminClient, CommandFailed
from mxisd.console.commands import POLL_SECONDS, Console
from mxisd.console.printing import Printer
from mxisd.drivers.http import HttpFailed, HttpReply, NotConnected
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret
from tests.records.invite_contract import INVITE, MAIL, OWNER, resolved
from tests.records.test_overviews import ALICE
from tests.web.test_admin import AdminCase
from tests.web.world import OPERATORS_TOKEN

SERVER = "http://127.0.0.1"


@define
class StubClient:
    """The HTTP client's only method that commands use, on a resource tree."""

    treq: Any
    failure: Exception | None = None
    reply: HttpReply | None = None

    async def request(self, method: str, url: str, **options: Any) -> HttpReply:
        """Ask."""
        if self.failure is not None:
            raise self.failure
        if self.reply is not None:
            return self.reply
        asked = self.treq.request(
            method, url, data=options["body"], headers=options["headers"]
        )
        self.treq.flush()
        response = await asked
        return HttpReply(response.code, {}, await self.treq.content(response))


class CommandCase(AdminCase):
    """Gives commands."""

    def restart(self, **settings: Any) -> None:
        """Build the API again, and a client for it."""
        super().restart(**settings)
        self.http = StubClient(self.treq)
        self.clock = Clock()
        self.written: list[str] = []
        self.told: list[str] = []

    def begin(self, *words: str, token: str = OPERATORS_TOKEN) -> "Deferred[None]":
        """Give a command; what it prints is kept."""
        parser = OneLineParser(prog="mxisd")
        add_commands(parser.add_subparsers(required=True))
        chosen = parser.parse_args(words)
        self.written, self.told = [], []
        printer = Printer(chosen.json, self.written.append, self.told.append)
        client: Any = self.http
        asks = AdminClient(client, SERVER, Secret(token))
        console = Console(asks, printer, self.clock, page=10, tell_every=30)
        return Deferred.fromCoroutine(chosen.run(console, chosen))

    def command(self, *words: str) -> list[str]:
        """Give a command, and wait; what it printed."""
        self.successResultOf(self.begin(*words))
        return self.written

    def json(self, *words: str) -> Any:
        """The same, as a program sees it."""
        return json.loads("\n".join(self.command(*words, "--json")))

    def fails(self, *words: str, **how: Any) -> str:
        """Why a command failed."""
        failure = self.failureResultOf(self.begin(*words, **how), CommandFailed)
        return str(failure.value)

    def add_bindings(self, count: int) -> None:
        """So many."""
        for number in range(count):
            self.command("bindings", "add", "email", f"{number:04}@x.org", str(ALICE))


class BindingTests(CommandCase):
    """Bindings."""

    def test_they_come_and_go(self) -> None:
        """From the first to the last."""
        added = self.command("bindings", "add", "email", "Bob@X.org", str(ALICE))
        self.assertIn("address: bob@x.org", added)
        table = self.command("bindings", "list")
        self.assertEqual(table[1].split()[:3], ["email", "bob@x.org", str(ALICE)])
        self.assertEqual(self.told, [])
        listed = self.json("bindings", "list", "--address", "BOB@x.org")
        (found,) = listed["bindings"]
        self.assertEqual(found["address"], "bob@x.org")
        listed = self.json("bindings", "list", "--mxid", str(OWNER))
        self.assertEqual(listed, {"bindings": []})
        who = str(OWNER)
        text = self.fails("bindings", "remove", "email", "bob@x.org", "--mxid", who)
        self.assertIn("no such binding", text)
        self.command("bindings", "remove", "email", "bob@x.org")
        self.assertEqual(len(self.command("bindings", "list")), 1)

    def test_many(self) -> None:
        """As many as are wanted; it is told if there are more."""
        self.add_bindings(25)
        self.assertEqual(len(self.command("bindings", "list", "--limit", "10")), 11)
        self.assertEqual(self.told, ["There are more than these 10: see --all."])
        self.assertEqual(len(self.command("bindings", "list", "--limit", "25")), 26)
        self.assertEqual(self.told, [])
        self.assertEqual(len(self.json("bindings", "list", "--all")["bindings"]), 25)

    def test_how_far_it_is(self) -> None:
        """It is told every so many items, unless they are the last ones."""
        self.add_bindings(40)
        for words in (("list", "--all"), ("export",), ("list", "--limit", "40")):
            self.command("bindings", *words)
            self.assertEqual(self.told[0], "30 bindings so far")
            self.assertNotIn("40 bindings so far", self.told)

    def test_a_medium_alone(self) -> None:
        """It is of no use without an address, which is told."""
        self.assertIn("address", self.fails("bindings", "list", "--medium", "msisdn"))

    def test_an_export(self) -> None:
        """All of them, over any number of pages; how many is told."""
        self.add_bindings(21)
        lines = self.command("bindings", "export")
        self.assertEqual(lines[0], "medium,address,mxid,ts,not_before,not_after")
        exported = [line.split(",")[1] for line in lines[1:]]
        self.assertEqual(exported, [f"{number:04}@x.org" for number in range(21)])
        self.assertEqual(self.told, ["21 bindings"])
        lines = self.command("bindings", "export", "--json")
        self.assertEqual(json.loads(lines[20])["address"], "0020@x.org")


class InviteTests(CommandCase):
    """Invites and deliveries."""

    def add(self, invite: Any = INVITE) -> None:
        """An invite on record."""
        self.done(self.world.invite_records().add_invite(invite, 0))

    def test_an_invite(self) -> None:
        """It is listed, shown, sent again and revoked."""
        self.add()
        (row,) = self.command("invites", "list", "--state", "pending")[1:]
        self.assertEqual(row.split()[:2], ["first", "pending"])
        self.assertIn("facts:", self.command("invites", "show", "first"))
        shown = self.json("invites", "resend", "first")
        self.assertEqual(shown["message"]["state"], "sent")
        shown = self.json("invites", "revoke", "first")
        self.assertEqual(shown["state"], "revoked")
        self.assertIn("ended already", self.fails("invites", "revoke", "first"))
        self.assertIn("no such invite", self.fails("invites", "show", "a/../b?c"))
        listed = self.json("invites", "list", "--mxid", str(ALICE))
        self.assertEqual(listed, {"invites": []})

    def test_a_delivery(self) -> None:
        """It is listed, given up and tried again."""
        self.world.homeservers.statuses["Owner.org"] = 500
        self.add(resolved(INVITE))
        (row,) = self.command("deliveries", "list", "--state", "waiting")[1:]
        self.assertIn(MAIL.address, row)
        shown = self.json("deliveries", "revoke", "first")
        self.assertEqual(shown["delivery"]["state"], "revoked")
        shown = self.json("deliveries", "resend", "first")
        self.assertEqual(shown["delivery"]["failures"], 1)
        self.assertEqual(self.json("deliveries", "show", "first"), shown)

    def test_pending_invites_are_resolved(self) -> None:
        """Now."""
        self.assertEqual(self.command("invites", "resolve"), [])
        self.assertEqual(len(self.told), 1)


class SessionTests(CommandCase):
    """Validation sessions."""

    def test_a_session(self) -> None:
        """It is listed, shown and closed."""
        self.post(
            "/_matrix/identity/v2/validate/email/requestToken",
            {"client_secret": "abc", "email": "a@x.org", "send_attempt": 1},
            self.token,
        )
        records = self.world.sessions
        (sid,) = records.sessions
        self.done(self.world.session_records().add_session(records.sessions[sid]))
        (row,) = self.command("sessions", "list")[1:]
        self.assertIn("a@x.org", row)
        self.assertEqual(self.json("sessions", "show", sid)["state"], "open")
        self.assertEqual(self.json("sessions", "close", sid), {})
        self.assertIn("no such session", self.fails("sessions", "close", sid))


class IndexTests(CommandCase):
    """The hash index, and the server as a whole."""

    def test_a_rebuild(self) -> None:
        """It tells how far it is until it is through."""
        staff = self.index()
        staff.pause = Deferred()
        rebuilding = self.begin("hashes", "rebuild")
        self.assertNoResult(rebuilding)
        self.clock.advance(POLL_SECONDS)
        self.assertEqual(self.told, ["staff: 1 associations listed so far"])
        staff.pause.callback(None)
        self.clock.advance(POLL_SECONDS)
        self.successResultOf(rebuilding)
        self.assertIn("count: 1", self.written)
        self.assertIn("count: 1", self.command("hashes", "show"))

    def test_a_store_that_is_down(self) -> None:
        """The rebuild says which one was not listed."""
        self.index().error = StoreUnavailable("down")
        self.assertIn("staff", self.fails("hashes", "rebuild"))

    def test_a_rebuild_in_vain(self) -> None:
        """Its reason is told; nobody waits for ever."""
        self.index(build_error=StoreUnavailable("the disk is full"))
        self.assertIn("the disk is full", self.fails("hashes", "rebuild"))
        self.flushLoggedErrors(StoreUnavailable)

    def test_the_status(self) -> None:
        """In words."""
        self.index()
        lines = self.command("status")
        self.assertIn("health: OK", lines)
        self.assertIn("  staff:", lines)


class FailureTests(CommandCase):
    """One clear sentence each."""

    def test_a_wrong_token(self) -> None:
        """The key is named."""
        self.assertIn("admin.token", self.fails("status", token="wrong"))

    def test_no_admin_api(self) -> None:
        """So is what opens the door."""
        self.restart(admin=False)
        text = self.fails("status")
        self.assertIn("set admin.token", text)

    def test_no_server(self) -> None:
        """Whether it runs is asked back."""
        self.http.failure = NotConnected("no connection")
        self.assertIn("does it run?", self.fails("status"))
        self.http.failure = HttpFailed("the answer took too long")
        self.assertIn("took too long", self.fails("status"))
        self.assertNotIn("done", self.fails("status"))
        # A server goes on with what it has begun to change.
        self.assertIn("may be done", self.fails("invites", "resolve"))

    def test_what_is_no_text(self) -> None:
        """Bytes of another encoding cannot be sent; nothing is asked."""
        for words in (
            ("invites", "show", "\udcff"),
            ("invites", "revoke", "\udcff"),
            ("bindings", "list", "--mxid", "@\udcff:x.org"),
        ):
            self.assertIn("UTF-8", self.fails(*words))
        self.assertIn("UTF-8", self.fails("status", token="\udcff"))

    def test_some_other_server(self) -> None:
        """What answers no JSON is none of ours."""
        for status, body in ((502, b"<html>"), (200, b"[]"), (200, b"")):
            self.http.reply = HttpReply(status, {}, body)
            self.assertIn(str(status), self.fails("status"))
        self.http.reply = HttpReply(403, {}, b'{"error": "a\\nb\\u001b[2J"}')
        self.assertTrue(self.fails("status").startswith("a?b?[2J (403"))


class ArgumentTests(SynchronousTestCase):
    """The command line."""

    def parse(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        parser = OneLineParser(prog="mxisd")
        add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            end = self.assertRaises(SystemExit, parser.parse_args, words)
        return int(str(end.code)), output.getvalue(), errors.getvalue()

    def test_wrong_arguments_are_one_line(self) -> None:
        """With exit code 2."""
        for words in (
            (),
            ("frob",),
            ("bindings",),
            ("bindings", "frob"),
            ("bindings", "add", "email"),
            ("invites", "list", "--state", "lost"),
            ("invites", "list", "--limit", "0"),
            ("invites", "show"),
            ("invites", "show", ""),
            ("sessions", "list", "--state", "open"),
            ("status", "--frob"),
        ):
            code, output, errors = self.parse(*words)
            self.assertEqual((code, output), (2, ""), words)
            self.assertRegex(errors, r"\Amxisd: .*\(see mxisd.* --help\)\n\Z")

    def test_every_command_has_help(self) -> None:
        """And is in the documentation, see tests/test_docs.py."""
        for command in COMMANDS:
            code, output, errors = self.parse(*command.words.split(), "--help")
            self.assertEqual((code, errors), (0, ""))
            self.assertIn(f"usage: mxisd {command.words}", output)
            self.assertIn("--json", output)

"""What each command asks of a server, and what it prints."""

from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mxisd.console.client import AdminClient, CommandFailed
from mxisd.console.printing import Printer, csv_line
from mxisd.model.overviews import PAGE_LIMIT
from mxisd.model.threepids import EMAIL

POLL_SECONDS = 0.5
TELL_EVERY = 10_000

COLUMNS: Mapping[str, Sequence[str]] = {
    "bindings": ("medium", "address", "mxid", "ts"),
    "invites": ("token", "state", "created_ts", "address", "room_id", "sender"),
    "deliveries": (
        "token",
        "delivery.state",
        "delivery.failures",
        "delivery.to",
        "mxid",
        "address",
        "delivery.answer",
    ),
    "sessions": ("sid", "state", "changed_ts", "medium", "address", "wrong_tokens"),
}
EXPORTED = ("medium", "address", "mxid", "ts", "not_before", "not_after")


@frozen
class Console:
    """
    What commands work with.

    :ivar page: How many items are asked for at a time.
    :ivar tell_every: After how many of them it is told how far it is.
    """

    client: AdminClient
    printer: Printer
    clock: IReactorTime
    page: int = PAGE_LIMIT
    tell_every: int = TELL_EVERY

    def tell_count(self, before: int, count: int, kind: str) -> None:
        """Tell how many items there are so far, every so many."""
        if before // self.tell_every != count // self.tell_every:
            self.printer.tell(f"{count} {kind} so far")


Run = Callable[[Console, Namespace], Awaitable[None]]


async def status(console: Console, _arguments: Namespace) -> None:
    """Show how the server is."""
    console.printer.result(await console.client.get("status"))


# --- Lists ----------------------------------------------------------------------------


def listing(kind: str) -> Run:
    """A command that lists."""

    async def run(console: Console, arguments: Namespace) -> None:
        found: list[Mapping[str, Any]] = []
        page: Mapping[str, Any] = {}
        while not found or (_lacks(found, arguments) and "next" in page):
            before = len(found) - len(page.get(kind, ()))
            console.tell_count(before, len(found), kind)
            left = console.page if arguments.all else arguments.limit - len(found)
            limit = min(console.page, left)
            page = await _page(console, kind, arguments, limit, page.get("next"))
            found += page[kind]
            if not page[kind]:
                break
        if console.printer.is_json:
            console.printer.result({kind: found})
        else:
            console.printer.table(COLUMNS[kind], found)
        if "next" in page:
            console.printer.tell(f"There are more than these {len(found)}: see --all.")

    return run


def _lacks(found: Sequence[object], arguments: Namespace) -> bool:
    return bool(arguments.all) or len(found) < arguments.limit


async def _page(
    console: Console, kind: str, arguments: Namespace, limit: int, after: str | None
) -> Mapping[str, Any]:
    known = ("mxid", "state", "medium", "address")
    query = {key: getattr(arguments, key, None) for key in known}
    if arguments.address is not None and arguments.medium is None:
        query["medium"] = EMAIL
    page: Mapping[str, Any] = await console.client.get(
        kind, limit=limit, **query, **{"from": after}
    )
    return page


# --- One thing ------------------------------------------------------------------------


def showing(kind: str) -> Run:
    """A command that shows something by its name."""

    async def run(console: Console, arguments: Namespace) -> None:
        console.printer.result(await console.client.get(kind, arguments.name))

    return run


def changing(kind: str, how: str) -> Run:
    """A command that changes something by its name."""

    async def run(console: Console, arguments: Namespace) -> None:
        console.printer.result(await console.client.post(kind, arguments.name, how))

    return run


# --- Bindings -------------------------------------------------------------------------


async def add_binding(console: Console, arguments: Namespace) -> None:
    """Publish whose an address is."""
    added = await console.client.post(
        "bindings",
        medium=arguments.medium,
        address=arguments.address,
        mxid=arguments.mxid,
    )
    console.printer.result(added)


async def remove_binding(console: Console, arguments: Namespace) -> None:
    """Withdraw whose an address is."""
    removed = await console.client.post(
        "bindings",
        "remove",
        medium=arguments.medium,
        address=arguments.address,
        mxid=arguments.mxid,
    )
    console.printer.result(removed)


async def export_bindings(console: Console, _arguments: Namespace) -> None:
    """Print all bindings, a line each."""
    printer = console.printer
    if not printer.is_json:
        printer.write(csv_line(EXPORTED))
    count, after = 0, None
    while True:
        query = {"from": after}
        page = await console.client.get("bindings", limit=console.page, **query)
        for each in page["bindings"]:
            printer.row(EXPORTED, each)
        before, count = count, count + len(page["bindings"])
        after = page.get("next")
        if after is None:
            break
        console.tell_count(before, count, "bindings")
    printer.tell(f"{count} bindings")


# --- Invites --------------------------------------------------------------------------


async def resolve_invites(console: Console, _arguments: Namespace) -> None:
    """Have pending invites looked up."""
    console.printer.tell("Looking up whose the addresses of pending invites are …")
    console.printer.result(await console.client.post("invites", "resolve"))


# --- Hashes ---------------------------------------------------------------------------


async def show_hashes(console: Console, _arguments: Namespace) -> None:
    """Show how the hash index is."""
    console.printer.result(await console.client.get("hashes"))


async def rebuild_hashes(console: Console, _arguments: Namespace) -> None:
    """Have the hash index rebuilt, and tell how far it is."""
    through_at = (await console.client.post("hashes", "rebuild"))["through_at"]
    told = ""
    while True:
        status = await console.client.get("hashes")
        if status["refreshes"] >= through_at:
            break
        line = _progress(status)
        if line != told:
            console.printer.tell(line)
            told = line
        await deferLater(console.clock, POLL_SECONDS)
    if "failure" in status:
        raise CommandFailed(f"the index was not rebuilt: {status['failure']}")
    console.printer.result(status)
    failing = [name for name, each in status["sources"].items() if each["is_failing"]]
    if failing:
        names = ", ".join(failing)
        raise CommandFailed(f"not listed, what they listed before is kept: {names}")


def _progress(status: Mapping[str, Any]) -> str:
    for name, source in status["sources"].items():
        if "so_far" in source:
            before = f", {source['count']} before" if "count" in source else ""
            return f"{name}: {source['so_far']} associations listed so far{before}"
    return "building the index"

"""The command line of ``mxisd``: one table of commands, and how they are spelled."""

from argparse import ArgumentParser, ArgumentTypeError, _SubParsersAction
from collections.abc import Callable, Sequence
from typing import NoReturn

from attrs import frozen

from mxisd.console import commands
from mxisd.console.commands import Run
from mxisd.model.overviews import DeliveryState, InviteState

MISUSED = 2
"""The exit code for wrong arguments."""

Add = Callable[[ArgumentParser], None]
Choices = _SubParsersAction  # what add_subparsers returns has no public name


class OneLineParser(ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Complain, and exit."""
        self.exit(MISUSED, f"mxisd: {message} (see {self.prog} --help)\n")


@frozen
class Command:
    """
    A command that asks a server.

    :ivar words: Such as ``invites list``.
    :ivar arguments: Adds its own ones.
    """

    words: str
    meaning: str
    run: Run
    arguments: Sequence[Add] = ()


# --- Arguments ------------------------------------------------------------------------


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError("must be a number, 1 or more")
    return int(text)


def _some(text: str) -> str:
    # It would be no segment of a path: another thing would be asked for.
    if not text:
        raise ArgumentTypeError("must not be empty")
    return text


def _list_options(parser: ArgumentParser) -> None:
    parser.add_argument("--medium", help="of --address; email")
    parser.add_argument("--address", help="only what is about this address")
    parser.add_argument(
        "--limit", type=_count, default=100, help="at most so many; 100"
    )
    parser.add_argument("--all", action="store_true", help="no matter how many")


def _user(parser: ArgumentParser) -> None:
    parser.add_argument("--mxid", help="only what is about this user")


def _state(*states: str) -> Add:
    def add(parser: ArgumentParser) -> None:
        parser.add_argument("--state", choices=states, help="only those that are so")

    return add


def _name(what: str) -> Add:
    def add(parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar=what, type=_some)

    return add


def _address(parser: ArgumentParser) -> None:
    parser.add_argument("medium", metavar="MEDIUM", help="email, msisdn, …")
    parser.add_argument("address", metavar="ADDRESS")


def _owner(parser: ArgumentParser) -> None:
    parser.add_argument("mxid", metavar="MXID", help="such as @alice:example.org")


_INVITE_STATES = _state(*(each.value for each in InviteState))
_DELIVERY_STATES = _state(*(each.value for each in DeliveryState))
_TOKEN, _SID = _name("TOKEN"), _name("SID")


# --- Commands -------------------------------------------------------------------------

COMMANDS: Sequence[Command] = (
    Command("status", "the server, its stores and its hash index", commands.status),
    Command(
        "bindings list",
        "who published what",
        commands.listing("bindings"),
        (_list_options, _user),
    ),
    Command(
        "bindings add",
        "publish whose an address is, without anybody's proof",
        commands.add_binding,
        (_address, _owner),
    ),
    Command(
        "bindings remove",
        "withdraw whose an address is; nobody is told",
        commands.remove_binding,
        (_address, _user),
    ),
    Command("bindings export", "all of them, as CSV", commands.export_bindings),
    Command(
        "invites list",
        "invites, the newest first",
        commands.listing("invites"),
        (_list_options, _user, _INVITE_STATES),
    ),
    Command("invites show", "all about one", commands.showing("invites"), (_TOKEN,)),
    Command(
        "invites resend",
        "send its message again, or its delivery",
        commands.changing("invites", "resend"),
        (_TOKEN,),
    ),
    Command(
        "invites revoke",
        "end it, as if its time were over",
        commands.changing("invites", "revoke"),
        (_TOKEN,),
    ),
    Command(
        "invites resolve",
        "look up now whose the pending addresses are",
        commands.resolve_invites,
    ),
    Command(
        "deliveries list",
        "what homeservers are told, the newest invite first",
        commands.listing("deliveries"),
        (_list_options, _user, _DELIVERY_STATES),
    ),
    Command(
        "deliveries show", "all about one", commands.showing("deliveries"), (_TOKEN,)
    ),
    Command(
        "deliveries resend",
        "tell the homeserver again, whatever it has answered",
        commands.changing("deliveries", "resend"),
        (_TOKEN,),
    ),
    Command(
        "deliveries revoke",
        "tell the homeserver no more",
        commands.changing("deliveries", "revoke"),
        (_TOKEN,),
    ),
    Command(
        "sessions list",
        "validation sessions, the newest first",
        commands.listing("sessions"),
        (_list_options,),
    ),
    Command("sessions show", "one of them", commands.showing("sessions"), (_SID,)),
    Command(
        "sessions close",
        "make its token useless",
        commands.changing("sessions", "close"),
        (_SID,),
    ),
    Command("hashes show", "the hash index and its sources", commands.show_hashes),
    Command(
        "hashes rebuild",
        "list all stores again, rebuild the index, tell how far it is",
        commands.rebuild_hashes,
    ),
)


def add_commands(choices: "Choices[OneLineParser]") -> None:
    """Add every command to a parser."""
    groups: dict[str, Choices[OneLineParser]] = {}
    for command in COMMANDS:
        group, _, name = command.words.rpartition(" ")
        if group and group not in groups:
            inner = choices.add_parser(group, help=f"see mxisd {group} --help")
            groups[group] = inner.add_subparsers(
                metavar="COMMAND", required=True, parser_class=OneLineParser
            )
        place = groups[group] if group else choices
        made = place.add_parser(name, help=command.meaning, description=command.meaning)
        _add_server(made)
        for add in command.arguments:
            add(made)
        made.set_defaults(run=command.run)


def _add_server(parser: ArgumentParser) -> None:
    parser.add_argument("-c", "--config", help="the configuration of the server")
    parser.add_argument(
        "--url",
        help="the server, if it is not this machine's; the token is taken from the "
        "environment (MXISD_ADMIN_TOKEN) or the configuration",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")

"""``mxisd``: commands for operators, beside ``twistd mxisd``, which is the server."""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mxisd import __version__
from mxisd.console.arguments import OneLineParser, add_commands
from mxisd.console.client import CommandFailed
from mxisd.console.commands import Console
from mxisd.console.printing import Printer
from mxisd.console.server import TOKEN_VARIABLE, admin_client
from mxisd.errors import RecordsUnavailable
from mxisd.importing.refusing import ImportRefused
from mxisd.importing.running import Wishes, run_import
from mxisd.model.secret import Secret
from mxisd.tap import configuration

FAILED = 1
"""The exit code if a command failed, or the configuration is refused."""


Work = Callable[[Any], Coroutine[Any, Any, None]]
"""Gets the reactor."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and exit."""
    chosen = _parser().parse_args(arguments)
    _run_to_the_end(chosen.make(chosen))


def _parser() -> ArgumentParser:
    parser = OneLineParser(
        prog="mxisd", description="Commands for the operator of an mxisd server."
    )
    _add_version(parser)
    choices = parser.add_subparsers(metavar="COMMAND", required=True)
    parser.set_defaults(make=_asking)
    add_commands(choices)
    _add_import(choices.add_parser("import", help="take over another server's data"))
    return parser


def _add_version(parser: ArgumentParser) -> None:
    parser.add_argument("--version", action="version", version=f"mxisd {__version__}")


def _run_to_the_end(work: Work) -> None:
    ended: list[bool] = []

    async def run(reactor: Any) -> None:
        try:
            await work(reactor)
            sys.stdout.flush()
        except (CommandFailed, ImportRefused, RecordsUnavailable) as error:
            _tell(f"mxisd: {error}")
            raise SystemExit(FAILED) from error
        except (OSError, UnicodeEncodeError) as error:
            _drop_output()
            # Who reads no more, as head does, has what was wanted.
            if not isinstance(error, BrokenPipeError):
                _tell(f"mxisd: {error}")
            raise SystemExit(FAILED) from error
        ended.append(True)

    try:
        react(lambda reactor: Deferred.fromCoroutine(run(reactor)))
    except SystemExit as end:
        # A reactor that was stopped by a signal has no objections.
        if not end.code and not ended:
            _tell("mxisd: interrupted; start it again to go on")
            raise SystemExit(FAILED) from end
        raise


def _drop_output() -> None:
    # Python writes what is left when it ends, and would complain again.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


# --- Import ---------------------------------------------------------------------------


def _add_import(parser: ArgumentParser) -> None:
    parser.description = (
        "Take over the data of another identity server. FILE is an SQLite file of "
        "mxisd, ma1sd or sydent, sydent's configuration, or a file with sydent's "
        "signing key. It is never changed."
    )
    _add_version(parser)
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("-c", "--config", help="of the server that is to have it")
    parser.add_argument(
        "-k",
        "--keys",
        type=Path,
        help="the key store of mxisd or ma1sd, if it is not key.path",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="report only, and change nothing"
    )
    parser.add_argument(
        "--replace-key",
        action="store_true",
        help="let sydent's signing key replace the current one",
    )
    parser.add_argument("--json", action="store_true", help="report in JSON")
    parser.set_defaults(make=_importing)


def _importing(chosen: Namespace) -> Work:
    config = configuration(chosen.config)
    wishes = Wishes(
        file=chosen.file,
        is_dry_run=chosen.dry_run,
        is_replacing_key=chosen.replace_key,
        keys=chosen.keys,
    )

    async def work(reactor: Any) -> None:
        report = await run_import(wishes, config, reactor, _tell)
        if chosen.json:
            print(json.dumps(report.content(), indent=2, ensure_ascii=False))
        else:
            print("\n".join(report.lines()))

    return work


# --- Questions to a server ------------------------------------------------------------


def _asking(chosen: Namespace) -> Work:
    variable = os.environ.get(TOKEN_VARIABLE)
    token = Secret(variable) if variable else None
    knows_all = chosen.config is None and chosen.url is not None and token is not None
    config = None if knows_all else configuration(chosen.config)
    printer = Printer(chosen.json, print, _tell)

    async def work(reactor: Any) -> None:
        client = admin_client(config, chosen.url, token, reactor)
        await chosen.run(Console(client, printer, reactor), chosen)

    return work


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

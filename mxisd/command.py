"""``mxisd``: commands for operators, beside ``twistd mxisd``, which is the server."""

import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python import usage

from mxisd import __version__
from mxisd.config.sections import Config
from mxisd.errors import RecordsUnavailable
from mxisd.importing.refusing import ImportRefused
from mxisd.importing.running import Wishes, run_import
from mxisd.tap import Options as ServerOptions

FAILED, MISUSED = 1, 2
"""Exit codes besides 0; a configuration that is refused is 1, too."""


class _OwnOptions(usage.Options):
    def opt_version(self) -> NoReturn:
        """Print the version, and exit."""
        print(f"mxisd {__version__}")
        raise SystemExit(0)


class ImportOptions(_OwnOptions):
    """The options of ``mxisd import``."""

    longdesc = (
        "Take over the data of another identity server. FILE is an SQLite file of "
        "mxisd, ma1sd or sydent, sydent's configuration, or a file with sydent's "
        "signing key. It is never changed."
    )
    optParameters = [  # noqa: RUF012
        ["config", "c", None, "The configuration of the server that is to have it."],
        ["keys", "k", None, "The key store of mxisd or ma1sd, if it is not key.path."],
    ]
    optFlags = [  # noqa: RUF012
        ["dry-run", None, "Report what would be taken, and change nothing."],
        ["replace-key", None, "Let sydent's signing key replace the current one."],
    ]

    def getSynopsis(self) -> str:
        """The first line of the help."""
        return "Usage: mxisd import [-c CONFIG] [options] FILE"

    def parseArgs(self, file: str) -> None:  # type: ignore[override]
        """Take the file's name."""
        self["file"] = file


class Options(_OwnOptions):
    """The options of ``mxisd``."""

    synopsis = "Usage: mxisd COMMAND [options]"
    subCommands = [  # noqa: RUF012
        ["import", None, ImportOptions, "Take over another server's data."],
    ]

    def postOptions(self) -> None:
        """Insist on a command."""
        if self.subCommand is None:
            raise usage.UsageError("name a command: import")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and exit."""
    options = Options()
    try:
        options.parseOptions(sys.argv[1:] if arguments is None else arguments)
    except usage.UsageError as error:
        _tell(f"mxisd: {error}")
        raise SystemExit(MISUSED) from error
    chosen = options.subOptions
    config = _config(chosen["config"])
    wishes = Wishes(
        file=Path(chosen["file"]),
        keys=None if chosen["keys"] is None else Path(chosen["keys"]),
        is_dry_run=bool(chosen["dry-run"]),
        is_replacing_key=bool(chosen["replace-key"]),
    )
    _run_to_the_end(lambda reactor: _import(wishes, config, reactor))


def _run_to_the_end(command: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    ended: list[bool] = []

    async def run(reactor: Any) -> None:
        await command(reactor)
        ended.append(True)

    try:
        react(lambda reactor: Deferred.fromCoroutine(run(reactor)))
    except SystemExit as end:
        # A reactor that was stopped by a signal has no objections.
        if not end.code and not ended:
            _tell("mxisd: interrupted; start it again to go on")
            raise SystemExit(FAILED) from end
        raise


async def _import(wishes: Wishes, config: Config, reactor: Any) -> None:
    try:
        await run_import(wishes, config, reactor, print, _tell)
    except (ImportRefused, RecordsUnavailable) as error:
        _tell(f"mxisd: {error}")
        raise SystemExit(FAILED) from error


def _config(path: str | None) -> Config:
    """Read the configuration as the server does; what is wrong with it is printed."""
    options = ServerOptions()
    options.parseOptions([] if path is None else ["--config", path])
    return options.config


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""``twistd mxisd``: the command line."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from attrs import evolve
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python import usage

import twisted
from mxisd import __version__
from mxisd.assembly import assemble
from mxisd.config.dump import dump
from mxisd.config.loader import Loaded, load
from mxisd.config.sections import Config
from mxisd.errors import ConfigError, Problem, RecordsUnavailable
from mxisd.interfaces import IStoreFactory
from mxisd.logs import (
    STANDARD_OUTPUT,
    is_shown,
    log_observer,
    log_output,
    reopen,
    with_level_of,
)
from mxisd.plugins import find_factories, find_senders, log_problem
from mxisd.root import Root, SignalsService, Terminal
from mxisd.selfcheck import problems_of_stores
from mxisd.services import NamesService

DEFAULT_FILES = ("mxisd.yaml", "ma1sd.yaml")

log = Logger()


class Options(usage.Options):
    """The options of ``twistd mxisd``."""

    longdesc = "A federated Matrix identity server."
    optParameters = [  # noqa: RUF012
        ["config", "c", None, "The configuration file (mxisd.yaml or ma1sd.yaml)."],
    ]
    optFlags = [  # noqa: RUF012
        ["check-config", None, "Judge the configuration, and exit."],
        ["connect", None, "With --check-config: let each store try its part, too."],
        ["dump-config", None, "Print the effective configuration, and exit."],
    ]

    config: Config
    factories: Mapping[str, IStoreFactory]

    def opt_version(self) -> NoReturn:
        """Print the version, and exit."""
        print(f"mxisd {__version__}")
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Read the configuration; what is wrong with it is printed, a line each."""
        path = self["config"] or _default_file()
        self.factories = find_factories(_tell)
        loaded = _load(path, self.factories)
        _report(path, "warning: ", loaded.warnings)
        if self["dump-config"]:
            print(dump(loaded.config), end="")
            raise SystemExit(0)
        if self["connect"] and not self["check-config"]:
            raise usage.UsageError("--connect goes with --check-config")
        if self["check-config"]:
            if self["connect"]:
                _connect(path, loaded.config, self.factories)
            print(f"{path}: good")
            raise SystemExit(0)
        self.config = loaded.config


def makeService(options: Options) -> IService:
    """
    Make the server that the options describe.

    What fails before anything listens is one clean line, not a traceback.
    """
    from twisted.internet import reactor  # noqa: PLC0415

    log.info(
        "mxisd {mxisd}, Twisted {twisted}, Python {python}",
        mxisd=__version__,
        twisted=twisted.__version__,
        python=platform.python_version(),
    )
    root = Root()
    try:
        server = assemble(options.config, options.factories, reactor)
    except ConfigError as error:
        _refuse("mxisd", error.problems)
    except RecordsUnavailable as error:
        _refuse("mxisd", [Problem("storage", str(error))])
    if options.parent is not None and "logfile" in options.parent:
        _join(root, options.config, options.parent, reactor)
    server.setServiceParent(root)
    return root


def _join(root: Root, config: Config, twistd: Mapping[str, Any], reactor: Any) -> None:
    """Log where twistd would, and tell it of failures."""
    is_daemon = not twistd.get("nodaemon")
    if is_daemon and twistd["logfile"] == STANDARD_OUTPUT:
        _refuse("mxisd", [Problem("--logfile", "a daemon has no standard output")])
    has_own_log = not twistd.get("syslog") and not twistd.get("logger")
    has_shown_log = has_own_log and is_shown(twistd)
    root.terminal = Terminal(twistd, has_log=has_shown_log)
    output = log_output(twistd) if has_own_log else None
    if has_own_log:
        root.log_observer = log_observer(config.logging, output)
    signals = SignalsService(lambda: reopen(output), reactor)
    signals.setServiceParent(root)


def configuration(path: str | None) -> Config:
    """
    Read a configuration for a command beside the server; only problems are printed.

    :param path: ``None``: the file that the server would read.
    """
    return _load(path or _default_file(), find_factories(_tell)).config


def _default_file() -> str:
    found = [name for name in DEFAULT_FILES if Path(name).exists()]
    if found:
        return found[0]
    _refuse("mxisd", [Problem("-c", f"name a configuration file ({DEFAULT_FILES[0]})")])


def _load(path: str, factories: Mapping[str, IStoreFactory]) -> Loaded:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _refuse(path, [Problem("-c", f"cannot be read: {error}")])
    try:
        loaded = load(
            text,
            environment=os.environ,
            read_file=lambda name: Path(name).read_text(encoding="utf-8"),
            factories=factories,
            sender_factories=find_senders(_tell),
        )
        logging = with_level_of(os.environ, loaded.config.logging)
        return evolve(loaded, config=evolve(loaded.config, logging=logging))
    except ConfigError as error:
        _refuse(path, error.problems)


def _connect(path: str, config: Config, factories: Mapping[str, IStoreFactory]) -> None:
    from twisted.internet import reactor  # noqa: PLC0415

    outcome: list[Sequence[Problem]] = []

    async def ask() -> None:
        try:
            outcome.append(await problems_of_stores(config, factories, reactor))
        except ConfigError as error:
            outcome.append(error.problems)

    def run() -> None:
        # A name that hangs must not hold up the end.
        NamesService(reactor).startService()
        asking = Deferred.fromCoroutine(ask())
        asking.addErrback(lambda failure: failure.printTraceback())
        asking.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(run)
    reactor.run()
    if not outcome or outcome[0]:
        _refuse(path, outcome[0] if outcome else [])


def _tell(problem: Problem) -> None:
    # The log is opened later, and not at all if the configuration is refused.
    print(f"{problem.path}: warning: {problem.text}", file=sys.stderr)
    log_problem(problem)


def _refuse(path: str, problems: Sequence[Problem]) -> NoReturn:
    _report(path, "", problems)
    raise SystemExit(1)


def _report(path: str, kind: str, problems: Sequence[Problem]) -> None:
    for problem in problems:
        place = path if problem.line is None else f"{path}:{problem.line}"
        print(f"{place}: {kind}{problem.path}: {problem.text}", file=sys.stderr)

"""``twistd mxisd``: the command line."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from attrs import evolve, frozen
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python import usage

import twisted
from mxisd import __version__
from mxisd.assembly import assemble
from mxisd.assembly.parts import Parts
from mxisd.assembly.survey import survey
from mxisd.config.dump import dump
from mxisd.config.loader import Loaded, load
from mxisd.config.sections import Config
from mxisd.errors import ConfigError, Problem, RecordsUnavailable, Weight
from mxisd.interfaces import IStoreFactory
from mxisd.logs import (
    STANDARD_OUTPUT,
    is_shown,
    log_observer,
    log_output,
    logged_warnings,
    reopen,
    with_level_of,
)
from mxisd.plugins import find_factories, find_senders, log_problem
from mxisd.root import AS_ROOT, ROOT, Root, SignalsService, Terminal, UserService
from mxisd.selfcheck import errors_in, everything_found
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
        [
            "connect",
            None,
            "With --check-config: also try stores, senders and the public URL.",
        ],
        ["dump-config", None, "Print the effective configuration, and exit."],
    ]

    parts: Parts
    file: "_File"

    def opt_version(self) -> NoReturn:
        """Print the version, and exit."""
        print(f"mxisd {__version__}")
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Read the configuration; what is wrong with it is printed, a line each."""
        path = self["config"] or _default_file()
        factories = find_factories(_tell)
        loaded = _load(path, factories)
        self.file = _File(path, loaded)
        if not self["check-config"]:
            self.file.warn(loaded.warnings)
        if self["dump-config"]:
            print(dump(loaded.config), end="")
            raise SystemExit(0)
        if self["connect"] and not self["check-config"]:
            raise usage.UsageError("--connect goes with --check-config")
        if self["check-config"]:
            self._check(loaded, factories)
        from twisted.internet import reactor  # noqa: PLC0415

        found = survey(loaded.config, factories, reactor)
        self.file.refuse_if(found.problems)
        for each in found.warnings:
            log.warn("{key}: {problem}", key=each.path, problem=each.text)
        self.parts = found.parts

    def _check(
        self, loaded: Loaded, factories: Mapping[str, IStoreFactory]
    ) -> NoReturn:
        """Look at what the start would look at, and exit."""
        from twisted.internet import reactor  # noqa: PLC0415

        config = loaded.config
        with logged_warnings() as logged:
            found = survey(config, factories, reactor)
        becomes_another = self.parent is not None and self.parent["uid"] is not None
        if os.geteuid() == ROOT and not becomes_another:
            logged.append(AS_ROOT)
        said = [Problem("", text) for text in logged]
        self.file.warn([*loaded.warnings, *found.warnings, *said])
        self.file.refuse_if(found.problems)
        if self["connect"]:
            _connect(self.file, config, factories)
        print(f"{self.file.path}: good")
        raise SystemExit(0)


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
        server = assemble(options.parts)
    except ConfigError as error:
        options.file.refuse(error.problems)
    except RecordsUnavailable as error:
        options.file.refuse([Problem("storage", str(error))])
    if options.parent is not None and "logfile" in options.parent:
        _join(root, options.parts.config, options.parent, reactor)
    UserService().setServiceParent(root)
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
    output = _opened_log(twistd) if has_own_log else None
    if has_own_log:
        root.log_observer = log_observer(config.logging, output)
    signals = SignalsService(lambda: reopen(output), reactor)
    signals.setServiceParent(root)


def _opened_log(twistd: Mapping[str, Any]) -> Any:
    try:
        return log_output(twistd)
    except OSError as error:
        text = f"cannot be written: {error.filename}: {error.strerror}"
        _refuse("mxisd", [Problem("--logfile", text)])


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


@frozen
class _File:
    """
    The configuration file, for whoever has something to say about it.

    :ivar loaded: What it says; the lines of its keys.
    """

    path: str
    loaded: Loaded

    def warn(self, problems: Sequence[Problem]) -> None:
        """Print warnings."""
        _report(self.path, "warning: ", self.loaded.in_order(problems))

    def refuse(self, problems: Sequence[Problem]) -> NoReturn:
        """Print problems, and exit."""
        _refuse(self.path, self.loaded.in_order(problems))

    def refuse_if(self, problems: Sequence[Problem]) -> None:
        """The same, if there are any."""
        if problems:
            self.refuse(problems)

    def judge(self, found: Sequence[Problem]) -> None:
        """Print what self-checks have found, and exit if something does not work."""
        self.warn([each for each in found if each.weight is Weight.WARNING])
        for each in found:
            if each.weight is Weight.NOTE:
                print(f"{self.path}: {each.path}: {each.text}")
        self.refuse_if(errors_in(found))


def _connect(
    file: _File, config: Config, factories: Mapping[str, IStoreFactory]
) -> None:
    from twisted.internet import reactor  # noqa: PLC0415

    outcome: list[Sequence[Problem]] = []

    async def ask() -> None:
        outcome.append(await everything_found(config, factories, reactor))

    def run() -> None:
        # A name that hangs must not hold up the end.
        NamesService(reactor).startService()
        asking = Deferred.fromCoroutine(ask())
        asking.addErrback(lambda failure: failure.printTraceback())
        asking.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(run)
    reactor.run()
    if not outcome:
        file.refuse([])
    file.judge(outcome[0])


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
        text = ": ".join(filter(None, (problem.path, problem.text)))
        print(f"{place}: {kind}{text}", file=sys.stderr)

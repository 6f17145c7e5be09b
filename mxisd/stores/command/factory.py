"""Settings -> store."""

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.process import Processes
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import (
    IAssociationSource,
    IAuthenticator,
    IDirectory,
    IProfile,
    ISection,
    ISelfCheck,
    IThreePidLookup,
    Store,
    Tools,
)
from mxisd.model.profiles import SearchBy
from mxisd.stores.closing import Closing
from mxisd.stores.command import calls
from mxisd.stores.command.calls import Calls, Feature
from mxisd.stores.command.commands import Command
from mxisd.stores.command.directory import ExecDirectory
from mxisd.stores.command.documents import JsonOutput
from mxisd.stores.command.login import ExecAuthenticator
from mxisd.stores.command.lookup import BulkLookup, ExecListing, SingleLookup, written
from mxisd.stores.command.outputs import Output
from mxisd.stores.command.profile import ExecProfile
from mxisd.stores.command.questions import Question
from mxisd.stores.command.settings import ExecSettings, OutputType, ProgramSettings
from mxisd.stores.command.tables import PlainOutput
from mxisd.stores.command.users import Users

log = Logger()

LOGIN = "auth"
BY_NAME, BY_THREEPID = "directory.search.byName", "directory.search.byThreepid"
SINGLE, BULK = "identity.lookup.single", "identity.lookup.bulk"
LISTING = "identity.associations"
NAME, THREEPIDS, ROLES = "profile.displayName", "profile.threePid", "profile.role"

_FEATURES: Mapping[str, Feature] = {
    LOGIN: calls.LOGIN,
    BY_NAME: calls.SEARCH,
    BY_THREEPID: calls.SEARCH,
    SINGLE: calls.SINGLE,
    BULK: calls.BULK,
    LISTING: calls.LISTING,
    NAME: calls.PROFILE,
    THREEPIDS: calls.PROFILE,
    ROLES: calls.PROFILE,
}
_OUTPUTS: Mapping[OutputType | None, Output] = {
    OutputType.JSON: JsonOutput(),
    OutputType.PLAIN: PlainOutput(),
    None: PlainOutput(),
}


def parse(section: ISection) -> ExecSettings:
    """
    Judge the section.

    :raise ConfigError: Also for programs that cannot be called as it is written.
    """
    settings = section.read(ExecSettings)
    known = Calls(settings.token)
    problems = [
        problem
        for path, program in _programs(settings)
        for problem in known.problems(program, _FEATURES[path], path)
    ]
    if problems:
        raise ConfigError(problems)
    return settings


def build(settings: ExecSettings, tools: Tools) -> Store:
    """Make the store; programs are looked for when they are needed."""
    processes = Processes(tools.reactor, settings.concurrency)
    questions = dict(_questions(settings, tools, processes))
    _report_arguments(questions, tools.name)
    _report_missing(questions, tools.name)
    return Store(
        lookup=_lookup(questions),
        associations=_listing(settings, questions),
        authenticator=_authenticator(settings, questions),
        directory=_directory(questions),
        profile=_profile(questions, tools.domain),
        self_check=_SelfCheck([each.command for each in questions.values()]),
        service=Closing(processes.close),
    )


@implementer(ISelfCheck)
@frozen
class _SelfCheck:
    commands: Sequence[Command]

    async def problems(self) -> Sequence[Problem]:
        # To run them could change something.
        return [problem for each in self.commands for problem in each.problems()]


def _programs(settings: ExecSettings) -> Iterator[tuple[str, ProgramSettings]]:
    """The programs of all features that are not switched off, by path."""
    if settings.auth.enabled:
        yield LOGIN, settings.auth
    if settings.directory.enabled:
        yield BY_NAME, settings.directory.search.by_name
        yield BY_THREEPID, settings.directory.search.by_threepid
    if settings.identity.enabled:
        yield SINGLE, settings.identity.lookup.single
        yield BULK, settings.identity.lookup.bulk
        yield LISTING, settings.identity.associations
    if settings.profile.enabled:
        yield NAME, settings.profile.display_name
        yield THREEPIDS, settings.profile.three_pid
        yield ROLES, settings.profile.role


def _questions(
    settings: ExecSettings, tools: Tools, processes: Processes
) -> Iterator[tuple[str, Question]]:
    known = Calls(settings.token)
    for path, program in _programs(settings):
        if program.command:
            call = known.call(program, _FEATURES[path], path)
            command = Command(tools.name, call, processes, tools.reactor)
            output = _OUTPUTS[program.output.type]
            users = Users(tools.domain, tools.addresses)
            yield path, Question(command, output, users)


def _lookup(questions: Mapping[str, Question]) -> IThreePidLookup | None:
    if BULK in questions:
        return BulkLookup(questions[BULK])
    return SingleLookup(questions[SINGLE]) if SINGLE in questions else None


def _listing(
    settings: ExecSettings, questions: Mapping[str, Question]
) -> IAssociationSource | None:
    wanted = settings.identity.hash_lookup
    if LISTING in questions and wanted is not False:
        return ExecListing(questions[LISTING])
    if BULK in questions and wanted:
        # As in ma1sd: asked for nothing, the program lists everything.
        bulk = questions[BULK]
        return ExecListing(bulk, written((), bulk.command.call.input_type))
    return None


def _authenticator(
    settings: ExecSettings, questions: Mapping[str, Question]
) -> IAuthenticator | None:
    if LOGIN not in questions:
        return None
    return ExecAuthenticator(questions[LOGIN], frozenset(settings.auth.exit.refused))


def _directory(questions: Mapping[str, Question]) -> IDirectory | None:
    paths = {SearchBy.NAME: BY_NAME, SearchBy.THREEPID: BY_THREEPID}
    asked = {by: questions[path] for by, path in paths.items() if path in questions}
    return ExecDirectory(asked) if asked else None


def _profile(questions: Mapping[str, Question], domain: str) -> IProfile | None:
    if questions.keys().isdisjoint((NAME, THREEPIDS, ROLES)):
        return None
    return ExecProfile(
        domain=domain,
        display_name=questions.get(NAME),
        threepids=questions.get(THREEPIDS),
        roles=questions.get(ROLES),
    )


def _report_missing(questions: Mapping[str, Question], name: str) -> None:
    for question in questions.values():
        for each in question.command.problems():
            log.warn(
                "{store}.{path}: {problem}",
                store=name,
                path=each.path,
                problem=each.text,
            )


def _report_arguments(questions: Mapping[str, Question], name: str) -> None:
    login = questions.get(LOGIN)
    if login and any("password" in each.names for each in login.command.call.args):
        log.warn(
            "{store} gives passwords to auth.command as an argument, which every user "
            "of this machine can read; env or input is safer",
            store=name,
        )

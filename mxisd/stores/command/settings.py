"""The keys of an ``exec`` section."""

import enum
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mxisd.model.settings import Duration, option

_VARIABLE = re.compile(r"[^=\0]+")


class OutputType(enum.Enum):
    """How output is read."""

    JSON = "json"
    PLAIN = "plain"


def _positive(value: float | None) -> None:
    if value is not None and value <= 0:
        raise ValueError("must be more than 0")


def _no_nul(value: tuple[str, ...]) -> None:
    if any("\0" in each for each in value):
        raise ValueError("a NUL cannot be in an argument")


def _variables(value: Mapping[str, str]) -> None:
    if not all(map(_VARIABLE.fullmatch, value)):
        raise ValueError("a name has one character at least, and no = and NUL")
    _no_nul(tuple(value.values()))


def _spelling(value: str | None) -> None:
    if value is not None and not value.strip():
        raise ValueError("must not be empty")


def _token(meaning: str, name: str) -> Any:
    note = f"that of ``exec.token``, else ``{{{name}}}``"
    return option(
        f"What stands for {meaning}.", None, default_note=note, check=_spelling
    )


@frozen(kw_only=True)
class TokenSettings:
    """What stands for values in ``args``, ``env`` and templates."""

    localpart: str | None = _token("the localpart of the user ID", "localpart")
    domain: str | None = _token("its server name", "domain")
    mxid: str | None = _token("the whole user ID", "mxid")
    password: str | None = _token("the password", "password")
    medium: str | None = _token("the medium of a 3PID", "medium")
    address: str | None = _token("its address", "address")
    type: str | None = _token("what is searched: ``name`` or ``threepid``", "type")
    query: str | None = _token("the search term", "query")
    searcher: str | None = _token("the user ID of who searches", "searcher")
    limit: str | None = _token("the number of hits that is wanted", "limit")


@frozen(kw_only=True)
class InputSettings:
    """What the program reads from stdin."""

    type: str | None = option(
        "``json``, ``plain`` (lines), or with ``template`` any other word for a plain "
        "text; without it nothing is written.",
        None,
    )
    template: str | None = option(
        "The text to write instead of the usual one.",
        None,
        default_note="the usual one",
    )


@frozen(kw_only=True)
class OutputSettings:
    """What the program writes to stdout."""

    type: OutputType | None = option("How it is read.", None)
    template: str | None = option(
        "Without effect, as in mxisd; accepted for old files.", None
    )


@frozen(kw_only=True)
class ExitSettings:
    """What exit codes mean; any other means that there is no answer."""

    success: tuple[int, ...] = option("The output counts.", (0,))
    failure: tuple[int, ...] = option("Nothing was found.", (1,))

    @property
    def failures(self) -> frozenset[int]:
        """Every code that is an answer, and no success."""
        return frozenset(self.failure)


@frozen(kw_only=True)
class LoginExitSettings(ExitSettings):
    """What exit codes mean for a login."""

    refused: tuple[int, ...] = option(
        "The user is known and the password wrong: no other store is asked.",
        (),
    )

    @property
    def failures(self) -> frozenset[int]:
        """Every code that is an answer, and no success."""
        return frozenset((*self.failure, *self.refused))


@frozen(kw_only=True)
class ProgramSettings:
    """A program, and how to speak to it."""

    command: str = option(
        "The program's path, or its name in ``PATH``; no shell reads it. Without it "
        "the feature is off.",
        "",
    )
    args: tuple[str, ...] = option("Its arguments.", (), check=_no_nul)
    env: Mapping[str, str] = option(
        "Variables that join the server's environment.", dict, check=_variables
    )
    input: InputSettings = option("Input.", InputSettings)
    output: OutputSettings = option("Output.", OutputSettings)
    exit: ExitSettings = option("Exit codes.", ExitSettings)
    token: TokenSettings = option("Tokens of this program.", TokenSettings)
    timeout: Duration | None = option(
        "How long it may run before it is ended; a list: how long it may be silent.",
        None,
        default_note="``4``; for a list ``50``",
        check=_positive,
    )


@frozen(kw_only=True)
class LoginSettings(ProgramSettings):
    """Logins."""

    enabled: bool = option("Whether users log in.", True)
    exit: LoginExitSettings = option("Exit codes.", LoginExitSettings)


@frozen(kw_only=True)
class SearchSettings:
    """Programs for searches."""

    by_name: ProgramSettings = option("By name.", ProgramSettings)
    by_threepid: ProgramSettings = option("By 3PID.", ProgramSettings)


@frozen(kw_only=True)
class DirectorySettings:
    """User directory."""

    enabled: bool = option("Whether users appear in searches.", True)
    search: SearchSettings = option("Programs.", SearchSettings)


@frozen(kw_only=True)
class LookupSettings:
    """Programs for lookups."""

    single: ProgramSettings = option("One 3PID.", ProgramSettings)
    bulk: ProgramSettings = option("Many 3PIDs.", ProgramSettings)


@frozen(kw_only=True)
class IdentitySettings:
    """3PID lookups."""

    enabled: bool = option("Whether people are found.", True)
    hash_lookup: bool | None = option(
        "Whether people are found by hash.",
        None,
        default_note="true with ``associations``",
    )
    lookup: LookupSettings = option("Programs.", LookupSettings)
    associations: ProgramSettings = option("Lists everybody.", ProgramSettings)


@frozen(kw_only=True)
class ProfileSettings:
    """Profiles."""

    enabled: bool = option("Whether users have profiles.", True)
    display_name: ProgramSettings = option("Name.", ProgramSettings)
    three_pid: ProgramSettings = option("3PIDs.", ProgramSettings)
    role: ProgramSettings = option("Roles.", ProgramSettings)


@frozen(kw_only=True)
class ExecSettings:
    """Programs that know users."""

    concurrency: int = option(
        "How many programs run at the same time.", 8, check=_positive
    )
    token: TokenSettings = option("Tokens of all programs.", TokenSettings)
    auth: LoginSettings = option("Logins.", LoginSettings)
    directory: DirectorySettings = option("User directory.", DirectorySettings)
    identity: IdentitySettings = option("3PID lookups.", IdentitySettings)
    profile: ProfileSettings = option("Profiles.", ProfileSettings)

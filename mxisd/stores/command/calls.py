"""How the program of each feature is called."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from mxisd.drivers.process import Program
from mxisd.errors import Problem
from mxisd.stores.command.settings import OutputType, ProgramSettings, TokenSettings
from mxisd.stores.command.templates import Template, Values, json_text, line, literal

SECONDS = 4.0
"""How long a program may take: less than a store may, by default."""

LIST_SECONDS = 50.0
"""How long one that lists everybody may be silent: less than the server waits."""

_USER = ("localpart", "domain", "mxid")


@frozen(kw_only=True)
class Feature:
    """
    What a program is for.

    :ivar tokens: The values that it can be given.
    :ivar needed: One of these it must be given, or every answer would be the same.
    :ivar usual_json: The template of ``input.type: json``, with tokens in braces.
    :ivar usual_plain: The same for ``plain``.
    :ivar needs_output: Whether the exit code alone is no answer.
    :ivar has_own_input: Whether stdin is written by the store itself.
    :ivar seconds: The usual time-out.
    """

    tokens: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    usual_json: str = ""
    usual_plain: str = ""
    needs_output: bool = True
    has_own_input: bool = False
    seconds: float = SECONDS


def _members(*names: str, **others: str) -> str:
    members = {name: f"{{{name}}}" for name in names} | others
    return json.dumps(members, separators=(",", ":")).replace('"{limit}"', "{limit}")


def _lines(*names: str) -> str:
    return "".join(f"{{{name}}}\n" for name in names)


LOGIN = Feature(
    tokens=(*_USER, "password"),
    needed=("password",),
    usual_json=_members("mxid", "localpart", "domain", "password"),
    usual_plain=_lines(*_USER, "password"),
    needs_output=False,
)
SEARCH = Feature(
    tokens=("type", "query", "searcher", "limit"),
    needed=("query",),
    usual_json=_members("searcher", "limit", by="{type}", search_term="{query}"),
    usual_plain=_lines("type", "query"),
)
SINGLE = Feature(
    tokens=("medium", "address"),
    needed=("address",),
    usual_json=_members("medium", "address"),
    usual_plain=_lines("medium", "address"),
)
BULK = Feature(has_own_input=True)
LISTING = Feature(seconds=LIST_SECONDS)
PROFILE = Feature(
    tokens=_USER,
    needed=("localpart", "mxid"),
    usual_json=_members(*_USER),
    usual_plain=_lines(*_USER),
)


@frozen(kw_only=True)
class Call:
    """
    A program with places for values.

    :ivar path: The key of its section, relative to the store's.
    :ivar input_type: What stdin is, where the store itself writes it.
    """

    path: str
    command: str
    args: Sequence[Template]
    env: Mapping[str, Template]
    stdin: Template
    spell: Callable[[Any], str]
    input_type: str | None
    output_type: OutputType | None
    success: frozenset[int]
    failure: frozenset[int]
    seconds: float

    def program(self, values: Values, stdin: bytes | None = None) -> Program:
        """
        What to run for some values.

        :param stdin: Instead of what the template says.
        :raise Unsayable: If a value cannot be handed over as it is.
        """
        args = [each.filled(values, literal) for each in self.args]
        written = self.stdin.filled(values, self.spell).encode()
        return Program(
            argv=[self.command, *args],
            env={key: each.filled(values, literal) for key, each in self.env.items()},
            stdin=written if stdin is None else stdin,
            seconds=self.seconds,
        )


@frozen
class Calls:
    """
    Reads the settings of programs.

    :ivar token: How all of them spell tokens that they do not spell themselves.
    """

    token: TokenSettings

    def call(self, program: ProgramSettings, feature: Feature, path: str) -> Call:
        """How a program is called."""
        spelled = self._spelled(program, feature)
        is_json = program.input.type == "json"
        return Call(
            path=path,
            command=program.command,
            args=[Template.parse(each, spelled) for each in program.args],
            env={k: Template.parse(v, spelled) for k, v in program.env.items()},
            stdin=self._stdin(program, feature),
            spell=json_text if is_json else line,
            input_type=program.input.type,
            output_type=program.output.type,
            success=frozenset(program.exit.success),
            failure=program.exit.failures,
            seconds=feature.seconds if program.timeout is None else program.timeout,
        )

    def problems(
        self, program: ProgramSettings, feature: Feature, path: str
    ) -> Iterator[Problem]:
        """What is wrong with a program's settings, other than single values."""
        if not program.command:
            return
        if program.output.type is None and feature.needs_output:
            yield Problem(f"{path}.output.type", "is required: json or plain")
        yield from self._input_problems(program, feature, path)
        spelled = self._spelled(program, feature)
        if len(set(spelled.values())) < len(spelled):
            yield Problem(f"{path}.token", "spells two tokens alike")
            return
        call = self.call(program, feature, path)
        templates = [call.stdin, *call.args, *call.env.values()]
        used = frozenset(name for each in templates for name in each.names)
        if feature.needed and used.isdisjoint(feature.needed):
            wanted = " or ".join(spelled[name] for name in feature.needed)
            yield Problem(
                path,
                f"never tells the program {wanted}: put it into args, env or input",
            )

    def _input_problems(
        self, program: ProgramSettings, feature: Feature, path: str
    ) -> Iterator[Problem]:
        written, key = program.input, f"{path}.input.type"
        is_known = written.type in ("json", "plain")
        if feature.has_own_input and not is_known:
            yield Problem(key, "is required: json or plain")
        elif written.type is not None and not is_known and not written.template:
            yield Problem(key, "is json or plain, or has a template")
        if written.type == "json":
            spelled = self._spelled(program, feature)
            stdin = self._stdin(program, feature)
            for name in sorted({each for each in stdin.unquoted() if each != "limit"}):
                text = f"has {spelled[name]} outside of quotes; for what is no JSON "
                yield Problem(f"{path}.input.template", f"{text}write type: plain")

    def _stdin(self, program: ProgramSettings, feature: Feature) -> Template:
        written = program.input
        if written.type is None or feature.has_own_input:
            return Template()
        if written.template is not None:
            return Template.parse(written.template, self._spelled(program, feature))
        usual = {"json": feature.usual_json, "plain": feature.usual_plain}
        braces = {name: f"{{{name}}}" for name in feature.tokens}
        return Template.parse(usual.get(written.type, ""), braces)

    def _spelled(self, program: ProgramSettings, feature: Feature) -> dict[str, str]:
        return {
            name: getattr(program.token, name)
            or getattr(self.token, name)
            or f"{{{name}}}"
            for name in feature.tokens
        }

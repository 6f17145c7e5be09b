# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
What a store's author needs around the suites: tools, a section, a reactor to turn.

:mod:`mxisd.testing.stores` has the suites themselves.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import attrs
from attrs import frozen
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import ISection, Tools
from mxisd.model.settings import key_of
from mxisd.model.stored import StoredAddresses
from mxisd.testing.stores import DOMAIN

Settings = TypeVar("Settings")


class ThreadlessReactor(Clock):
    """
    A clock that the test turns by ``advance``, with threads that are none.

    What a store hands to ``deferToThreadPool(reactor, reactor.getThreadPool(), …)`` is
    done at once, so that a test needs neither a thread nor patience.
    """

    def getThreadPool(self) -> "ThreadlessReactor":
        """The pool: this object itself."""
        return self

    def callInThreadWithCallback(
        self,
        on_result: Callable[[bool, Any], object],
        work: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Do the work, and tell whether it went well and what came of it."""
        try:
            result = work(*args, **kwargs)
        except Exception:
            on_result(False, Failure())
        else:
            on_result(True, result)

    def callFromThread(
        self, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """Call at once."""
        function(*args, **kwargs)


def tools_for_tests(
    name: str = "mine",
    *,
    reactor: Any = None,
    http: Any = None,
    default_country: str | None = None,
) -> Tools:
    """
    Make the tools that a factory's ``build`` gets, for the domain of the suites.

    :param reactor: By default a :class:`ThreadlessReactor`. Stores that talk to a real
        server take ``twisted.internet.reactor``.
    :param http: By default none. ``treq.testing.StubTreq`` is a good one.
    :param default_country: What the operator's ``defaultCountry`` says.
    """
    if reactor is None:
        reactor = ThreadlessReactor()
    return Tools(
        name=name,
        domain=DOMAIN,
        reactor=reactor,
        http=http,
        addresses=StoredAddresses(default_country),
    )


@implementer(ISection)
@frozen
class GivenSection:
    """
    A section of the configuration for a factory's ``parse``.

    It finds unknown and missing keys and runs the checks, as the server does. It
    converts nothing: give each value as the settings class holds it (a ``Duration``,
    a ``Secret``, a settings class of a section below), not as the file does.

    :ivar values: By the keys of the file, in camelCase.
    :ivar addresses: As the server makes it of ``defaultCountry``.
    """

    values: Mapping[str, Any]
    addresses: StoredAddresses = StoredAddresses()

    def read(self, settings: type[Settings]) -> Settings:
        """
        Read the section into a settings class.

        :raise ConfigError: With every unknown key, missing key and failed check.
        """
        attrs_class: Any = settings
        names = {key_of(field): field for field in attrs.fields(attrs_class)}
        if problems := list(self._problems(names)):
            raise ConfigError(problems)
        return settings(**{names[key].name: each for key, each in self.values.items()})

    def _problems(
        self, fields: "Mapping[str, attrs.Attribute[Any]]"
    ) -> Iterator[Problem]:
        for key in self.values:
            if key not in fields:
                yield Problem(key, "is no key of this section")
        for key, field in fields.items():
            if key not in self.values:
                if field.default is attrs.NOTHING:
                    yield Problem(key, "is required")
            elif field.validator is not None:
                yield from self._checked(key, field)

    def _checked(self, key: str, field: "attrs.Attribute[Any]") -> Iterator[Problem]:
        validator: Any = field.validator
        try:
            validator(None, field, self.values[key])
        except ValueError as error:
            yield Problem(key, str(error))

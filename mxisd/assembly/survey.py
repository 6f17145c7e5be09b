"""
Everything that a start reads, and nothing that it writes.

The start and ``--check-config`` both begin with this, so that they agree.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from attrs import define, evolve, field, frozen

from mxisd.assembly.attempts import Attempts
from mxisd.assembly.base import clients
from mxisd.assembly.messages import doubtful_names, make_notifier
from mxisd.assembly.pages import own_pages
from mxisd.assembly.parts import Parts
from mxisd.assembly.places import LOOKS, Look
from mxisd.assembly.reaching import Reaching, make_reaching
from mxisd.assembly.stores import build_store
from mxisd.config.sections import Config, StoreEntry
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import IStoreFactory, Store
from mxisd.randomness import SystemRandom


@frozen
class Survey:
    """
    What was found.

    :ivar problems: Why there can be no server.
    :ivar warnings: What its operator should know.
    """

    problems: Sequence[Problem]
    warnings: Sequence[Problem]
    _parts: Parts | None

    @property
    def parts(self) -> Parts:
        """
        What the server is made of.

        :raise ConfigError: With every problem.
        """
        if self._parts is None:
            raise ConfigError(self.problems)
        return self._parts


def survey(
    config: Config, factories: Mapping[str, IStoreFactory], reactor: Any
) -> Survey:
    """
    Read whatever the configuration names, and make what can be made of it.

    Nothing is written, and nobody is asked.

    :param factories: The ones that the configuration was read with, by store type.
    """
    making, looking = _Making(config, factories, reactor), Attempts()
    parts = making.parts()
    warnings: list[Problem] = []
    for look in (doubtful_names, *LOOKS):
        warnings += looking.attempt(partial(_seen, look, config)) or ()
    problems = [*making.attempts.problems, *looking.problems]
    return Survey(problems, warnings, None if problems else parts)


def _seen(look: Look, config: Config) -> list[Problem]:
    return list(look(config))


@define(eq=False)
class _Making:
    """Makes the parts, and goes on when one cannot be made."""

    _config: Config
    _factories: Mapping[str, IStoreFactory]
    _reactor: Any
    _random: SystemRandom = field(factory=SystemRandom)
    attempts: Attempts = field(factory=Attempts)

    def parts(self) -> Parts | None:
        """Make them; ``None`` if one is missing."""
        config, reaching = self._config, self._reaching()
        stores = dict(self._stores(reaching))
        pages = self.attempts.attempt(partial(own_pages, config))
        notifier = self.attempts.attempt(
            lambda: make_notifier(config, reaching.http, self._random, self._reactor)
        )
        if pages is None or notifier is None:
            return None
        return Parts(
            config=config,
            reactor=self._reactor,
            random=self._random,
            reaching=reaching,
            notifier=notifier,
            stores=stores,
            pages=pages,
        )

    def _reaching(self) -> Reaching:
        http = self.attempts.attempt(lambda: clients(self._config, self._reactor))
        if http is None:
            # The rest can be judged with the system's authorities alone.
            plain = evolve(self._config.outbound, ca_file=None)
            http = clients(evolve(self._config, outbound=plain), self._reactor)
        return make_reaching(self._config, http, self._random, self._reactor)

    def _stores(self, reaching: Reaching) -> Iterator[tuple[str, Store]]:
        for entry in self._config.stores:
            store = self.attempts.attempt(
                partial(self._store, entry, reaching), entry.path
            )
            if store is not None:
                yield entry.name, store

    def _store(self, entry: StoreEntry, reaching: Reaching) -> Store:
        http = reaching.http
        return build_store(entry, self._config, self._factories, self._reactor, http)

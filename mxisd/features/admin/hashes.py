"""The hash index, in the hands of an operator."""

from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define

from mxisd.errors import Forbidden
from mxisd.features.hash_index import HashIndex, IndexStatus

Spawn = Callable[[Coroutine[Any, Any, object], str], None]
"""Runs a coroutine that nobody waits for."""


@define(eq=False)
class HashAdmin:
    """
    Tells how the index is, and has it rebuilt.

    :ivar index: ``None`` if lookups by hash are switched off.
    """

    _index: HashIndex | None
    _spawn: Spawn

    def status(self) -> IndexStatus:
        """
        How the index is.

        :raise Forbidden: If there is none.
        """
        return self._required().status()

    def known_status(self) -> IndexStatus | None:
        """How the index is, if there is one."""
        return None if self._index is None else self._index.status()

    def rebuild(self) -> int:
        """
        Begin to list every store and to rebuild the index; this may take a while.

        :return: It is through when there were so many refreshes.
        :raise Forbidden: If there is none.
        """
        index = self._required()
        status = index.status()
        self._spawn(index.rebuild(), "rebuilding the hash index")
        before = status.refreshes + status.is_refreshing + status.queued
        return before + 1

    def _required(self) -> HashIndex:
        if self._index is None:
            raise Forbidden("Lookups by hash are switched off (hashing.enabled).")
        return self._index

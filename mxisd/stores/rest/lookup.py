"""3PID lookups at a back end."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.http.json_client import all_of
from mxisd.interfaces import IThreePidLookup
from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import ThreePid
from mxisd.stores.rest import wire
from mxisd.stores.rest.endpoint import Endpoint

BATCH = 500
"""3PIDs in one request."""


@implementer(IThreePidLookup)
@frozen
class BulkLookup:
    """
    Asks for many 3PIDs at once.

    :ivar domain: The server name of users known by localpart.
    """

    endpoint: Endpoint
    domain: str

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask batch by batch; the first owner of a 3PID that is answered counts."""
        known = self.endpoint.addresses
        questions = [each for key in threepids for each in _questions(key, known)]
        found: dict[ThreePid, UserId] = {}
        for start in range(0, len(questions), BATCH):
            for key, owner in await self._found(questions[start : start + BATCH]):
                if key in threepids:
                    found.setdefault(key, owner)
        return found

    async def _found(
        self, questions: Sequence[Mapping[str, str]]
    ) -> Sequence[tuple[ThreePid, UserId]]:
        answer = await self.endpoint.ask({"lookup": questions})
        items = self.endpoint.list_of(answer, "lookup")
        read = await self.endpoint.portions.mapped(self._pair, items)
        self.endpoint.report(read.count(None))
        return [each for each in read if each is not None]

    def _pair(self, item: Any) -> tuple[ThreePid, UserId] | None:
        return wire.association(item, self.domain, self.endpoint.addresses)


@implementer(IThreePidLookup)
@frozen
class SingleLookup:
    """
    Asks for one 3PID after the other, some at a time.

    :ivar domain: The server name of users known by localpart.
    """

    endpoint: Endpoint
    domain: str

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask for each spelling of each."""
        known = self.endpoint.addresses
        asked = [(key, each) for key in threepids for each in _questions(key, known)]
        owners = await all_of([self._owner(key, each) for key, each in asked])
        found: dict[ThreePid, UserId] = {}
        for (key, _question), owner in zip(asked, owners, strict=True):
            if owner is not None:
                found.setdefault(key, owner)
        return found

    async def _owner(self, key: ThreePid, question: Mapping[str, str]) -> UserId | None:
        answer = await self.endpoint.ask({"lookup": question})
        item = self.endpoint.member(answer, "lookup")
        if item is None:
            return None
        if not isinstance(item, dict):
            raise self.endpoint.failed("in the answer, lookup is no object")
        return self._judged(key, {**question, **item})

    def _judged(self, key: ThreePid, item: Mapping[str, Any]) -> UserId | None:
        pair = wire.association(item, self.domain, self.endpoint.addresses)
        self.endpoint.report(int(pair is None))
        return pair[1] if pair is not None and pair[0] == key else None


def _questions(key: ThreePid, known: StoredAddresses) -> Sequence[Mapping[str, str]]:
    return [{"medium": key.medium, "address": each} for each in known.spellings(key)]

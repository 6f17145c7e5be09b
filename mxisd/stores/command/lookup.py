"""3PID lookups by programs, and the list of everybody that a program prints."""

import json
from collections.abc import Iterable, Mapping

from attrs import define, field, frozen
from zope.interface import implementer

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, IThreePidLookup, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.stores.command.outputs import Row
from mxisd.stores.command.questions import Question
from mxisd.stores.command.settings import OutputType
from mxisd.stores.command.tables import row
from mxisd.stores.command.templates import Unsayable, cell
from mxisd.stores.command.together import together

Pair = tuple[ThreePid, UserId]

AT_A_STRETCH = 50
"""Lines that are read without a break: up to 50 µs each."""


@implementer(IThreePidLookup)
@frozen
class SingleLookup:
    """Asks for one 3PID after the other, several at the same time."""

    question: Question

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Run the program for each; what it cannot answer spoils the whole."""
        owners = await together([self._owner(each) for each in threepids])
        return {each: o for each, o in zip(threepids, owners, strict=True) if o}

    async def _owner(self, threepid: ThreePid) -> UserId | None:
        """Ask for one spelling after the other, until one is known."""
        for spelling in self.question.users.addresses.spellings(threepid):
            owner = await self._known(threepid.medium, spelling)
            if owner is not None:
                return owner
        return None

    async def _known(self, medium: str, address: str) -> UserId | None:
        answer = await self.question.ask({"medium": medium, "address": address})
        owner = self.question.read(self.question.output.owner, answer.text)
        if owner is None:
            return None
        user_id = self.question.read(lambda _: self.question.users.called(owner), "")
        self.question.command.report_left_out(user_id is None)
        return user_id


@implementer(IThreePidLookup)
@frozen
class BulkLookup:
    """Asks one program for all 3PIDs at once."""

    question: Question

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """
        Write the 3PIDs to the program.

        What it was not asked for is ignored; of two owners the first one counts.
        """
        known = self.question.users.addresses
        spelled = [(t.medium, each) for t in threepids for each in known.spellings(t)]
        asked = [each for each in spelled if _is_sayable(*each)]
        if not asked:
            return {}
        stdin = written(asked, self.question.command.call.input_type)
        answer = await self.question.ask({}, stdin)
        rows = self.question.rows(answer.text)
        read = self.question.users.association
        pairs = await self.question.command.portions.mapped(read, rows)
        self.question.command.report_left_out(pairs.count(None))
        found: dict[ThreePid, UserId] = {}
        for threepid, user_id in filter(None, pairs):
            if threepid in threepids:
                found.setdefault(threepid, user_id)
        return found


def written(asked: Iterable[tuple[str, str]], input_type: str | None) -> bytes:
    """Pairs of medium and address as a program reads them."""
    if input_type == "json":
        items = [{"medium": medium, "address": address} for medium, address in asked]
        return json.dumps({"lookup": items}, ensure_ascii=False).encode()
    return "".join(f"{medium}\t{address}\n" for medium, address in asked).encode()


def _is_sayable(medium: str, address: str) -> bool:
    try:
        return bool(cell(medium) and cell(address))
    except Unsayable:
        return False


@define
class _Listing:
    """Puts what is right, and counts what is not."""

    question: Question
    put: Put
    left_out: int = 0
    count: int = 0
    _waiting: list[Pair] = field(factory=list)

    async def add(self, printed: Row | None) -> None:
        self.count += 1
        if self.count % AT_A_STRETCH == 0:
            await self.question.command.portions.turn()
        pair = self.question.users.association(printed)
        if pair is None:
            self.left_out += 1
            return
        self._waiting.append(pair)
        if len(self._waiting) == BATCH_LIMIT:
            await self.flush()

    async def flush(self) -> None:
        batch, self._waiting = self._waiting, []
        if batch:
            await self.put(batch)


@implementer(IAssociationSource)
@frozen
class ExecListing:
    """
    Lists whom a program lists.

    :ivar stdin: What the program is told, if anything.
    """

    question: Question
    stdin: bytes | None = None

    async def associations(self, put: Put) -> None:
        """Hand over lines as they are printed; a JSON document when it is complete."""
        listing = _Listing(self.question, put)
        if self.question.command.call.output_type is OutputType.PLAIN:
            await self._lines(listing)
        else:
            await self._document(listing)
        await listing.flush()
        self.question.command.report_left_out(listing.left_out)

    async def _lines(self, listing: _Listing) -> None:
        is_blank = True

        async def take(line: str) -> None:
            nonlocal is_blank
            if line.strip():
                is_blank = False
                await listing.add(row(line))

        await self.question.command.each_line(take, self.stdin)
        if is_blank:
            raise self._nothing()

    async def _document(self, listing: _Listing) -> None:
        text = await self.question.command.whole_list(self.stdin)
        if not text.strip():
            raise self._nothing()
        for each in self.question.rows(text):
            await listing.add(each)

    def _nothing(self) -> StoreUnavailable:
        # In a pipe of the shell the exit code is that of the last program only.
        return self.question.command.nonsense("nothing instead of a list")

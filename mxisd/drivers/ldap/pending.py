"""The operations that wait for their answers on one connection."""

from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mxisd.drivers.ldap.decoder import (
    SEARCH_DONE,
    Answer,
    Aside,
    Entry,
    NotLdap,
    Reference,
    Result,
)
from mxisd.drivers.ldap.errors import ConnectionGone, ServerHangs, TimedOut, fresh
from mxisd.errors import StoreUnavailable

SEARCH_LIMIT = 64 * 1024 * 1024
"""The largest answer to one search that is collected, in bytes."""

ENTRY_COST = 500
"""What an entry counts besides its bytes: small ones take more memory than that."""

_LAST_ID = 0x7FFFFFFF


@define(eq=False)
class Operation:
    """
    A question on its way.

    :ivar kind: The tag of the message that ends it.
    :ivar answer: Fires with that message.
    :ivar entries: What a search has found so far.
    """

    kind: int
    answer: "Deferred[Result]"
    bytes_before: int
    limit: IDelayedCall
    entries: list[Entry] = field(factory=list)
    references: list[Sequence[str]] = field(factory=list)
    size: int = 0
    is_abandoned: bool = False


class Pending:
    """
    Knows who waits for what, and how long.

    A server that said nothing at all since a question was asked is given up after
    ``patience``; one that answers others has ``timeout`` for this one.
    """

    def __init__(
        self,
        clock: IReactorTime,
        timeout: float,
        patience: float,
        *,
        abandon: Callable[[int], None],
        fail: Callable[[StoreUnavailable], None],
    ) -> None:
        """
        Begin with nothing.

        :param abandon: Tells the server that an answer is not needed any more.
        :param fail: Ends the connection.
        """
        self._clock = clock
        self._timeout = timeout
        self._patience = patience
        self._send_abandon = abandon
        self._fail = fail
        self._operations: dict[int, Operation] = {}
        self._last_id = 0
        self._received = 0

    def __len__(self) -> int:
        """How many the server is, or may still be, at work on."""
        return len(self._operations)

    def next_id(self) -> int:
        """A message ID that nobody uses."""
        # ldaptor's own counter is shared by the process and never wraps.
        while True:
            self._last_id = self._last_id % _LAST_ID + 1
            if self._last_id not in self._operations:
                return self._last_id

    def add(self, kind: int) -> tuple[int, Operation]:
        """
        Begin to wait.

        :param kind: The tag of the message that will end it.
        :return: The message ID, and the operation.
        """
        message_id = self.next_id()
        rest = self._timeout - self._patience
        operation = Operation(
            kind=kind,
            answer=Deferred(lambda _: self._abandon(message_id)),
            bytes_before=self._received,
            limit=self._clock.callLater(self._patience, self._expire, message_id, rest),
        )
        self._operations[message_id] = operation
        return message_id, operation

    def note_bytes(self, count: int) -> None:
        """The server is alive."""
        self._received += count

    def deliver(self, message_id: int, answer: Answer, size: int) -> None:
        """
        Hand a message to who waits for it.

        :param size: Its size on the wire.
        :raise NotLdap: If nobody can have asked for that.
        """
        operation = self._operations.get(message_id)
        if operation is None or isinstance(answer, Aside):
            return
        if isinstance(answer, Result):
            self._conclude(message_id, operation, answer)
        elif operation.kind != SEARCH_DONE:
            raise NotLdap("entries that nobody asked for")
        elif not operation.is_abandoned:
            self._collect(message_id, operation, answer, size)

    def lose(self, why: StoreUnavailable) -> None:
        """Tell everybody that there will be no answer."""
        operations, self._operations = self._operations, {}
        for operation in operations.values():
            if operation.limit.active():
                operation.limit.cancel()
            if not operation.answer.called:
                operation.answer.errback(fresh(why))

    def _conclude(self, message_id: int, operation: Operation, result: Result) -> None:
        if result.kind != operation.kind:
            raise NotLdap("the answer to another question")
        del self._operations[message_id]
        operation.limit.cancel()
        if not operation.is_abandoned:
            operation.answer.callback(result)

    def _collect(
        self, message_id: int, operation: Operation, found: Entry | Reference, size: int
    ) -> None:
        operation.size += size + ENTRY_COST
        if operation.size > SEARCH_LIMIT:
            self._give_up(message_id, StoreUnavailable("more entries than we can hold"))
        elif isinstance(found, Entry):
            operation.entries.append(found)
        else:
            operation.references.append(found.uris)

    def _abandon(self, message_id: int) -> None:
        """
        Tell the server that nobody waits any more.

        The operation stays known until its time is over: a server that sent nothing at
        all by then is given up. Only a search can be abandoned; anything else ends with
        its connection.
        """
        operation = self._operations.get(message_id)
        if operation is None:
            return
        operation.is_abandoned = True
        operation.entries, operation.references = [], []
        if operation.kind == SEARCH_DONE:
            self._send_abandon(message_id)
        else:
            self._fail(ConnectionGone("a question was given up"))

    def _give_up(self, message_id: int, why: StoreUnavailable) -> None:
        operation = self._operations[message_id]
        self._abandon(message_id)
        operation.answer.errback(why)

    def _expire(self, message_id: int, rest: float) -> None:
        operation = self._operations[message_id]
        if self._received == operation.bytes_before:
            self._fail(ServerHangs(f"no answer within {self._patience:g} s"))
        elif rest > 0:
            operation.limit = self._clock.callLater(rest, self._expire, message_id, 0)
        else:
            if not operation.is_abandoned:
                late = TimedOut(f"no answer within {self._timeout:g} s")
                self._give_up(message_id, late)
            self._operations.pop(message_id, None)

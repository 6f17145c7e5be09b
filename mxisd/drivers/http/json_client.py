"""JSON over HTTP with a server that the operator named: what stores have in common."""

import json
from collections.abc import Awaitable, Iterable, Mapping, Set
from typing import Any, TypeVar

from attrs import define, field, frozen
from treq.client import HTTPClient
from twisted.internet.defer import (
    Deferred,
    FirstError,
    TimeoutError,
    gatherResults,
)
from twisted.web.http_headers import Headers

from mxisd.drivers.http.bounds import BodyCollector, Question
from mxisd.drivers.http.clients import REDIRECTS
from mxisd.drivers.http.failures import LIBRARY_ERRORS, HttpFailed, explained
from mxisd.drivers.turns import Turns
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret

T = TypeVar("T")

LIMIT_BYTES = 4 << 20
SECONDS = 10.0
REQUESTS = 8
"""So many requests of one client are under way at a time; others wait."""

_NOTHING: Mapping[str, str] = {}


@frozen
class JsonReply:
    """
    What a server answered.

    :ivar status: 200 to 299, or one that the caller wanted to see.
    :ivar document: The JSON value; ``None`` if the body is empty, or no JSON beside a
        status that is no success.
    :ivar is_empty: Whether there is no body at all, which ``null`` is not.
    """

    status: int
    document: Any
    is_empty: bool = field(default=False, eq=False)

    @property
    def is_success(self) -> bool:
        """Whether the server did what it was asked."""
        return _is_success(self.status)


@define(eq=False, kw_only=True)
class JsonClient:
    """
    Asks, and reads answers; redirects are not followed.

    :ivar http: A ``treq`` client: that of a store's tools, or one made by
        :func:`mxisd.drivers.http.own_client.own_client`.
    :ivar clock: The reactor.
    :ivar seconds: For one request, without the time that it waits for others.
    :ivar limit_bytes: How long an answer may be.
    :ivar token: Sent as ``Authorization: Bearer …``.
    """

    http: HTTPClient
    clock: Any
    seconds: float = SECONDS
    limit_bytes: int = LIMIT_BYTES
    token: Secret | None = None
    _turns: Turns = field(init=False)

    @_turns.default
    def _few(self) -> Turns:
        return Turns(self.clock, REQUESTS)

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] = _NOTHING,
        headers: Mapping[str, str] = _NOTHING,
        wanted: Set[int] = frozenset(),
    ) -> JsonReply:
        """
        Get a document.

        :param params: Parameters of the query; any text is quoted.
        :param headers: Further ones; an ``Authorization`` replaces the token.
        :param wanted: Statuses besides 2xx that are answers and no failures.
        :raise StoreUnavailable: If there is no usable answer; the text holds neither
            the URL nor what was sent.
        """
        return await self._ask("GET", url, headers, wanted, params=dict(params))

    async def post(
        self,
        url: str,
        document: Any,
        *,
        headers: Mapping[str, str] = _NOTHING,
        wanted: Set[int] = frozenset(),
        is_repeatable: bool = False,
    ) -> JsonReply:
        """
        Post a document; for the rest see :meth:`get`.

        :param document: Anything that JSON can say; members keep their order.
        :param is_repeatable: Whether the server may hear it twice, as a question.
        """
        body = json.dumps(document, separators=(",", ":")).encode("ascii")
        sent = {"Content-Type": "application/json; charset=UTF-8", **headers}
        data = Question(body) if is_repeatable else body
        return await self._ask("POST", url, sent, wanted, data=data)

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        wanted: Set[int],
        **content: Any,
    ) -> JsonReply:
        sent = {"Accept": "application/json", **self._authorization(), **headers}
        async with self._turns.turn():
            asked = Deferred.fromCoroutine(self._sent(method, url, sent, content))
            asked.addTimeout(self.seconds, self.clock)
            try:
                status, body = await asked
            except TimeoutError as error:
                reason = f"no answer within {self.seconds:g} s"
                raise StoreUnavailable(reason) from error
        return _judged(status, body, wanted)

    async def _sent(
        self, method: str, url: str, headers: Mapping[str, str], content: Any
    ) -> tuple[int, bytes]:
        try:
            response = await self.http.request(
                method,
                url,
                headers=Headers({name: [value] for name, value in headers.items()}),
                allow_redirects=False,
                unbuffered=True,
                reactor=self.clock,
                **content,
            )
            collector = _Collector(self.limit_bytes)
            response.deliverBody(collector)
            return response.code, await collector.body
        except HttpFailed as error:
            raise StoreUnavailable(str(error)) from error
        except LIBRARY_ERRORS as error:
            raise _failure(error) from error
        except ValueError:
            # Without the cause: its message is the URL, and a URL may hold a token.
            raise StoreUnavailable("not a legal URL or host name") from None

    def _authorization(self) -> Mapping[str, str]:
        if self.token is None:
            return {}
        return {"Authorization": f"Bearer {self.token.value}"}


async def all_of(questions: Iterable[Awaitable[T]]) -> list[T]:
    """
    Ask everything at once; the first failure is raised, and ends the others.

    :param questions: Coroutines; a :class:`JsonClient` sends only some at a time.
    """
    asked = [Deferred.fromCoroutine(_plain(each)) for each in questions]
    try:
        return await gatherResults(asked, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
        raise
    finally:
        for each in asked:
            each.cancel()


async def _plain(answer: Awaitable[T]) -> T:
    return await answer


class _Collector(BodyCollector):
    """Joins a body that is not too long."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self._left = limit_bytes

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left >= 0:
            super().dataReceived(data)
        elif not self.body.called:
            reason = f"the answer is longer than {self._limit_bytes} bytes"
            self.body.errback(HttpFailed(reason))
            self._hang_up()


def _failure(error: Exception) -> Exception:
    reason = explained(error)
    # A cancelled question stays one.
    return StoreUnavailable(str(reason)) if isinstance(reason, HttpFailed) else reason


def _is_success(status: int) -> bool:
    return 200 <= status <= 299


def _judged(status: int, body: bytes, wanted: Set[int]) -> JsonReply:
    if not _is_success(status) and status not in wanted:
        raise StoreUnavailable(f"the server answered {status}{_hint(status)}")
    if not body.strip():
        return JsonReply(status, None, is_empty=True)
    try:
        return JsonReply(status, json.loads(body.decode("utf-8-sig")))
    except (ValueError, RecursionError):
        if status in wanted:
            return JsonReply(status, None)
        # Without the cause: it quotes the answer.
        raise StoreUnavailable("the answer is no JSON in UTF-8") from None


def _hint(status: int) -> str:
    if status in (401, 403):
        return ": it does not take our token, certificate or address"
    if status in REDIRECTS:
        return ", which is a redirect: configure the address that it leads to"
    return ""

"""One resource for the whole API: finds routes, lets callers in, sends replies."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from mxisd.errors import BodyTooLarge, MethodNotAllowed, UnknownEndpoint
from mxisd.web import messages
from mxisd.web.authorization import Auth, Gate, Origins, token_of
from mxisd.web.decoding import NO_QUERY, parse_query
from mxisd.web.errors import Refusals, refused
from mxisd.web.exchange import Call, Reply
from mxisd.web.matching import Match, Matcher
from mxisd.web.routes import SMALL, Route

Shield = Callable[[Coroutine[Any, Any, Reply]], "Deferred[Reply]"]
"""Runs a coroutine to its end, even if the Deferred is cancelled."""

CORS = (
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Allow-Methods", b"GET, POST, PUT, DELETE, OPTIONS"),
    (
        b"Access-Control-Allow-Headers",
        b"Origin, X-Requested-With, Content-Type, Accept, Authorization",
    ),
)

BODY_TOO_LARGE = refused(BodyTooLarge("The body is too large."))
NO_SUCH_PATH = refused(UnknownEndpoint("There is nothing at this path."))
NO_SUCH_METHOD = refused(MethodNotAllowed("This path does not take that method."))


class Api(Resource):
    """The API; a leaf, since it does its own dispatch."""

    isLeaf = True

    def __init__(
        self,
        routes: Iterable[Route],
        gate: Gate,
        origins: Origins,
        refusals: Refusals,
        shield: Shield,
    ) -> None:
        super().__init__()
        self._matcher = Matcher(routes)
        self._gate = gate
        self._origins = origins
        self._refusals = refusals
        self._shield = shield

    def allowance(self, request: Any, length: int | None) -> tuple[int, Reply]:
        """
        How much of a body to read, and what to say to more; asked before any is read.

        Much is read of those only who are let in.

        :param length: As declared; ``None`` if it is not.
        """
        if length is not None and length <= SMALL:
            return SMALL, BODY_TOO_LARGE
        match = self._matcher.find(request.path)
        route = match.place.routes.get(request.method) if match else None
        if match is None or route is None:
            return SMALL, BODY_TOO_LARGE
        if route.limit_bytes > SMALL:
            try:
                self._admit(request, match, route)
            except Exception:
                reply = self._refusals.reply(Failure(), request.method, request.path)
                return SMALL, reply
        return route.limit_bytes, BODY_TOO_LARGE

    def is_for_pages(self, path: bytes) -> bool:
        """Whether pages of any origin may read in browsers what is answered there."""
        match = self._matcher.find(path)
        return match is None or match.place.is_for_pages

    def render(self, request: Any) -> int:
        """Answer a request, at once or later; always as the specification wants it."""
        match = self._matcher.find(request.path)
        if match is not None and not match.place.is_for_pages:
            request.is_for_pages = False
        route = match.place.routes.get(request.method) if match else None
        if match is None or route is None:
            _send(request, _without_route(request.method, match))
        else:
            self._run(request, match, route)
        return NOT_DONE_YET

    def _run(self, request: Any, match: Match, route: Route) -> None:
        outcome: Reply | Coroutine[Any, Any, Reply]
        try:
            outcome = route.endpoint(self._admit(request, match, route))
        except Exception:
            outcome = self._refusal(Failure(), request, route)
        if isinstance(outcome, Reply):
            _send(request, outcome)
        elif route.writes:
            self._send_later(request, self._shield(outcome), route)
        else:
            self._send_later(request, Deferred.fromCoroutine(outcome), route)

    def _refusal(self, failure: Failure, request: Any, route: Route) -> Reply:
        reply = self._refusals.reply(failure, request.method, request.path)
        error = failure.value
        if route.shows is None or not isinstance(error, Exception):
            return reply
        return route.shows(error, reply, request.requestHeaders)

    def _admit(self, request: Any, match: Match, route: Route) -> Call:
        raw_query = request.uri.partition(b"?")[2]
        query = parse_query(raw_query) if raw_query else NO_QUERY
        origin, headers = self._origins.of(request), request.requestHeaders
        user_id = token = None
        if route.auth is Auth.INBOUND:
            self._gate.admit_inbound(origin, headers)
        elif route.auth is Auth.INTERNAL:
            self._gate.admit_internal(origin, headers, route.template)
        elif route.auth is Auth.OPERATOR:
            shown = token_of(_authorization(request), {})
            self._gate.admit_operator(origin, headers, shown)
        elif route.auth not in (Auth.NONE, Auth.PROOF):
            token = token_of(_authorization(request), query)
            user_id = self._gate.identify(route.auth, token, match.path)
        body = _body(request, route.limit_bytes)
        return Call(match.variables, query, body, origin, user_id, token, headers)

    def _send_later(
        self, request: Any, answer: "Deferred[Reply]", route: Route
    ) -> None:
        finished = request.notifyFinish()

        def send(reply: Reply) -> None:
            if not finished.called:
                _send(request, reply)

        # A client that hangs up makes it fail.
        finished.addErrback(lambda _: answer.cancel())
        answer.addErrback(self._refusal, request, route)
        answer.addCallback(send)


def _without_route(method: bytes, match: Match | None) -> Reply:
    if method == b"OPTIONS":
        return messages.EMPTY
    if match is None:
        return NO_SUCH_PATH
    return evolve(NO_SUCH_METHOD, headers=((b"Allow", match.place.allowed),))


def _authorization(request: Any) -> Sequence[bytes]:
    values: Sequence[bytes] = request.requestHeaders.getRawHeaders(b"Authorization", ())
    return values


def _body(request: Any, limit_bytes: int) -> bytes:
    body: bytes = request.content.read(limit_bytes + 1)
    if len(body) > limit_bytes:
        raise BodyTooLarge(f"The body may hold {limit_bytes} bytes.")
    return body


def _send(request: Any, reply: Reply) -> None:
    headers = request.responseHeaders
    is_for_pages = getattr(request, "is_for_pages", True)
    if is_for_pages and not getattr(request, "has_standing_headers", False):
        for name, value in CORS:
            headers.setRawHeaders(name, [value])
    headers.setRawHeaders(b"Content-Type", [reply.content_type])
    headers.setRawHeaders(b"Content-Length", [b"%d" % len(reply.body)])
    for name, value in reply.headers:
        headers.setRawHeaders(name, [value])
    request.setResponseCode(reply.status)
    request.write(reply.body)
    request.finish()

"""Who is let in: account tokens, terms of service, network addresses."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import chain

from attrs import frozen
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest

from mxisd.errors import Forbidden, Unauthorized
from mxisd.features.accounts import Accounts
from mxisd.features.terms import Terms
from mxisd.model.identifiers import UserId
from mxisd.model.requesters import (
    NOT_FORWARDED,
    Forwarding,
    Network,
    Origin,
    contains,
    origin_of,
)
from mxisd.model.secret import Secret
from mxisd.web import messages
from mxisd.web.browsers import Browsers
from mxisd.web.operators import Operators
from mxisd.web.rare_warnings import RareWarnings

CACHED_ORIGINS = 1024
CACHED_HEADER_LENGTH = 200

MARKS = (b"X-Forwarded-Host", b"X-Forwarded-Proto", b"Via")
"""Headers of proxies that do not tell who the client is."""

NAMING = (b"X-Forwarded-For", b"X-Real-IP", b"Forwarded")
"""Those that do."""

FORWARDING = (*NAMING, *MARKS)

REFUSED = (
    "{template} is refused to {address}, which is none of server.internalNetworks: "
    "if your homeserver is there, add it"
)
UNTRUSTED = (
    "{address} forwards requests and is none of server.trustedProxies: if it is your "
    "reverse proxy, add it; so far its clients share one limit, and none is near"
)
NAMELESS = (
    "the proxy at {address} sends no X-Forwarded-For: none of its clients is near, and "
    "they may share one limit"
)


class Auth(Enum):
    """What a route asks of its callers."""

    NONE = "anybody"
    INBOUND = "a network that may use the v1 lookups"
    INTERNAL = "a network of ours, such as the homeserver's"
    ACCOUNT = "an account token, and the terms accepted"
    ACCOUNT_WITHOUT_TERMS = "an account token"
    OPERATOR = "the operator's token, from a network of the operator"
    PROOF = "whatever proves a right; its endpoint judges"


def token_of(authorization: Sequence[bytes], query: Mapping[str, str]) -> Secret | None:
    """
    Find the account token of a request.

    :param authorization: The values of the header; it goes before the query string,
        which homeservers still use though the specification has dropped it.
    """
    for value in authorization:
        scheme, _, token = value.strip().partition(b" ")
        if scheme.lower() == b"bearer":
            return Secret(token.strip().decode("latin-1"))
    text = messages.access_token(query)
    return None if text is None else Secret(text)


@frozen
class Neighbourhood:
    """
    Who is let in by the network address; pages in browsers never are.

    :ivar inbound: Who may use the v1 lookups.
    :ivar internal: Who may use the rest of v1 that has no other lock.
    """

    inbound: Sequence[Network]
    internal: Sequence[Network]
    browsers: Browsers
    warnings: RareWarnings


class Gate:
    """Applies a route's policy: first the token, then the terms."""

    def __init__(
        self,
        accounts: Accounts,
        terms: Terms,
        near: Neighbourhood,
        operators: Operators | None = None,
    ) -> None:
        """
        Let in.

        :param operators: ``None``: there is no such route.
        """
        self._accounts = accounts
        self._terms = terms
        self._near = near
        self._operators = operators

    def identify(self, auth: Auth, token: Secret | None, path: str) -> UserId:
        """
        Tell who the owner of a token is.

        :param path: The path asked for, since policies may cover only some.
        :raise Unauthorized: If there is no token, or it is nobody's.
        :raise TermsNotSigned: If terms are outstanding where the route minds.
        """
        if not token:
            raise Unauthorized("An access token is needed.")
        user_id = self._accounts.authenticate(token)
        if auth is Auth.ACCOUNT:
            self._terms.require(user_id, path)
        return user_id

    def admit_inbound(self, origin: Origin, headers: Headers) -> None:
        """
        Let requests of servers pass that may use the v1 lookups.

        :raise Forbidden: For all others.
        """
        self._near.browsers.refuse_foreign(headers)
        if not origin.is_within(self._near.inbound):
            raise Forbidden("Lookups are not answered for your network.")

    def admit_internal(self, origin: Origin, headers: Headers, template: str) -> None:
        """
        Let requests of our own homeservers pass.

        :param template: Of the path asked for; the log names it.
        :raise Forbidden: For all others.
        """
        self._near.browsers.refuse_foreign(headers)
        if origin.is_within(self._near.internal):
            return
        if origin.address is not None and not origin.is_claimed:
            self._near.warnings.warn(REFUSED, str(origin.address), template=template)
        raise Forbidden(
            "This is for homeservers in the operator's networks "
            "(server.internalNetworks); others use v2."
        )

    def admit_operator(
        self, origin: Origin, headers: Headers, token: Secret | None
    ) -> None:
        """
        Let operators pass.

        :param token: From the header; a query string is written to too many logs.
        :raise Forbidden: If the request comes from elsewhere, whatever its token.
        :raise LimitExceeded: If too many wrong tokens came from that network.
        :raise Unauthorized: If the token is missing or wrong.
        """
        self._near.browsers.refuse_foreign(headers)
        if self._operators is None:
            raise Forbidden("Operators are not served here.")
        self._operators.admit(origin, token)


RawHeaders = tuple[tuple[bytes, ...], ...]
"""The values of the headers that name clients, in the order of NAMING."""


class Origins:
    """Tells where requests come from."""

    def __init__(
        self, trusted_proxies: Sequence[Network], warnings: RareWarnings
    ) -> None:
        proxies = tuple(trusted_proxies)

        def find(peer: str, naming: RawHeaders, is_marked: bool) -> Origin:
            return origin_of(peer, _forwarding(naming, is_marked), proxies)

        self._proxies = proxies
        self._find = find
        self._find_cached = lru_cache(CACHED_ORIGINS)(find)
        self._warnings = warnings

    def of(self, request: IRequest) -> Origin:
        """The origin of a request, as far as it can be believed."""
        # A unix socket's address has no host.
        peer = getattr(request.getClientAddress(), "host", "")
        headers = request.requestHeaders
        if not any(map(headers.hasHeader, FORWARDING)):
            return self._find_cached(peer, (), False)
        naming = tuple(tuple(headers.getRawHeaders(name, ())) for name in NAMING)
        is_marked = any(map(headers.hasHeader, MARKS))
        is_short = sum(map(len, chain(*naming))) <= CACHED_HEADER_LENGTH
        find = self._find_cached if is_short else self._find
        origin = find(peer, naming, is_marked)
        if origin.is_claimed:
            self._warn(peer, naming, origin)
        return origin

    def _warn(self, peer: str, naming: RawHeaders, origin: Origin) -> None:
        nearest = self._find_cached(peer, (), False).address
        if nearest is None or not contains(self._proxies, nearest):
            self._warnings.warn(UNTRUSTED, peer)
        elif not naming[0]:
            self._warnings.warn(NAMELESS, peer)
        elif origin.address is not None and not origin.address.is_global:
            # Strangers may write the header, too; their addresses are public.
            self._warnings.warn(UNTRUSTED, str(origin.address))


def _forwarding(naming: RawHeaders, is_marked: bool) -> Forwarding:
    if not naming:
        return NOT_FORWARDED
    forwarded_for, real_ip, forwarded = (
        tuple(value.decode("latin-1") for value in values) for values in naming
    )
    return Forwarding(forwarded_for, real_ip, forwarded, is_marked)

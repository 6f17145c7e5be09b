"""The HTTP server: connections, their limits, and the API behind them."""

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.http import RESPONSES, datetimeToString
from twisted.web.server import Site

from mxisd.features.accounts import Accounts
from mxisd.features.associations import Binding, Unbinding
from mxisd.features.health import Health
from mxisd.features.invitations import Invitations
from mxisd.features.invite_links import InviteLinks
from mxisd.features.lookup import Lookup
from mxisd.features.signing_invites import InviteSigning
from mxisd.features.terms import Terms
from mxisd.features.validation import Validation
from mxisd.model.requesters import Network
from mxisd.ports import IKeyRing, IRandom
from mxisd.web.access_log import AccessLog
from mxisd.web.admin import AdminEndpoints, Administration
from mxisd.web.associations import AssociationEndpoints
from mxisd.web.authorization import Gate, Neighbourhood, Origins
from mxisd.web.browsers import Browsers
from mxisd.web.channel import LimitedChannel
from mxisd.web.connections import MAX_CONNECTIONS, ConnectionLimits, Connections
from mxisd.web.errors import Refusals
from mxisd.web.exchange import Reply
from mxisd.web.identity import AccountEndpoints, KeyEndpoints, LookupEndpoints
from mxisd.web.invitations import InvitationEndpoints
from mxisd.web.invite_links import InviteLinkEndpoints
from mxisd.web.operations import NAME, OperationsEndpoints
from mxisd.web.operators import Operators
from mxisd.web.pages import OwnPages, Pages
from mxisd.web.rare_warnings import RareWarnings
from mxisd.web.request import LimitedRequest
from mxisd.web.resource import CORS, Api, Shield
from mxisd.web.routes import V1, V2, Doors, Endpoints, routes
from mxisd.web.validation import ValidationEndpoints

TICK_SECONDS = 1.0

log = Logger()


class IdentitySite(Site):
    """
    Serves the API, on any number of ports.

    :ivar connections: The open connections.
    """

    protocol = LimitedChannel  # type: ignore[assignment]
    requestFactory = LimitedRequest  # type: ignore[assignment]
    resource: Api
    noisy = False

    def __init__(
        self, api: Api, access_log: AccessLog, limits: ConnectionLimits, reactor: Any
    ) -> None:
        # The connections keep time themselves, hence no time-out here.
        super().__init__(api, reactor=reactor, timeout=None)
        self.connections = Connections(limits, reactor)
        self._date(self.reactor.seconds())
        self._access_log = access_log
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor

    def startFactory(self) -> None:
        """Keep the time."""
        self._ticking.start(TICK_SECONDS)

    def stopFactory(self) -> None:
        """Stop, and write what the access log still holds."""
        self._ticking.stop()
        self._access_log.flush()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Take a connection, unless there are too many already."""
        if not self.connections.make_room(addr):
            return None
        return super().buildProtocol(addr)

    def acceptableProtocols(self) -> list[bytes]:
        """Offer HTTP/1.1 only: HTTP/2 would come without our limits."""
        return [b"http/1.1"]

    def log(self, request: Any) -> None:
        """Note an answered request."""
        self._access_log.record(
            request.method,
            request.path,
            request.code,
            request.sentLength,
            request.started,
        )

    def log_refusal(self, method: bytes, path: bytes, reply: Reply) -> None:
        """Note a request that was answered before it was there as a whole."""
        now, length = self.reactor.seconds(), len(reply.body)
        self._access_log.record(method, path, reply.status, length, now)

    def standing_headers(self, is_for_pages: bool) -> bytes:
        """
        The headers of every reply, as they go over the wire.

        Their date is at most a second old.

        :param is_for_pages: Whether pages of any origin may read the reply (CORS).
        """
        return self._with_cors if is_for_pages else self._without_cors

    def plain(self, reply: Reply, method: bytes, path: bytes) -> bytes:
        """A reply as it goes over the wire, where no request came together."""
        headers = [
            (b"Content-Type", reply.content_type),
            (b"Content-Length", b"%d" % len(reply.body)),
            (b"Connection", b"close"),
            *reply.headers,
        ]
        first = b"HTTP/1.1 %d %s" % (reply.status, RESPONSES.get(reply.status, b""))
        standing = self.standing_headers(self.resource.is_for_pages(path))
        lines = [first, standing, *(b"%s: %s" % each for each in headers)]
        body = b"" if method == b"HEAD" else reply.body
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _tick(self) -> None:
        now = self.reactor.seconds()
        self._date(now)
        for channel in [c for c in self.connections if c.due <= now]:
            try:
                channel.overdue()
            except Exception:
                log.failure("a connection could not be closed")
        self._access_log.flush()

    def _date(self, now: float) -> None:
        own = ((b"Server", NAME.encode()), (b"Date", datetimeToString(now)))
        self._with_cors, self._without_cors = _lines(*own, *CORS), _lines(*own)


def _lines(*headers: tuple[bytes, bytes]) -> bytes:
    return b"\r\n".join(b"%s: %s" % header for header in headers)


@frozen(kw_only=True, eq=False)
class Features:
    """What the API offers."""

    accounts: Accounts
    terms: Terms
    lookup: Lookup
    validation: Validation
    binding: Binding
    unbinding: Unbinding
    invitations: Invitations
    invite_signing: InviteSigning
    invite_links: InviteLinks
    health: Health
    key_ring: IKeyRing
    administration: Administration


@frozen(kw_only=True)
class WebSettings:
    """
    What operators decide about the API.

    :ivar doors: Which parts of the API are served.
    :ivar operators: Who may use the admin API, if that is served.
    :ivar inbound_networks: Who may use the v1 lookups.
    :ivar internal_networks: Who may bind, invite and have messages sent in v1, and see
        the names of stores.
    :ivar access_log: A file, ``-`` for the standard output, empty for none.
    :ivar public_url: Where clients find us, without a slash at its end.
    :ivar service_name: What people know us as.
    :ivar asks_first: Whether who opens a link has to press a button.
    :ivar max_connections: How many connections leave enough for ourselves.
    """

    doors: Doors
    trusted_proxies: Sequence[Network]
    inbound_networks: Sequence[Network]
    internal_networks: Sequence[Network]
    access_log: str
    public_url: str
    service_name: str
    asks_first: bool = False
    max_connections: int = MAX_CONNECTIONS
    pages: OwnPages = field(factory=OwnPages)
    operators: Operators | None = None


def build_site(
    settings: WebSettings,
    features: Features,
    shield: Shield,
    random: IRandom,
    reactor: Any,
) -> IdentitySite:
    """
    Build the server; it is a factory to listen with.

    :param shield: Runs what writes to its end, whoever hangs up
        (:meth:`mxisd.background.BackgroundTasks.shield`).
    """
    return IdentitySite(
        build_api(settings, features, shield, random, reactor),
        AccessLog(settings.access_log, reactor),
        ConnectionLimits(settings.max_connections, settings.trusted_proxies),
        reactor,
    )


def build_api(
    settings: WebSettings,
    features: Features,
    shield: Shield,
    random: IRandom,
    clock: IReactorTime,
) -> Api:
    """Build the API alone, to be tested without a server; parameters as above."""
    near = _neighbourhood(settings, clock)
    endpoints = Endpoints(
        AccountEndpoints(features.accounts, features.terms),
        KeyEndpoints(features.key_ring),
        LookupEndpoints(features.lookup),
        _validation(settings, features.validation, V2, takes_query=False),
        _validation(settings, features.validation, V1, takes_query=True),
        _associations(features, V2, features.accounts),
        _associations(features, V1, None),
        _invitations(settings, features, V2, takes_query=False),
        _invitations(settings, features, V1, takes_query=True),
        InviteLinkEndpoints(features.invite_links, _pages(settings)),
        OperationsEndpoints(features.health, near.internal, near.browsers, clock),
        AdminEndpoints(features.administration, clock),
    )
    return Api(
        routes(endpoints, settings.doors),
        Gate(features.accounts, features.terms, near, settings.operators),
        Origins(settings.trusted_proxies, RareWarnings(clock)),
        Refusals(random),
        shield,
    )


def _neighbourhood(settings: WebSettings, clock: IReactorTime) -> Neighbourhood:
    return Neighbourhood(
        inbound=settings.inbound_networks,
        internal=settings.internal_networks,
        browsers=Browsers(settings.public_url),
        warnings=RareWarnings(clock),
    )


def _pages(settings: WebSettings) -> Pages:
    return Pages(settings.pages, settings.service_name)


def _validation(
    settings: WebSettings, validation: Validation, base: str, *, takes_query: bool
) -> ValidationEndpoints:
    return ValidationEndpoints(
        validation=validation,
        pages=_pages(settings),
        base_url=f"{settings.public_url}{base}",
        takes_query=takes_query,
        asks_first=settings.asks_first,
    )


def _associations(
    features: Features, base: str, accounts: Accounts | None
) -> AssociationEndpoints:
    return AssociationEndpoints(
        binding=features.binding,
        unbinding=features.unbinding,
        base=base,
        accounts=accounts,
    )


def _invitations(
    settings: WebSettings, features: Features, base: str, *, takes_query: bool
) -> InvitationEndpoints:
    return InvitationEndpoints(
        invitations=features.invitations,
        signing=features.invite_signing,
        key_ring=features.key_ring,
        base_url=f"{settings.public_url}{base}",
        takes_query=takes_query,
    )

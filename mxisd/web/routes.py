"""
The whole HTTP API: method, path, who may call it, how large its body may be, endpoint.

What only reads is cancelled when the client hangs up; what writes runs to its end.
"""

from collections.abc import Callable, Sequence

from attrs import evolve, frozen
from twisted.web.http_headers import Headers

from mxisd.web import messages
from mxisd.web.admin import AdminEndpoints
from mxisd.web.associations import UNBIND, AssociationEndpoints
from mxisd.web.authorization import Auth
from mxisd.web.exchange import Call, Endpoint, Reply
from mxisd.web.identity import AccountEndpoints, KeyEndpoints, LookupEndpoints
from mxisd.web.invitations import InvitationEndpoints
from mxisd.web.invite_links import InviteLinkEndpoints
from mxisd.web.languages import languages_of
from mxisd.web.operations import OperationsEndpoints
from mxisd.web.validation import CONFIRM, ValidationEndpoints

BASE = "/_matrix/identity"
V1 = f"{BASE}/api/v1"
V2 = f"{BASE}/v2"
INVITE = f"{BASE}/i"
"""The links in messages about invites: short, and where proxies look for us."""

ADMIN = "/_mxisd/admin/v1"
MA1SD_INTERNAL = "/_ma1sd/internal/admin"

OPEN_TO_ADDRESSES = (Auth.INBOUND, Auth.INTERNAL, Auth.OPERATOR)

SMALL = 64 * 1024
LARGE = 1024 * 1024  # ten thousand addresses, in the clear


Page = Callable[[Sequence[str], int, Exception], Reply]
"""Takes the languages that somebody reads, the status, and the failure."""

Shows = Callable[[Exception, Reply, Headers], Reply]
"""Takes a failure, the reply that a client would get, and the request's headers."""


@frozen(eq=False)
class Route:
    """
    A method on a path.

    :ivar template: The path; a segment in braces is a variable.
    :ivar limit_bytes: The largest body that is read.
    :ivar writes: Whether it must not be cancelled half-way.
    :ivar shows: Makes something for people of the reply to a failure.
    """

    method: str
    template: str
    auth: Auth
    limit_bytes: int
    endpoint: Endpoint
    writes: bool
    shows: Shows | None = None

    @property
    def is_for_pages(self) -> bool:
        """
        Whether pages of any origin may call it from a browser (CORS).

        A browser inside the network would open for them what opens for an address.
        """
        is_matrix = self.template.startswith(BASE)
        return is_matrix and self.auth not in OPEN_TO_ADDRESSES


def read(
    method: str, template: str, auth: Auth, limit_bytes: int, endpoint: Endpoint
) -> Route:
    """A route that changes nothing."""
    return Route(method, template, auth, limit_bytes, endpoint, writes=False)


def write(
    method: str, template: str, auth: Auth, limit_bytes: int, endpoint: Endpoint
) -> Route:
    """A route that changes something."""
    return Route(method, template, auth, limit_bytes, endpoint, writes=True)


def for_people(route: Route, page: Page) -> Route:
    """The same for somebody at a browser, to whom JSON says nothing."""

    def shows(error: Exception, reply: Reply, headers: Headers) -> Reply:
        shown = page(languages_of(headers), reply.status, error)
        return evolve(shown, headers=(*shown.headers, *reply.headers))

    return evolve(route, shows=shows)


@frozen(eq=False)
class Endpoints:
    """
    Everything that routes lead to.

    :ivar v1_validation: Sessions in v1.
    :ivar v1_associations: Bindings in v1.
    :ivar v1_invitations: Invites in v1.
    """

    accounts: AccountEndpoints
    keys: KeyEndpoints
    lookups: LookupEndpoints
    validation: ValidationEndpoints
    v1_validation: ValidationEndpoints
    associations: AssociationEndpoints
    v1_associations: AssociationEndpoints
    invitations: InvitationEndpoints
    v1_invitations: InvitationEndpoints
    invite_links: InviteLinkEndpoints
    operations: OperationsEndpoints
    admin: AdminEndpoints


@frozen(kw_only=True)
class Doors:
    """
    Which parts of the API are open.

    :ivar v1: Whether v1 lookups, bindings and invites are served. v1 key validity
        always is, since its URLs stand for ever in rooms and mails; so is signing; and
        so is validation, since homeservers use no other.
    :ivar v2: Whether the v2 API is served. Links of invites are, in any case.
    :ivar admin: Whether operators are served.
    :ivar ma1sd_internal: Whether they are served as by ma1sd, too.
    """

    v1: bool
    v2: bool
    admin: bool = False
    ma1sd_internal: bool = False


def routes(to: Endpoints, open_: Doors) -> Sequence[Route]:
    """All routes that are open."""
    return [
        *_service(to, messages.versions(open_.v1, open_.v2)),
        *_invite_links(to.invite_links),
        *(_v2(to) if open_.v2 else ()),
        *(_v1_for_near(to) if open_.v1 else ()),
        *(_associations(V1, to.v1_associations, Auth.INTERNAL) if open_.v1 else ()),
        *_keys(V1, to.keys, to.v1_invitations),
        *_validation(V1, to.v1_validation, Auth.NONE, sending=Auth.INTERNAL),
        _sign(V1, to.v1_invitations, Auth.NONE),
        *(_admin(to.admin) if open_.admin else ()),
        *(_ma1sd_internal(to.admin) if open_.ma1sd_internal else ()),
    ]


def _service(to: Endpoints, versions: Reply) -> Sequence[Route]:
    return [
        read("GET", "/status", Auth.NONE, SMALL, to.operations.status),
        read("GET", "/version", Auth.NONE, SMALL, to.operations.version),
        read("GET", f"{BASE}/versions", Auth.NONE, SMALL, lambda _call: versions),
    ]


def _invite_links(to: InviteLinkEndpoints) -> Sequence[Route]:
    # Their codes are secrets. They stand in the query string, which no log has.
    return [
        for_people(route, to.pages.uninvited)
        for route in (
            read("HEAD", INVITE, Auth.NONE, SMALL, to.look),
            read("GET", INVITE, Auth.NONE, SMALL, to.open_link),
        )
    ]


def _v2(to: Endpoints) -> Sequence[Route]:
    accounts, lookups = to.accounts, to.lookups
    account, no_terms = Auth.ACCOUNT, Auth.ACCOUNT_WITHOUT_TERMS
    return [
        read("GET", V2, Auth.NONE, SMALL, _nothing),
        read("GET", f"{V2}/", Auth.NONE, SMALL, _nothing),
        write("POST", f"{V2}/account/register", Auth.NONE, SMALL, accounts.register),
        read("GET", f"{V2}/account", account, SMALL, accounts.account),
        write("POST", f"{V2}/account/logout", no_terms, SMALL, accounts.logout),
        read("GET", f"{V2}/terms", Auth.NONE, SMALL, accounts.policies),
        write("POST", f"{V2}/terms", no_terms, SMALL, accounts.accept),
        *_keys(V2, to.keys, to.invitations),
        read("GET", f"{V2}/hash_details", account, SMALL, lookups.hash_details),
        read("POST", f"{V2}/lookup", account, LARGE, lookups.search),
        *_validation(V2, to.validation, account, sending=account),
        *_associations(V2, to.associations, account),
        write("POST", f"{V2}/store-invite", account, SMALL, to.invitations.store),
        _sign(V2, to.invitations, account),
    ]


def _v1_for_near(to: Endpoints) -> Sequence[Route]:
    lookups, invitations = to.lookups, to.v1_invitations
    return [
        read("GET", V1, Auth.NONE, SMALL, _nothing),
        read("GET", f"{V1}/", Auth.NONE, SMALL, _nothing),
        read("GET", f"{V1}/lookup", Auth.INBOUND, SMALL, lookups.search_one),
        read("POST", f"{V1}/bulk_lookup", Auth.INBOUND, LARGE, lookups.search_many),
        # Without login, it would send anybody's messages to anybody.
        write("POST", f"{V1}/store-invite", Auth.INTERNAL, SMALL, invitations.store),
    ]


def _keys(
    base: str, keys: KeyEndpoints, invitations: InvitationEndpoints
) -> Sequence[Route]:
    ephemeral = f"{base}/pubkey/ephemeral/isvalid"
    return [
        read("GET", f"{base}/pubkey/isvalid", Auth.NONE, SMALL, keys.is_valid),
        read("GET", ephemeral, Auth.NONE, SMALL, invitations.is_key_valid),
        read("GET", f"{base}/pubkey/{{keyId}}", Auth.NONE, SMALL, keys.key),
    ]


def _validation(
    base: str, to: ValidationEndpoints, auth: Auth, *, sending: Auth
) -> Sequence[Route]:
    # What sends messages costs money; the rest needs the secrets of a session. Browsers
    # that open a link have no token. Who asks for the head alone, as link checkers do,
    # proves nothing.
    place = f"{base}/validate/{{medium}}"
    submit, confirm = f"{place}/submitToken", f"{place}/{CONFIRM}"
    validated = f"{base}/3pid/getValidated3pid"
    return [
        write("POST", f"{place}/requestToken", sending, SMALL, to.request_token),
        write("POST", submit, auth, SMALL, to.submit_token),
        *(
            for_people(route, to.pages.failure)
            for route in (
                read("HEAD", submit, Auth.NONE, SMALL, to.look),
                write("GET", submit, Auth.NONE, SMALL, to.open_link),
                write("POST", confirm, Auth.NONE, SMALL, to.confirm),
            )
        ),
        read("GET", validated, auth, SMALL, to.validated),
    ]


def _associations(base: str, to: AssociationEndpoints, auth: Auth) -> Sequence[Route]:
    return [
        write("POST", f"{base}/3pid/bind", auth, SMALL, to.bind),
        write("POST", f"{base}/{UNBIND}", Auth.PROOF, SMALL, to.unbind),
    ]


def _sign(base: str, to: InvitationEndpoints, auth: Auth) -> Route:
    return read("POST", f"{base}/sign-ed25519", auth, SMALL, to.sign)


def _admin(to: AdminEndpoints) -> Sequence[Route]:
    operator = Auth.OPERATOR
    invite, session = f"{ADMIN}/invites/{{token}}", f"{ADMIN}/sessions/{{sid}}"
    delivery = f"{ADMIN}/deliveries/{{token}}"
    return [
        read("GET", f"{ADMIN}/status", operator, SMALL, to.status),
        read("GET", f"{ADMIN}/bindings", operator, SMALL, to.bindings),
        write("POST", f"{ADMIN}/bindings", operator, SMALL, to.bind),
        write("POST", f"{ADMIN}/bindings/remove", operator, SMALL, to.unbind),
        read("GET", f"{ADMIN}/invites", operator, SMALL, to.invites),
        write("POST", f"{ADMIN}/invites/resolve", operator, SMALL, to.resolve),
        read("GET", invite, operator, SMALL, to.invite),
        write("POST", f"{invite}/resend", operator, SMALL, to.resend),
        write("POST", f"{invite}/revoke", operator, SMALL, to.revoke),
        read("GET", f"{ADMIN}/deliveries", operator, SMALL, to.deliveries),
        read("GET", delivery, operator, SMALL, to.invite),
        write("POST", f"{delivery}/resend", operator, SMALL, to.resend_delivery),
        write("POST", f"{delivery}/revoke", operator, SMALL, to.revoke_delivery),
        read("GET", f"{ADMIN}/sessions", operator, SMALL, to.sessions),
        read("GET", session, operator, SMALL, to.session),
        write("POST", f"{session}/close", operator, SMALL, to.close_session),
        read("GET", f"{ADMIN}/hashes", operator, SMALL, to.hashes),
        write("POST", f"{ADMIN}/hashes/rebuild", operator, SMALL, to.rebuild),
    ]


def _ma1sd_internal(to: AdminEndpoints) -> Sequence[Route]:
    place = f"{MA1SD_INTERNAL}/inv_manager"
    return [write("GET", place, Auth.OPERATOR, SMALL, to.resolve)]


def _nothing(_call: Call) -> Reply:
    return messages.EMPTY

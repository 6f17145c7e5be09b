"""The endpoints of operators, behind a token of their own; see ``docs/admin.rst``."""

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from mxisd import __version__
from mxisd.features.admin.bindings import BindingAdmin
from mxisd.features.admin.hashes import HashAdmin
from mxisd.features.admin.invites import InviteAdmin
from mxisd.features.admin.sessions import SessionAdmin
from mxisd.features.health import Health
from mxisd.model.overviews import DeliveryState, InviteState
from mxisd.web import admin_words as words
from mxisd.web.exchange import Call, Reply
from mxisd.web.messages import EMPTY


@frozen(kw_only=True, eq=False)
class Administration:
    """What operators may do."""

    bindings: BindingAdmin
    invites: InviteAdmin
    sessions: SessionAdmin
    hashes: HashAdmin
    health: Health


class AdminEndpoints:
    """Everything that operators see and change by hand."""

    def __init__(self, features: Administration, clock: IReactorTime) -> None:
        self._bindings = features.bindings
        self._invites = features.invites
        self._sessions = features.sessions
        self._hashes = features.hashes
        self._health = features.health
        self._clock = clock

    async def status(self, call: Call) -> Reply:
        """Tell how the server, its stores and its index are."""
        report = await self._health.report()
        return words.status(report, __version__, self._hashes.known_status())

    # --- Bindings ---------------------------------------------------------------------

    async def bindings(self, call: Call) -> Reply:
        """List bindings."""
        return words.bindings(await self._bindings.page(words.wanted(call.query)))

    async def bind(self, call: Call) -> Reply:
        """Add one."""
        threepid, user_id = words.owned_binding(call.body)
        return words.one_binding(await self._bindings.add(threepid, user_id))

    async def unbind(self, call: Call) -> Reply:
        """Remove one."""
        asked = words.binding(call.body)
        owner = await self._bindings.remove(asked.threepid, asked.user_id)
        return words.removed(owner)

    # --- Invites ----------------------------------------------------------------------

    async def invites(self, call: Call) -> Reply:
        """List invites."""
        wanted = words.wanted(call.query, InviteState)
        return words.invites(await self._invites.invites(wanted))

    def invite(self, call: Call) -> Reply:
        """Show an invite, and what became of its message and its delivery."""
        return words.one_invite(self._invites.show(call.variables["token"]))

    async def resend(self, call: Call) -> Reply:
        """Tell whoever is to be told of an invite once more."""
        return words.one_invite(await self._invites.resend(call.variables["token"]))

    async def revoke(self, call: Call) -> Reply:
        """End an invite."""
        return words.one_invite(await self._invites.revoke(call.variables["token"]))

    async def resolve(self, call: Call) -> Reply:
        """Look up now whose the addresses of pending invites are."""
        await self._invites.resolve()
        return EMPTY

    async def deliveries(self, call: Call) -> Reply:
        """List deliveries."""
        wanted = words.wanted(call.query, DeliveryState)
        return words.deliveries(await self._invites.deliveries(wanted))

    async def resend_delivery(self, call: Call) -> Reply:
        """Tell a homeserver again."""
        token = call.variables["token"]
        return words.one_invite(await self._invites.resend_delivery(token))

    async def revoke_delivery(self, call: Call) -> Reply:
        """Tell a homeserver no more."""
        token = call.variables["token"]
        return words.one_invite(await self._invites.revoke_delivery(token))

    # --- Sessions ---------------------------------------------------------------------

    async def sessions(self, call: Call) -> Reply:
        """List sessions."""
        wanted = words.wanted(call.query, have_users=False)
        return words.sessions(await self._sessions.page(wanted), self._now_ms())

    def session(self, call: Call) -> Reply:
        """Show a session."""
        session = self._sessions.show(call.variables["sid"])
        return words.one_session(session, self._now_ms())

    async def close_session(self, call: Call) -> Reply:
        """Close a session."""
        await self._sessions.close(call.variables["sid"])
        return EMPTY

    # --- Hashes -----------------------------------------------------------------------

    def hashes(self, call: Call) -> Reply:
        """Tell how the hash index is."""
        return words.hashes(self._hashes.status())

    def rebuild(self, call: Call) -> Reply:
        """Begin to rebuild the hash index."""
        return words.rebuilding(self._hashes.rebuild())

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)

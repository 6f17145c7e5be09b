"""What operators may do."""

from mxisd.assembly.base import Base
from mxisd.assembly.invitations import expired_to
from mxisd.features.admin.bindings import BindingAdmin
from mxisd.features.admin.hashes import HashAdmin
from mxisd.features.admin.invites import InviteAdmin
from mxisd.features.admin.sessions import SessionAdmin
from mxisd.features.hash_index import HashIndex, NoHashes
from mxisd.features.health import Health
from mxisd.features.invitations import Invitations
from mxisd.records.bindings import BindingRecords
from mxisd.records.interventions import Interventions
from mxisd.records.overviews import Overviews
from mxisd.records.sessions import SessionRecords
from mxisd.web.admin import Administration


def make_administration(
    base: Base, invitations: Invitations, hashes: HashIndex | NoHashes, health: Health
) -> Administration:
    """Make what is behind the admin API."""
    overviews, interventions = Overviews(base.database), Interventions(base.database)
    return Administration(
        bindings=BindingAdmin(
            base.config.bindings.enabled,
            overviews,
            BindingRecords(base.database),
            invitations.on_threepid_known,
            base.reactor,
        ),
        invites=InviteAdmin(
            expired_to(base.config.invite),
            overviews,
            interventions,
            invitations,
            base.reactor,
        ),
        sessions=SessionAdmin(overviews, interventions, SessionRecords(base.database)),
        hashes=HashAdmin(
            hashes if isinstance(hashes, HashIndex) else None, base.background.spawn
        ),
        health=health,
    )

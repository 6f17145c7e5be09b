"""Names of rooms."""

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IRoomNames
from mxisd.stores.sql.queries import Query
from mxisd.stores.sql.values import text


@implementer(IRoomNames)
@frozen
class SynapseRoomNames:
    """Asks for what Synapse knows of a room at present."""

    query: Query

    async def room_name(self, room_id: str) -> str | None:
        """The name; ``None`` where there is none."""
        rows = await self.query.rows([room_id], 1)
        return (text(rows[0][0]) or None) if rows else None

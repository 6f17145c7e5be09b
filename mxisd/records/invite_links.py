"""The links in messages about invites."""

from zope.interface import implementer

from mxisd.model.invites import Invite
from mxisd.ports import IInviteLinkRecords
from mxisd.records.database import Database, Transaction
from mxisd.records.invite_rows import SELECT, first

LINKED = f"{SELECT}WHERE token IN (SELECT token FROM invite_links WHERE code = ?)"  # noqa: S608
LINK = (
    "INSERT INTO invite_links (code, token) SELECT ?, token FROM invites "
    "WHERE token = ? ON CONFLICT (token) DO NOTHING"
)
CODE = "SELECT code FROM invite_links WHERE token = ?"


@implementer(IInviteLinkRecords)
class InviteLinkRecords:
    """Links in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def linked_invite(self, code: str) -> Invite | None:
        """Find an invite by the code of its link, at once; ended ones too."""
        return first(self._database.rows(LINKED, code))

    async def link(self, token: str, code: str) -> str:
        """Have an invite linked to; tells the code, which may be an earlier one."""

        async def work(tx: Transaction) -> str:
            await tx.run(LINK, code, token)
            rows = await tx.rows(CODE, token)
            # Without one, the invite was forgotten just now, and nothing leads to it.
            return str(rows[0][0]) if rows else code

        return await self._database.transact(work)

"""Validation sessions, in the hands of an operator."""

from attrs import define
from twisted.logger import Logger

from mxisd.errors import NotFound
from mxisd.model.overviews import Page, Wanted
from mxisd.model.sessions import ValidationSession
from mxisd.ports import IInterventions, IOverviews, ISessionRecords

log = Logger()


@define(eq=False)
class SessionAdmin:
    """Lists sessions, and closes them."""

    _overviews: IOverviews
    _interventions: IInterventions
    _records: ISessionRecords

    async def page(self, wanted: Wanted) -> Page[ValidationSession]:
        """Sessions, the last one that changed first."""
        return await self._overviews.sessions(wanted)

    def show(self, sid: str) -> ValidationSession:
        """
        A session.

        :raise NotFound: If there is none.
        """
        found = self._records.session(sid)
        if found is None:
            raise NotFound("There is no such session.")
        return found

    async def close(self, sid: str) -> None:
        """
        Forget a session: its token and its client secret are of no use any more.

        :raise NotFound: If there is none.
        """
        if not await self._interventions.close_session(sid):
            raise NotFound("There is no such session.")
        log.info("An operator closed a session")

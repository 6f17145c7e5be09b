"""Bindings, in the hands of an operator."""

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import Forbidden, NotFound
from mxisd.features.associations import OnThreePidKnown
from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.overviews import Page, Wanted
from mxisd.model.threepids import ThreePid
from mxisd.ports import IBindingRecords, IOverviews

log = Logger()


@define(eq=False)
class BindingAdmin:
    """
    Lists, publishes and withdraws, without anybody's proof.

    :ivar is_enabled: Whether bindings are published at all.
    """

    _is_enabled: bool
    _overviews: IOverviews
    _records: IBindingRecords
    _on_threepid_known: OnThreePidKnown
    _clock: IReactorTime

    async def page(self, wanted: Wanted) -> Page[Association]:
        """Who published what."""
        return await self._overviews.bindings(wanted)

    async def add(self, threepid: ThreePid, user_id: UserId) -> Association:
        """
        Publish whose an address is; it moves, if it was somebody's.

        :raise Forbidden: If nothing is published here.
        """
        if not self._is_enabled:
            raise Forbidden("Associations are not published here (bindings.enabled).")
        now_ms = int(self._clock.seconds() * 1000)
        association = Association.bound(threepid, user_id, now_ms)
        await self._records.bind(association)
        log.info(
            "An operator has bound {user_id} by {medium}",
            user_id=str(user_id),
            medium=threepid.medium,
        )
        await self._on_threepid_known(threepid, user_id)
        return association

    async def remove(self, threepid: ThreePid, user_id: UserId | None) -> UserId:
        """
        Withdraw whose an address is; nobody is told.

        :param user_id: Only if it is this user's; ``None``: whosever it is.
        :return: Whose it was.
        :raise NotFound: If it is not bound, or to somebody else.
        """
        owner = user_id or (await self._records.bound({threepid})).get(threepid)
        if owner is None or not await self._records.unbind(threepid, owner):
            raise NotFound("There is no such binding.")
        log.info(
            "An operator has unbound {user_id} by {medium}",
            user_id=str(owner),
            medium=threepid.medium,
        )
        return owner

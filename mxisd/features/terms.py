"""
Terms of service: what there is to accept, and who has.

Source: Identity Service API v1.19, "Terms of service".
"""

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from mxisd.errors import TermsNotSigned, UnknownTerms
from mxisd.model.identifiers import UserId
from mxisd.model.terms import Policy
from mxisd.ports import ITermsRecords


class Terms:
    """
    Knows the policies, and who accepted them.

    :ivar policies: All of them, in the order of the configuration.
    """

    def __init__(
        self, policies: Sequence[Policy], records: ITermsRecords, clock: IReactorTime
    ) -> None:
        self.policies = tuple(policies)
        self._records = records
        self._clock = clock

    def require(self, user_id: UserId, path: str) -> None:
        """
        Let a user pass who accepted every policy that this path needs.

        :raise TermsNotSigned: If one is outstanding.
        """
        demanded = [policy for policy in self.policies if policy.covers(path)]
        if not demanded:
            return
        urls = self._records.accepted_urls(user_id)
        if not all(policy.is_accepted(urls) for policy in demanded):
            raise TermsNotSigned("Please accept our terms of service.")

    async def accept(self, user_id: UserId, urls: Sequence[str]) -> None:
        """
        Remember which documents a user accepted.

        :raise UnknownTerms: If one of them is not ours; then nothing is remembered.
        """
        ours = {doc.url for policy in self.policies for doc in policy.documents}
        if not ours.issuperset(urls):
            raise UnknownTerms("A URL in user_accepts is not one of our documents.")
        now_ms = int(self._clock.seconds() * 1000)
        await self._records.accept_urls(user_id, frozenset(urls), now_ms)

"""Queries that want a search term in a form of their own, and users as they are."""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field, frozen

from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.stores.sql.queries import Query, Row
from mxisd.stores.sql.values import Naming, text


@define(eq=False)
class TermQuery(Query):
    """
    A query for a search.

    :ivar spelled: What stands for a term.
    """

    spelled: Callable[[str], str] = field(kw_only=True)

    async def repeated(self, value: Any, limit: int | None = None) -> Sequence[Row]:
        """Check and ask, with the term for every ``?``."""
        # A slotted class knows no super() without arguments.
        return await Query.repeated(self, self.spelled(value), limit)


@frozen
class HomeserverNaming(Naming):
    """
    User IDs as the homeserver has them: the old ones have capitals.

    :ivar domain: Ours.
    :ivar is_localpart: Always false.
    """

    def user_id(self, value: Any) -> UserId | None:
        """The user that a column names; ``None`` if it does not."""
        try:
            return UserId.parse(text(value) or "")
        except IllegalIdentifier:
            return None

    def values(self, user_id: UserId) -> Sequence[str]:
        """What to ask for: the user ID itself."""
        return (str(user_id),)


def between_percents(term: str) -> str:
    """The term as mxisd gave it to queries of an operator's own."""
    return f"%{term}%"

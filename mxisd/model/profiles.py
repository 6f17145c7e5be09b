# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""What stores say about a person."""

import enum

from attrs import frozen

from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid


@frozen
class Profile:
    """A user's profile; empty where the store knows nothing."""

    display_name: str | None = None
    threepids: frozenset[ThreePid] = frozenset()
    roles: frozenset[str] = frozenset()


class SearchBy(enum.Enum):
    """What a directory search looks at."""

    NAME = "name"
    THREEPID = "threepid"


@frozen
class DirectoryEntry:
    """One hit of a directory search."""

    user_id: UserId
    display_name: str | None = None


@frozen
class DirectoryPage:
    """
    The hits of a directory search.

    :ivar limited: Whether there were more than the caller's limit.
    """

    entries: tuple[DirectoryEntry, ...] = ()
    limited: bool = False

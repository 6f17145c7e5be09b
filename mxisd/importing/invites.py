"""Pending invites of other servers: counted, and left where they are."""

from collections.abc import Sequence

from attrs import frozen

from mxisd.importing.sources import SYDENT, Source


@frozen
class LeftForLater:
    """Rows that a later version will take."""

    name: str
    count: int


def invites_left(source: Source) -> Sequence[LeftForLater]:
    """
    Count what belongs to invites.

    This is the place for taking them over. mxisd and ma1sd keep ephemeral keys in the
    key store, which is ours, too; sydent has their public halves in its database, and
    no private ones.
    """
    if source.kind == SYDENT:
        found = [
            LeftForLater(
                "pending invites", source.count("invite_tokens", "sent_ts IS NULL")
            ),
            LeftForLater(
                "delivered invites",
                source.count("invite_tokens", "sent_ts IS NOT NULL"),
            ),
            LeftForLater("ephemeral keys", source.count("ephemeral_public_keys")),
        ]
    else:
        found = [
            LeftForLater("pending invites", source.count("invite_3pid")),
            LeftForLater("delivered invites", source.count("invite_3pid_history")),
        ]
    return [each for each in found if each.count]

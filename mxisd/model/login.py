# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""What a store answers to a password."""

from attrs import field, frozen

from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile


@frozen
class Accepted:
    """The password is right; ``user_id`` is the user's canonical ID."""

    user_id: UserId
    profile: Profile = field(factory=Profile)


@frozen
class Refused:
    """The store knows this user, and the password is wrong: nobody else is asked."""


@frozen
class NoSuchUser:
    """The store does not know this user, or cannot tell: the next store is asked."""


Verdict = Accepted | Refused | NoSuchUser

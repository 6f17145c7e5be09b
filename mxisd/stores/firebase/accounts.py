"""What Firebase says about an account, in our words."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.profiles import Profile
from mxisd.model.threepids import (
    EMAIL,
    MSISDN,
    IllegalThreePid,
    ThreePid,
    canonical,
)

_PROVIDERS = "providerUserInfo"
_CLAIMS = "customAttributes"
FIELDS = (
    "localId",
    "email",
    "emailVerified",
    "phoneNumber",
    "displayName",
    "disabled",
    f"{_PROVIDERS}(email,phoneNumber)",
    _CLAIMS,
)
"""All that is read of an account; passwords' hashes are not even asked for."""

FOREVER = float("inf")


@frozen(kw_only=True)
class Account:
    """
    An account with a legal user ID.

    :ivar uid: Its ID at Firebase, which may have capitals.
    :ivar own: What Firebase finds it by.
    :ivar valid_since: Sign-ins before that time are revoked; epoch seconds.
    """

    uid: str
    user_id: UserId
    is_disabled: bool
    valid_since: float
    own: frozenset[ThreePid]
    profile: Profile


@frozen
class Reader:
    """
    Reads accounts.

    :ivar domain: The server name of our users.
    :ivar only_verified: Whether an address that nobody has verified is none.
    :ivar role_claim: The custom claim with the roles.
    """

    domain: str
    only_verified: bool
    role_claim: str

    def account(self, record: Any) -> Account | None:
        """The account of a record; ``None`` if no Matrix user can be called so."""
        if not isinstance(record, Mapping):
            return None
        user_id = self.user_id(record.get("localId"))
        if user_id is None:
            return None
        own = frozenset(self._own(record))
        name = record.get("displayName")
        return Account(
            uid=record["localId"],
            user_id=user_id,
            is_disabled=bool(record.get("disabled")),
            valid_since=_seconds(record.get("validSince")),
            own=own,
            profile=Profile(
                name if isinstance(name, str) and name else None,
                own | frozenset(self._others(record)),
                frozenset(self._roles(record)),
            ),
        )

    def is_left_out(self, record: Any) -> bool:
        """Whether an account has an e-mail address that leads nowhere: unverified."""
        if not isinstance(record, Mapping) or not self.only_verified:
            return False
        return bool(record.get("email")) and record.get("emailVerified") is not True

    def user_id(self, uid: Any) -> UserId | None:
        """The user ID of an account; ``None`` if it has none."""
        try:
            return UserId.unescaped(uid, self.domain) if isinstance(uid, str) else None
        except IllegalIdentifier:
            return None

    def _own(self, record: Mapping[str, Any]) -> Iterator[ThreePid]:
        if record.get("emailVerified") is True or not self.only_verified:
            yield from _threepid(EMAIL, record.get("email"))
        yield from _threepid(MSISDN, record.get("phoneNumber"))

    def _others(self, record: Mapping[str, Any]) -> Iterator[ThreePid]:
        providers = record.get(_PROVIDERS)
        # The provider "password" repeats the account's own address, verified or not.
        for provider in providers if isinstance(providers, list) else ():
            if isinstance(provider, Mapping) and not self.only_verified:
                yield from _threepid(EMAIL, provider.get("email"))
                yield from _threepid(MSISDN, provider.get("phoneNumber"))

    def _roles(self, record: Mapping[str, Any]) -> Iterator[str]:
        try:
            claims = json.loads(record.get(_CLAIMS) or "{}")
        except (ValueError, TypeError, RecursionError):
            return
        value = claims.get(self.role_claim) if isinstance(claims, dict) else None
        if isinstance(value, dict):
            value = [name for name, has_it in value.items() if has_it is True]
        elif isinstance(value, str):
            value = [value]
        for role in value if isinstance(value, list) else ():
            if isinstance(role, str) and role:
                yield role


def _threepid(medium: str, address: Any) -> Iterator[ThreePid]:
    if isinstance(address, str):
        try:
            yield canonical(medium, address)
        except IllegalThreePid:
            return


def _seconds(value: Any) -> float:
    # Large numbers are texts in Google's JSON.
    if value is None:
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        # Who cannot tell when sign-ins were revoked takes none.
        return FOREVER

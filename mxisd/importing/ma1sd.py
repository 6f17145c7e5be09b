"""The tables of mxisd and ma1sd; the latter has more of them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mxisd.importing.accounts import account
from mxisd.importing.invites import ma1sd_invites
from mxisd.importing.parts import Part
from mxisd.importing.sessions import session
from mxisd.importing.values import (
    Circumstances,
    LeftOut,
    number,
    text,
    threepid,
    user_id,
)
from mxisd.importing.writing import (
    Acceptance,
    write_acceptances,
    write_accounts,
    write_sessions,
)
from mxisd.model.sessions import ValidationSession
from mxisd.ports import AccountRecord


def ma1sd_parts(circumstances: Circumstances) -> Sequence[Part]:
    """What there is to take."""
    return (
        Part(
            name="accounts",
            table="account",
            columns="token, matrixServerName, expiresIn, createdAt, userId",
            read=partial(_account, circumstances),
            write=write_accounts,
        ),
        Part(
            name="accepted terms",
            table="accepted",
            columns="url, userId, acceptedAt",
            read=_acceptance,
            write=write_acceptances,
        ),
        Part(
            name="sessions",
            table="session_3pid",
            columns="id, creationTime, medium, address, secret, attempt, nextLink, "
            "token, validated, validationTime",
            read=partial(_session, circumstances),
            write=write_sessions,
        ),
        *ma1sd_invites(circumstances),
    )


def _account(
    circumstances: Circumstances,
    token: Any,
    server_name: Any,
    expires_in: Any,
    created: Any,
    user: Any,
) -> AccountRecord:
    owner = user_id(user)
    # ma1sd took the word of any homeserver for any user.
    if owner.server_name != text(server_name):
        raise LeftOut("the user's homeserver was not the one that vouched")
    expires_ms = (number(created) + number(expires_in)) * 1000
    if expires_ms <= circumstances.now_ms:
        raise LeftOut("the token has expired")
    return account(circumstances, token=token, owner=owner, expires_ms=expires_ms)


def _acceptance(url: Any, user: Any, accepted_ms: Any) -> Acceptance:
    return Acceptance(user_id(user), text(url), number(accepted_ms))


def _session(
    circumstances: Circumstances,
    sid: Any,
    created_ms: Any,
    medium: Any,
    address: Any,
    client_secret: Any,
    attempt: Any,
    next_link: Any,
    token: Any,
    is_validated: Any,
    validated_ms: Any,
) -> ValidationSession:
    return session(
        circumstances,
        sid=text(sid),
        threepid=threepid(medium, address),
        client_secret=client_secret,
        token=token,
        changed_ms=number(validated_ms if is_validated else created_ms),
        send_attempt=None if attempt is None else number(attempt),
        is_validated=is_validated,
        next_link=next_link,
    )

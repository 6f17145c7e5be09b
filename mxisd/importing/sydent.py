"""The tables of sydent, as version 2.6.1 makes them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mxisd.importing.accounts import account
from mxisd.importing.invites import sydent_invites
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
    write_bindings,
    write_sessions,
)
from mxisd.model.associations import Association
from mxisd.model.sessions import ValidationSession
from mxisd.ports import AccountRecord

# max() makes SQLite take the other columns from the same row: the newest token.
_TOKENS = (
    "LEFT JOIN (SELECT validationSession, max(id), token, sendAttemptNumber "
    "FROM threepid_token_auths GROUP BY validationSession) AS sent "
    "ON sent.validationSession = threepid_validation_sessions.id"
)


def sydent_parts(circumstances: Circumstances) -> Sequence[Part]:
    """What there is to take."""
    return (
        Part(
            name="accounts",
            table="tokens",
            columns="token, user_id",
            read=partial(_account, circumstances),
            write=write_accounts,
        ),
        Part(
            name="accepted terms",
            table="accepted_terms_urls",
            columns="url, user_id",
            read=partial(_acceptance, circumstances),
            write=write_acceptances,
        ),
        # Sydent answers lookups from this table. Its local one has the same, and
        # what was withdrawn.
        Part(
            name="bindings",
            table="global_threepid_associations",
            key="id",
            columns="medium, address, mxid, ts, notBefore, notAfter",
            read=partial(_association, circumstances),
            write=write_bindings,
        ),
        Part(
            name="sessions",
            table="threepid_validation_sessions",
            key="threepid_validation_sessions.id",
            columns="threepid_validation_sessions.id, medium, address, clientSecret, "
            "validated, mtime, token, sendAttemptNumber",
            joined=_TOKENS,
            read=partial(_session, circumstances),
            write=write_sessions,
        ),
        *sydent_invites(circumstances),
    )


def _account(circumstances: Circumstances, token: Any, user: Any) -> AccountRecord:
    # Sydent's tokens never expire.
    return account(circumstances, token=token, owner=user_id(user))


def _acceptance(circumstances: Circumstances, url: Any, user: Any) -> Acceptance:
    return Acceptance(user_id(user), text(url), circumstances.now_ms)


def _association(
    circumstances: Circumstances,
    medium: Any,
    address: Any,
    user: Any,
    ts_ms: Any,
    not_before_ms: Any,
    not_after_ms: Any,
) -> Association:
    found = Association(
        threepid(medium, address),
        user_id(user),
        number(ts_ms),
        number(not_before_ms),
        number(not_after_ms),
    )
    if found.not_after_ms <= circumstances.now_ms:
        raise LeftOut("the binding has expired")
    return found


def _session(
    circumstances: Circumstances,
    sid: Any,
    medium: Any,
    address: Any,
    client_secret: Any,
    is_validated: Any,
    changed_ms: Any,
    token: Any,
    attempt: Any,
) -> ValidationSession:
    if token is None:
        raise LeftOut("the session has no token")
    return session(
        circumstances,
        sid=str(number(sid)),
        threepid=threepid(medium, address),
        client_secret=client_secret,
        token=token,
        changed_ms=number(changed_ms),
        # Sydent writes -1 for "none".
        send_attempt=attempt if isinstance(attempt, int) and attempt >= 0 else None,
        is_validated=is_validated,
    )

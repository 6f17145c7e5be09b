"""
The words of the admin API: requests into values, values into replies.

It is our own, and described in ``docs/admin.rst``. Times are in milliseconds since the
epoch.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from attrs import frozen

from mxisd.errors import InvalidParam
from mxisd.features.hash_index import IndexStatus
from mxisd.features.hash_sources import SourceStatus
from mxisd.features.health import HealthReport
from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.overviews import (
    PAGE_LIMIT,
    Cursor,
    DeliveryState,
    Errand,
    InviteOverview,
    Page,
    Wanted,
    state_of,
)
from mxisd.model.sessions import ValidationSession
from mxisd.model.threepids import ThreePid
from mxisd.web import fields, messages
from mxisd.web.decoding import json_object
from mxisd.web.exchange import Reply, json_reply

PAGE_USUAL = 100
CONFIDENTIAL = ("password", "secret", "token")

T = TypeVar("T")


# --- Requests -------------------------------------------------------------------------


@frozen
class BindingMessage:
    """
    An address, and whose it is to be.

    :ivar user_id: ``None``: whosever it is.
    """

    threepid: ThreePid
    user_id: UserId | None


def wanted(
    query: Mapping[str, str],
    states: type[Enum] | None = None,
    *,
    have_users: bool = True,
) -> Wanted:
    """
    Read what is to be listed.

    :param states: What ``state`` may be.
    :param have_users: Whether they are sought by ``mxid``.
    """
    if "mxid" in query and not have_users:
        raise InvalidParam("mxid is not what these are sought by.")
    is_about_somebody = "address" in query or "medium" in query
    return Wanted(
        threepid=fields.threepid(query) if is_about_somebody else None,
        user_id=fields.user_id(query, "mxid") if "mxid" in query else None,
        state=_state(query, states),
        after=_cursor(query.get("from")),
        limit=_limit(query.get("limit")),
    )


def _state(query: Mapping[str, str], states: type[Enum] | None) -> Any:
    text = query.get("state")
    if text is None:
        return None
    if states is None:
        raise InvalidParam("state is not what these are sought by.")
    try:
        return states(text)
    except ValueError as error:
        known = ", ".join(each.value for each in states)
        raise InvalidParam(f"state must be one of {known}.") from error


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE_USUAL
    # A number of thousands of digits is more than int() takes.
    is_short = text.isdecimal() and len(text) <= len(str(PAGE_LIMIT))
    if not is_short or not 1 <= int(text) <= PAGE_LIMIT:
        raise InvalidParam(f"limit must be a number from 1 to {PAGE_LIMIT}.")
    return int(text)


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    try:
        first, second = json.loads(urlsafe_b64decode(text.encode("ascii")))
        is_good = _is_part(first) and isinstance(second, str) and _is_part(second)
    except (ValueError, TypeError, RecursionError):
        is_good = False
    if not is_good:
        raise InvalidParam("from must be the next of the page before.")
    return first, second


def _is_part(value: Any) -> bool:
    if isinstance(value, str):
        return b"\0" not in value.encode()
    return isinstance(value, int) and abs(value) < 2**63


def binding(body: bytes) -> BindingMessage:
    """Read a binding; its user may be absent."""
    content = json_object(body)
    owner = None if content.get("mxid") is None else fields.user_id(content, "mxid")
    return BindingMessage(fields.threepid(content), owner)


def owned_binding(body: bytes) -> tuple[ThreePid, UserId]:
    """Read a binding."""
    content = json_object(body)
    return fields.threepid(content), fields.user_id(content, "mxid")


# --- Replies --------------------------------------------------------------------------


def bindings(page: Page[Association]) -> Reply:
    """Who published what."""
    return _page("bindings", page, Association.content)


def invites(page: Page[InviteOverview]) -> Reply:
    """Invites, and what was done about them."""
    return _page("invites", page, _invite)


def deliveries(page: Page[InviteOverview]) -> Reply:
    """The invites that homeservers are told of."""
    return _page("deliveries", page, _invite)


def sessions(page: Page[ValidationSession], now_ms: int) -> Reply:
    """Validation sessions."""
    return _page("sessions", page, lambda each: _session(each, now_ms))


def _page(key: str, page: Page[T], words: Callable[[T], Mapping[str, Any]]) -> Reply:
    content: dict[str, Any] = {key: [words(each) for each in page.items]}
    if page.end is not None:
        end = json.dumps(page.end).encode()
        content["next"] = urlsafe_b64encode(end).decode("ascii")
    return json_reply(content)


def one_binding(association: Association) -> Reply:
    """A binding."""
    return json_reply(association.content())


def removed(owner: UserId) -> Reply:
    """Whose a binding was."""
    return json_reply({"mxid": str(owner)})


def one_invite(found: InviteOverview) -> Reply:
    """An invite, with everything that was told of it."""
    facts = {
        key: value
        for key, value in found.invite.facts.items()
        if not any(word in key.lower() for word in CONFIDENTIAL)
    }
    return json_reply({**_invite(found), "facts": facts})


def _invite(found: InviteOverview) -> dict[str, Any]:
    invite = found.invite
    content = {
        "token": invite.token,
        "medium": invite.threepid.medium,
        "address": invite.threepid.written,
        "room_id": invite.room_id,
        "sender": str(invite.sender),
        "state": found.state.value,
        "created_ts": invite.created_ms,
        "ended_ts": invite.ended_ms,
        "mxid": None if invite.owner is None else str(invite.owner),
        "message": found.message and _errand(found.message),
        "delivery": found.delivery and _errand(found.delivery),
    }
    return _without_nothing(content)


def _errand(errand: Errand) -> dict[str, Any]:
    content = {
        "to": errand.recipient,
        "state": errand.outcome or DeliveryState.WAITING.value,
        "failures": errand.failures,
        "due_ts": None if errand.outcome else errand.due_ms,
        "ended_ts": errand.ended_ms,
        "answer": errand.answer,
    }
    return _without_nothing(content)


def one_session(session: ValidationSession, now_ms: int) -> Reply:
    """A session, without what it takes to go on with it."""
    return json_reply(_session(session, now_ms))


def _session(session: ValidationSession, now_ms: int) -> dict[str, Any]:
    content = {
        "sid": session.sid,
        "medium": session.threepid.medium,
        "address": session.threepid.written,
        "state": state_of(session, now_ms).value,
        "changed_ts": session.changed_ms,
        "validated_ts": session.validated_ms,
        "send_attempt": session.send_attempt,
        "wrong_tokens": session.wrong_tokens,
    }
    return _without_nothing(content)


def hashes(status: IndexStatus) -> Reply:
    """How the hash index is."""
    return json_reply(_index(status))


def rebuilding(through_at: int) -> Reply:
    """A rebuild has begun."""
    return json_reply({"through_at": through_at}, 202)


def status(report: HealthReport, version: str, index: IndexStatus | None) -> Reply:
    """How everything is."""
    content = {
        "version": version,
        "health": messages.health(report),
        "stores": {
            name: _without_nothing(
                {
                    "state": messages.store_state(store),
                    "keys": list(store.misconfigured) or None,
                }
            )
            for name, store in report.stores.items()
        },
        "hashes": None if index is None else _index(index),
    }
    return json_reply(_without_nothing(content))


def _index(status: IndexStatus) -> dict[str, Any]:
    content = {
        "count": status.count,
        "is_refreshing": status.is_refreshing,
        "refreshes": status.refreshes,
        "failure": status.failure,
        "sources": {name: _source(each) for name, each in status.sources.items()},
    }
    return _without_nothing(content)


def _source(source: SourceStatus) -> dict[str, Any]:
    content = {
        "is_failing": source.is_failing,
        "listed_ts": source.listed_ms,
        "count": source.count,
        "so_far": source.so_far,
    }
    return _without_nothing(content)


def _without_nothing(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value is not None}

"""
The words of validation sessions: requests into values, values into replies.

The names of JSON keys and query parameters of sessions stand here and nowhere else in
``web``. All parameters are texts or numbers, so they may come in three ways: as JSON,
as a form, or, in v1, in the query string.

Source: Identity Service API v1.19; r0.3.0 for v1.
"""

import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mxisd.errors import (
    InvalidEmail,
    InvalidParam,
    InvalidPhone,
    MissingParams,
    UnknownMedium,
)
from mxisd.model.destinations import Destination, dialled, mailbox
from mxisd.model.secret import Secret
from mxisd.model.sessions import ValidationSession
from mxisd.model.threepids import EMAIL, MSISDN, IllegalThreePid
from mxisd.web.decoding import json_object, parse_query
from mxisd.web.exchange import Call, Reply, json_reply
from mxisd.web.languages import is_language, languages_of

TOKEN_MAX_LENGTH = 255
MAX_SEND_ATTEMPT = 2**53 - 1
FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"

SUCCESS = json_reply({"success": True})

_OPAQUE = re.compile(r"[0-9A-Za-z.=_-]{1,255}")
_NUMBER = re.compile(r"[0-9]{1,16}")


@frozen
class SessionKey:
    """Which session, and the proof that it is the client's."""

    sid: str
    client_secret: Secret


@frozen
class TokenSubmission:
    """A token that is given back."""

    key: SessionKey
    token: Secret


# --- Where the parameters are ---------------------------------------------------------


def parameters(call: Call, takes_query: bool) -> Mapping[str, Any]:
    """
    The parameters of a POST, wherever they are.

    A body that looks like a JSON object is one, whatever its type says.

    :param takes_query: Whether they may be in the query string, as in v1.
    """
    body = call.body.strip()
    content_type = call.header("Content-Type").partition(";")[0].strip().lower()
    if takes_query and body in (b"", b"null"):
        return call.query
    if body.startswith(b"{") or content_type == JSON_TYPE:
        return json_object(call.body)
    if content_type == FORM_TYPE or takes_query:
        return parse_query(body)
    return json_object(call.body)


def unescaped(query: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters of a link that somebody took out of HTML as it stands there."""
    return {key.removeprefix("amp;"): value for key, value in query.items()}


def wanted_languages(call: Call, content: Mapping[str, Any]) -> tuple[str, ...]:
    """The languages that a client asks for: in the body first, then in its header."""
    named = content.get("org.matrix.lang")
    first = (named,) if isinstance(named, str) and is_language(named) else ()
    return first + languages_of(call.headers)


# --- What they say --------------------------------------------------------------------


def destination(medium: str, content: Mapping[str, Any]) -> Destination:
    """Read the address to validate."""
    if medium == EMAIL:
        return _email(_text(content, "email"))
    if medium == MSISDN:
        return _phone(_text(content, "country"), _text(content, "phone_number"))
    raise UnknownMedium("Addresses of this medium cannot be validated here.")


def _email(text: str) -> Destination:
    try:
        return mailbox(text)
    except IllegalThreePid as error:
        raise InvalidEmail("This is not an e-mail address.") from error


def _phone(country: str, number: str) -> Destination:
    try:
        return dialled(country, number)
    except IllegalThreePid as error:
        raise InvalidPhone("This is not a phone number of that country.") from error


def client_secret(content: Mapping[str, Any]) -> Secret:
    """Read the client secret."""
    return Secret(_opaque(content, "client_secret"))


def send_attempt(content: Mapping[str, Any]) -> int:
    """Read the attempt; some clients write the number as a text."""
    value = _required(content, "send_attempt")
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_SEND_ATTEMPT:
        raise InvalidParam("send_attempt must be a whole number.")
    return int(value)


def next_link(content: Mapping[str, Any]) -> str | None:
    """Read where to lead who opens the link."""
    value = content.get("next_link")
    if value is not None and not isinstance(value, str):
        raise InvalidParam("next_link must be a string.")
    return value


def session_key(content: Mapping[str, Any]) -> SessionKey:
    """Read which session it is about."""
    return SessionKey(_opaque(content, "sid"), client_secret(content))


def submission(content: Mapping[str, Any]) -> TokenSubmission:
    """Read a token that is given back."""
    token = _text(content, "token")
    if len(token) > TOKEN_MAX_LENGTH:
        raise InvalidParam("token is too long.")
    return TokenSubmission(session_key(content), Secret(token))


def fields(given: TokenSubmission) -> Mapping[str, str]:
    """A submission as the fields of a form."""
    return {
        "sid": given.key.sid,
        "client_secret": given.key.client_secret.value,
        "token": given.token.value,
    }


def _required(content: Mapping[str, Any], key: str) -> Any:
    value = content.get(key)
    if value is None:
        raise MissingParams(f"{key} is missing.")
    return value


def _text(content: Mapping[str, Any], key: str) -> str:
    value = _required(content, key)
    if not isinstance(value, str):
        raise InvalidParam(f"{key} must be a string.")
    return value


def _opaque(content: Mapping[str, Any], key: str) -> str:
    text = _text(content, key)
    if _OPAQUE.fullmatch(text) is None:
        raise InvalidParam(f"{key} must be 1 to 255 letters, digits or .=_-")
    return text


# --- Replies --------------------------------------------------------------------------


def requested(sid: str, sent_to: Destination) -> Reply:
    """A session; for a phone, clients also show the number."""
    content: dict[str, Any] = {"sid": sid}
    if sent_to.threepid.medium == MSISDN:
        content |= {
            "success": True,
            "msisdn": sent_to.threepid.address,
            "intl_fmt": sent_to.shown,
        }
    return json_reply(content)


def validated(session: ValidationSession) -> Reply:
    """The address that a session has proved."""
    return json_reply(
        {
            "medium": session.threepid.medium,
            "address": session.threepid.written,
            "validated_at": session.validated_ms,
        }
    )

"""What templates can say about a notice: placeholders and their values."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import singledispatch
from urllib.parse import quote_plus, urlsplit

from attrs import field, frozen

from mxisd.model.notices import (
    SPACE,
    InviteNotice,
    MatrixIdInviteNotice,
    Notice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.notify.invite_facts import acceptance
from mxisd.notify.names import harmless, shown_id

TOLD_LENGTH = 1000

TOLD_KEYS = (
    "room_alias",
    "room_avatar_url",
    "room_join_rules",
    "room_name",
    "room_type",
    "sender_avatar_url",
    "sender_display_name",
)
"""What homeservers tell, by the specification or Synapse: never missing."""

REPLACEABLE = frozenset({"REGISTER_URL", "SERVICE_NAME"})
"""Placeholders of ours that those of operators replace."""

_TOLD_NAMES = frozenset({"room_name", "sender_display_name"})

_TOLD_KEY = re.compile(r"[A-Za-z0-9_.]+")

# They would let a name turn round the text beside it, or hide in it.
_DIRECTIONS = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e")
_DIRECTIONS |= frozenset("\u2060\u2066\u2067\u2068\u2069\ufeff")
_NO_TEXT = frozenset({"Cc", "Cn", "Co", "Cs", "Zl", "Zp"})
# One blank that keeps words together stays, as French needs it.
_WHITE_SPACE = re.compile(r"[^\S\u00a0]+|\s{2,}")


@frozen(kw_only=True)
class Circumstances:
    """
    What is the same in all messages of a medium.

    :ivar domain: ``matrix.domain``.
    :ivar placeholders: The operator's own.
    :ivar service_name: What people know us as; empty: the domain.
    """

    domain: str
    from_address: str
    from_name: str
    placeholders: Mapping[str, str]
    service_name: str = ""

    @property
    def host(self) -> str:
        """The domain without a port."""
        return self.domain.rpartition(":")[0] or self.domain


@frozen(eq=False)
class Facts(Mapping[str, str]):
    """
    Every placeholder and its value: one line of text each, as others wrote it.

    Whoever puts them anywhere escapes them for that place.

    :ivar known: The placeholders that we, or the operator, have values for.
    :ivar told: What a homeserver told, by its key on the wire. It has placeholders,
        too, unless there is a known one of that name.
    """

    known: Mapping[str, str] = field(repr=False)
    told: Mapping[str, str] = field(factory=dict, repr=False)
    _all: Mapping[str, str] = field(init=False, repr=False)

    @_all.default
    def _merged(self) -> Mapping[str, str]:
        told = {placeholder(key): value for key, value in self.told.items()}
        return {**told, **self.known}

    def __getitem__(self, name: str) -> str:
        """Give a value."""
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        """Name them all."""
        return iter(self._all)

    def __len__(self) -> int:
        """Count them."""
        return len(self._all)


def placeholder(key: str) -> str:
    """Name a key of the wire as placeholders are named: ``a.room`` is ``A_ROOM``."""
    return key.upper().replace(".", "_")


def facts(notice: Notice, about: Circumstances) -> Facts:
    """What can be said about a notice."""
    medium, address = notice.threepid.medium, notice.threepid.readable
    values = {
        "DOMAIN": about.domain,
        "DOMAIN_PRETTY": about.domain.capitalize(),
        "FROM_EMAIL": about.from_address,
        "FROM_NAME": about.from_name,
        "SERVICE_NAME": about.service_name or about.domain,
        "RECIPIENT_MEDIUM": medium,
        "RECIPIENT_MEDIUM_URL_ENCODED": quote_plus(medium),
        "RECIPIENT_ADDRESS": address,
        "RECIPIENT_ADDRESS_URL_ENCODED": quote_plus(address),
        **_own(notice),
    }
    values |= _names_or_ids(values, about.domain)
    if "REGISTER_URL" in values:
        values["REGISTER_URL"] = values["REGISTER_URL"] or f"https://{about.domain}"
    chosen = {k: v for k, v in about.placeholders.items() if k in REPLACEABLE and v}
    clean = {name: one_line(value) for name, value in values.items()}
    return Facts({**about.placeholders, **clean, **chosen}, _told(notice))


def _told(notice: Notice) -> Mapping[str, str]:
    if not isinstance(notice, InviteNotice):
        return {}
    usable = {k: v for k, v in notice.facts.items() if _TOLD_KEY.fullmatch(k)}
    all_told = {**dict.fromkeys(TOLD_KEYS, ""), **usable}
    return {key: _told_line(key, value) for key, value in all_told.items()}


def _told_line(key: str, value: str) -> str:
    if key in _TOLD_NAMES:
        return harmless(one_line(value))
    return one_line(value, TOLD_LENGTH)


def one_line(text: str, limit: int | None = None) -> str:
    """
    A text without line ends, and without what changes how text beside it is shown.

    :param limit: It is cut after so many characters.
    """
    kept = (
        " " if unicodedata.category(sign) in _NO_TEXT else sign
        for sign in text
        if sign not in _DIRECTIONS
    )
    line = _WHITE_SPACE.sub(" ", "".join(kept)).strip()
    if limit is None or len(line) <= limit:
        return line
    return line[:limit].rstrip() + "…"


def header_line(text: str) -> str:
    """A text as the value of an e-mail's header; what looks encoded is not decoded."""
    # The e-mail library decodes =?utf-8?q?=0A?= in what it is given, line end included.
    return one_line(text).replace("=?", "= ?")


@singledispatch
def _own(notice: object) -> dict[str, str]:
    raise TypeError(f"no notice: {type(notice).__name__}")


@_own.register
def _validation(notice: ValidationNotice) -> dict[str, str]:
    return {
        "VALIDATION_LINK": notice.link,
        "VALIDATION_TOKEN": notice.token.value,
        # As mxisd had it, whatever its documentation said.
        "NEXT_URL": notice.link,
    }


@_own.register
def _invite(notice: InviteNotice) -> dict[str, str]:
    medium, address = notice.threepid.medium, notice.threepid.readable
    return {
        **_room(notice),
        "INVITE_MEDIUM": medium,
        "INVITE_MEDIUM_URL_ENCODED": quote_plus(medium),
        "INVITE_ADDRESS": address,
        "INVITE_ADDRESS_URL_ENCODED": quote_plus(address),
        "REGISTER_URL": _link(notice.register_url),
        **acceptance(notice),
    }


@_own.register
def _matrix_id_invite(notice: MatrixIdInviteNotice) -> dict[str, str]:
    return {**_room(notice), "RECIPIENT_ID": str(notice.recipient)}


@_own.register
def _unbind(notice: UnbindNotice) -> dict[str, str]:
    return {"USER_ID": str(notice.user_id)}


def _room(notice: InviteNotice | MatrixIdInviteNotice) -> dict[str, str]:
    return {
        "SENDER_ID": str(notice.sender),
        "SENDER_NAME": harmless(one_line(notice.sender_name or "")),
        "ROOM_ID": notice.room_id,
        "ROOM_NAME": harmless(one_line(notice.room_name or "")),
        "ROOM_TYPE": notice.room_type or "",
        "ROOM_URL": _link(notice.room_url),
        "IS_SPACE": "yes" if notice.room_type == SPACE else "",
    }


def _names_or_ids(values: Mapping[str, str], domain: str) -> dict[str, str]:
    told_of = [who for who in ("SENDER", "ROOM") if f"{who}_ID" in values]
    return {
        f"{who}_NAME_OR_ID": values[f"{who}_NAME"]
        or shown_id(values[f"{who}_ID"], domain)
        for who in told_of
    }


def _link(url: str | None) -> str:
    # Others may have written it, and a browser does more than to open pages.
    try:
        is_good = url is not None and urlsplit(url).scheme in ("http", "https")
    except ValueError:
        is_good = False
    return url if url is not None and is_good and url.isprintable() else ""

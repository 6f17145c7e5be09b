"""
Reads what an LDAP server sends.

The decoder descends only where the grammar says that something stands: however deep a
server nests its elements, nothing here recurses, and every length is checked against
the element around it.

Source: RFC 4511, section 4 and appendix B; RFC 2696 (paged results).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from attrs import frozen

PAGED_RESULTS = b"1.2.840.113556.1.4.319"

MESSAGE_LIMIT = 4 * 1024 * 1024
"""The longest message that is read, in bytes."""

URI_LIMIT = 20
"""How many of the URIs of one referral are read: they are equally good."""

TEXT_LIMIT = 300
"""How much of a server's own words is read, in bytes."""

BIND_RESPONSE = 0x61
SEARCH_DONE = 0x65
EXTENDED_RESPONSE = 0x78
_SEARCH_ENTRY = 0x64
_SEARCH_REFERENCE = 0x73
_INTERMEDIATE_RESPONSE = 0x79
_RESULTS = (BIND_RESPONSE, SEARCH_DONE, EXTENDED_RESPONSE)

_INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE, _SET = 0x02, 0x04, 0x0A, 0x30, 0x31
_CONTROLS, _REFERRAL = 0xA0, 0xA3
_LONG_FORM = 0x80
_CONTROL_CHARACTERS = dict.fromkeys((*range(32), 127), " ")


class NotLdap(ValueError):
    """Bytes that are no LDAP answer, or one over a limit; the message says why."""


@frozen
class Entry:
    """
    One entry of a search.

    :ivar attributes: Values by attribute name, lower-cased and without options.
    :ivar cut: The attributes of which the server gave the first values only.
    """

    dn: bytes
    attributes: Mapping[str, list[bytes]]
    cut: frozenset[str] = frozenset()


@frozen
class Reference:
    """
    Where further entries of a search are.

    :ivar uris: Equally good ones.
    """

    uris: Sequence[str]


@frozen
class Aside:
    """A message that an operation may be sprinkled with, and that ends nothing."""


@frozen
class Result:
    """
    The end of an operation.

    :ivar kind: The tag: :data:`BIND_RESPONSE`, :data:`SEARCH_DONE` or another.
    :ivar code: The result code; 0 is success.
    :ivar cookie: Of the paged results; empty after the last page, ``None`` if the
        server did not page.
    :ivar diagnostic: The server's own words, on one line.
    :ivar referrals: URIs of servers to ask instead, equally good.
    """

    kind: int
    code: int
    cookie: bytes | None = None
    diagnostic: str = ""
    referrals: Sequence[str] = ()


Answer = Entry | Reference | Aside | Result


class Splitter:
    """Cuts a stream of bytes into messages."""

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take what came, and give the messages that are complete by now.

        :raise NotLdap: If the stream cannot be LDAP, or announces too long a message;
            told by the first bytes, not by waiting for the rest.
        """
        self._buffer += data
        messages, at = [], 0
        while (end := self._message_end(at)) is not None:
            messages.append(bytes(self._buffer[at:end]))
            at = end
        del self._buffer[:at]
        return messages

    @property
    def has_rest(self) -> bool:
        """Whether a part of a message has come."""
        return bool(self._buffer)

    def _message_end(self, at: int) -> int | None:
        available = len(self._buffer)
        if at >= available:
            return None
        if self._buffer[at] != _SEQUENCE:
            raise NotLdap(_other_protocol(self._buffer[at : at + 8]))
        start = _content_start(self._buffer, at, available)
        if start is None:
            return None
        end = start + _content_size(self._buffer, at, start)
        if end - at > self._limit:
            raise NotLdap(f"a message of more than {self._limit} bytes")
        return end if end <= available else None


def decode(message: bytes) -> tuple[int, Answer]:
    """
    Read one whole message.

    :return: The message ID, 0 for what nobody asked for, and the answer.
    :raise NotLdap: If it is malformed anywhere that matters to us.
    """
    start, stop = _expect(_SEQUENCE, message, 0, len(message))
    id_start, id_stop = _expect(_INTEGER, message, start, stop)
    kind, op_start, op_stop = _element(message, id_stop, stop)
    message_id = int.from_bytes(message[id_start:id_stop], "big")
    if kind == _SEARCH_ENTRY:
        return message_id, _entry(message, op_start, op_stop)
    if kind == _SEARCH_REFERENCE:
        return message_id, Reference(_uris(message, op_start, op_stop))
    if kind == _INTERMEDIATE_RESPONSE:
        return message_id, Aside()
    if kind not in _RESULTS:
        raise NotLdap(f"a message of the unknown kind {kind:#x}")
    result = _result(kind, message, op_start, op_stop, stop)
    return message_id, result


def _other_protocol(start: bytearray) -> str:
    # Some web servers answer noise with a bare page.
    if start.startswith((b"HTTP", b"<")):
        return "it speaks HTTP, not LDAP"
    if start.startswith((b"\x15\x03", b"\x16\x03")):
        return "it speaks TLS, or no LDAP, on this port"
    return "this is not LDAP"


def _result(kind: int, data: bytes, at: int, end: int, controls_end: int) -> Result:
    code_start, code_stop = _expect(_ENUMERATED, data, at, end)
    _, dn_stop = _expect(_OCTETS, data, code_stop, end)
    text_start, text_stop = _expect(_OCTETS, data, dn_stop, end)
    referrals: Sequence[str] = ()
    if text_stop < end and data[text_stop] == _REFERRAL:
        referrals = _uris(data, *_expect(_REFERRAL, data, text_stop, end))
    return Result(
        kind,
        int.from_bytes(data[code_start:code_stop], "big"),
        _cookie(data, end, controls_end),
        _text(data[text_start : min(text_stop, text_start + TEXT_LIMIT)]),
        referrals,
    )


def _uris(data: bytes, at: int, end: int) -> Sequence[str]:
    found = islice(_elements(_OCTETS, data, at, end), URI_LIMIT)
    return [data[start:stop].decode(errors="replace") for start, stop in found]


def _text(raw: bytes) -> str:
    # Active Directory ends its words with a NUL; nothing here may forge a log line.
    text = raw.decode(errors="replace").translate(_CONTROL_CHARACTERS)
    return text.strip()


def _entry(data: bytes, at: int, end: int) -> Entry:
    start, stop = _expect(_OCTETS, data, at, end)
    dn = data[start:stop]
    attributes: dict[str, list[bytes]] = {}
    cut: frozenset[str] = frozenset()
    for one_start, one_stop in _members(_SEQUENCE, data, stop, end):
        start, stop = _expect(_OCTETS, data, one_start, one_stop)
        name = data[start:stop]
        values = attributes.setdefault(_name(name), [])
        if _is_cut(name):
            cut |= {_name(name)}
        at, end = _expect(_SET, data, stop, one_stop)
        while at < end:
            start, at = _expect(_OCTETS, data, at, end)
            values.append(data[start:at])
    return Entry(dn, attributes, cut)


@lru_cache(maxsize=1024)
def _name(raw: bytes) -> str:
    # Servers spell names as their schema does, and add options such as ;lang-de.
    return raw.decode("ascii", "replace").partition(";")[0].lower()


@lru_cache(maxsize=1024)
def _is_cut(raw: bytes) -> bool:
    # memberOf;range=0-1499, and no * at the end: [MS-ADTS] 3.1.1.3.1.3.3.
    options = raw.lower().split(b";")[1:]
    return any(o.startswith(b"range=") and not o.endswith(b"-*") for o in options)


def _cookie(data: bytes, at: int, end: int) -> bytes | None:
    if at == end:
        return None
    start, stop = _expect(_CONTROLS, data, at, end)
    while start < stop:
        control, start = _expect(_SEQUENCE, data, start, stop)
        value = _paged_value(data, control, start)
        if value is not None:
            return value
    return None


def _paged_value(data: bytes, at: int, end: int) -> bytes | None:
    start, at = _expect(_OCTETS, data, at, end)
    if data[start:at] != PAGED_RESULTS:
        return None
    while at < end:  # the criticality may stand before the value
        tag, start, at = _element(data, at, end)
        if tag == _OCTETS:
            inner, inner_end = _expect(_SEQUENCE, data, start, at)
            _, size_end = _expect(_INTEGER, data, inner, inner_end)
            start, stop = _expect(_OCTETS, data, size_end, inner_end)
            return data[start:stop]
    raise NotLdap("paged results without a value")


def _members(tag: int, data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Walk the elements of the sequence that stands at a position."""
    return _elements(tag, data, *_expect(_SEQUENCE, data, at, end))


def _elements(tag: int, data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Walk the elements from a position on."""
    while at < end:
        start, at = _expect(tag, data, at, end)
        yield start, at


def _expect(tag: int, data: bytes, at: int, end: int) -> tuple[int, int]:
    # Most elements are short, and the time that a list takes is spent here.
    if at + 2 <= end and data[at] == tag:
        stop = at + 2 + data[at + 1]
        if data[at + 1] < _LONG_FORM and stop <= end:
            return at + 2, stop
    found, start, stop = _element(data, at, end)
    if found != tag:
        raise NotLdap(f"an element {found:#x} where {tag:#x} was due")
    return start, stop


def _element(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The tag of the element at a position, and where its content starts and stops."""
    start = _content_start(data, at, end)
    if start is None:
        raise NotLdap("an element is cut off")
    stop = start + _content_size(data, at, start)
    if stop > end:
        raise NotLdap("an element is longer than what it stands in")
    return data[at], start, stop


def _content_start(data: bytes | bytearray, at: int, end: int) -> int | None:
    """Where content starts; ``None`` if the header is not complete."""
    if at + 2 > end:
        return None
    size = data[at + 1]
    if size < _LONG_FORM:
        return at + 2
    width = size & 0x7F
    if not 0 < width <= 4:
        raise NotLdap("a length of an unknown form")
    start = at + 2 + width
    return start if start <= end else None


def _content_size(data: bytes | bytearray, at: int, start: int) -> int:
    if start == at + 2:
        return data[at + 1]
    return int.from_bytes(data[at + 2 : start], "big")

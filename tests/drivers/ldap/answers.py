"""What a server sends, encoded by ldaptor: another hand than our decoder's."""

from collections.abc import Mapping, Sequence
from typing import Any

from ldaptor.protocols import pureber, pureldap

from mxisd.drivers.ldap.decoder import PAGED_RESULTS


def entry(
    message_id: int, dn: str, attributes: Mapping[str, Sequence[str | bytes]]
) -> bytes:
    """One entry of a search."""
    answer = pureldap.LDAPSearchResultEntry(dn, list(attributes.items()))
    return message(message_id, answer)


def done(
    message_id: int,
    code: int = 0,
    cookie: bytes | None = None,
    text: str | bytes = "text",
) -> bytes:
    """The end of a search."""
    answer = pureldap.LDAPSearchResultDone(resultCode=code, errorMessage=text)
    return message(message_id, answer, cookie)


def bound(message_id: int, code: int = 0, text: str = "") -> bytes:
    """The answer to a bind."""
    answer = pureldap.LDAPBindResponse(resultCode=code, errorMessage=text)
    return message(message_id, answer)


def extended(message_id: int, code: int = 0) -> bytes:
    """The answer to StartTLS."""
    return message(message_id, pureldap.LDAPExtendedResponse(resultCode=code))


def reference(message_id: int, *uris: str) -> bytes:
    """The hint that another server knows more."""
    octets = [pureber.BEROctetString(uri) for uri in uris]
    # ldaptor wraps the URIs into a sequence too many.
    inside = b"".join(octet.toWire() for octet in octets)
    return _message(message_id, b"\x73" + _length(inside))


def referral(message_id: int, *uris: str, kind: int = 0x65) -> bytes:
    """The end of a search, or of another operation, that is to be asked elsewhere."""
    inside = b"".join(pureber.BEROctetString(uri).toWire() for uri in uris)
    result = b"\x0a\x01\x0a\x04\x00\x04\x00\xa3" + _length(inside)
    return _message(message_id, bytes([kind]) + _length(result))


def _message(message_id: int, operation: bytes) -> bytes:
    inside = pureber.BERInteger(message_id).toWire() + operation
    return b"\x30" + _length(inside)


def _length(content: bytes) -> bytes:
    return b"\x84" + len(content).to_bytes(4, "big") + content


def message(message_id: int, answer: Any, cookie: bytes | None = None) -> bytes:
    """Any answer, and perhaps the control of a page."""
    controls = None
    if cookie is not None:
        page = [pureber.BERInteger(0), pureber.BEROctetString(cookie)]
        controls = [
            ("1.2.3.4", True, None),
            (PAGED_RESULTS, None, pureber.BERSequence(page).toWire()),
        ]
    wire: bytes = pureldap.LDAPMessage(
        answer, id=message_id, controls=controls
    ).toWire()
    return wire

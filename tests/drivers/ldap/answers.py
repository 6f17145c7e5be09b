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


def done(message_id: int, code: int = 0, cookie: bytes | None = None) -> bytes:
    """The end of a search."""
    answer = pureldap.LDAPSearchResultDone(resultCode=code, errorMessage="text")
    return message(message_id, answer, cookie)


def bound(message_id: int, code: int = 0) -> bytes:
    """The answer to a bind."""
    return message(message_id, pureldap.LDAPBindResponse(resultCode=code))


def reference(message_id: int) -> bytes:
    """The hint that another server knows more."""
    uri = pureber.BEROctetString("ldap://other.example/")
    return message(message_id, pureldap.LDAPSearchResultReference([uri]))


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

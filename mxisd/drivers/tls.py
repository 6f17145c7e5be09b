"""
TLS towards servers: how all drivers make sure whom they talk to.

Twisted's own options are not used for that: since 26.4 they accept any certificate
whose names cannot be read, and only log that.
"""

from typing import Any
from weakref import ReferenceType, ref

from attrs import define, field, frozen
from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import (
    DNS_ID,
    DNSPattern,
    IPAddress_ID,
    IPAddressPattern,
    verify_service_identity,
)
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.model.domains import a_label

# Errors of OpenSSL, X509_V_ERR_…; 2, 7 and 18 to 21 are no issuer, a signature that is
# not its, and self-signed in several ways.
_COMPLAINTS = {
    9: "is not valid yet",
    10: "has expired",
    26: "is not one for servers",
    **dict.fromkeys((66, 67), "has too short a key"),
    68: "has too weak a signature",
}
_UNKNOWN_AUTHORITY = frozenset({2, 7, 18, 19, 20, 21})


class CertificateRefused(Exception):
    """A server's certificate was not accepted; the text says why, for the operator."""


# --- Connections ----------------------------------------------------------------------


def client_context(options: CertificateOptions) -> SSL.Context:
    """Make what :class:`ClientTls` needs of Twisted's options; they are not enough."""
    context: SSL.Context = options.getContext()
    context.set_info_callback(_insist)
    return context


def _ascii(host: str) -> str:
    return host if host.isascii() else a_label(host)


@implementer(IOpenSSLClientConnectionCreator)
@frozen
class ClientTls:
    """
    Begins connections to a host, and ends those where somebody else answers.

    The protocol's ``connectionLost`` then gets :class:`CertificateRefused`, and nothing
    of what it wrote has left.

    :ivar host: The name, or IP address, that must be in the certificate.
    :ivar context: Whom to trust, and who we are: of :mod:`mxisd.drivers.tls_files`.
    """

    host: str = field(converter=_ascii)
    context: SSL.Context

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """Begin one."""
        connection = _Connection(self.context, None)
        if not _is_address(self.host):
            connection.set_tlsext_host_name(self.host.encode("ascii"))
        verification = _Verification(self.host, ref(tlsProtocol))
        connection.verification = verification
        mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        connection.set_verify(mode, verification.judge)
        return connection


@define(eq=False)
class _Verification:
    """Judges the certificates of one connection: what is not good ends it."""

    _host: str
    # OpenSSL keeps this object, which must not keep the protocol.
    _protocol: "ReferenceType[TLSMemoryBIOProtocol]"
    _is_verified: bool = field(default=False, init=False)

    def judge(
        self, connection: SSL.Connection, found: X509, error: int, depth: int, ok: int
    ) -> bool:
        """Judge one certificate of the chain; the server's own, depth 0, is last."""
        try:
            if not ok:
                raise CertificateRefused(_complaint(error, depth))
            if depth == 0:
                verify_host(found.to_cryptography(), self._host)
                self._is_verified = True
        except CertificateRefused as refusal:
            self._end(refusal)
            return False
        return True

    def insist(self) -> None:
        """End the connection unless its certificate was found good."""
        if not self._is_verified:
            self._end(CertificateRefused("the certificate was not verified"))

    def _end(self, refusal: CertificateRefused) -> None:
        protocol = self._protocol()
        if protocol is not None:
            protocol.failVerification(Failure(refusal))


class _Connection(SSL.Connection):
    verification: _Verification


def _insist(connection: Any, where: int, result: int) -> None:
    if where & SSL.SSL_CB_HANDSHAKE_DONE:
        connection.verification.insist()


# --- Judgements -----------------------------------------------------------------------


def verify_host(certificate: x509.Certificate, host: str) -> None:
    """
    Make sure that a certificate is for a host; its authority is not looked at.

    :param host: A name in ASCII, or an IP address. Only alternative names count, as
        RFC 9525 has it; one that is no name of a host matches none.
    :raise CertificateRefused: If it is for another host, or for none, or unreadable.
    """
    try:
        wanted = IPAddress_ID(host) if _is_address(host) else DNS_ID(host)
        verify_service_identity(_patterns(certificate), [wanted], [])
    except VerificationError as error:
        raise CertificateRefused("the certificate is for another name") from error
    except CertificateError as error:
        raise CertificateRefused("the certificate names no host") from error
    except Exception as error:
        # Whatever goes wrong here, nobody has been verified.
        text = f"the certificate cannot be verified ({type(error).__name__})"
        raise CertificateRefused(text) from error


def _patterns(certificate: x509.Certificate) -> list[DNSPattern | IPAddressPattern]:
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return []
    names = [_pattern(name) for name in found.get_values_for_type(x509.DNSName)]
    addresses: list[Any] = found.get_values_for_type(x509.IPAddress)
    return [
        *(name for name in names if name is not None),
        *(IPAddressPattern(each) for each in addresses),
    ]


def _pattern(name: str) -> DNSPattern | None:
    try:
        return DNSPattern.from_bytes(name.encode("utf-8"))
    except CertificateError:
        return None


def _complaint(error: int, depth: int) -> str:
    if error in _UNKNOWN_AUTHORITY:
        return "the certificate's authority is not known"
    which = "the certificate of an authority" if depth else "the certificate"
    words = _COMPLAINTS.get(error, f"is not good (error {error} of OpenSSL)")
    return f"{which} {words}"


def _is_address(host: str) -> bool:
    return bool(isIPAddress(host) or isIPv6Address(host))

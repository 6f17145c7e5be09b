"""TLS towards a directory, and what to say when it fails."""

from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from mxisd.drivers.ldap.server import Access
from mxisd.errors import StoreUnavailable

# X509_V_ERR_… of OpenSSL: no issuer, its signature, and self-signed in three ways.
_UNKNOWN_AUTHORITY = (2, 7, 18, 19, 20, 21)


@implementer(IOpenSSLClientConnectionCreator)
class Handshake:
    """
    Verifies a server's certificate and name: Twisted's own way of doing so.

    All files are read here, for every connection, so that renewed ones are noticed.
    """

    def __init__(self, host: str, access: Access) -> None:
        """
        Prepare one connection.

        :param host: The name to expect, unless ``access`` has another one.
        :raise StoreUnavailable: If a file cannot be used; names the key.
        """
        self._connection: SSL.Connection | None = None
        self._options: Any = ssl.optionsForClientTLS(
            access.tls_name or host,
            trustRoot=None if access.ca_file is None else _authorities(access.ca_file),
            extraCertificateOptions=_own_certificate(access),
        )

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """Begin."""
        connection: SSL.Connection = self._options.clientConnectionForTLS(tlsProtocol)
        self._connection = connection
        return connection

    def complaint(self) -> str:
        """
        What is wrong with the server's certificate; empty if nothing is.

        OpenSSL's error says only that verification failed. So the certificate is
        looked at once more; this decides nothing.
        """
        chain = self._connection.get_peer_cert_chain() if self._connection else None
        if not chain or self._connection is None:
            return ""
        store = self._connection.get_context().get_cert_store()
        if store is None:
            return ""
        try:
            crypto.X509StoreContext(store, chain[0], chain[1:]).verify_certificate()
        except crypto.X509StoreContextError as error:
            unknown = error.errors and error.errors[0] in _UNKNOWN_AUTHORITY
            return f"its authority is not known: {error}" if unknown else str(error)
        return ""


def _authorities(path: str) -> Any:
    found = _read("caFile", path, x509.load_pem_x509_certificates)
    return ssl.trustRootFromCertificates(
        [ssl.Certificate(crypto.X509.from_cryptography(one)) for one in found]
    )


def _own_certificate(access: Access) -> dict[str, Any]:
    if access.certificate_file is None or access.key_file is None:
        return {}
    chain: Sequence[x509.Certificate] = _read(
        "certificateFile", access.certificate_file, x509.load_pem_x509_certificates
    )
    own, *others = [crypto.X509.from_cryptography(one) for one in chain]
    if own.has_expired():
        raise StoreUnavailable("connection.certificateFile has expired")
    key = _read("keyFile", access.key_file, _key)
    if key.public_key() != chain[0].public_key():
        raise StoreUnavailable(
            "connection.keyFile is not the key of connection.certificateFile"
        )
    return {
        "certificate": own,
        "privateKey": crypto.PKey.from_cryptography_key(key),
        "extraCertChain": others,
    }


def _key(pem: bytes) -> Any:
    return load_pem_private_key(pem, password=None)


def _read(key: str, path: str, parse: Callable[[bytes], Any]) -> Any:
    try:
        with open(path, "rb") as file:
            return parse(file.read())
    except (OSError, ValueError, TypeError) as error:  # TypeError: an encrypted key
        raise StoreUnavailable(f"connection.{key} cannot be read: {error}") from error

"""A ``treq`` client for one store: with authorities and a certificate of its own."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL.crypto import X509, PKey
from treq.client import HTTPClient
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from mxisd.drivers.http.bounds import BoundedAgent
from mxisd.drivers.http.clients import (
    STORE_LIMIT_BYTES,
    STORE_SECONDS,
    nobodys_cookies,
)
from mxisd.drivers.http.connections import Endpoints, close_kept
from mxisd.errors import Misconfigured

T = TypeVar("T")


@frozen(kw_only=True)
class TlsFiles:
    """
    PEM files for the connections to one server; ``None`` for each that is not wanted.

    :ivar ca_file: Authorities that are trusted instead of the system's.
    :ivar certificate_file: Our own certificate, and those between it and the authority.
    :ivar key_file: Its key, unencrypted.
    :ivar path: What comes before ``caFile`` and the like in the store's section.
    """

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    path: str = ""

    @property
    def stamps(self) -> tuple[Any, ...]:
        """Something that differs when a file has changed."""
        names = (self.ca_file, self.certificate_file, self.key_file)
        return tuple(_stamp(name) for name in names if name is not None)

    def trusted(self) -> Any:
        """
        Read whom to trust.

        :raise Misconfigured: If the file cannot be used.
        """
        if self.ca_file is None:
            return None
        found = self._read("caFile", self.ca_file, x509.load_pem_x509_certificates)
        return trustRootFromCertificates(
            [Certificate(X509.from_cryptography(one)) for one in found]
        )

    def certificate(self) -> dict[str, Any]:
        """
        Read who we are.

        :raise Misconfigured: If a file cannot be used, or they do not fit each other.
        """
        if self.certificate_file is None or self.key_file is None:
            return {}
        chain = self._read(
            "certificateFile", self.certificate_file, x509.load_pem_x509_certificates
        )
        key = self._read("keyFile", self.key_file, _key)
        own, *others = [X509.from_cryptography(one) for one in chain]
        if own.has_expired():
            raise Misconfigured(f"{self.path}certificateFile", "has expired")
        if key.public_key() != chain[0].public_key():
            problem = f"is not the key of {self.path}certificateFile"
            raise Misconfigured(f"{self.path}keyFile", problem)
        return {
            "certificate": own,
            "privateKey": PKey.from_cryptography_key(key),
            "extraCertChain": others,
        }

    def _read(self, key: str, name: str, parse: Callable[[bytes], T]) -> T:
        try:
            with open(name, "rb") as file:
                return parse(file.read())
        except (OSError, ValueError, TypeError) as error:  # TypeError: encrypted
            problem = f"cannot be read: {error}"
            raise Misconfigured(f"{self.path}{key}", problem) from error


@implementer(IPolicyForHTTPS)
@define(eq=False)
class _Policy:
    """
    Insists on a good certificate, and shows ours.

    This is asked for each request, whereas renewed files are rare: what was made last
    is kept as long as the files are the same.
    """

    _files: TlsFiles
    _made_for: Any = None
    _creator: Any = field(default=None, init=False)

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        wanted = (hostname, self._files.stamps)
        if self._creator is None or self._made_for != wanted:
            self._creator = optionsForClientTLS(
                hostname.decode("ascii"),
                trustRoot=self._files.trusted(),
                extraCertificateOptions=self._files.certificate(),
            )
            self._made_for = wanted
        creator: IOpenSSLClientConnectionCreator = self._creator
        return creator


@frozen
class OwnClient:
    """
    A client and its connections.

    :ivar treq: For :class:`mxisd.drivers.http.json_client.JsonClient`; with files that
        cannot be used, each request over TLS raises ``Misconfigured``.
    """

    treq: HTTPClient
    _pool: HTTPConnectionPool

    async def close(self) -> None:
        """Close the connections that were kept alive."""
        await close_kept(self._pool)


def own_client(reactor: Any, files: TlsFiles, *, user_agent: str) -> OwnClient:
    """Make a client with the bounds of a store's tools; the files are read later."""
    pool = HTTPConnectionPool(reactor)
    schemes = frozenset({b"http", b"https"})
    endpoints = Endpoints(reactor, _Policy(files), schemes)
    agent = BoundedAgent(
        reactor,
        Agent.usingEndpointFactory(reactor, endpoints, pool),
        user_agent=user_agent,
        limit_bytes=STORE_LIMIT_BYTES,
        seconds=STORE_SECONDS,
    )
    return OwnClient(HTTPClient(agent, nobodys_cookies()), pool)


def _key(pem: bytes) -> Any:
    return load_pem_private_key(pem, password=None)


def _stamp(name: str) -> Any:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size)

"""PEM files for TLS towards servers: whom we trust, and who we are."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    platformTrust,
    trustRootFromCertificates,
)

from mxisd.drivers.tls import client_context
from mxisd.errors import ConfigError, Problem

T = TypeVar("T")

WANTED = {
    "caFile": "there are no certificates in it, in PEM",
    "certificateFile": "there is no certificate in it, in PEM",
    "keyFile": "there is no key in it, in PEM and without a password",
}

EXPIRED = "has expired"
NO_PAIR = "is not the key of certificateFile"


class UnusableFile(Exception):
    """
    A PEM file cannot be used.

    :ivar key: ``caFile``, ``certificateFile`` or ``keyFile``.
    :ivar problem: What goes behind it.
    """

    def __init__(self, key: str, problem: str) -> None:
        """Say which, and why."""
        super().__init__(f"{key} {problem}")
        self.key = key
        self.problem = problem


@frozen(kw_only=True)
class TlsFiles:
    """
    PEM files for the connections to one server; ``None`` for each that is not wanted.

    :ivar ca_file: Authorities that are trusted instead of the system's.
    :ivar certificate_file: Our own certificate, and those between it and the authority.
    :ivar key_file: Its key, unencrypted.
    """

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    @property
    def stamps(self) -> tuple[Any, ...]:
        """Something that differs when a file has changed."""
        names = (self.ca_file, self.certificate_file, self.key_file)
        return tuple(_stamp(name) for name in names if name is not None)

    def require(self, section: str = "") -> None:
        """
        Read the files, to find out early what is wrong with them.

        A certificate that has expired is let pass: a server shall start in spite of it.

        :param section: Where the keys are, relative to whoever is told.
        :raise ConfigError: With every file that cannot be used.
        """
        problems = [
            Problem(each.key, each.problem).below(section) for each in self._flaws()
        ]
        if problems:
            raise ConfigError(problems)

    @property
    def is_expired(self) -> bool:
        """
        Whether our own certificate has expired.

        :raise UnusableFile: If it cannot be read.
        """
        chain = self._chain()
        return bool(chain) and X509.from_cryptography(chain[0]).has_expired()

    def context(self) -> SSL.Context:
        """
        Read the files.

        :raise UnusableFile: If one cannot be used, or two do not fit each other.
        """
        if self.ca_file is None:
            root = platformTrust()
        else:
            found = [Certificate(each) for each in _authorities(self.ca_file)]
            root = trustRootFromCertificates(found)
        return client_context(CertificateOptions(trustRoot=root, **self._certificate()))

    def _flaws(self) -> Iterator[UnusableFile]:
        found = []
        for read in (self._trusted, self._chain, self._key):
            try:
                read()
            except UnusableFile as error:
                found.append(error)
        yield from found
        if not found and not _are_pair(self._key(), self._chain()):
            yield UnusableFile("keyFile", NO_PAIR)

    def _trusted(self) -> Sequence[X509]:
        return () if self.ca_file is None else _authorities(self.ca_file)

    def _chain(self) -> Sequence[x509.Certificate]:
        """Our own certificate, and those behind it."""
        if self.certificate_file is None or self.key_file is None:
            return ()
        return _read("certificateFile", self.certificate_file, _certificates)

    def _key(self) -> Any:
        if self.certificate_file is None or self.key_file is None:
            return None
        return _read("keyFile", self.key_file, _key)

    def _certificate(self) -> dict[str, Any]:
        chain, key = self._chain(), self._key()
        if not chain:
            return {}
        own, *others = [X509.from_cryptography(each) for each in chain]
        if own.has_expired():
            raise UnusableFile("certificateFile", EXPIRED)
        if not _are_pair(key, chain):
            raise UnusableFile("keyFile", NO_PAIR)
        return {
            "certificate": own,
            "privateKey": PKey.from_cryptography_key(key),
            "extraCertChain": others,
        }


def context_trusting(ca_file: str | None) -> SSL.Context:
    """
    Trust the system's authorities, and those of a file besides.

    :raise UnusableFile: If the file cannot be used.
    """
    authorities = [] if ca_file is None else _authorities(ca_file)
    context = client_context(CertificateOptions(trustRoot=platformTrust()))
    store = context.get_cert_store()
    assert store is not None
    for authority in authorities:
        store.add_cert(authority)
    return context


def _authorities(name: str) -> Sequence[X509]:
    found = _read("caFile", name, _certificates)
    return [X509.from_cryptography(each) for each in found]


def _read(key: str, name: str, parse: Callable[[bytes], T]) -> T:
    try:
        with open(name, "rb") as file:
            return parse(file.read())
    except (OSError, ValueError, TypeError) as error:  # TypeError: an encrypted key
        reason = error.strerror if isinstance(error, OSError) else WANTED[key]
        raise UnusableFile(key, f"cannot be read: {name}: {reason}") from error


def _are_pair(key: Any, chain: Sequence[x509.Certificate]) -> bool:
    return not chain or bool(key.public_key() == chain[0].public_key())


def _certificates(pem: bytes) -> Sequence[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)


def _key(pem: bytes) -> Any:
    return load_pem_private_key(pem, password=None)


def _stamp(name: str) -> Any:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size)

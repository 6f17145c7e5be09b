"""A certificate authority for tests: real certificates for real TLS on loopback."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.internet.ssl import CertificateOptions, PrivateCertificate


@frozen
class IssuedCertificate:
    """
    A certificate and its key.

    :ivar cert_file: PEM.
    :ivar key_file: PEM, unencrypted.
    """

    cert_file: Path
    key_file: Path

    def options(self) -> CertificateOptions:
        """For ``listenSSL`` and its kin."""
        pem = self.key_file.read_bytes() + self.cert_file.read_bytes()
        options: CertificateOptions = PrivateCertificate.loadPEM(pem).options()
        return options


class CertificateAuthority:
    """
    Issues certificates that are valid today, unless they are to be expired.

    :ivar ca_file: Its own certificate, PEM: what clients are to trust.
    """

    def __init__(self, folder: Path) -> None:
        """
        Make a new authority.

        :param folder: Where the files go; made if it is not there.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        # Several of them may be trusted at a time.
        self._name = _name(f"Authority {x509.random_serial_number() % 10**9}")
        self._issued = 0
        self.ca_file = folder / "ca.pem"
        certificate = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .sign(self._key, SHA256())
        )
        self.ca_file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        *names: str,
        common_name: str = "",
        is_expired: bool = False,
        is_early: bool = False,
    ) -> IssuedCertificate:
        """
        Make a server's certificate.

        :param names: DNS names, IP addresses and URIs (behind ``uri:``), good or bad;
            may be none.
        :param common_name: That of the subject; the first of the names if not given.
        :param is_expired: Whether it was valid until yesterday.
        :param is_early: Whether it will be valid from tomorrow on.
        """
        alternatives = [_general_name(name) for name in names]
        return self._issue(
            common_name or names[0],
            ExtendedKeyUsageOID.SERVER_AUTH,
            *([x509.SubjectAlternativeName(alternatives)] if names else []),
            days_ago=3 * is_expired - 2 * is_early,
        )

    def issue_client(self, name: str, *, is_expired: bool = False) -> IssuedCertificate:
        """Make a client's certificate, which has the name as a server's would."""
        return self._issue(
            name,
            ExtendedKeyUsageOID.CLIENT_AUTH,
            x509.SubjectAlternativeName([_general_name(name)]),
            days_ago=3 * is_expired,
        )

    def _issue(
        self,
        name: str,
        usage: x509.ObjectIdentifier,
        *extensions: x509.ExtensionType,
        days_ago: int,
    ) -> IssuedCertificate:
        self._issued += 1
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self._name, key, timedelta(days=days_ago))
        for extension in (x509.ExtendedKeyUsage([usage]), *extensions):
            builder = builder.add_extension(extension, False)
        certificate = builder.sign(self._key, SHA256())
        issued = IssuedCertificate(
            self._folder / f"{self._issued}.pem", self._folder / f"{self._issued}.key"
        )
        issued.cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        issued.key_file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return issued


def wrong_certificates(
    host: str, authority: CertificateAuthority, stranger: CertificateAuthority
) -> Sequence[tuple[IssuedCertificate, str]]:
    """
    What no client may accept.

    :param host: Which host a client means to reach.
    :param authority: Whom it trusts.
    :param stranger: Whom it does not trust.
    :return: Each with what is to be said about it.
    """
    return (
        (stranger.issue(host), "authority is not known"),
        (authority.issue(host, is_expired=True), "has expired"),
        (authority.issue(host, is_early=True), "is not valid yet"),
        (authority.issue("other.test", common_name=host), "is for another name"),
        (authority.issue(common_name="other.test"), "names no host"),
        (authority.issue(common_name=host), "names no host"),
        (authority.issue("*.com", common_name=host), "names no host"),
        (authority.issue("other.test", "*.*.com"), "is for another name"),
        (authority.issue_client(host), "is not one for servers"),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    if name.startswith("uri:"):
        return x509.UniformResourceIdentifier(name.removeprefix("uri:"))
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    age: timedelta = timedelta(),
) -> x509.CertificateBuilder:
    now = datetime.now(UTC) - age
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
    )

"""A certificate authority for tests: real certificates for real TLS on loopback."""

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

    def issue(self, *names: str, is_expired: bool = False) -> IssuedCertificate:
        """
        Make a server's certificate.

        :param names: DNS names and IP addresses.
        :param is_expired: Whether it was valid until yesterday.
        """
        alternatives = x509.SubjectAlternativeName([_general_name(n) for n in names])
        return self._issue(
            names[0], ExtendedKeyUsageOID.SERVER_AUTH, is_expired, alternatives
        )

    def issue_client(self, name: str, *, is_expired: bool = False) -> IssuedCertificate:
        """Make a client's certificate."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH, is_expired)

    def _issue(
        self,
        name: str,
        usage: x509.ObjectIdentifier,
        is_expired: bool,
        *extensions: x509.ExtensionType,
    ) -> IssuedCertificate:
        self._issued += 1
        key = ec.generate_private_key(ec.SECP256R1())
        age = timedelta(days=3) if is_expired else timedelta()
        builder = _builder(_name(name), self._name, key, age)
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


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
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

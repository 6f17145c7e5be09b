from pathlib import Path
from typing import Any

from attrs import evolve
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.server import Access
from mxisd.drivers.ldap.tls import client_tls
from mxisd.errors import StoreUnavailable
from tests.tls import CertificateAuthority


class FilesTests(SynchronousTestCase):
    """Certificates and keys that operators name."""

    def setUp(self) -> None:
        """Issue certificates."""
        self.folder = Path(self.mktemp())
        self.authority = CertificateAuthority(self.folder)
        self.good = self.authority.issue_client("mxisd")

    def assert_refused(self, words: str, **access: Path) -> None:
        """The error names the key."""
        values: Any = {name: str(value) for name, value in access.items()}
        error = self.assertRaises(
            StoreUnavailable, client_tls, "ldap.example.org", Access(**values)
        )
        self.assertIn(words, str(error))

    def test_good_files(self) -> None:
        """Authorities, and a client certificate with its chain, are accepted."""
        chain = self.folder / "chain.pem"
        chain.write_bytes(
            self.good.cert_file.read_bytes() + self.authority.ca_file.read_bytes()
        )
        access = Access(
            ca_file=str(self.authority.ca_file),
            certificate_file=str(chain),
            key_file=str(self.good.key_file),
        )
        self.assertEqual(client_tls("localhost", access).host, "localhost")
        named = evolve(access, tls_name="ldap.example.org")
        self.assertEqual(client_tls("localhost", named).host, "ldap.example.org")

    def test_authorities(self) -> None:
        """A file that is missing, or holds no certificate, is told."""
        empty = self.folder / "empty.pem"
        empty.write_bytes(b"")
        for path in (self.folder / "gone", empty, self.good.key_file, self.folder):
            self.assert_refused("connection.caFile cannot be read", ca_file=path)

    def test_expired(self) -> None:
        """A client certificate is not shown after its end."""
        old = self.authority.issue_client("old", is_expired=True)
        self.assert_refused(
            "connection.certificateFile has expired",
            certificate_file=old.cert_file,
            key_file=old.key_file,
        )

    def test_keys(self) -> None:
        """A key must be readable without a passphrase, and be the certificate's."""
        key = load_pem_private_key(self.good.key_file.read_bytes(), None)
        locked = self.folder / "locked.key"
        locked.write_bytes(
            key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush")
            )
        )
        other = self.authority.issue_client("other").key_file
        for path, words in (
            (locked, "connection.keyFile cannot be read"),
            (self.folder / "gone", "connection.keyFile cannot be read"),
            (self.good.cert_file, "connection.keyFile cannot be read"),
            (other, "connection.keyFile is not the key of certificateFile"),
        ):
            self.assert_refused(
                words, certificate_file=self.good.cert_file, key_file=path
            )

"""PEM files; the tests of each driver show what it says about them."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.tls_files import TlsFiles, UnusableFile, context_trusting
from mxisd.errors import ConfigError
from tests.tls import CertificateAuthority


class RequireTests(SynchronousTestCase):
    """Reading files early."""

    def setUp(self) -> None:
        """An authority, and what it issues."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = CertificateAuthority(folder)
        self.good = self.authority.issue_client("good")

    def problems(self, **files: object) -> list[tuple[str, str]]:
        """What is wrong: keys and texts."""
        named = {key: str(file) for key, file in files.items()}
        try:
            TlsFiles(**named).require("connection")
        except ConfigError as error:
            return [(each.path, each.text) for each in error.problems]
        return []

    def test_good_files(self) -> None:
        """None, some, all; one that has expired is told apart."""
        pair = {"certificate_file": self.good.cert_file, "key_file": self.good.key_file}
        for files in ({}, {"ca_file": self.authority.ca_file}, pair):
            self.assertEqual(self.problems(**files), [])
        old = self.authority.issue_client("old", is_expired=True)
        pair = {"certificate_file": old.cert_file, "key_file": old.key_file}
        self.assertEqual(self.problems(**pair), [])
        for issued in (self.good, old):
            files_of = TlsFiles(
                certificate_file=str(issued.cert_file), key_file=str(issued.key_file)
            )
            self.assertEqual(files_of.is_expired, issued is old)
        self.assertFalse(TlsFiles().is_expired)

    def test_bad_files(self) -> None:
        """Each is told, by its key."""
        other = self.authority.issue_client("other")
        nothing = Path("missing.pem")
        found = self.problems(
            ca_file=self.good.key_file, certificate_file=nothing, key_file=nothing
        )
        self.assertEqual(
            found,
            [
                (
                    "connection.caFile",
                    f"cannot be read: {self.good.key_file}: there are no certificates "
                    "in it, in PEM",
                ),
                *(
                    (
                        f"connection.{key}",
                        "cannot be read: missing.pem: No such file or directory",
                    )
                    for key in ("certificateFile", "keyFile")
                ),
            ],
        )
        pair = {"certificate_file": self.good.cert_file, "key_file": other.key_file}
        text = "is not the key of certificateFile"
        self.assertEqual(self.problems(**pair), [("connection.keyFile", text)])


class FilesTests(SynchronousTestCase):
    """Files that change, or are no good."""

    def test_stamps(self) -> None:
        """They change with the file, also if that is gone or comes back."""
        path = Path(self.mktemp())
        files = TlsFiles(ca_file=str(path))
        seen = [files.stamps]
        path.write_bytes(b"a")
        seen.append(files.stamps)
        path.write_bytes(b"ab")
        seen.append(files.stamps)
        self.assertEqual(len(set(seen)), 3)

    def test_a_file_is_named_once(self) -> None:
        """Whatever is wrong with it."""
        empty = Path(self.mktemp())
        empty.write_bytes(b"")
        for path in (empty, Path("missing.pem")):
            error = self.assertRaises(UnusableFile, context_trusting, str(path))
            self.assertEqual(error.key, "caFile")
            self.assertEqual(str(error).count(str(path)), 1, str(error))

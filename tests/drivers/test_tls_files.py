"""PEM files; the tests of each driver show what it says about them."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.tls_files import TlsFiles, UnusableFile, context_trusting


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

"""Why there is no connection, in words."""

from errno import ECONNREFUSED

from OpenSSL import SSL
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.explanations import no_connection, tls_failed, tls_reason


class ExplanationTests(SynchronousTestCase):
    def test_numbers_are_words(self) -> None:
        """Nobody knows what 111 is."""
        for error, words in (
            (ConnectionRefusedError(ECONNREFUSED), "Connection refused"),
            (ConnectionRefusedError(), "Connection refused"),
            (ConnectionRefusedError("Down today"), "Down today"),
            (ConnectError(), "ConnectError"),
        ):
            self.assertEqual(no_connection(error), f"no connection ({words})")

    def test_tls(self) -> None:
        """What OpenSSL says to plain text is said plainly."""
        plain = SSL.Error([("SSL routines", "", "wrong version number")])
        text = "the server spoke plain text where TLS was expected"
        self.assertEqual(
            tls_failed(tls_reason(plain)), f"{text} (wrong version number)"
        )
        other = SSL.Error([("SSL routines", "", "no shared cipher")])
        self.assertEqual(tls_failed(tls_reason(other)), "no shared cipher")
        self.assertEqual(tls_failed(tls_reason(SSL.Error())), "")

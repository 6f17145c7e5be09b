from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.errors import code_name, why_lost


class WordsTests(SynchronousTestCase):
    """What operators read."""

    def test_names_of_codes(self) -> None:
        """Known codes have names, others a number."""
        self.assertEqual(code_name(49), "invalidCredentials")
        self.assertEqual(code_name(4711), "result code 4711")

    def test_tls_errors(self) -> None:
        """OpenSSL's reasons are translated where an operator would have to guess."""
        for detail, words in (
            ("wrong version number", "spoke plain text where TLS was expected"),
            ("tlsv13 alert certificate required", "connection.certificateFile"),
            ("tlsv1 alert unknown ca", "connection.certificateFile"),
            ("no protocols available", "TLS failed: no protocols available"),
        ):
            error = SSL.Error([("SSL routines", "", detail)])
            self.assertIn(words, self.why(error, in_handshake=True))
        self.assertIn("cut short", self.why(SSL.Error()))

    def test_closed_connections(self) -> None:
        """A server that just hangs up gives a hint by when it does."""
        for words, state in (
            ("speaks plain text", {"in_handshake": True}),
            ("client certificate", {"is_secure": True, "was_mute": True}),
            ("expects TLS", {"was_mute": True}),
        ):
            self.assertIn(words, self.why(ConnectionDone(), **state))
        self.assertEqual(self.why(ConnectionDone()), "the server closed the connection")

    def why(self, error: Exception, **state: bool) -> str:
        """The words for an error."""
        usual = {"in_handshake": False, "is_secure": False, "was_mute": False}
        return why_lost(Failure(error), **{**usual, **state})

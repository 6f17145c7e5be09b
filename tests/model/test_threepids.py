"""Canonical 3PIDs."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.threepids import IllegalThreePid, canonical


class CanonicalTests(SynchronousTestCase):
    """How addresses are brought into canonical form."""

    def test_emails(self) -> None:
        """Case-folded; the lower-cased spelling is kept where it differs."""
        for text, address, lowered in (
            ("alice@example.org", "alice@example.org", None),
            (" Alice@EXAMPLE.org\n", "alice@example.org", None),
            ("Strauß@Example.com", "strauss@example.com", "strauß@example.com"),
            ("a+b@x", "a+b@x", None),
            ("'o*(|)\\'@x", "'o*(|)\\'@x", None),
        ):
            threepid = canonical("email", text)
            self.assertEqual((threepid.medium, threepid.address), ("email", address))
            self.assertEqual(threepid.lowered, lowered)

    def test_spellings_are_no_identity(self) -> None:
        """Two spellings of one address are one 3PID, searched under both."""
        folded = canonical("email", "strauss@x")
        spelled = canonical("email", "STRAUß@x")
        self.assertEqual(folded, spelled)
        self.assertEqual(hash(folded), hash(spelled))
        self.assertEqual(folded.spellings, ("strauss@x",))
        self.assertEqual(spelled.spellings, ("strauss@x", "strauß@x"))

    def test_phones(self) -> None:
        """E.164 digits, however written, if written internationally."""
        for text in (
            "49171123456",
            "+49171123456",
            "+49 171 123456",
            "+49 (171) 123-456",
            "0049171123456",
            "+49.171.123.456",
        ):
            self.assertEqual(canonical("msisdn", text).address, "49171123456")

    def test_other_mediums_are_exact(self) -> None:
        """A medium of the operator's own keeps the case of its values."""
        self.assertEqual(canonical("employee", " E-7x ").address, "E-7x")

    def test_illegal_ones(self) -> None:
        """What is no address of its medium is refused."""
        for medium, text in (
            ("email", ""),
            ("email", "alice"),
            ("email", "a@b@c"),
            ("email", "@b"),
            ("email", "a@"),
            ("email", "a b@c"),
            ("email", "a\0@c"),
            ("email", "a\r\n@c"),
            ("email", "\ud800@c"),
            ("email", "a" * 500 + "@c"),
            ("msisdn", "0171123456"),
            ("msisdn", "12"),
            ("msisdn", "+"),
            ("msisdn", "phone"),
            ("msisdn", "1" * 16),
            ("msisdn", "+1" * 200),
            ("msisdn", "١٢٣٤٥٦٧٨"),
            ("", "x"),
            ("a b", "x"),
            ("é", "x"),
            ("x" * 65, "x"),
            ("employee", " "),
            # A folded address is longer, and must be canonical itself.
            ("email", "ß" * 400 + "@c"),
        ):
            with self.assertRaises(IllegalThreePid):
                canonical(medium, text)

    def test_no_message_holds_the_address(self) -> None:
        """Messages end up in logs."""
        for medium in ("email", "msisdn", "x y"):
            error = self.assertRaises(IllegalThreePid, canonical, medium, "secret+1")
            self.assertNotIn("secret", str(error))

    @given(st.sampled_from(["email", "msisdn", "employee"]), st.text())
    def test_canonical_is_idempotent(self, medium: str, text: str) -> None:
        """The canonical form of a canonical form is itself."""
        try:
            threepid = canonical(medium, text)
        except IllegalThreePid:
            return
        self.assertEqual(canonical(medium, threepid.address), threepid)
        threepid.address.encode()

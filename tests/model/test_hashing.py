"""Hashes and peppers of the v2 lookup."""

from base64 import urlsafe_b64decode

from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.hashing import Generation, lookup_digest, lookup_hash


class HashingTests(SynchronousTestCase):
    """Lookup hashes, against the vectors of the specification."""

    def test_vectors(self) -> None:
        """Each gets the hash that other implementations give it."""
        for address, medium, expected in (
            (
                "alice@example.com",
                "email",
                "4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc",
            ),
            ("bob@example.com", "email", "LJwSazmv46n0hlMlsb_iYxI0_HXEqy_yj6Jm636cdT8"),
            ("18005552067", "msisdn", "nlo35_T5fzSGZzJApqu8lgIudJvmOQtDaHtr-I4rU7I"),
            (
                "carl@example.com",
                "email",
                "jDh2YLwYJg3vg9pEn3kaaXAP9jx-LlcotoH51Zgb9MA",
            ),
            ("12345678910", "msisdn", "S11EvvwnUWBDZtI4MTRKgVuiRx76Z9HnkbyRlWkBqJs"),
            (
                "strauss@example.com",
                "email",
                "Wvo9OL_UvrDZsRecvnhshdTeilXXGbhk0J5l5rX55Ok",
            ),
            (
                "strauß@example.com",
                "email",
                "1FBgMvqsmu6y8fjKGhVb8Ejq0aQknLThQ7hF57hDwQE",
            ),
        ):
            self.assertEqual(lookup_hash(address, medium, "matrixrocks"), expected)

    def test_digest_and_hash_agree(self) -> None:
        """The text is the digest in URL-safe base64."""
        text = lookup_hash("a@b", "email", "x")
        self.assertEqual(
            urlsafe_b64decode(text + "="), lookup_digest("a@b", "email", "x")
        )

    def test_a_generation_is_over_at_its_end(self) -> None:
        """The current one never is, another from its last millisecond on."""
        self.assertFalse(Generation("a", 1).is_over(2**60))
        self.assertFalse(Generation("a", 1, 100).is_over(99))
        self.assertTrue(Generation("a", 1, 100).is_over(100))

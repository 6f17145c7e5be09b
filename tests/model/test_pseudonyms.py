"""Names for addresses in logs."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.pseudonyms import KEY_BYTES, MENTIONED, Pseudonyms, listed
from mxisd.model.threepids import ThreePid, canonical


class PseudonymsTests(SynchronousTestCase):
    """Hashes under a key."""

    def setUp(self) -> None:
        """Have a key."""
        self.names = Pseudonyms(bytes(KEY_BYTES))
        self.bob = canonical("email", "bob@example.org")

    def test_an_address_has_one_name(self) -> None:
        """However it is spelled; and no two have the same."""
        for spelling in ("bob@example.org", "BOB@Example.org"):
            self.assertEqual(
                self.names.of(canonical("email", spelling)), self.names.of(self.bob)
            )
        others = [
            ThreePid("email", "rob@example.org"),
            ThreePid("badge", "bob@example.org"),
            ThreePid("email bob@example.org", ""),
        ]
        self.assertEqual(len({self.names.of(each) for each in (self.bob, *others)}), 4)

    def test_it_tells_nothing_without_the_key(self) -> None:
        """Another run has other names, and neither name nor repr has the key in it."""
        other = Pseudonyms(b"k" * KEY_BYTES)
        self.assertNotEqual(other.of(self.bob), self.names.of(self.bob))
        self.assertNotEqual(other.of_digest(b"d"), self.names.of_digest(b"d"))
        self.assertRegex(self.names.of(self.bob), r"\A[0-9a-f]{10}\Z")
        self.assertRegex(self.names.of_digest(b"d" * 32), r"\A[0-9a-f]{10}\Z")
        self.assertNotIn("kkk", repr(other))

    def test_lists_have_an_end(self) -> None:
        """A lookup may be of ten thousand."""
        self.assertEqual(listed([], str), "nobody")
        self.assertEqual(listed([1, 2], str), "1, 2")
        whole = ", ".join(map(str, range(MENTIONED)))
        self.assertEqual(listed(range(MENTIONED), str), whole)
        self.assertEqual(listed(range(10_000), str), f"{whole} and 9980 more")

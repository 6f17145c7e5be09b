"""Statements that a 3PID belongs to a user."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import canonical

MAIL = canonical("email", "Alice@Example.com")
ALICE = UserId.parse("@alice:example.org")


class AssociationTests(SynchronousTestCase):
    """What is stated, and for how long."""

    def test_a_looked_up_one_is_short_lived(self) -> None:
        """It holds from a minute ago, for clocks that are slow, for five minutes."""
        stated = Association.looked_up(MAIL, ALICE, 1_000_000)
        self.assertEqual(
            stated, Association(MAIL, ALICE, 1_000_000, 940_000, 1_300_000)
        )

    def test_a_bound_one_holds_for_life(self) -> None:
        """From now on, for a hundred years."""
        stated = Association.bound(MAIL, ALICE, 1_000)
        self.assertEqual((stated.ts_ms, stated.not_before_ms), (1_000, 1_000))
        self.assertGreater(stated.not_after_ms, 3_000_000_000_000)
        self.assertLess(stated.not_after_ms, 2**53)

    def test_the_content_is_the_specifications(self) -> None:
        """Every key of the signed object, and no other."""
        self.assertEqual(
            Association(MAIL, ALICE, 3, 1, 2).content(),
            {
                "address": "alice@example.com",
                "medium": "email",
                "mxid": "@alice:example.org",
                "not_after": 2,
                "not_before": 1,
                "ts": 3,
            },
        )

    def test_the_clients_own_spelling_can_be_stated(self) -> None:
        """A client that asked for a spelling is told about that one."""
        content = Association(MAIL, ALICE, 3, 1, 2).content("Alice@Example.com")
        self.assertEqual(content["address"], "Alice@Example.com")
        self.assertEqual(content["mxid"], "@alice:example.org")

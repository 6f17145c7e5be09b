from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import canonical
from mxisd.stores.sql.values import Naming, text, threepid

LOCALPART = Naming("example.org", is_localpart=True)
WHOLE = Naming("example.org", is_localpart=False)
ANN = UserId("ann", "example.org")


class TextTests(SynchronousTestCase):
    def test_what_is_text(self) -> None:
        """Texts, bytes that are, and numbers."""
        for value, expected in (
            ("a", "a"),
            ("ü".encode(), "ü"),
            (memoryview(b"a"), "a"),
            (b"\xff", None),
            (5, "5"),
            (Decimal("491711234567"), "491711234567"),
            (None, None),
            (True, None),
            (1.5, None),
            ([], None),
        ):
            self.assertEqual(text(value), expected, repr(value))

    def test_threepids(self) -> None:
        """Are made canonical, or are none."""
        self.assertEqual(
            threepid("Email", " Ann@Example.org", StoredAddresses()),
            canonical("email", "ann@example.org"),
        )
        self.assertEqual(
            threepid(b" MSISDN", 491711234567, StoredAddresses()),
            canonical("msisdn", "491711234567"),
        )
        for medium, address in (
            ("email", "nobody"),
            ("email", None),
            (None, "ann@example.org"),
            ("e mail", "x"),
            ("msisdn", "0171 1234567"),
        ):
            self.assertIsNone(threepid(medium, address, StoredAddresses()))


class NamingTests(SynchronousTestCase):
    def test_columns(self) -> None:
        """Localparts and user IDs become canonical user IDs; others are nobody."""
        for naming, value, expected in (
            (LOCALPART, "Ann", ANN),
            (LOCALPART, b"ann ", ANN),
            (LOCALPART, "@Ann:other.example", UserId("ann", "other.example")),
            (LOCALPART, "jörg", UserId("j=c3=b6rg", "example.org")),
            (LOCALPART, "a\nb", None),
            (LOCALPART, "", None),
            (LOCALPART, None, None),
            (WHOLE, "@Ann:example.org", ANN),
            (WHOLE, "ann", None),
            (WHOLE, "@jörg:example.org", UserId("j=c3=b6rg", "example.org")),
            (WHOLE, "@\u212a:example.org", None),
        ):
            self.assertEqual(naming.user_id(value), expected, repr(value))

    def test_questions(self) -> None:
        """A localpart is asked for if the user is ours."""
        foreign = UserId("ann", "other.example")
        self.assertEqual(LOCALPART.values(UserId("Ann", "example.org")), ("ann",))
        self.assertEqual(LOCALPART.values(foreign), ())
        self.assertEqual(WHOLE.values(foreign), ("@ann:other.example",))
        joerg = UserId("j=c3=b6rg", "example.org")
        self.assertEqual(LOCALPART.values(joerg), ("j=c3=b6rg", "jörg"))
        for odd in ("ann ", "ann\n", "\u212a", "a\nb"):
            self.assertEqual(WHOLE.values(UserId(odd, "example.org")), ())

    @given(st.one_of(st.text(), st.binary(), st.integers(), st.none()))
    def test_any_value(self, value: object) -> None:
        """A value is a user, who is asked for by the same one, or nobody."""
        for naming in (LOCALPART, WHOLE):
            user_id = naming.user_id(value)
            if user_id is not None:
                self.assertEqual(naming.user_id(str(user_id)), user_id)

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.stores.ldap.naming import (
    ByLocalpart,
    ByPrincipalName,
    ByUserId,
    Naming,
)

OURS = "example.org"
ANN = UserId("ann", OURS)
FOREST = ByPrincipalName("userPrincipalName", OURS, "Corp.example")
ALL_NAMINGS: tuple[Naming, ...] = (
    ByLocalpart("uid", OURS),
    ByUserId("uid"),
    FOREST,
    ByPrincipalName("uid", OURS, ""),
)


class LocalpartTests(SynchronousTestCase):
    """Directories that know users by localpart."""

    def test_escaped_names(self) -> None:
        """Whoever has an umlaut is looked for by it, and by what it is escaped to."""
        naming = ByLocalpart("uid", OURS)
        joerg = naming.user_id("Jörg")
        self.assertEqual(joerg, UserId("j=c3=b6rg", OURS))
        self.assertEqual(naming.values(joerg), ("j=c3=b6rg", "jörg"))

    def test_both_ways(self) -> None:
        """The attribute has the localpart in whatever case; users are ours."""
        naming = ByLocalpart("uid", OURS)
        self.assertEqual(naming.user_id("Ann"), ANN)
        self.assertEqual(naming.values(ANN), ("ann",))
        self.assertEqual(naming.values(UserId("ann", "other.example")), ())


class UserIdTests(SynchronousTestCase):
    """Directories that know users by their whole user ID."""

    def test_both_ways(self) -> None:
        """Users may be of any server."""
        naming = ByUserId("uid")
        foreign = UserId("ann", "other.example")
        self.assertEqual(naming.user_id(" @Ann:other.example "), foreign)
        self.assertEqual(naming.values(foreign), ("@ann:other.example",))


class ForestTests(SynchronousTestCase):
    """Active Directories of several domains."""

    def test_default_domain(self) -> None:
        """Its users have their login as localpart, whatever the case."""
        for value in ("Ann@corp.example", "ann@CORP.EXAMPLE", " ann@Corp.Example "):
            self.assertEqual(FOREST.user_id(value), ANN)
        self.assertEqual(FOREST.values(ANN), ("ann@Corp.example",))

    def test_other_domains(self) -> None:
        """Their users have the domain in the localpart."""
        bob = UserId("bob/sub.corp.example", OURS)
        self.assertEqual(FOREST.user_id("Bob@Sub.Corp.Example"), bob)
        self.assertEqual(FOREST.values(bob), ("bob@sub.corp.example",))

    def test_no_default_domain(self) -> None:
        """Then everybody has the domain in the localpart, and nobody is without."""
        naming = ByPrincipalName("upn", OURS, "")
        bob = UserId("bob/corp.example", OURS)
        self.assertEqual(naming.user_id("bob@corp.example"), bob)
        self.assertEqual(naming.values(bob), ("bob@corp.example",))
        self.assertEqual(naming.values(ANN), ())

    def test_nobody_takes_anothers_name(self) -> None:
        """A slash in a login is not the one before a domain."""
        for value in ("bob/sub.example@corp.example", "bob@a/b", "bob", "@x", "bob@"):
            with self.assertRaises(IllegalIdentifier):
                FOREST.user_id(value)
        for localpart in ("/x", "x/", "ann/corp.example"):
            self.assertEqual(FOREST.values(UserId(localpart, OURS)), (), localpart)
        self.assertEqual(FOREST.values(UserId("ann", "other.example")), ())


class EveryNamingTests(SynchronousTestCase):
    """What holds for all of them."""

    @given(st.text(max_size=30))
    def test_there_and_back(self, value: str) -> None:
        """Whoever a value names is looked for by a value that names the same user."""
        for naming in ALL_NAMINGS:
            for text in (value, f"{value}@corp.example", f"@{value}:{OURS}"):
                try:
                    user_id = naming.user_id(text)
                except IllegalIdentifier:
                    continue
                back = [naming.user_id(each) for each in naming.values(user_id)]
                self.assertEqual(set(back), {user_id})
                names = ["".join(each.split()) for each in naming.values(user_id)]
                wanted = "".join(text.split()).lower()
                self.assertIn(wanted, [each.lower() for each in names])

    @given(st.text("ab/@.", min_size=1, max_size=12), st.text("ab/@.", min_size=1))
    def test_two_users_never_share_a_name(self, one: str, other: str) -> None:
        """Values that differ are users that differ, or the same one in disguise."""
        for naming in ALL_NAMINGS:
            try:
                first, second = naming.user_id(one), naming.user_id(other)
            except IllegalIdentifier:
                continue
            if first == second:
                self.assertEqual(one.lower(), other.lower())

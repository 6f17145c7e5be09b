from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.decoder import Entry
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import canonical
from mxisd.stores.ldap.entries import Reader
from mxisd.stores.ldap.naming import ByLocalpart, ByUserId

READER = Reader(
    naming=ByLocalpart("saMAccountName", "example.org"),
    name_attribute="displayName",
    by_medium={"email": ("mail", "otherMailbox"), "msisdn": ("mobile",), "x": ("X",)},
)
MXIDS = evolve(READER, naming=ByUserId("saMAccountName"))


def entry(dn: str = "cn=x", **attributes: Any) -> Entry:
    """An entry as the decoder gives it."""
    return Entry(
        dn.encode(),
        {
            name.lower(): [v if isinstance(v, bytes) else v.encode() for v in values]
            for name, values in attributes.items()
        },
    )


class UserTests(SynchronousTestCase):
    """Who an entry is."""

    def test_localpart(self) -> None:
        """A localpart is lower-cased and gets our domain."""
        found = READER.user_id(entry(saMAccountName=["Ann"]))
        self.assertEqual(found, UserId("ann", "example.org"))

    def test_whole_user_id(self) -> None:
        """A whole user ID keeps its server, and its localpart is lower-cased."""
        found = MXIDS.user_id(entry(saMAccountName=["@Ann:other.example"]))
        self.assertEqual(found, UserId("ann", "other.example"))

    def test_first_legal_value_counts(self) -> None:
        """Values that are no user ID are passed over."""
        values = [b"\xff\xfe", "a\0b", "", "ann"]
        found = READER.user_id(entry(saMAccountName=values))
        self.assertEqual(found, UserId("ann", "example.org"))

    def test_nobody(self) -> None:
        """Without a legal value an entry is nobody."""
        self.assertIsNone(READER.user_id(entry()))
        self.assertIsNone(READER.user_id(entry(saMAccountName=["a\nb"])))
        self.assertIsNone(MXIDS.user_id(entry(saMAccountName=["ann"])))

    def test_order_of_dns(self) -> None:
        """Users come in the order of their DNs, nobodies not at all."""
        entries = [
            entry("cn=c", saMAccountName=["c"]),
            entry("CN=a", saMAccountName=["a"]),
            entry("cn=0"),
            entry("cn=B", saMAccountName=["b"]),
        ]
        users = [user.localpart for _, user in READER.users(entries)]
        self.assertEqual(users, ["a", "b", "c"])

    def test_disabled_accounts_are_no_users(self) -> None:
        """They have a user ID, and are left out where users are wanted."""
        off = entry("cn=a", saMAccountName=["a"], userAccountControl=["514"])
        on = entry("cn=b", saMAccountName=["b"], userAccountControl=["512"])
        self.assertEqual([e for e, _ in READER.named([on, off])], [off, on])
        self.assertEqual([e for e, _ in READER.users([on, off])], [on])

    @given(st.lists(st.binary(max_size=20), max_size=3))
    def test_any_bytes(self, values: list[bytes]) -> None:
        """Whatever a directory holds, a user ID is legal or there is none."""
        strange = entry(saMAccountName=values, mail=values, mobile=values, X=values)
        for reader in (READER, MXIDS):
            found = reader.user_id(strange)
            if found is not None:
                self.assertEqual(UserId.parse(str(found)), found)
        for threepid in READER.all_threepids(strange):
            self.assertEqual(canonical(threepid.medium, threepid.address), threepid)


class ThreePidTests(SynchronousTestCase):
    """The addresses of an entry."""

    def test_every_value_of_every_attribute(self) -> None:
        """All values count, each once, in canonical form."""
        one = entry(
            mail=["Ann@Example.org", "ann@example.org", "no address"],
            otherMailbox=["Strauß@example.org"],
            mobile=["+49 171 1234567", "0171 1234567", b"\xff"],
            X=["Ab*(1)"],
        )
        self.assertEqual(
            READER.all_threepids(one),
            [
                canonical("email", "ann@example.org"),
                canonical("email", "strauß@example.org"),
                canonical("msisdn", "491711234567"),
                canonical("x", "Ab*(1)"),
            ],
        )

    def test_values_that_are_none(self) -> None:
        """They are counted with their attribute; what is of another kind is not."""
        reader = evolve(READER, by_medium={"email": ["mail", "proxyAddresses"]})
        one = entry(
            mail=["no address", "ann@example.org"],
            proxyAddresses=["SMTP:ann@example.org", "SIP:ann@example.org", "smtp:"],
        )
        threepids, unreadable = reader.all_read(one)
        self.assertEqual(threepids, [canonical("email", "ann@example.org")])
        self.assertEqual(unreadable, ["mail", "proxyAddresses"])

    def test_profile(self) -> None:
        """The first name that is not blank is the display name."""
        profile = READER.profile(entry(displayName=[" ", "Ann"], mail=["a@x"]))
        self.assertEqual(profile.display_name, "Ann")
        self.assertEqual(profile.threepids, {canonical("email", "a@x")})
        self.assertIsNone(READER.profile(entry()).display_name)

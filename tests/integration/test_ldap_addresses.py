"""Addresses as directories hold them, on a real OpenLDAP server."""

from collections.abc import Mapping
from typing import Any

from twisted.logger import LogLevel, capturedLogs, formatEvent

from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import SearchBy
from mxisd.model.threepids import EMAIL, MSISDN
from tests.integration.ldap_stores import LdapCase
from tests.integration.slapd import Member

ATTRIBUTES = {
    "uid": {"type": "uid", "value": "uid"},
    "threepid": {
        EMAIL: ["mail", "mailPrimaryAddress", "proxyAddresses"],
        MSISDN: ["telephoneNumber", "employeeNumber"],
    },
}


class AddressTests(LdapCase):
    """The same people, in the clear and by list."""

    async def owners(self, store: Store) -> Mapping[str, str]:
        """Localparts by address, for the hash index."""
        return {t.address: user.localpart for t, user in await self.listed(store)}

    async def test_aliases(self) -> None:
        """``proxyAddresses`` lead to their user; SIP and X500 addresses do not."""
        aliases = [
            "SMTP:Ann@example.org",
            "smtp:ann2@faß.example",
            "SIP:sip@example.org",
            "X500:/o=Example/cn=x500@example.org",
        ]
        ann = Member(uid="ann", name="Ann", more={"proxyAddresses": aliases})
        other = Member(uid="bea", name="Bea", mails=["SMTP:bea@example.org"])
        store = self.store(self.slapd(ann, other), attribute=ATTRIBUTES)
        expected = {"ann@example.org": "ann", "ann2@xn--fa-hia.example": "ann"}
        asked = [*expected, "sip@example.org", "x500@example.org"]
        self.assertEqual(await self.found(store, EMAIL, asked), expected)
        self.assertEqual(
            await self.owners(store), {**expected, "bea@example.org": "bea"}
        )

    async def test_labels_of_domains(self) -> None:
        """``mail`` has the A-label, another attribute the U-label: they are one."""
        store = self.store(
            self.slapd(
                Member(uid="ann", name="Ann", mails=["Ann@xn--fa-hia.example"]),
                Member(uid="bea", name="Bea", unicode_mails=["Bea@Faß.example"]),
            ),
            attribute=ATTRIBUTES,
        )
        expected = {
            "ann@xn--fa-hia.example": "ann",
            "bea@xn--fa-hia.example": "bea",
        }
        for domain in ("faß.example", "xn--fa-hia.example"):
            asked = [f"{name}@{domain}" for name in ("ann", "bea")]
            self.assertEqual(await self.found(store, EMAIL, asked), expected)
        wrong = ["ann@fass.example", "bea@fass.example"]
        self.assertEqual(await self.found(store, EMAIL, wrong), {})
        self.assertEqual(await self.owners(store), expected)
        assert store.directory is not None
        for term in ("@faß.example", "@xn--fa-hia.example"):
            page = await store.directory.search(
                term, SearchBy.THREEPID, 9, UserId("x", "example.org")
            )
            self.assertEqual(len(page.entries), 2, term)

    async def test_numbers_as_people_write_them(self) -> None:
        """By list all that can be read; in the clear what can be guessed."""
        numbers: dict[str, Any] = {
            "plus": "+49 171 1000001",
            "national": "0171 1000002",
            "slash": "0171/1000003",
            "brackets": "(+49) 171 1000004",
            "marked": "\u200e+49171 1000005\u200f",
        }
        slapd = self.slapd(
            *(Member(uid=uid, name=uid, phones=[n]) for uid, n in numbers.items())
        )
        by_number = {f"4917110000{i:02}": uid for i, uid in enumerate(numbers, 1)}
        known = {
            number: uid
            for number, uid in by_number.items()
            if uid not in ("national", "slash")
        }
        plain = self.store(slapd, attribute=ATTRIBUTES)
        self.assertEqual(await self.owners(plain), known)
        german = self.store(slapd, attribute=ATTRIBUTES, default_country="DE")
        self.assertEqual(await self.owners(german), by_number)
        found = await self.found(plain, MSISDN, by_number)
        self.assertEqual(found, {"491711000001": "plus"})
        found = await self.found(german, MSISDN, by_number)
        expected = {"491711000001": "plus", "491711000002": "national"}
        self.assertEqual(found, expected)

    async def test_values_that_cannot_be_read(self) -> None:
        """One line counts them; DN and attribute are told at debug, values never."""
        slapd = self.slapd(
            Member(uid="ann", name="Ann", mails=["nonsense", "ann@example.org"]),
            Member(uid="bea", name="Bea", phones=["0171 1234567", "110"]),
        )
        store = self.store(slapd, attribute=ATTRIBUTES)
        with capturedLogs() as events:
            await self.listed(store)
        told = [e for e in events if e["log_namespace"] == "mxisd.stores.unreadable"]
        (line,) = [formatEvent(e) for e in told if e["log_level"] is LogLevel.info]
        self.assertIn("3 values of staff are no addresses", line)
        places = [formatEvent(e) for e in told if e["log_level"] is LogLevel.debug]
        self.assertEqual(len(places), 3)
        self.assertIn("mail of uid=ann,ou=people", places[0])
        # Not the representation: the place of an object in memory may have "110" in it.
        texts = [
            value for e in events for value in e.values() if isinstance(value, str)
        ]
        for value in ("nonsense", "1234567", "110"):
            self.assertNotIn(value, " ".join([*texts, *map(formatEvent, told)]))

"""Addresses as people enter them in directories."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.stored import OfAnotherKind, StoredAddresses
from mxisd.model.threepids import IllegalThreePid, canonical

ANYWHERE = StoredAddresses()
GERMAN, AMERICAN = StoredAddresses("DE"), StoredAddresses("US")
MOBILE = "491711234567"


class ReadTests(SynchronousTestCase):
    """What a value means."""

    def test_emails(self) -> None:
        """Prefixes of other programs and invisible marks around it are passed over."""
        for text in (
            "Ann@Example.org",
            "SMTP:Ann@Example.org",
            "smtp:ann@example.org",
            "mailto:ann@example.org",
            "\u200eann@example.org\u200f",
            "\ufeff SMTP:ann@example.org\u00a0",
        ):
            found = ANYWHERE.read("email", text)
            self.assertEqual(found, canonical("email", "ann@example.org"), text)

    def test_other_kinds(self) -> None:
        """What says that it is no e-mail address is none, and no mistake either."""
        for text in (
            "SIP:ann@example.org",
            "sip:ann@example.org",
            "X500:/o=Example/ou=ann@example.org",
            "x400:C=DE;A= ;P=Example;S=Ann;",
            "EUM:4711;phone-context=ann@example.org",
        ):
            self.assertRaises(OfAnotherKind, ANYWHERE.read, "email", text)

    def test_mediums(self) -> None:
        """E-mail and phones in whatever case; mediums of one's own are exact."""
        for medium in ("email", "Email", " EMAIL "):
            self.assertEqual(ANYWHERE.read(medium, "a@b.de").medium, "email")
        self.assertEqual(ANYWHERE.read("MSISDN", MOBILE).medium, "msisdn")
        self.assertEqual(ANYWHERE.read("Employee", "E1").medium, "Employee")

    def test_international_numbers(self) -> None:
        """In any usual form, with brackets, schemes and invisible marks."""
        for text in (
            MOBILE,
            "+491711234567",
            "00491711234567",
            "(+49) 171 1234567",
            "(0049) 171/1234567",
            "+49 (0) 171 1234567",
            "tel:+49-171-1234567",
            "TEL:+491711234567",
            "tel:171-1234567;phone-context=+49",
            "\u202a+49 171 1234567\u202c",
            "+49\u00a0171\u200b1234567",
            "\u200e+49\u2011171\u20111234567",
        ):
            for known in (ANYWHERE, GERMAN, AMERICAN):
                found = known.read("msisdn", text)
                self.assertEqual(found.address, MOBILE, (text, known))

    def test_national_numbers(self) -> None:
        """Only where the operator says of which country they are."""
        for known, text, digits in (
            (GERMAN, "0171 1234567", MOBILE),
            (GERMAN, "(0171) 123-4567", MOBILE),
            (GERMAN, "01711234567", MOBILE),
            (GERMAN, "1711234567", MOBILE),
            (GERMAN, "tel:01711234567", MOBILE),
            (AMERICAN, "(201) 555-0123", "12015550123"),
            (AMERICAN, "2015550123", "12015550123"),
            (AMERICAN, "12015550123", "12015550123"),
            (AMERICAN, MOBILE, MOBILE),
        ):
            self.assertEqual(known.read("msisdn", text).address, digits, text)
        for text in ("0171 1234567", "(201) 555-0123"):
            self.assertRaises(IllegalThreePid, ANYWHERE.read, "msisdn", text)

    def test_what_is_none(self) -> None:
        """Long texts are refused before they are parsed."""
        for medium, text in (
            ("email", "ann"),
            ("email", "a\u200bnn@example.org"),
            ("msisdn", "phone"),
            ("msisdn", "12"),
            ("msisdn", "+49 " + "1 " * 60),
            ("msisdn", "0" * 10**6),
            ("employee", " "),
        ):
            for known in (ANYWHERE, GERMAN):
                self.assertRaises(IllegalThreePid, known.read, medium, text)

    @given(
        st.sampled_from(["email", "MSISDN", "employee"]),
        st.one_of(st.text(), st.from_regex(r"(tel:)?[(+0]{0,2}[0-9 ()/-]{3,15}")),
        st.sampled_from([ANYWHERE, GERMAN, AMERICAN, StoredAddresses("IT")]),
    )
    def test_any_text_is_judged(
        self, medium: str, text: str, known: StoredAddresses
    ) -> None:
        """A value is refused, or canonical."""
        try:
            found = known.read(medium, text)
        except IllegalThreePid:
            return
        self.assertEqual(canonical(found.medium, found.address), found)


class SpellingsTests(SynchronousTestCase):
    """What a store is asked for."""

    def test_numbers_of_the_country(self) -> None:
        """As they are dialled there, too; others only as digits."""
        mobile, other = (canonical("msisdn", each) for each in (MOBILE, "33612345678"))
        self.assertEqual(
            GERMAN.spellings(mobile), (MOBILE, "01711234567", "0171 1234567")
        )
        self.assertEqual(GERMAN.spellings(other), ("33612345678",))
        self.assertEqual(ANYWHERE.spellings(mobile), (MOBILE,))

    def test_each_is_read_as_what_was_asked(self) -> None:
        """What a store answers in these spellings is the 3PID itself."""
        for known, number in (
            (GERMAN, MOBILE),
            (AMERICAN, "12015550123"),
            (StoredAddresses("IT"), "390612345678"),
            (StoredAddresses("FR"), "33612345678"),
        ):
            threepid = canonical("msisdn", number)
            for spelling in known.spellings(threepid):
                self.assertEqual(known.read("msisdn", spelling), threepid, spelling)

    def test_emails(self) -> None:
        """Both labels of a domain."""
        for text in ("a@faß.de", "a@xn--fa-hia.de"):
            found = GERMAN.spellings(canonical("email", text))
            self.assertEqual(found, ("a@xn--fa-hia.de", "a@faß.de"))

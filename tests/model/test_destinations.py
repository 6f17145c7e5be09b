"""Addresses that messages are sent to."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.destinations import (
    ELSEWHERE,
    Destination,
    countries,
    dialled,
    mailbox,
)
from mxisd.model.threepids import IllegalThreePid, canonical

MAILBOXES = {
    "Alice@Example.ORG": "alice@example.org",
    " alice@example.org\r\n": "alice@example.org",
    "a@b": "a@b",
    "mxisd@localhost": "mxisd@localhost",
    "o'hara+tag=1&2@mail.example.org": "o'hara+tag=1&2@mail.example.org",
    "Jörg@Müller.example": "jörg@müller.example",
    "alice@аррӏе.example": "alice@аррӏе.example",
    "alice@xn--mller-kva.example": "alice@xn--mller-kva.example",
    "用户@例え.jp": "用户@例え.jp",
    "alice@example.org.": "alice@example.org",
    "ann@straße.example": "ann@xn--strae-oqa.example",
}
NO_MAILBOXES = (
    "",
    "@",
    "a@",
    "@b",
    "alice",
    "alice@b@c",
    "alice@@example.org",
    "Alice <alice@example.org>",
    "<alice@example.org>",
    '"alice"@example.org',
    '"a@b"@example.org',
    "alice(home)@example.org",
    "alice@example.org,bob@example.org",
    "alice@example.org;bob",
    "alice@example.org\r\nBcc: bob@example.org",
    "alice\n@example.org",
    "alice\x00@example.org",
    "al\u202eice@example.org",
    "al\u2028ice@example.org",
    "alice@.example.org",
    "alice@example..org",
    "alice@-example.org",
    "alice@exa_mple.org",
    "alice@[127.0.0.1]",
    "alice@exa\u00admple.org",
    "al\u200bice@example.org",
    "alice@☃.example",
    "alice@example.org:25",
    "alice@example.org/x",
    "alice@" + "a" * 64 + ".org",
    "alice@" + "a." * 127 + "org",
    "a" * 65 + "@example.org",
    "ü" * 33 + "@example.org",
    "a" * 500 + "@example.org",
    "mailto:alice@example.org",
)
NUMBERS = {
    ("GB", "07700900001"): ("447700900001", "GB"),
    ("", "+447700900001"): ("447700900001", "GB"),
    ("US", "18005552067"): ("18005552067", "US"),
    ("FR", "612345678"): ("33612345678", "FR"),
    ("GB", "0033612345678"): ("33612345678", "FR"),
    ("gb", " 07700 900 001 "): ("447700900001", "GB"),
    ("DE", "(0171) 123-4567"): ("491711234567", "DE"),
    ("US", "1-800-FLOWERS"): ("18003569377", "US"),
    ("IT", "06 1234567"): ("39061234567", "IT"),
    ("US", "+881 6 1234 5678"): ("881612345678", ELSEWHERE),
    ("GB", "tel:+44-7700-900001"): ("447700900001", "GB"),
    ("GB", "٠٧٧٠٠٩٠٠٠٠١"): ("447700900001", "GB"),
}
NO_NUMBERS = (
    ("GB", "12"),
    ("GB", ""),
    ("", "07700900001"),
    ("XX", "07700900001"),
    ("GBR", "07700900001"),
    ("ß", "07700900001"),
    ("GB", "hello"),
    ("GB", "+"),
    ("GB", "+999123456789"),
    ("GB", "0" * 99),
    ("GB", "9" * 5000),
    ("GB", "alice@example.org"),
    ("GB", "\x00\n"),
)


def is_read(read: Callable[..., Destination], *texts: str) -> bool:
    """Whether a reader takes this."""
    try:
        read(*texts)
    except IllegalThreePid:
        return False
    return True


class MailboxTests(SynchronousTestCase):
    def test_mailboxes(self) -> None:
        """Addresses become canonical; a domain in another script stays what it is."""
        for text, address in MAILBOXES.items():
            found = mailbox(text)
            self.assertEqual(found.threepid, canonical("email", address))
            self.assertEqual((found.country, found.shown), (None, None))

    def test_what_is_none(self) -> None:
        """Names, quotes, lists, several @, controls and bad domains are refused."""
        read = [text for text in NO_MAILBOXES if is_read(mailbox, text)]
        self.assertEqual(read, [])

    @given(st.text(max_size=40), st.text(max_size=40))
    def test_any_text_is_judged(self, local: str, domain: str) -> None:
        """A text is refused, or one line without brackets, and the same read again."""
        try:
            threepid = mailbox(f"{local}@{domain}").threepid
        except IllegalThreePid:
            return
        self.assertFalse(set(threepid.address) & set('\r\n\x00 <>,;:"()[]\\'))
        self.assertEqual(threepid.address.count("@"), 1)
        self.assertEqual(mailbox(threepid.address).threepid, threepid)


class DialledTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        """As dialled from a country, or in international form."""
        for (country, number), (digits, region) in NUMBERS.items():
            found = dialled(country, number)
            self.assertEqual(found.threepid, canonical("msisdn", f"+{digits}"))
            self.assertEqual(found.country, region)
            self.assertIn(found.country, countries())

    def test_numbers_are_shown_with_gaps(self) -> None:
        """People see the usual groups."""
        self.assertEqual(dialled("GB", "07700900001").shown, "+44 7700 900001")

    def test_what_is_none(self) -> None:
        """Too short, too long, of no country, no number at all."""
        read = [pair for pair in NO_NUMBERS if is_read(dialled, *pair)]
        self.assertEqual(read, [])

    @given(
        st.one_of(st.sampled_from(sorted(countries())), st.text(max_size=4)),
        st.one_of(st.text(max_size=30), st.from_regex(r"\+?[0-9 ()./x;=-]{1,20}")),
    )
    def test_any_text_is_judged(self, country: str, number: str) -> None:
        """A text is refused, or a canonical number in a country that we can name."""
        try:
            found = dialled(country, number)
        except IllegalThreePid:
            return
        address = found.threepid.address
        self.assertEqual(canonical("msisdn", address), found.threepid)
        self.assertIn(found.country, countries())

"""Canonical 3PIDs."""

import re

import idna
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneNumberFormat,
    format_number,
    parse,
)
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.threepids import IllegalThreePid, canonical

# Letters that IDNA 2003, UTS 46 and case folding treat differently, and plain ones.
_SIGNS = "abxn-0AßẞςσΣüÜu\u0308ıIİﬁſ\u200c\u200dक्षنای①Ａ例か"
DOMAINS = st.one_of(
    st.text(_SIGNS, min_size=1, max_size=8).map(lambda text: f"{text}.de"),
    st.from_regex(r"[a-zß]{1,3}\.xn--[a-z0-9-]{1,9}", fullmatch=True),
    st.text(max_size=9),
)
DIGITS = st.text("0123456789", min_size=1, max_size=14)


def a_label_of(domain: str) -> str:
    """What the library makes of a domain; it refuses some plain ones that are taken."""
    domain = domain.strip()
    try:
        return idna.encode(domain, uts46=True).decode().removesuffix(".")
    except idna.IDNAError:
        if not domain.isascii() or "xn--" in domain:
            raise
        return domain.lower().removesuffix(".")


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
            ("a@old_domain.example", "a@old_domain.example", None),
            ("a@ab--cd.example.", "a@ab--cd.example", None),
            ("a@ｅxample.org", "a@example.org", None),
            ("a@Example。org", "a@example.org", None),
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

    def test_domains(self) -> None:
        """The identity is the A-label; another domain is somebody else's."""
        for text, address, lowered in (
            ("Bob@straße.de", "bob@xn--strae-oqa.de", "bob@straße.de"),
            ("bob@STRAẞE.DE", "bob@xn--strae-oqa.de", "bob@straße.de"),
            ("bob@XN--STRAE-oqa.de", "bob@xn--strae-oqa.de", None),
            ("bob@strasse.de", "bob@strasse.de", None),
            ("Strauß@faß.de", "strauss@xn--fa-hia.de", "strauß@faß.de"),
            ("a@βόλος.com", "a@xn--nxasmm1c.com", "a@βόλος.com"),
            ("a@βόλοσ.com", "a@xn--nxasmq6b.com", "a@βόλοσ.com"),
            ("a@BU\u0308CHER.example", "a@xn--bcher-kva.example", "a@bücher.example"),
            (
                "a@نامه\u200cای.com",
                "a@xn--mgba3gch31f060k.com",
                "a@نامه\u200cای.com",
            ),
            ("a@क्\u200dष.com", "a@xn--11b2ezcw70k.com", "a@क्\u200dष.com"),
            ("a@क्ष.com", "a@xn--11b2ezc.com", "a@क्ष.com"),
        ):
            threepid = canonical("email", text)
            self.assertEqual((threepid.address, threepid.lowered), (address, lowered))

    def test_both_labels_are_searched(self) -> None:
        """Whoever gives one label is found by the other, and by no folded domain."""
        for text in ("bob@straße.de", "bob@xn--strae-oqa.de"):
            self.assertEqual(
                canonical("email", text).spellings,
                ("bob@xn--strae-oqa.de", "bob@straße.de"),
            )
        self.assertEqual(
            canonical("email", "Strauß@Faß.de").spellings,
            (
                "strauss@xn--fa-hia.de",
                "strauss@faß.de",
                "strauß@xn--fa-hia.de",
                "strauß@faß.de",
            ),
        )

    def test_what_people_see(self) -> None:
        """People read U-labels; a client gets the label back that it gave."""
        for text, readable, written in (
            ("Strauß@Faß.de", "strauss@faß.de", "strauss@faß.de"),
            ("ann@xn--fa-hia.de", "ann@faß.de", "ann@xn--fa-hia.de"),
            ("Ann@example.org", "ann@example.org", "ann@example.org"),
        ):
            threepid = canonical("email", text)
            self.assertEqual((threepid.readable, threepid.written), (readable, written))
        phone = canonical("msisdn", "+49171123456")
        self.assertEqual((phone.readable, phone.written), (phone.address,) * 2)
        self.assertEqual(phone.spellings, (phone.address,))

    def test_phones(self) -> None:
        """E.164 digits, however written, if written internationally."""
        for text in (
            "49171123456",
            "+49171123456",
            "+49 171 123456",
            "+49 (171) 123-456",
            "0049171123456",
            "+49.171.123.456",
            "+490171123456",
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
            ("email", "a\u00ad@c"),
            ("email", "a\u200b@c"),
            ("email", "a\u200d@c"),
            ("email", "a\u202e@c"),
            ("email", "a\ufe0f@c"),
            ("email", "a\u3164@c"),
            ("email", "a@b\u00adc.de"),
            ("email", "a@b\u200bc.de"),
            ("email", "a@b\u200dc.de"),
            ("email", "a@bü\u2060c.de"),
            ("email", "a@b\u034fc.de"),
            ("email", "a@❤\ufe0f.ws"),
            ("email", "a@☃.net"),
            ("email", "a@xn--n3h.net"),
            ("email", "a@xn--0"),
            ("email", "a@b_ü.de"),
            ("email", "a@[127.0.0.1]"),
            ("email", "a@b c.de"),
            ("email", "a@b%c.de"),
            ("email", "a@b..de"),
            ("email", "a@b.de.."),
            ("email", "a@b.de。."),
            ("email", "a@."),
            ("email", "a@" + "b" * 64),
            ("email", "a@" + "ü" * 60 + ".de"),
            ("email", "a@" + "b." * 126 + "de"),
            ("email", "a@" + "ü." * 60 + "de"),
            ("msisdn", "+999171123456"),
            ("msisdn", "+49 " + "1" * 200),
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

    @given(st.text(max_size=3), DOMAINS)
    def test_labels_meet(self, local: str, domain: str) -> None:
        """A spelling of an address is that address, with the same A-label."""
        try:
            threepid = canonical("email", f"a{local}@{domain}")
        except IllegalThreePid:
            return
        name = threepid.address.rpartition("@")[2]
        self.assertTrue(name.isascii())
        for spelling in (*threepid.spellings, threepid.readable, threepid.written):
            found = canonical("email", spelling)
            self.assertEqual(found, threepid)
            label = spelling.rpartition("@")[2]
            self.assertEqual(a_label_of(label), name)

    @given(DOMAINS, DOMAINS)
    def test_equal_addresses_have_equal_domains(self, one: str, other: str) -> None:
        """Two domains are one identity only if their A-labels are equal."""
        try:
            same = canonical("email", f"a@{one}") == canonical("email", f"a@{other}")
        except IllegalThreePid:
            return
        self.assertEqual(same, a_label_of(one) == a_label_of(other))

    @given(st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)), DIGITS)
    def test_plain_numbers_are_what_parsing_makes_of_them(
        self, code: int, rest: str
    ) -> None:
        """What is not parsed, to save time, would be the same if it were."""
        text = f"+{code}{rest}"
        try:
            found = canonical("msisdn", text).address
        except IllegalThreePid:
            found = None
        try:
            parsed = format_number(parse(text), PhoneNumberFormat.E164)
        except NumberParseException:
            parsed = "+"
        is_number = re.fullmatch(r"\+[1-9][0-9]{4,14}", parsed)
        self.assertEqual(found, parsed[1:] if is_number else None)

"""Why a text is refused, and where exactly the limits are."""

from collections.abc import Callable
from functools import partial

import attrs
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.buckets import SHORTEST_WAIT, Bucket, Rate
from mxisd.model.destinations import dialled
from mxisd.model.domains import (
    DOMAIN_MAX_LENGTH,
    IllegalDomain,
    a_label,
    both_labels,
    is_invisible,
)
from mxisd.model.hashing import lookup_hash
from mxisd.model.identifiers import (
    SERVER_NAME_MAX_LENGTH,
    USER_ID_MAX_BYTES,
    IllegalIdentifier,
    ServerName,
    UserId,
)
from mxisd.model.invite_links import private_key
from mxisd.model.invites import (
    EPHEMERAL_SERIAL,
    Verdict,
    ephemeral_key,
    redacted,
    verdict,
)
from mxisd.model.next_links import MAX_LENGTH as LINK_LENGTH
from mxisd.model.next_links import followable
from mxisd.model.phones import (
    NUMBER_MAX_LENGTH,
    IllegalNumber,
    international,
    national,
    parsed,
)
from mxisd.model.secret import Secret
from mxisd.model.sessions import digest_of
from mxisd.model.settings import option
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.model.stored import OfAnotherKind, StoredAddresses
from mxisd.model.threepids import ADDRESS_MAX_LENGTH, IllegalThreePid, canonical
from mxisd.model.web_clients import WebClient
from mxisd.model.x_matrix import MAX_LENGTH as HEADER_LENGTH
from mxisd.model.x_matrix import IllegalXMatrix, parse_x_matrix
from tests.records.invite_contract import INVITE

GOOD_HEADER = 'X-Matrix origin="a.org",key="ed25519:1",sig="AAAA"'


def header(**parameters: str) -> str:
    """A homeserver's header with these parameters changed."""
    usual = {"origin": "a.org", "key": "ed25519:1", "sig": "AAAA"}
    pairs = ",".join(f'{k}="{v}"' for k, v in (usual | parameters).items())
    return f"X-Matrix {pairs}"


def reads(read: Callable[[str], object], text: str) -> Callable[[], object]:
    """Reading a text, later."""
    return lambda: read(text)


class ReasonTests(SynchronousTestCase):
    """The sentence of each refusal: it ends up in a log, or on a screen."""

    def assert_says(
        self, kind: type[Exception], sentence: str, *attempts: Callable[[], object]
    ) -> None:
        """Every attempt is refused so."""
        for attempt in attempts:
            error = self.assertRaises(kind, attempt)
            self.assertEqual(str(error), sentence)

    def test_names_of_servers(self) -> None:
        """What is none, and what has an address that is none."""
        sentence = "not a server name"
        self.assert_says(IllegalIdentifier, sentence, reads(ServerName.parse, "a b"))
        sentence = "not a server name: bad IPv6 address"
        self.assert_says(
            IllegalIdentifier, sentence, reads(ServerName.parse, "[1::2::3]")
        )

    def test_user_ids(self) -> None:
        """Full ones, and names in stores."""
        sentence = "a user ID looks like @localpart:server"
        attempts = [reads(UserId.parse, text) for text in ("@alice", "@:a.org")]
        self.assert_says(IllegalIdentifier, sentence, *attempts)
        self.assert_says(
            IllegalIdentifier, "not a name", lambda: UserId.of("a\u212a", "a.org")
        )
        sentence = "a name that is too long for a user ID"
        self.assert_says(
            IllegalIdentifier, sentence, lambda: UserId.of("a" * 256, "a.org")
        )
        sentence = "a user ID is valid Unicode"
        self.assert_says(
            IllegalIdentifier, sentence, reads(UserId.parse, "@\ud800:a.b")
        )
        sentence = "not a legal localpart"
        self.assert_says(
            IllegalIdentifier, sentence, lambda: UserId.unescaped("jörg", "a.org")
        )

    def test_addresses(self) -> None:
        """E-mail addresses, and those of any other medium."""
        sentence = "an e-mail address looks like user@domain"
        for text in ("@ä.org", "a b@ä.org", "a@ä ö.org"):
            self.assert_says(
                IllegalThreePid, sentence, reads(partial(canonical, "email"), text)
            )
        sentence = "not a medium: letters, digits, dot, dash, underscore"
        self.assert_says(IllegalThreePid, sentence, lambda: canonical("a b", "x"))
        sentence = f"not an address: 1 to {ADDRESS_MAX_LENGTH} characters"
        self.assert_says(IllegalThreePid, sentence, lambda: canonical("x", ""))

    def test_numbers(self) -> None:
        """Phones, as they are written and as they are dialled."""
        long = "1" * (NUMBER_MAX_LENGTH + 1)
        sentence = f"a phone number has at most {NUMBER_MAX_LENGTH} signs"
        attempts = [reads(read, long) for read in (international, parsed)]
        self.assert_says(IllegalNumber, sentence, *attempts)
        sentence = "a phone number is written in international form"
        self.assert_says(IllegalNumber, sentence, reads(international, "01-71"))
        sentence = "not a phone number"
        attempts = [reads(international, text) for text in ("+x", "+999999-999999")]
        self.assert_says(IllegalNumber, sentence, *attempts)
        sentence = "not a phone number of that country"
        self.assert_says(IllegalNumber, sentence, lambda: national("(01) 2", "GB"))
        self.assert_says(IllegalThreePid, sentence, lambda: dialled("DE", "1"))
        error = self.assertRaises(IllegalThreePid, dialled, "GB", "(01) 2")
        self.assertEqual(str(error.__cause__), "nobody can have that number")
        sentence = "a phone number is written in international form"
        self.assert_says(
            IllegalThreePid, sentence, lambda: canonical("msisdn", "01-71")
        )

    def test_addresses_in_stores(self) -> None:
        """What stands in directories for other reasons."""
        read = StoredAddresses().read
        sentence = "not an e-mail address: it says what it is"
        self.assert_says(
            OfAnotherKind, sentence, lambda: read("email", "SIP:a@example.org")
        )
        long = "+" + "1" * NUMBER_MAX_LENGTH
        self.assert_says(
            IllegalThreePid, "not a phone number", lambda: read("msisdn", long)
        )
        sentence = "a phone number is written in international form"
        self.assert_says(IllegalThreePid, sentence, lambda: read("msisdn", "0171"))

    def test_domains(self) -> None:
        """Too long, or with something that cannot be seen."""
        sentence = f"a domain has at most {DOMAIN_MAX_LENGTH} characters"
        self.assert_says(IllegalDomain, sentence, reads(a_label, "a." * 128))
        sentence = "a domain has no characters that cannot be seen"
        self.assert_says(IllegalDomain, sentence, reads(a_label, "a\x07ü.org"))

    def test_headers_of_homeservers(self) -> None:
        """What is missing, wrong or there twice."""
        for sentence, text in (
            ("not a header of this scheme, or too long", "Bearer x"),
            ("sig is missing", header(sig="")),
            ("the parameters cannot be read", f"{GOOD_HEADER},?"),
            ("a parameter is there twice", f'{GOOD_HEADER},SIG="A"'),
            ("origin is not a server name", header(origin="a b")),
            ("the port in origin has leading zeros", header(origin="a.org:0080")),
            ("key is not an Ed25519 key ID", header(key="rsa:1")),
        ):
            self.assert_says(IllegalXMatrix, sentence, reads(parse_x_matrix, text))

    def test_secrets(self) -> None:
        """What is shown of one."""
        self.assertEqual(repr(Secret("s3cret")), "Secret(…)")


class LimitTests(SynchronousTestCase):
    """What is just long enough, and what is just too long."""

    def assert_longest(
        self, read: Callable[[str], object], good: str, bad: str, error: type[Exception]
    ) -> None:
        """One may pass, and the other is one character longer."""
        self.assertEqual(len(bad), len(good) + 1)
        read(good)
        self.assertRaises(error, read, bad)

    def test_names(self) -> None:
        """Servers, user IDs, domains."""
        name = "a" * (SERVER_NAME_MAX_LENGTH - 4) + ".org"
        parse = ServerName.parse
        self.assert_longest(parse, name, "a" + name, IllegalIdentifier)
        local = "a" * (USER_ID_MAX_BYTES - len("@:a.org"))
        self.assert_longest(
            lambda text: UserId.of(text, "a.org"), local, "a" + local, IllegalIdentifier
        )
        domain = ".".join(["a" * 49] * 5) + ".abc"
        self.assertEqual(len(domain), DOMAIN_MAX_LENGTH)
        self.assert_longest(a_label, domain, "a" + domain, IllegalDomain)

    def test_numbers(self) -> None:
        """Blanks between digits count, too."""
        good = "+49171" + " " * (NUMBER_MAX_LENGTH - 13) + "1234567"
        for read in (
            international,
            parsed,
            lambda text: StoredAddresses().read("msisdn", text),
        ):
            error = IllegalThreePid if read not in (international, parsed) else None
            self.assert_longest(read, good, good + " ", error or IllegalNumber)

    def test_ports(self) -> None:
        """From 1 to 65535, of servers and of web clients."""
        for port in (1, 65535):
            self.assertEqual(ServerName.parse(f"a.org:{port}").port, port)
            client = WebClient.parse(f"https://a.org:{port}")
            self.assertEqual(str(client), f"https://a.org:{port}")
        for port in (0, 65536):
            self.assertRaises(IllegalIdentifier, ServerName.parse, f"a.org:{port}")
            self.assertRaises(ValueError, WebClient.parse, f"https://a.org:{port}")

    def test_headers(self) -> None:
        """All after the scheme."""
        missing = HEADER_LENGTH - len(header(sig="").partition(" ")[2])
        good, bad = (header(sig="A" * count) for count in (missing, missing + 1))
        self.assert_longest(parse_x_matrix, good, bad, IllegalXMatrix)

    def test_links(self) -> None:
        """So long may a link be that people are led to."""
        link = "https://a.org/".ljust(LINK_LENGTH, "x")
        self.assertTrue(followable(link, None))
        self.assertFalse(followable(link + "x", None))

    def test_refilled(self) -> None:
        """A bucket goes on from the time at which it was filled."""
        rate = Rate(10, 1.0)
        later = Bucket(0.0, 0.0).refilled(rate, 2.0)
        self.assertEqual((later.level, later.at), (2.0, 2.0))

    def test_waits(self) -> None:
        """A bucket says how long, from the shortest wait on."""
        rate = Rate(1, SHORTEST_WAIT)
        empty = Bucket(0.0, 0.0)
        self.assertEqual(empty.seconds_to_wait(rate, 0.0), SHORTEST_WAIT)

    def test_verdicts(self) -> None:
        """299 is an answer that is good, and 300 is none."""
        self.assertIs(verdict(299, 0), Verdict.DELIVERED)
        self.assertIs(verdict(300, 0), Verdict.LATER)

    def test_redacted(self) -> None:
        """Two letters become one, one becomes none, and only the first @ parts."""
        for address, shown in (
            ("ab@example.org", "a...@exa..."),
            ("a@example.org", "...@exa..."),
        ):
            self.assertEqual(redacted(canonical("email", address)), shown)


class KeyTests(SynchronousTestCase):
    """Keys and hashes as they are written."""

    def test_any_client_secret(self) -> None:
        """Even one that is no valid Unicode is one that can be compared."""
        self.assertNotEqual(digest_of(Secret("\ud800")), digest_of(Secret("\ud801")))

    def test_private_keys_of_invites(self) -> None:
        """They fit into URLs."""
        key = SigningKey(EPHEMERAL_SERIAL, bytes([0xFB, 0xFF] * 16))
        self.assertEqual(private_key(evolve(INVITE, key=key)), "-__7__v_" * 5 + "-_8")

    def test_url_safe_keys(self) -> None:
        """Both alphabets are read."""
        raw = bytes([0xFB, 0xFF] * 16)
        for text in ("+/" + "v/+/" * 10 + "8", "-_" + "v_-_" * 10 + "8"):
            self.assertIsNotNone(key_bytes(text))
        self.assertEqual(key_bytes("-_-_" * 10 + "-_8"), key_bytes("+/+/" * 10 + "+/8"))
        self.assertEqual(len(raw), 32)

    def test_ephemeral_keys(self) -> None:
        """A private key of 32 bytes, and nothing else."""
        key = ephemeral_key("A" * 43)
        assert key is not None
        self.assertEqual((key.seed, key.serial), (bytes(32), EPHEMERAL_SERIAL))
        for text in ("", "A" * 42, "A" * 44, "A" * 44 + "AA", "?" * 43):
            self.assertIsNone(ephemeral_key(text))

    def test_a_hash_has_no_padding(self) -> None:
        """43 characters of the URL-safe alphabet."""
        text = lookup_hash("alice@example.com", "email", "matrixrocks")
        self.assertEqual(text, "4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc")


class SpellingTests(SynchronousTestCase):
    """Spellings that are looked for."""

    def test_both_labels(self) -> None:
        """A domain in other letters is searched for in either label."""
        for term, found in (
            ("bob", ("bob",)),
            ("bob@example.org", ("bob@example.org",)),
            ("a@b@exämple.org", ("a@b@exämple.org", "a@b@xn--exmple-cua.org")),
            ("b@xn--exmple-cua.org", ("b@xn--exmple-cua.org", "b@exämple.org")),
            ("b@ex ample.org", ("b@ex ample.org",)),
        ):
            self.assertEqual(both_labels(term), found)

    def test_what_cannot_be_seen(self) -> None:
        """Controls, formats, fillers; not letters."""
        for sign in "\x07\u200b\u3164\ufe0f":
            self.assertTrue(is_invisible(sign), ascii(sign))
        for sign in "aü-":
            self.assertFalse(is_invisible(sign), sign)

    def test_spellings_of_a_country(self) -> None:
        """Only numbers have those, and only with a default country."""
        mail, number = (
            canonical("email", "a@b.org"),
            canonical("msisdn", "491711234567"),
        )
        german, plain = StoredAddresses("DE"), StoredAddresses()
        self.assertEqual(german.spellings(mail), mail.spellings)
        self.assertEqual(plain.spellings(number), number.spellings)
        self.assertEqual(
            german.spellings(number), ("491711234567", "01711234567", "0171 1234567")
        )

    def test_brackets_and_marks_around(self) -> None:
        """Blanks that are not ASCII are passed over at both ends, and only there."""
        for text in ("\u200ebob@exämple.org\u200e", "\u00a0bob@exämple.org\u3000"):
            read = StoredAddresses().read("email", text)
            self.assertEqual(read, canonical("email", "bob@exämple.org"))
        for text in ("\u200e", "\u3000\u200e"):
            self.assertRaises(IllegalThreePid, StoredAddresses().read, "email", text)
        read = StoredAddresses().read("msisdn", "(+49 171 1234567")
        self.assertEqual(read, canonical("msisdn", "491711234567"))


class OptionTests(SynchronousTestCase):
    """What a settings class says of its keys."""

    def made(self) -> type:
        """A class with every kind of option."""

        def small(value: int) -> None:
            if value > 9:
                raise ValueError("too large")

        @attrs.frozen(kw_only=True)
        class Settings:
            plain: int = option("How many.", 3, check=small, key="PLAIN")
            made: list[int] = option("Which.", list, default_note="none", check=len)
            needed: str = option("Who.")

        return Settings

    def test_defaults(self) -> None:
        """A value, a fresh one each time, or none at all."""
        made = self.made()
        first, second = made(needed="a"), made(needed="a")
        self.assertEqual((first.plain, first.made), (3, []))
        self.assertIsNot(first.made, second.made)
        self.assertRaises(TypeError, made)

    def test_checks(self) -> None:
        """A bad value is refused, whatever the default."""
        self.assertRaises(ValueError, self.made(), needed="a", plain=10)
        self.assertRaises(TypeError, self.made(), needed="a", made=5)

    def test_what_is_documented(self) -> None:
        """The key, the meaning, and a note about the default."""
        fields = attrs.fields(self.made())
        self.assertEqual(
            [tuple(each.metadata.values()) for each in fields],
            [
                ("PLAIN", "How many.", None),
                (None, "Which.", "none"),
                (None, "Who.", None),
            ],
        )

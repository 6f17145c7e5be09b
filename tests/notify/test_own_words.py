"""Our own words, as those read them who get them."""

import re
from collections.abc import Iterator
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.identifiers import UserId
from mxisd.model.notices import SPACE, MatrixIdInviteNotice, Notice
from mxisd.model.threepids import ThreePid
from mxisd.notify.own_words import LANGUAGES, MOST_SEGMENTS
from mxisd.notify.segments import is_gsm, segments
from tests.notify.fakes import (
    ABOUT,
    BOB,
    INVITE,
    MATRIX_ID_INVITE,
    NOTICES,
    UNBIND,
    VALIDATION,
)
from tests.notify.links import linked
from tests.notify.written import (
    ROOM_NOTICES,
    SERVICE,
    SHORT_LINK,
    Elements,
    everything,
    texted,
    written,
)

MOST_COLUMNS = 78
MARKS = {"en": "“{}”", "de": "„{}“", "fr": "«\u00a0{}\u00a0»"}
BUTTONS = {
    "en": "Join the conversation",
    "de": "Am Gespräch teilnehmen",
    "fr": "Rejoindre la conversation",
}
LURES = (
    "Win money at https://evil.example",
    "evil.example/login",
    "call tel:+4930123456 or mail eve@evil.example",
    "Tea” is over. Call “01234",
    "http：／／evil/x",
    "⒈com",
)


class NamesTests(SynchronousTestCase):
    """Rooms and people in our sentences."""

    def test_names_are_quoted(self) -> None:
        """Between the marks of the language; IDs need none."""
        for notice in ROOM_NOTICES:
            for language in LANGUAGES:
                text = " ".join(written(notice, language).text.split(" "))
                text = text.replace("\n", " ")
                self.assertIn(MARKS[language].format("Alice Liddell"), text)
                self.assertIn(MARKS[language].format("Tea party"), text)
                self.assertIn("(@alice:example.org)", text)
                nameless = written(evolve(notice, sender_name=None), language)
                self.assertIn("\n@alice:example.org ", nameless.text)
                self.assertEqual(nameless.text.count("@alice"), 1)

    def test_subjects_begin_with_our_own_words(self) -> None:
        """They are the same for everybody, and short."""
        for notice in ROOM_NOTICES:
            for language in LANGUAGES:
                subjects = [
                    written(evolve(notice, sender_name=name), language).subject
                    for name in ("Alice", "Your bank: urgent", None, "W" * 300)
                ]
                begin = subjects[0].partition(MARKS[language].format("Alice"))[0]
                self.assertGreater(len(begin), 10)
                for subject in subjects:
                    self.assertTrue(subject.startswith(begin), subject)
                    self.assertLessEqual(len(subject), 78)
                self.assertIn("@alice:example.org", subjects[2])

    def test_strangers_make_no_links(self) -> None:
        """Neither by a name, nor by an ID of a domain of theirs."""
        for notice in ROOM_NOTICES:
            for lure in LURES:
                named = evolve(notice, sender_name=lure, room_name=lure)
                sender = UserId("evil.example/x", "evil.example")
                bare = evolve(notice, sender_name=None, room_name=None, sender=sender)
                for each in (named, bare):
                    for language in LANGUAGES:
                        self.assert_harmless(each, language)

    def assert_harmless(self, notice: Notice, language: str) -> None:
        """Only what is ours, and the recipient's, is a link."""
        words = written(notice, language)
        for text in (words.subject, words.text, Elements(words.html or "").text):
            others = re.sub(f"{SHORT_LINK}|{BOB.address}|:?example.org", "", text)
            self.assertEqual(linked(others), [])
            self.assertNotIn("Tea” is", text)
            self.assertNotIn("„Tea“ is", text)
        short = texted(notice, language).replace(SHORT_LINK, "")
        self.assertEqual(linked(short.replace(":example.org", "")), [])


class TextsTests(SynchronousTestCase):
    """What is said."""

    def test_nobody_is_sent_away(self) -> None:
        """People go back to their app."""
        for language, app in (("en", "your app"), ("de", "Ihrer App"), ("fr", "votre")):
            text = " ".join(written(VALIDATION, language).text.split())
            self.assertNotRegex(text, "came from|woher|d’où|là d")
            self.assertIn(app, text)

    def test_who_writes_to_whom(self) -> None:
        """Each mail has the service's name and domain, and the address it is about."""
        for _, _, words in everything():
            for text in (words.text, Elements(words.html or "").text):
                squeezed = " ".join(text.split())
                for expected in (SERVICE, "example.org", BOB.address):
                    self.assertIn(expected, squeezed)
        unnamed = written(UNBIND, about=ABOUT)
        self.assertEqual(
            unnamed.text.rstrip().splitlines()[-2:], ["-- ", "example.org"]
        )

    def test_invites_explain_themselves(self) -> None:
        """What Matrix is, which account is needed, and a button that says so."""
        for language, network, account in (
            (
                "en",
                "Matrix, an open network",
                "Matrix account with this e-mail address",
            ),
            ("de", "Matrix, einem offenen Netz", "Matrix-Konto mit dieser E-Mail"),
            ("fr", "Matrix, un réseau ouvert", "compte Matrix avec cette adresse"),
        ):
            for notice in ROOM_NOTICES:
                words = written(notice, language)
                self.assertIn(BUTTONS[language], words.text)
                self.assertIn(BUTTONS[language] + "</a>", words.html or "")
            text = " ".join(written(ROOM_NOTICES[0], language).text.split())
            self.assertIn(network, text)
            self.assertIn(account, text)

    def test_french_typography(self) -> None:
        """High signs never stand alone at the beginning of a line."""
        for language, notice, words in everything():
            if language == "fr":
                html = Elements(words.html or "").text
                for text in (words.subject, words.text, html):
                    prose = re.sub(r"https?:\S+|@[a-z]+:\S+", "", text)
                    self.assertNotRegex(prose, r"[^\u00a0][:;?!»]|«[^\u00a0]")
                    self.assertNotRegex(prose, r"['\"]")
                short = re.sub(r"https?:\S+|@[a-z]+:\S+", "", texted(notice, "fr"))
                self.assertNotRegex(short, r"[^ ][:;?!]")

    def test_words_are_whole(self) -> None:
        """Neither "e-mail" nor an address is broken at a hyphen."""
        for language in LANGUAGES:
            for size in range(40):
                bob = ThreePid("email", "b" * size + "-b@ex-ample.com")
                for notice in (VALIDATION, INVITE):
                    text = written(evolve(notice, threepid=bob), language).text
                    self.assertNotRegex(text, r"\w-\n")

    def test_lines(self) -> None:
        """They fit into a window of old, but for a word that is longer."""
        long: Any = {"sender_name": "W" * 300, "room_name": "Ein Raum " * 40}
        for notice in (*NOTICES, *(evolve(n, **long) for n in ROOM_NOTICES)):
            for language in LANGUAGES:
                for line in written(notice, language).text.splitlines():
                    is_one_word = " " not in line
                    self.assertTrue(len(line) <= MOST_COLUMNS or is_one_word, line)


LONG_DOMAIN = "matrix.a-company-with-a-very-long-name.example.com"
LONG_ID = UserId("x" * 150, LONG_DOMAIN)
LONG_NAMES = (
    "W" * 300,
    "€" * 300,
    "{[]}~" * 60,
    "Zoë Brontë " * 30,
    "Анна Каренина " * 30,
    "愛麗絲" * 90,
    "👩\u200d🚀" * 90,
    "Анна 🎉" * 60,
    "שלום" * 60,
)


class ShortTextTests(SynchronousTestCase):
    """Text messages cost money."""

    def test_two_segments_at_most(self) -> None:
        """Whatever strangers are called, wherever they are from."""
        for language in LANGUAGES:
            for service, notice in self.longest():
                about = evolve(ABOUT, domain=LONG_DOMAIN, service_name=service)
                text = texted(notice, language, about)
                self.assertLessEqual(segments(text), MOST_SEGMENTS, text)

    def longest(self) -> Iterator[tuple[str, Notice]]:
        """Services and notices, with names that are too long."""
        for name in ("", *LONG_NAMES):
            yield name, VALIDATION
            yield name, evolve(UNBIND, user_id=LONG_ID)
            for notice in ROOM_NOTICES:
                room = evolve(notice, sender_name=name, room_name=name, sender=LONG_ID)
                if isinstance(room, MatrixIdInviteNotice):
                    room = evolve(room, recipient=LONG_ID)
                yield name, room
                yield name, evolve(room, room_type=SPACE, sender_name="Анна")

    def test_nothing_is_lost(self) -> None:
        """Link, code, and the beginnings of names are there."""
        for language in LANGUAGES:
            for name in LONG_NAMES:
                invite = evolve(ROOM_NOTICES[0], sender_name=name, room_name=name)
                self.assertTrue(texted(invite, language).endswith(" " + SHORT_LINK))
            anna = evolve(ROOM_NOTICES[0], sender_name="Анна Каренина", room_name="Чай")
            self.assertIn('"Анна Каренина"', texted(anna, language))
            self.assertIn('"Чай"', texted(anna, language))

    def test_usual_names_need_cheap_signs(self) -> None:
        """Marks and emoji are not worth a second segment."""
        tom = evolve(INVITE, sender_name="Zoë 🎉", room_name="“Tea” – time 🫖")
        long = evolve(MATRIX_ID_INVITE, recipient=LONG_ID, sender=LONG_ID)
        cheap = (VALIDATION, UNBIND, tom, evolve(tom, room_name="🎉"), long)
        for notice in (*cheap, evolve(UNBIND, user_id=LONG_ID)):
            for language in LANGUAGES:
                text = texted(notice, language)
                self.assertTrue(is_gsm(text), text)
        self.assertIn('"Zoe" invites you to "\'Tea\' - time"', texted(tom))
        self.assertIn(
            '"Zoe" invites you to a chat', texted(evolve(tom, room_name="🎉"))
        )

"""Our own words, written down, and what a program finds in their HTML."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from attrs import evolve

from mxisd.model.notices import InviteNotice, MatrixIdInviteNotice, Notice
from mxisd.notify.facts import Circumstances, facts
from mxisd.notify.own_words import LANGUAGES, OWN_WORDS, OwnMail, OwnShortText
from mxisd.notify.wording import Words
from tests.notify.fakes import (
    ABOUT,
    INVITE,
    MATRIX_ID_INVITE,
    PHONE,
    UNBIND,
    VALIDATION,
    to,
)

SERVICE = "Chat at Example"
NAMED = evolve(ABOUT, service_name=SERVICE)
SHORT_LINK = "https://matrix.example.org/_mxisd/i/AbCdEfGhIjKlMnOpQrStUv12"
ROOM_NOTICES: tuple[InviteNotice | MatrixIdInviteNotice, ...] = (
    evolve(INVITE, register_url=SHORT_LINK),
    evolve(MATRIX_ID_INVITE, room_url=SHORT_LINK),
)


def written(
    notice: Notice, language: str = "en", about: Circumstances = NAMED
) -> Words:
    """A mail."""
    return OwnMail(OWN_WORDS[type(notice)])(facts(notice, about), (language,))


def texted(notice: Notice, language: str = "en", about: Circumstances = NAMED) -> str:
    """A text message."""
    wording = OwnShortText(OWN_WORDS[type(notice)])
    return wording(facts(to(PHONE, notice), about), (language,)).text


def everything() -> Iterator[tuple[str, Notice, Words]]:
    """Every mail in every language."""
    for language in LANGUAGES:
        for notice in (VALIDATION, *ROOM_NOTICES, UNBIND):
            yield language, notice, written(notice, language)


class Elements(HTMLParser):
    """
    The elements of a mail.

    :ivar found: Names and attributes, in order.
    :ivar text: What is read, without the style sheet.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Note an element."""
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Elements end in order."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note what is read."""
        if "style" not in self.open:
            self.text += data

    def named(self, name: str) -> list[dict[str, str]]:
        """The attributes of all elements of a name."""
        return [attributes for tag, attributes in self.found if tag == name]

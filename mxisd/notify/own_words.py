"""Notices in our own words."""

import re
import textwrap
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from attrs import frozen
from jinja2 import Environment, PackageLoader

from mxisd.model.colours import DARK, LIGHT
from mxisd.model.notices import (
    InviteNotice,
    MatrixIdInviteNotice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.notify.engines import Place, environment, for_jinja
from mxisd.notify.facts import Facts
from mxisd.notify.languages import choice
from mxisd.notify.names import (
    NAME_LENGTH,
    PLAIN_QUOTES,
    QUOTES,
    cut,
    quoted,
    shown_id,
    unlinked,
)
from mxisd.notify.segments import plain, segments
from mxisd.notify.wording import Words

LANGUAGES = ("en", "de", "fr")
"""Those that our own words are in; the first one is for everybody else."""

OWN_WORDS = {
    ValidationNotice: "validation",
    InviteNotice: "invite",
    MatrixIdInviteNotice: "matrix_id",
    UnbindNotice: "unbind",
}

COLUMNS = 72
"""The longest line of a mail's text, but for words that are longer."""

SUBJECT_NAME_LENGTH = 30
MOST_SEGMENTS = 2
SHORT_LENGTHS = (40, 30, 20, 16, 12, 8)
"""How long names are in short texts: the first that lets the text be short enough."""

BRIEF_FROM = 20
"""Where names are no longer than that, the sentence is short, too."""


@cache
def _ours(place: Place) -> Environment:
    loader = PackageLoader("mxisd.notify", "words")
    made = environment(place, loader=loader, trim_blocks=True, lstrip_blocks=True)
    made.filters["paragraph"] = _paragraph
    return made


def _paragraph(text: str) -> str:
    # Other blanks than these keep words together.
    line = re.sub("[ \n]+", " ", text).strip()
    return textwrap.fill(line, COLUMNS, break_long_words=False, break_on_hyphens=False)


def _about(values: Facts, name: Callable[[str], str]) -> dict[str, str]:
    """
    What our own words call those that a message is about.

    :param name: Prepares a name that somebody chose; empty if it is not shown.
    """
    domain = values["DOMAIN"]
    sender_id = shown_id(values.get("SENDER_ID", ""), domain)
    sender_name = name(values.get("SENDER_NAME", ""))
    account = values.get("RECIPIENT_ID") or values.get("USER_ID", "")
    return {
        "account": shown_id(account, domain),
        "address": values["RECIPIENT_ADDRESS"],
        "room": name(values.get("ROOM_NAME", "")),
        "sender": sender_name or sender_id,
        "sender_id": sender_id,
        "sender_name": sender_name,
        "service": values["SERVICE_NAME"],
    }


@frozen
class OwnMail:
    """
    Our own e-mails.

    :ivar name: As in :data:`OWN_WORDS`.
    """

    name: str

    def __call__(self, facts: Facts, languages: Sequence[str]) -> Words:
        """Write."""
        language = choice(languages, LANGUAGES) or LANGUAGES[0]
        source = f"{self.name}.{language}.j2"
        values = self._values(facts, language)
        text, html = _ours(Place.TEXT), _ours(Place.HTML)
        plain_words: Any = text.get_template(source).make_module(values)
        marked: Any = html.get_template(source).make_module(values)
        return Words(
            subject=str(plain_words.subject),
            text=text.get_template("layout.txt.j2").render(values, words=plain_words),
            html=html.get_template("layout.html.j2").render(values, words=marked),
            language=language,
        )

    def _values(self, facts: Facts, language: str) -> dict[str, Any]:
        def name(limit: int) -> Callable[[str], str]:
            return lambda given: given and quoted(cut(given, limit), QUOTES[language])

        brief = _about(facts, name(SUBJECT_NAME_LENGTH))
        return {
            **for_jinja(facts),
            **_about(facts, name(NAME_LENGTH)),
            "subject_sender": brief["sender_name"]
            or cut(brief["sender_id"], SUBJECT_NAME_LENGTH),
            "language": language,
            "is_brief": False,
            "light": LIGHT,
            "dark": DARK,
        }


@frozen
class OwnShortText:
    """Our own texts for phones, and for mediums that we know nothing of."""

    name: str

    def __call__(self, facts: Facts, languages: Sequence[str]) -> Words:
        """Write; in one segment or two, unless the links alone are longer."""
        language = choice(languages, LANGUAGES) or LANGUAGES[0]
        text = ""
        for limit in SHORT_LENGTHS:
            text = self._text(facts, language, limit)
            if segments(text) <= MOST_SEGMENTS:
                break
        return Words(text=text, language=language)

    def _text(self, facts: Facts, language: str, limit: int) -> str:
        def name(given: str) -> str:
            # What is plain now may look like a link again: a full-width colon.
            shown = cut(unlinked(plain(given)), limit, "...")
            return shown and quoted(shown, PLAIN_QUOTES)

        about = _about(facts, name)
        account, sender_id = plain(about["account"]), plain(about["sender_id"])
        about["account"] = cut(account, 2 * limit, "...")
        about["sender"] = about["sender_name"] or cut(sender_id, 2 * limit, "...")
        about["service"] = cut(plain(about["service"]), limit, "...")
        values = {**for_jinja(facts), **about, "is_brief": limit <= BRIEF_FROM}
        source = _ours(Place.TEXT).get_template(f"{self.name}.{language}.j2")
        module: Any = source.make_module({**values, "subject_sender": ""})
        return " ".join(module.short.split())

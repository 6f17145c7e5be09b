"""Notices in our own words."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from attrs import frozen
from jinja2 import Environment, PackageLoader

from mxisd.model.notices import (
    InviteNotice,
    MatrixIdInviteNotice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.notify.engines import Place, environment, for_jinja
from mxisd.notify.facts import Facts
from mxisd.notify.languages import choice
from mxisd.notify.wording import Words

LANGUAGES = ("en", "de", "fr")
"""Those that our own words are in; the first one is for everybody else."""

OWN_WORDS = {
    ValidationNotice: "validation",
    InviteNotice: "invite",
    MatrixIdInviteNotice: "matrix_id",
    UnbindNotice: "unbind",
}


@cache
def _ours(place: Place) -> Environment:
    loader = PackageLoader("mxisd.notify", "words")
    return environment(place, loader=loader, trim_blocks=True, lstrip_blocks=True)


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
        values = {**for_jinja(facts), "language": language}
        source = f"{self.name}.{language}.j2"
        text, html = _ours(Place.TEXT), _ours(Place.HTML)
        plain: Any = text.get_template(source).make_module(values)
        marked: Any = html.get_template(source).make_module(values)
        return Words(
            subject=str(plain.subject),
            text=text.get_template("layout.txt.j2").render(values, words=plain),
            html=html.get_template("layout.html.j2").render(values, words=marked),
            language=language,
        )


@frozen
class OwnShortText:
    """Our own texts for phones, and for mediums that we know nothing of."""

    name: str

    def __call__(self, facts: Facts, languages: Sequence[str]) -> Words:
        """Write."""
        language = choice(languages, LANGUAGES) or LANGUAGES[0]
        source = _ours(Place.TEXT).get_template(f"{self.name}.{language}.j2")
        module: Any = source.make_module(for_jinja(facts))
        return Words(text=" ".join(module.short.split()), language=language)

"""Notices in the words of the operator's files."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from email import message_from_string
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from mxisd.notify.engines import (
    Place,
    TemplateFailed,
    Write,
    all_of,
    part_of,
    template,
)
from mxisd.notify.facts import Facts
from mxisd.notify.languages import choice
from mxisd.notify.mail import POLICY, is_ours, put_text
from mxisd.notify.template_files import files_beside, in_file, source_of


@frozen(kw_only=True)
class Words:
    """
    A message's words.

    :ivar mail: A complete e-mail, of an operator's file, but for the headers that are
        ours to write.
    """

    subject: str = ""
    text: str = ""
    html: str | None = None
    mail: EmailMessage | None = None
    language: str | None = None


Version = Callable[[Facts], Words]
"""Puts facts into words, in one language."""


class Wording(Protocol):
    """Puts facts into words."""

    def __call__(self, facts: Facts, languages: Sequence[str]) -> Words:
        """
        Write.

        :raise TemplateFailed: If the template cannot be filled in.
        """


@frozen
class Translated:
    """
    The same message in several languages.

    :ivar versions: By language.
    :ivar default: For everybody else.
    """

    versions: Mapping[str, Version]
    default: Version

    def __call__(self, facts: Facts, languages: Sequence[str]) -> Words:
        """Write."""
        language = choice(languages, self.versions)
        if language is None:
            return self.default(facts)
        return self.versions[language](facts)


def text_file(path: str) -> Wording:
    """
    Take the words from a file of plain text, and its translations.

    :raise TemplateFailed: If one of them cannot be used.
    """
    return _translated(path, _read_text)


def mail_file(path: str) -> Wording:
    """
    Take a complete e-mail from a file, headers included, and its translations.

    :raise TemplateFailed: If one of them cannot be used.
    """
    return _translated(path, _read_mail)


def parts(subject: str, text: str | None, html: str | None, own: Wording) -> "InParts":
    """
    Take the words of an e-mail from files of their own, and their translations.

    :param own: Has the subject if there is none.
    :raise TemplateFailed: If a file cannot be used.
    """
    write_text, write_html = all_of(
        (
            partial(_translated_part, "body.text", text, _read_text),
            partial(_translated_part, "body.html", html, _read_html),
        )
    )
    write_subject = template(subject, Place.HEADER, is_jinja=False)
    return InParts(write_subject, write_text, write_html, own)


def _translated_part(
    key: str, path: str | None, read: Callable[[Path], Version]
) -> Translated | None:
    with part_of(key):
        return _translated(path, read) if path else None


@frozen
class InParts:
    """
    A message whose subject and texts have places of their own.

    :ivar own: Has the subject if there is none.
    """

    subject: Write
    text: Translated | None
    html: Translated | None
    own: Wording

    @property
    def versions(self) -> frozenset[str]:
        """The languages that a text is in."""
        texts = (each for each in (self.text, self.html) if each is not None)
        return frozenset(language for each in texts for language in each.versions)

    def __call__(self, facts: Facts, languages: Sequence[str]) -> Words:
        """Write."""
        subject = self.subject(facts) or self.own(facts, languages).subject
        with part_of("body.text"):
            text = "" if self.text is None else self.text(facts, languages).text
        with part_of("body.html"):
            html = None if self.html is None else self.html(facts, languages).html
        return Words(subject=subject, text=text, html=html)


def _translated(path: str, read: Callable[[Path], Version]) -> Translated:
    file = Path(path)
    found = {"": file, **files_beside(file)}
    made = all_of(partial(read, each) for each in found.values())
    versions = dict(zip(found, made, strict=True))
    return Translated(versions, versions.pop(""))


def _compiled(file: Path, place: Place) -> Write:
    return in_file(file, source_of(file), place, 0)


def _read_text(file: Path) -> Version:
    write = _compiled(file, Place.TEXT)
    return lambda facts: Words(text=write(facts).strip())


def _read_html(file: Path) -> Version:
    write = _compiled(file, Place.HTML)
    return lambda facts: Words(html=write(facts))


def _read_mail(file: Path) -> Version:
    # Parsed before values come into it: no value can be a header, or a part.
    text = source_of(file)
    source = message_from_string(text.lstrip("\ufeff\r\n"), policy=POLICY)
    assert isinstance(source, EmailMessage)
    try:
        return MailTemplate.of(source, partial(_part, file, text))
    except NoMail as error:
        raise error.within(file) from error


def _part(file: Path, whole: str, part: str, place: Place) -> Write:
    start = whole.find(part)
    # What is encoded, or folded, is not found as it is.
    lines_above = None if start < 0 else whole.count("\n", 0, start)
    return in_file(file, part, place, lines_above)


class NoMail(TemplateFailed):
    """A file is no e-mail."""


@frozen
class MailTemplate:
    """
    A complete e-mail with placeholders in its headers and texts.

    :ivar source: The parsed file, with no headers but those of its content.
    :ivar headers: The others, unless they are ours to write.
    :ivar bodies: The texts, by their index among all parts.
    """

    source: EmailMessage
    headers: Mapping[str, Write]
    bodies: Mapping[int, Write]

    @classmethod
    def of(
        cls, source: EmailMessage, make: Callable[[str, Place], Write]
    ) -> "MailTemplate":
        """
        Take an e-mail apart.

        :param make: Makes a template of a text.
        :raise NoMail: If there is nothing in it to be sent.
        :raise TemplateFailed: If a text is no template.
        """
        headers = {
            name: make(str(value), _header_place(name))
            for name, value in source.items()
            if not is_ours(name)
        }
        bodies = {
            index: make(_decoded(part), _place(part))
            for index, part in enumerate(source.walk())
            if _is_body(part)
        }
        if not headers or not bodies:
            raise NoMail("is no e-mail: headers, an empty line, and text")
        _strip(source)
        return cls(source, headers, bodies)

    def __call__(self, facts: Facts) -> Words:
        """Write."""
        mail = deepcopy(self.source)
        for name, write in self.headers.items():
            mail[name] = write(facts)
        found: dict[str, str] = {}
        all_parts = list(mail.walk())
        for index, write in self.bodies.items():
            text = write(facts)
            found.setdefault(all_parts[index].get_content_subtype(), text)
            put_text(all_parts[index], text)
            if index:
                del all_parts[index]["MIME-Version"]
        return Words(
            subject=str(mail.get("Subject", "")),
            text=found.get("plain", ""),
            html=found.get("html"),
            mail=mail,
        )


def _strip(source: EmailMessage) -> None:
    for name in set(source.keys()):
        if not name.lower().startswith("content-"):
            del source[name]
    for part in source.walk():
        # With a boundary that is known beforehand, a value could end a part.
        if part.is_multipart():
            part.del_param("boundary")


def _header_place(name: str) -> Place:
    return Place.ADDRESSES if name.lower() == "reply-to" else Place.HEADER


def _is_body(part: Any) -> bool:
    is_text = part.get_content_type() in ("text/plain", "text/html")
    return is_text and part.get_content_disposition() != "attachment"


def _place(part: Any) -> Place:
    return Place.HTML if part.get_content_subtype() == "html" else Place.TEXT


def _decoded(part: Any) -> str:
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() in (
        "quoted-printable",
        "base64",
    ):
        raw: bytes = part.get_payload(decode=True)
        charset = part.get_content_charset("utf-8")
        return raw.decode(charset, "replace")
    # The file is UTF-8, whatever it says of itself.
    text: str = part.get_payload()
    return text

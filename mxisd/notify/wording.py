"""Notices in the words of the operator's files."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from email import message_from_string
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from mxisd.notify.engines import (
    JINJA_SUFFIX,
    Place,
    TemplateFailed,
    Write,
    template,
)
from mxisd.notify.facts import Facts
from mxisd.notify.languages import choice, translations
from mxisd.notify.mail import POLICY, is_ours, put_text


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

    versions: Mapping[str, Callable[[Facts], Words]]
    default: Callable[[Facts], Words]

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


def parts(subject: str, text: str | None, html: str | None, own: Wording) -> Wording:
    """
    Take the words of an e-mail from files of their own, and their translations.

    :param own: Has the subject if there is none.
    :raise TemplateFailed: If a file cannot be used.
    """
    write_subject = template(subject, Place.HEADER, is_jinja=False)
    write_text = _translated(text, _read_text) if text else None
    write_html = _translated(html, _read_html) if html else None

    def write(facts: Facts, languages: Sequence[str]) -> Words:
        said = write_subject(facts) or own(facts, languages).subject
        return Words(
            subject=said,
            text=write_text(facts, languages).text if write_text else "",
            html=write_html(facts, languages).html if write_html else None,
        )

    return write


def _translated(
    path: str, read: Callable[[Path], Callable[[Facts], Words]]
) -> Translated:
    file = Path(path)
    try:
        found = translations(file)
    except OSError as error:
        raise TemplateFailed(f"cannot be read: {error}") from error
    versions = {language: read(each) for language, each in found.items()}
    return Translated(versions, read(file))


def _source(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise TemplateFailed(f"cannot be read: {error}") from error


def _compiled(file: Path, place: Place) -> Write:
    return template(_source(file), place, is_jinja=file.suffix == JINJA_SUFFIX)


def _read_text(file: Path) -> Callable[[Facts], Words]:
    write = _compiled(file, Place.TEXT)
    return lambda facts: Words(text=write(facts).strip())


def _read_html(file: Path) -> Callable[[Facts], Words]:
    write = _compiled(file, Place.HTML)
    return lambda facts: Words(html=write(facts))


def _read_mail(file: Path) -> Callable[[Facts], Words]:
    # Parsed before values come into it: no value can be a header, or a part.
    source = message_from_string(_source(file).lstrip("\ufeff\r\n"), policy=POLICY)
    assert isinstance(source, EmailMessage)
    return MailTemplate.of(source, is_jinja=file.suffix == JINJA_SUFFIX)


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
    def of(cls, source: EmailMessage, *, is_jinja: bool) -> "MailTemplate":
        """
        Take an e-mail apart.

        :raise TemplateFailed: If a text is no template, or there is none.
        """
        headers = {
            name: template(str(value), _header_place(name), is_jinja=is_jinja)
            for name, value in source.items()
            if not is_ours(name)
        }
        bodies = {
            index: template(_decoded(part), _place(part), is_jinja=is_jinja)
            for index, part in enumerate(source.walk())
            if _is_body(part)
        }
        if not headers or not bodies:
            raise TemplateFailed("is no e-mail: headers, an empty line, and text")
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

"""
The pages that people see who open a link of ours.

They work without scripts, and load nothing from anywhere.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from attrs import asdict, frozen

from mxisd.errors import LimitExceeded, RequestRefused, SessionExpired
from mxisd.model.colours import DARK, LIGHT
from mxisd.model.next_links import web_origin
from mxisd.model.threepids import MSISDN, ThreePid
from mxisd.web.exchange import Reply
from mxisd.web.pages.texts import Texts, texts_in

HTML_TYPE = b"text/html; charset=utf-8"
GOOD_MARK, BAD_MARK, QUESTION_MARK = "\N{CHECK MARK}", "!", "?"

# The address of the page holds secrets: it goes neither to a cache nor to others.
DISCRETION = (
    (b"Cache-Control", b"no-store"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"DENY"),
)

EMPTY_PAGE = Reply(200, b"", HTML_TYPE, DISCRETION)


@frozen
class OwnPages:
    """
    The operator's pages, served as they are; ``None``: the built-in ones.

    :ivar success: After a token was taken back.
    :ivar failure: After it was not.
    """

    success: bytes | None = None
    failure: bytes | None = None


@frozen
class _Content:
    """
    What is different from page to page; all of it plain text but the form.

    :ivar text: May name ``{address}`` and ``{service}``.
    """

    kind: str
    mark: str
    title: str
    text: str
    form: str = ""
    address: str = ""


class Pages:
    """
    Makes the pages.

    :ivar service: What people know us as.
    """

    def __init__(self, own: OwnPages, service: str) -> None:
        self._own = own
        self._service = service
        self._layout = Template(_file("layout.html"))
        self._form = Template(_file("form.html"))
        self._style = Template(_file("style.css")).substitute(_colours())
        digest = hashlib.sha256(self._style.encode()).digest()
        self._style_source = f"'sha256-{b64encode(digest).decode()}'"

    def success(self, languages: Sequence[str], threepid: ThreePid) -> Reply:
        """The address is proved."""
        if self._own.success is not None:
            return Reply(200, self._own.success, HTML_TYPE, DISCRETION)
        texts = texts_in(languages)
        content = _Content(
            "success",
            GOOD_MARK,
            texts.success,
            texts.proved[threepid.medium],
            address=_shown(threepid),
        )
        return self._page(200, texts, content)

    def failure(self, languages: Sequence[str], status: int, error: Exception) -> Reply:
        """The token was not taken back."""
        if self._own.failure is not None:
            return Reply(status, self._own.failure, HTML_TYPE, DISCRETION)
        texts = texts_in(languages)
        text = _reason(texts, error)
        content = _Content("failure", BAD_MARK, texts.failure, text)
        return self._page(status, texts, content)

    def uninvited(
        self, languages: Sequence[str], status: int, error: Exception
    ) -> Reply:
        """The link of an invitation leads nowhere, or nowhere just now."""
        texts = texts_in(languages)
        is_over = isinstance(error, RequestRefused)
        title, text = (
            (texts.over, texts.renew) if is_over else (texts.failure, texts.later)
        )
        return self._page(status, texts, _Content("failure", BAD_MARK, title, text))

    def question(
        self,
        languages: Sequence[str],
        threepid: ThreePid,
        action: str,
        fields: Mapping[str, str],
        next_link: str | None,
    ) -> Reply:
        """
        A button, which people press and mail scanners do not.

        :param action: Where it leads, relative to the page.
        :param next_link: Where people are led then; browsers want to know before.
        """
        texts = texts_in(languages)
        form = self._form.substitute(
            action=escape(action),
            fields="".join(_hidden(name, value) for name, value in fields.items()),
            button=escape(texts.button),
        )
        content = _Content(
            "question",
            QUESTION_MARK,
            texts.question,
            texts.asked[threepid.medium],
            form,
            _shown(threepid),
        )
        targets = ["'self'", *([web_origin(next_link)] if next_link else [])]
        return self._page(200, texts, content, " ".join(targets))

    def _page(
        self, status: int, texts: Texts, content: _Content, targets: str = "'none'"
    ) -> Reply:
        body = self._layout.substitute(
            language=texts.language,
            style=self._style,
            kind=content.kind,
            mark=escape(content.mark),
            title=escape(content.title),
            text=self._said(content),
            form=content.form,
            service=escape(self._service),
        )
        headers = (
            *DISCRETION,
            (b"Content-Language", texts.language.encode()),
            (b"Content-Security-Policy", self._policy(targets).encode()),
        )
        return Reply(status, body.encode(), HTML_TYPE, headers)

    def _said(self, content: _Content) -> str:
        # Escaped before values come into it, none of which is a template itself.
        return escape(content.text).format(
            address=f'<strong dir="auto">{escape(content.address)}</strong>',
            service=escape(self._service),
        )

    def _policy(self, targets: str) -> str:
        return (
            f"default-src 'none'; style-src {self._style_source}; base-uri 'none'; "
            f"form-action {targets}; frame-ancestors 'none'"
        )


def _reason(texts: Texts, error: Exception) -> str:
    if isinstance(error, SessionExpired):
        return texts.expired
    if isinstance(error, RequestRefused) and not isinstance(error, LimitExceeded):
        return texts.unknown
    return texts.later


def _shown(threepid: ThreePid) -> str:
    prefix = "+" if threepid.medium == MSISDN else ""
    return prefix + threepid.readable


def _colours() -> Mapping[str, str]:
    schemes = {"light": asdict(LIGHT), "dark": asdict(DARK)}
    return {
        f"{scheme}_{name}": colour
        for scheme, colours in schemes.items()
        for name, colour in colours.items()
    }


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n'


def _file(name: str) -> str:
    return files("mxisd.web.pages").joinpath(name).read_text(encoding="utf-8")

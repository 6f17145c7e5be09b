"""The words of a medium: which files, or our own."""

from collections.abc import Mapping
from typing import Any

from mxisd.errors import ConfigError
from mxisd.model.identifiers import UserId
from mxisd.model.messages import MessageFiles
from mxisd.model.notices import (
    InviteNotice,
    MatrixIdInviteNotice,
    Notice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, ThreePid
from mxisd.notify.engines import TemplateFailed
from mxisd.notify.facts import Circumstances, Facts, facts
from mxisd.notify.own_words import OWN_WORDS, OwnMail, OwnShortText
from mxisd.notify.wording import (
    Translated,
    Wording,
    mail_file,
    parts,
    text_file,
)

KEYS = {
    ValidationNotice: "session.validation",
    InviteNotice: "invite",
    MatrixIdInviteNotice: "generic.matrixId",
    UnbindNotice: "session.unbind.notification",
}

_SAMPLE_ROOM: Mapping[str, Any] = {
    "threepid": ThreePid(EMAIL, "bob@example.org"),
    "sender": UserId("alice", "example.org"),
    "room_id": "!room:example.org",
}
_SAMPLES: tuple[Notice, ...] = (
    ValidationNotice(
        threepid=ThreePid(EMAIL, "bob@example.org"),
        token=Secret("123456"),
        link="https://example.org/",
    ),
    InviteNotice(**_SAMPLE_ROOM),
    MatrixIdInviteNotice(**_SAMPLE_ROOM, recipient=UserId("bob", "example.org")),
    UnbindNotice(
        threepid=ThreePid(EMAIL, "bob@example.org"),
        user_id=UserId("bob", "example.org"),
    ),
)


def wordings(
    medium: str,
    files: Mapping[type, str | MessageFiles | None],
    about: Circumstances,
    path: str,
) -> Mapping[type, Wording]:
    """
    Read every template of a medium, and try it.

    :param files: By type of notice; ``None`` for our own words.
    :param path: The section that the templates are in.
    :raise ConfigError: If one cannot be used.
    """
    found = {}
    for sample in _SAMPLES:
        kind = type(sample)
        if kind in files:
            try:
                found[kind] = _wording(medium, OWN_WORDS[kind], files[kind])
                _try(found[kind], facts(sample, about))
            except TemplateFailed as error:
                raise ConfigError.at(f"{path}.{KEYS[kind]}", str(error)) from error
    return found


def _wording(medium: str, name: str, files: str | MessageFiles | None) -> Wording:
    if isinstance(files, MessageFiles):
        return parts(files.subject, files.text, files.html, OwnMail(name))
    if files is None:
        return OwnMail(name) if medium == EMAIL else OwnShortText(name)
    return mail_file(files) if medium == EMAIL else text_file(files)


def _try(wording: Wording, values: Facts) -> None:
    versions = wording.versions if isinstance(wording, Translated) else ()
    for languages in ((), *((each,) for each in versions)):
        wording(values, languages)

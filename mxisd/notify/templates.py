"""The words of a medium: which files, or our own."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from mxisd.errors import ConfigError, Problem, Weight
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
from mxisd.notify.engines import JINJA_NAMES, TemplateFailed, all_of
from mxisd.notify.facts import Circumstances, Facts, facts
from mxisd.notify.own_words import OWN_WORDS, OwnMail, OwnShortText
from mxisd.notify.proofreading import Names, flaws
from mxisd.notify.wording import (
    InParts,
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
    :raise ConfigError: With all that cannot be used.
    """
    found_names = proofread(files, about, path)
    problems = [each for each in found_names if each.weight is Weight.ERROR]
    found = {}
    for sample in _sent(files):
        kind, place = type(sample), _place(path, sample)
        if any(each.path.startswith(place) for each in problems):
            continue
        try:
            found[kind] = _wording(medium, OWN_WORDS[kind], files[kind])
            _try(found[kind], facts(sample, about))
        except TemplateFailed as error:
            problems += [
                Problem(each.key, str(each)).below(place) for each in error.each
            ]
    if problems:
        raise ConfigError(problems)
    return found


def proofread(
    files: Mapping[type, str | MessageFiles | None], about: Circumstances, path: str
) -> Iterator[Problem]:
    """
    Look for names in templates that nothing is put in for.

    :param files: As for :func:`wordings`, like ``path``.
    :return: An error for what is no doubt a mistake; else a warning.
    """
    known = {type(each): set(facts(each, about)) for each in _SAMPLES}
    anywhere = set[str]().union(*known.values(), JINJA_NAMES)
    for sample in _sent(files):
        is_open = isinstance(sample, InviteNotice)
        names = Names(known[type(sample)], anywhere, is_open)
        for flaw in flaws(files[type(sample)], names):
            yield flaw.below(_place(path, sample))


def _sent(files: Mapping[type, Any]) -> Iterator[Notice]:
    return (each for each in _SAMPLES if type(each) in files)


def _place(path: str, sample: Notice) -> str:
    return f"{path}.{KEYS[type(sample)]}"


def _wording(medium: str, name: str, files: str | MessageFiles | None) -> Wording:
    if isinstance(files, MessageFiles):
        return parts(files.subject, files.text, files.html, OwnMail(name))
    if files is None:
        return OwnMail(name) if medium == EMAIL else OwnShortText(name)
    return mail_file(files) if medium == EMAIL else text_file(files)


def _try(wording: Wording, values: Facts) -> None:
    versions = wording.versions if isinstance(wording, Translated | InParts) else ()
    all_of(
        partial(wording, values, languages)
        for languages in ((), *((each,) for each in versions))
    )

"""Sydent's configuration file: its database, its key, and what else we have, too."""

import json
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from typing import Any

from attrs import frozen

from mxisd.importing.keys import parse_key
from mxisd.importing.refusing import ImportRefused
from mxisd.importing.sydent_keys import DEFAULTS, default_of, section_of
from mxisd.importing.sydent_settings import Taking, settings_of
from mxisd.model.signing import SigningKey

DATABASE = "db.db.file"
KEY = "crypto.ed25519.signingkey"
MEMORY = ":memory:"

_EVERYWHERE = "DEFAULT"


@frozen
class SydentIni:
    """
    What its file says.

    :ivar database: Its database; ``None`` if it keeps it in memory.
    :ivar key: Its signing key; ``None`` if there is none.
    :ivar settings: What we have, too, as nested mappings with our keys.
    :ivar not_taken: Its other keys, and what to do about each.
    :ivar by_itself: Other keys that say what sydent does without them.
    :ivar notes: What to mind about what was found.
    """

    database: Path | None
    key: SigningKey | None
    settings: Mapping[str, Any]
    not_taken: tuple[str, ...] = ()
    by_itself: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_ini(path: Path) -> SydentIni:
    """
    Read the file.

    :raise ImportRefused: If it cannot be read, or is not of sydent.
    """
    taking = Taking(_values(path))
    database = _database(path, taking)
    key = _key(path, taking)
    settings = settings_of(taking)
    return SydentIni(
        database,
        key,
        settings,
        tuple(taking.not_taken()),
        tuple(taking.by_itself()),
        tuple(taking.notes),
    )


def as_yaml(settings: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Write settings as lines of YAML; of each value, JSON's spelling is YAML's."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from as_yaml(value, indent + "  ")
        else:
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"


def _values(path: Path) -> Mapping[str, str]:
    # [DEFAULT] is a section like others to this parser: it counts where a key belongs.
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    # Errors of the parser quote lines, of which one has the key.
    except (OSError, UnicodeDecodeError, IniError) as error:
        problem = error if isinstance(error, OSError) else "not an .ini file"
        raise ImportRefused(f"{path} cannot be read: {problem}") from None
    found: dict[str, str] = {}
    for section in sorted(parser.sections(), key=_EVERYWHERE.__ne__):
        for key, value in parser[section].items():
            place = section_of(key) if section == _EVERYWHERE else section
            # What our configuration would take for a variable.
            text = (value or "").strip().replace("${", "$${")
            found[f"{place or section}.{key}"] = text
    if not any(
        f"{section}.{key}" in found for section in DEFAULTS for key in DEFAULTS[section]
    ):
        raise ImportRefused(f"{path} is neither an SQLite file nor of sydent")
    return {key: text for key, text in found.items() if text}


def _database(path: Path, taking: Taking) -> Path | None:
    name = taking.get(DATABASE)
    if name == MEMORY:
        taking.notes.append(f"{DATABASE}: a database in memory is nothing to take")
        return None
    # Relative to where sydent was started: mostly where its configuration is.
    database = path.parent / (name or default_of(DATABASE))
    if name is None and not database.exists():
        taking.notes.append(f"{DATABASE}: there is none, so name the database itself")
        return None
    return database


def _key(path: Path, taking: Taking) -> SigningKey | None:
    written = taking.get(KEY)
    if written is None:
        taking.notes.append(f"{KEY}: there is none; rooms trust what it has signed")
        return None
    key = parse_key(written)
    if key is None:
        raise ImportRefused(f"{path} has a signing key that cannot be read ({KEY})")
    return key

"""
Signing keys in the folder that mxisd and ma1sd use, in their format.

::

    current                      {"type": "Regular", "algo": "ed25519", "serial": S}
    regular/ed25519/<serial>     {"version": "0", "is_valid": true, "key": <seed>}
    ephemeral/ed25519/<serial>   the same
"""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from attrs import frozen
from unpaddedbase64 import decode_base64, encode_base64

from mxisd.errors import ConfigError
from mxisd.model.signing import SigningKey

REGULAR, EPHEMERAL = "regular", "ephemeral"
SEED_BYTES = 32

_SERIAL = re.compile(r"[A-Za-z0-9_-]{1,64}")


@frozen
class StoredKey:
    """A key and whether it is still to be trusted."""

    key: SigningKey
    is_valid: bool


def load_keys(folder: Path, kind: str) -> dict[str, StoredKey]:
    """
    Read all keys of a kind, by their serials.

    :raise ConfigError: If one is none.
    """
    place = folder / kind / "ed25519"
    if not place.exists():
        return {}
    return {
        file.name: _load(file)
        for file in sorted(place.iterdir())
        if _SERIAL.fullmatch(file.name)
    }


def load_key(folder: Path, kind: str, serial: str) -> StoredKey | None:
    """
    Read a key; ``None`` if there is none that is called so.

    :raise ConfigError: If it is none.
    """
    if not _SERIAL.fullmatch(serial):
        return None
    file = _place(folder, kind, serial)
    return _load(file) if file.exists() else None


def current_serial(folder: Path) -> str | None:
    """
    Tell which key signs; ``None`` if that is open yet.

    :raise ConfigError: If that cannot be told.
    """
    file = folder / "current"
    if not file.exists():
        return None
    serial = _read_json(file).get("serial")
    if not isinstance(serial, str):
        raise ConfigError.at("key.path", f"{file} names no key")
    return serial


def save_key(folder: Path, kind: str, key: SigningKey) -> None:
    """Write a valid key."""
    content = {"version": "0", "is_valid": True, "key": encode_base64(key.seed)}
    _write_json(_place(folder, kind, key.serial), content)


def choose_key(folder: Path, key: SigningKey) -> None:
    """Let a key that is there be the one that signs."""
    content = {"type": "Regular", "algo": "ed25519", "serial": key.serial}
    _write_json(folder / "current", content)


def adopt_key(folder: Path, key: SigningKey) -> None:
    """
    Let a key be the one that signs.

    A crash leaves all of it, or another key that signs.
    """
    save_key(folder, REGULAR, key)
    choose_key(folder, key)


def seed_of(text: str, file: Path) -> bytes:
    """
    Read the private half of a key.

    :param file: Where it was found.
    :raise ConfigError: If it is none.
    """
    try:
        seed = decode_base64(text.strip())
    except ValueError as error:
        raise ConfigError.at("key.path", f"{file} holds no key") from error
    if len(seed) != SEED_BYTES:
        raise ConfigError.at("key.path", f"{file} holds no key of {SEED_BYTES} bytes")
    return seed


def read_text(file: Path) -> str:
    """
    Read a file.

    :raise ConfigError: If it is none of ours.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError.at("key.path", f"{file} is not text") from error


def _place(folder: Path, kind: str, serial: str) -> Path:
    return folder / kind / "ed25519" / serial


def _load(file: Path) -> StoredKey:
    content = _read_json(file)
    if content.get("version") != "0" or not isinstance(content.get("key"), str):
        raise ConfigError.at("key.path", f"{file} is not a key file")
    seed = seed_of(content["key"], file)
    return StoredKey(SigningKey(file.name, seed), content.get("is_valid") is True)


def _read_json(file: Path) -> dict[str, Any]:
    text = read_text(file)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError.at("key.path", f"{file} is not JSON") from error
    if not isinstance(content, dict):
        raise ConfigError.at("key.path", f"{file} is not a JSON object")
    return content


def _write_json(file: Path, content: dict[str, Any]) -> None:
    """Write a file of mode 0600 that is whole or not there."""
    for folder in reversed([p for p in file.parents if not p.exists()]):
        folder.mkdir(mode=0o700)
    # The dot keeps what a crash leaves behind from being taken for a key.
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as output:
            json.dump(content, output)
            output.flush()
            os.fsync(output.fileno())
        os.replace(temporary, file)
    except OSError:
        os.unlink(temporary)
        raise
    _sync(file.parent)


def _sync(folder: Path) -> None:
    """Let the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

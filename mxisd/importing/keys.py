"""Sydent's signing key, in a key store of ours."""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from unpaddedbase64 import decode_base64, encode_base64

from mxisd.importing.refusing import ImportRefused
from mxisd.model.signing import SigningKey
from mxisd.records.key_files import MEMORY, REGULAR, SEED_BYTES

_LINE = re.compile(r"ed25519\s+([A-Za-z0-9_-]{1,64})\s+([A-Za-z0-9+/=]+)\s*")


def parse_key(text: str) -> SigningKey | None:
    """
    Read ``ed25519 SERIAL SEED``, as sydent's configuration and key files have it.

    :return: ``None`` if it is not that.
    """
    match = _LINE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        seed = decode_base64(match[2])
    except ValueError:
        return None
    return SigningKey(match[1], seed) if len(seed) == SEED_BYTES else None


def must_write_key(path: str, key: SigningKey, *, is_replacing: bool) -> bool:
    """
    Tell whether a key has yet to become the current one of a key store.

    :param is_replacing: Whether another current key may step back; it stays valid.
    :raise ImportRefused: If the key cannot, or must not, become that.
    """
    if path == MEMORY:
        raise ImportRefused("key.path is :memory:, where no key is kept")
    folder = Path(path)
    if folder.is_file() and folder.stat().st_size:
        raise ImportRefused(
            f"{folder} is the key file of an old mxisd; start the server once, which "
            "makes a folder of it"
        )
    same = _seed(_place(folder, key.serial))
    if same is not None and same != key.seed:
        raise ImportRefused(f"{folder} has another key that is called {key.key_id}")
    current = _serial(folder)
    if current == key.serial and same is not None:
        return False
    if current is not None and not is_replacing:
        raise ImportRefused(
            f"{folder} has the current key ed25519:{current}; with --replace-key, "
            f"{key.key_id} takes its place"
        )
    return True


def write_key(path: str, key: SigningKey) -> None:
    """
    Make a key the current one.

    :raise ImportRefused: If that fails.
    """
    folder = Path(path)
    content = {"version": "0", "is_valid": True, "key": encode_base64(key.seed)}
    current = {"type": "Regular", "algo": "ed25519", "serial": key.serial}
    try:
        if folder.is_file():
            folder.unlink()  # an empty one, which mxisd leaves behind
        _write(_place(folder, key.serial), content)
        _write(folder / "current", current)
    except OSError as error:
        raise ImportRefused(f"{folder} cannot be written: {error}") from error


def _place(folder: Path, serial: str) -> Path:
    return folder / REGULAR / "ed25519" / serial


def _serial(folder: Path) -> str | None:
    serial = _read(folder / "current").get("serial")
    return serial if isinstance(serial, str) else None


def _seed(file: Path) -> bytes | None:
    content = _read(file)
    if not content:
        return None
    try:
        return bytes(decode_base64(content["key"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImportRefused(f"{file} is not a key file") from error


def _read(file: Path) -> dict[str, Any]:
    """What a file holds; nothing if it is not there."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ImportRefused(f"{file} cannot be read: {error}") from error
    if not isinstance(content, dict) or not content:
        raise ImportRefused(f"{file} is not of a key store")
    return content


def _write(file: Path, content: dict[str, Any]) -> None:
    """Write a file of mode 0600 that is whole or not there."""
    for folder in reversed([each for each in file.parents if not each.exists()]):
        folder.mkdir(mode=0o700)
    # A name with a dot is no key's, should a crash leave it behind.
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".")
    with os.fdopen(handle, "w", encoding="utf-8") as output:
        json.dump(content, output)
        output.flush()
        os.fsync(output.fileno())
    os.replace(temporary, file)

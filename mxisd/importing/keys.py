"""Sydent's signing key, in a key store of ours."""

import re
from pathlib import Path

from unpaddedbase64 import decode_base64

from mxisd.errors import ConfigError
from mxisd.importing.refusing import ImportRefused
from mxisd.model.signing import SigningKey
from mxisd.records.key_files import MEMORY
from mxisd.records.key_folders import (
    REGULAR,
    SEED_BYTES,
    adopt_key,
    current_serial,
    load_key,
)

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
    try:
        same = load_key(folder, REGULAR, key.serial)
        current = current_serial(folder)
    except (ConfigError, OSError) as error:
        raise ImportRefused(f"{folder} is no key store: {error}") from error
    if same is not None and same.key.seed != key.seed:
        raise ImportRefused(f"{folder} has another key that is called {key.key_id}")
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
    try:
        if folder.is_file():
            folder.unlink()  # an empty one, which mxisd leaves behind
        adopt_key(folder, key)
    except OSError as error:
        raise ImportRefused(f"{folder} cannot be written: {error}") from error

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
from base64 import urlsafe_b64encode
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.logger import Logger
from unpaddedbase64 import decode_base64, encode_base64
from zope.interface import implementer

from mxisd.errors import ConfigError
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.ports import IKeyRing, IRandom

MEMORY = ":memory:"
REGULAR, EPHEMERAL = "regular", "ephemeral"
BACKUP_SUFFIX = ".backup-before-migration"
SEED_BYTES = 32
SERIAL_EPOCH_MS = 1546297200000

_SERIAL = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = Logger()


@frozen
class StoredKey:
    """A key and whether it is still to be trusted."""

    key: SigningKey
    is_valid: bool


@implementer(IKeyRing)
class KeyRing:
    """Keys in memory; see :func:`open_key_ring` for where they come from."""

    def __init__(
        self,
        server_name: str,
        current: SigningKey,
        regular: Iterable[StoredKey],
        ephemeral: Iterable[StoredKey],
    ) -> None:
        self._server_name = server_name
        self._current = current
        stored = tuple(regular)
        self._by_id = {each.key.key_id: each.key.public_key for each in stored}
        self._valid = _public_keys(stored)
        self._ephemeral = _public_keys(ephemeral)

    def public_key(self, key_id: str) -> str | None:
        """The public key of a long-term key, unpadded base64."""
        return self._by_id.get(key_id)

    def is_valid(self, public_key: str) -> bool:
        """Whether this is one of our valid long-term keys, in any base64 spelling."""
        return key_bytes(public_key) in self._valid

    def is_ephemeral_valid(self, public_key: str) -> bool:
        """Whether this is the valid key of an invite, in any base64 spelling."""
        return key_bytes(public_key) in self._ephemeral

    def current_public_key(self) -> str:
        """The public key with which we sign, unpadded base64."""
        return self._current.public_key

    def signed(self, content: dict[str, Any]) -> dict[str, Any]:
        """A copy of the content, signed with our current key under our server name."""
        return self._current.signed(content, self._server_name)


def open_key_ring(path: str, server_name: str, random: IRandom, now_ms: int) -> KeyRing:
    """
    Open the key store, creating or migrating it as needed.

    :param path: The folder, an old key file, or ``:memory:``.
    :raise ConfigError: If it cannot be used; the message names the file.
    """
    if path == MEMORY:
        key = _new_key((), random, now_ms)
        return KeyRing(server_name, key, [StoredKey(key, True)], [])
    folder = Path(path)
    try:
        _prepare(folder)
        regular = _load_all(folder, REGULAR)
        current = _current(folder, regular)
        if current is None:
            current = _make_current(folder, regular, random, now_ms)
            regular = _load_all(folder, REGULAR)
        ephemeral = _load_all(folder, EPHEMERAL)
    except OSError as error:
        raise ConfigError.at("key.path", f"cannot be used: {error}") from error
    return KeyRing(server_name, current, regular.values(), ephemeral.values())


def _public_keys(stored: Iterable[StoredKey]) -> frozenset[bytes | None]:
    return frozenset(key_bytes(s.key.public_key) for s in stored if s.is_valid)


def _prepare(folder: Path) -> None:
    if folder.is_file():
        _migrate(folder)
    elif not folder.exists():
        _check_not_interrupted(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close_to_others(folder, 0o700)


def _close_to_others(path: Path, mode: int) -> None:
    if not path.stat().st_mode & 0o077:
        return
    try:
        path.chmod(mode)
    except OSError as error:
        # A mounted secret, say: its modes are somebody else's, and may be meant so.
        log.warn(
            "{path} is open to others and cannot be closed: {error}",
            path=path,
            error=error,
        )
    else:
        log.warn("{path} was open to others; closed it", path=path)


def _migrate(file: Path) -> None:
    """Turn the single file of mxisd before 1.3 into a folder; its key is serial 0."""
    backup = _backup_of(file)
    if backup.exists():
        raise ConfigError.at("key.path", f"{backup} is in the way of a migration")
    lines = [line.strip() for line in _read_text(file).splitlines() if line.strip()]
    seeds = [_seed(line, file) for line in lines[:1]]
    fresh = file.with_name(file.name + ".migrating")
    fresh.mkdir(mode=0o700, exist_ok=True)
    for seed in seeds:
        _save(fresh, REGULAR, SigningKey("0", seed))
    file.rename(backup)
    fresh.rename(file)
    _close_to_others(backup, 0o600)
    log.info(
        "Migrated the key file {file}; it is kept as {backup}", file=file, backup=backup
    )


def _check_not_interrupted(folder: Path) -> None:
    """See to it that no new key is made where the old one is only out of place."""
    backup = _backup_of(folder)
    # mxisd leaves an empty one behind wherever it made a first key.
    if backup.exists() and backup.stat().st_size:
        text = f"{folder} is gone, its migration broke off: rename {backup} to it"
        raise ConfigError.at("key.path", text)


def _backup_of(file: Path) -> Path:
    return file.with_name(file.name + BACKUP_SUFFIX)


def _load_all(folder: Path, kind: str) -> dict[str, StoredKey]:
    place = folder / kind / "ed25519"
    if not place.exists():
        return {}
    return {
        file.name: _load(file)
        for file in sorted(place.iterdir())
        if _SERIAL.fullmatch(file.name)
    }


def _load(file: Path) -> StoredKey:
    content = _read_json(file)
    if content.get("version") != "0" or not isinstance(content.get("key"), str):
        raise ConfigError.at("key.path", f"{file} is not a key file")
    seed = _seed(content["key"], file)
    return StoredKey(SigningKey(file.name, seed), content.get("is_valid") is True)


def _current(folder: Path, regular: dict[str, StoredKey]) -> SigningKey | None:
    file = folder / "current"
    if not file.exists():
        return None
    serial = _read_json(file).get("serial")
    if not isinstance(serial, str) or serial not in regular:
        raise ConfigError.at("key.path", f"{file} names a key that is not there")
    return regular[serial].key


def _make_current(
    folder: Path, regular: dict[str, StoredKey], random: IRandom, now_ms: int
) -> SigningKey:
    valid = [stored.key for stored in regular.values() if stored.is_valid]
    key = valid[0] if valid else _new_key(regular, random, now_ms)
    if not valid:
        _save(folder, REGULAR, key)
    content = {"type": "Regular", "algo": "ed25519", "serial": key.serial}
    _write_json(folder / "current", content)
    return key


def _new_key(taken: Container[str], random: IRandom, now_ms: int) -> SigningKey:
    """Make a key; its serial is the time, and a character against two at a time."""
    stamp = (now_ms - SERIAL_EPOCH_MS).to_bytes(8, "big", signed=True)
    time = urlsafe_b64encode(stamp).decode().rstrip("=")
    serial = time + random.alphanumeric(1)
    while serial in taken:
        serial = time + random.alphanumeric(1)
    return SigningKey(serial, random.token_bytes(SEED_BYTES))


def _save(folder: Path, kind: str, key: SigningKey) -> None:
    content = {"version": "0", "is_valid": True, "key": encode_base64(key.seed)}
    _write_json(folder / kind / "ed25519" / key.serial, content)


def _seed(text: str, file: Path) -> bytes:
    try:
        seed = decode_base64(text.strip())
    except ValueError as error:
        raise ConfigError.at("key.path", f"{file} holds no key") from error
    if len(seed) != SEED_BYTES:
        raise ConfigError.at("key.path", f"{file} holds no key of {SEED_BYTES} bytes")
    return seed


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError.at("key.path", f"{file} is not text") from error


def _read_json(file: Path) -> dict[str, Any]:
    text = _read_text(file)
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

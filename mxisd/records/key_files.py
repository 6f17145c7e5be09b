"""The key ring, and the key store that it comes from."""

from base64 import urlsafe_b64encode
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.errors import ConfigError
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.ports import IKeyRing, IRandom
from mxisd.records.key_folders import (
    EPHEMERAL,
    REGULAR,
    SEED_BYTES,
    StoredKey,
    adopt_key,
    choose_key,
    current_serial,
    load_keys,
    read_text,
    save_key,
    seed_of,
)
from mxisd.records.places import folder_obstacle

MEMORY = ":memory:"
SYNAPSE_ALGORITHM = "ed25519 "
"""What the line of a signing key begins with in a file of Synapse or sydent."""

BACKUP_SUFFIX = ".backup-before-migration"
SERIAL_EPOCH_MS = 1546297200000

log = Logger()


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
        self._by_id = {each.key.key_id: each for each in stored}
        self._valid = _public_keys(stored)
        self._ephemeral = _public_keys(ephemeral)

    def public_key(self, key_id: str) -> str | None:
        """The public key of a long-term key, unpadded base64."""
        stored = self._by_id.get(key_id)
        return None if stored is None else stored.key.public_key

    def is_valid(self, public_key: str) -> bool:
        """Whether this is one of our valid long-term keys, in any base64 spelling."""
        return key_bytes(public_key) in self._valid

    def is_ephemeral_valid(self, public_key: str) -> bool:
        """Whether this is the valid key of an invite, in any base64 spelling."""
        return key_bytes(public_key) in self._ephemeral

    def current_key_id(self) -> str:
        """The ID of the long-term key with which we sign today."""
        return self._current.key_id

    def signed(
        self, content: dict[str, Any], key_id: str | None = None
    ) -> dict[str, Any]:
        """A copy of the content, signed with a valid key under our server name."""
        stored = None if key_id is None else self._by_id.get(key_id)
        key = stored.key if stored is not None and stored.is_valid else self._current
        return key.signed(content, self._server_name)


def look_at_key_store(path: str) -> None:
    """
    Judge a key store as :func:`open_key_ring` will find it, and change nothing.

    :param path: The folder, an old key file, or ``:memory:``.
    :raise ConfigError: If it could not be used; the message names the file.
    """
    if path == MEMORY:
        return
    folder = Path(path)
    try:
        if folder.is_file():
            _to_migrate(folder)
        elif not folder.exists():
            _check_not_interrupted(folder)
        is_complete = folder.is_dir() and _stored(folder).current is not None
        changed = folder.parent if folder.is_file() else folder
        obstacle = None if is_complete else folder_obstacle(changed.absolute())
    except OSError as error:
        raise ConfigError.at("key.path", f"cannot be used: {error}") from error
    if obstacle is not None:
        raise ConfigError.at("key.path", f"cannot be used: {obstacle}")


def current_public_key(path: str) -> str | None:
    """
    The public half of the key that signs; ``None`` if there is none yet.

    :param path: A key store that is good, or not there.
    :raise ConfigError: If it is not good.
    """
    folder = Path(path)
    if path == MEMORY or not folder.is_dir():
        return None
    current = _stored(folder).current
    return None if current is None else current.public_key


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
        stored = _stored(folder)
        if stored.current is None:
            _make_current(folder, stored.regular, random, now_ms)
            stored = _stored(folder)
    except OSError as error:
        raise ConfigError.at("key.path", f"cannot be used: {error}") from error
    assert stored.current is not None
    regular, ephemeral = stored.regular.values(), stored.ephemeral.values()
    return KeyRing(server_name, stored.current, regular, ephemeral)


@frozen
class _Stored:
    """
    What is in a folder.

    :ivar current: The key that signs; ``None`` if that is open yet.
    """

    regular: Mapping[str, StoredKey]
    ephemeral: Mapping[str, StoredKey]
    current: SigningKey | None


def _stored(folder: Path) -> _Stored:
    regular = load_keys(folder, REGULAR)
    current = _current(folder, regular)
    return _Stored(regular, load_keys(folder, EPHEMERAL), current)


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
    seeds, backup = _to_migrate(file), _backup_of(file)
    fresh = file.with_name(file.name + ".migrating")
    fresh.mkdir(mode=0o700, exist_ok=True)
    for seed in seeds:
        save_key(fresh, REGULAR, SigningKey("0", seed))
    file.rename(backup)
    fresh.rename(file)
    _close_to_others(backup, 0o600)
    log.info(
        "Migrated the key file {file}; it is kept as {backup}", file=file, backup=backup
    )


def _to_migrate(file: Path) -> Sequence[bytes]:
    """The keys in an old key file: one, or none."""
    backup = _backup_of(file)
    if backup.exists():
        raise ConfigError.at("key.path", f"{backup} is in the way of a migration")
    lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    if lines and lines[0].startswith(SYNAPSE_ALGORITHM):
        text = (
            f"{file} is a key file as Synapse and sydent have them: name a folder of "
            f"its own, and take over the key of sydent by: mxisd import {file}"
        )
        raise ConfigError.at("key.path", text)
    return [seed_of(line, file) for line in lines[:1]]


def _check_not_interrupted(folder: Path) -> None:
    """See to it that no new key is made where the old one is only out of place."""
    backup = _backup_of(folder)
    # mxisd leaves an empty one behind wherever it made a first key.
    if backup.exists() and backup.stat().st_size:
        text = f"{folder} is gone, its migration broke off: rename {backup} to it"
        raise ConfigError.at("key.path", text)


def _backup_of(file: Path) -> Path:
    return file.with_name(file.name + BACKUP_SUFFIX)


def _current(folder: Path, regular: Mapping[str, StoredKey]) -> SigningKey | None:
    serial = current_serial(folder)
    if serial is None:
        return None
    if serial not in regular:
        file = folder / "current"
        raise ConfigError.at("key.path", f"{file} names a key that is not there")
    return regular[serial].key


def _make_current(
    folder: Path, regular: Mapping[str, StoredKey], random: IRandom, now_ms: int
) -> None:
    valid = [stored.key for stored in regular.values() if stored.is_valid]
    if valid:
        choose_key(folder, valid[0])
    else:
        adopt_key(folder, _new_key(regular, random, now_ms))


def _new_key(taken: Container[str], random: IRandom, now_ms: int) -> SigningKey:
    """Make a key; its serial is the time, and a character against two at a time."""
    stamp = (now_ms - SERIAL_EPOCH_MS).to_bytes(8, "big", signed=True)
    time = urlsafe_b64encode(stamp).decode().rstrip("=")
    serial = time + random.alphanumeric(1)
    while serial in taken:
        serial = time + random.alphanumeric(1)
    return SigningKey(serial, random.token_bytes(SEED_BYTES))

"""``mxisd import`` from the first look to the report."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from attrs import frozen

from mxisd.config.sections import Config
from mxisd.importing.keys import must_write_key, parse_key, write_key
from mxisd.importing.ma1sd import ma1sd_parts
from mxisd.importing.parts import Part
from mxisd.importing.refusing import ImportRefused
from mxisd.importing.reports import ImportedFile, ImportedKey, Report
from mxisd.importing.sources import Source, open_source
from mxisd.importing.sydent import sydent_parts
from mxisd.importing.sydent_ini import SydentIni, read_ini
from mxisd.importing.transfer import Tally, transfer
from mxisd.importing.values import Circumstances
from mxisd.model.signing import SigningKey
from mxisd.records.origins import SYDENT, require_ours
from mxisd.records.sqlite import MEMORY, SqliteRecords

SQLITE_HEAD = b"SQLite format 3\0"
KEY_FILE_BYTES = 1024


@frozen(kw_only=True)
class Wishes:
    """
    What the command line asks for.

    :ivar file: An SQLite file, sydent's configuration, or a file with its key.
    :ivar keys: The key store that belongs to it; ``None``: the one that is ours, too.
    :ivar is_dry_run: Whether everything stays as it is.
    :ivar is_replacing_key: Whether another signing key may step back.
    """

    file: Path
    keys: Path | None = None
    is_dry_run: bool = False
    is_replacing_key: bool = False


@frozen
class _Material:
    """What was found to be imported."""

    database: Path | None
    key: SigningKey | None = None
    ini: SydentIni | None = None


async def run_import(
    wishes: Wishes, config: Config, reactor: Any, tell: Callable[[str], None]
) -> Report:
    """
    Import a file.

    :param tell: Takes each line about the progress.
    :raise ImportRefused: If that cannot be done; batches that were written stay.
    :raise RecordsUnavailable: If our own tables cannot be written.
    """
    material = _look(wishes.file)
    place, is_key_new = config.key.path, False
    if material.key is not None:
        is_replacing = wishes.is_replacing_key
        is_key_new = must_write_key(place, material.key, is_replacing=is_replacing)
    file = None
    if material.database is not None:
        with closing(open_source(material.database)) as source:
            parts = _parts(source, _circumstances(wishes, config, reactor))
            tallies = await _take(source, parts, wishes, config, reactor, tell)
            file = ImportedFile(source.path, source.kind, tallies)
    if material.key is not None and is_key_new and not wishes.is_dry_run:
        write_key(place, material.key)
    key = material.key
    return Report(
        file=file,
        key=None if key is None else ImportedKey(key.key_id, is_key_new),
        settings=material.ini,
        is_dry_run=wishes.is_dry_run,
    )


def _look(file: Path) -> _Material:
    try:
        with file.open("rb") as opened:
            head = opened.read(KEY_FILE_BYTES)
    except OSError as error:
        raise ImportRefused(f"{file} cannot be read: {error.strerror}") from error
    if head.startswith(SQLITE_HEAD):
        return _Material(file)
    key = parse_key(head.decode("ascii", "replace"))
    if key is not None:
        return _Material(None, key)
    if head.startswith(b"ed25519 "):
        raise ImportRefused(f"{file} has a signing key that cannot be read")
    ini = read_ini(file)
    return _Material(ini.database, ini.key, ini)


async def _take(
    source: Source,
    parts: Sequence[Part],
    wishes: Wishes,
    config: Config,
    reactor: Any,
    tell: Callable[[str], None],
) -> Sequence[Tally]:
    path = _target(config)
    require_ours(path)
    place = _copy_of(path) if wishes.is_dry_run else nullcontext(path)
    with place as target:
        # The reactor's thread waits for it.
        database = SqliteRecords(str(target), reactor.callFromThread).database
        database.open()
        try:
            return [
                await transfer(source, part, database, tell)
                for part in parts
                if part.table in source.tables
            ]
        finally:
            await database.close()


def _parts(source: Source, circumstances: Circumstances) -> Sequence[Part]:
    return (sydent_parts if source.kind == SYDENT else ma1sd_parts)(circumstances)


def _circumstances(wishes: Wishes, config: Config, reactor: Any) -> Circumstances:
    hosts = config.session.policy.validation.next_link_hosts
    return Circumstances(
        now_ms=int(reactor.seconds() * 1000),
        token_life_ms=int(config.account_config.token_lifetime * 1000),
        allowed=_allowed(config),
        next_link_hosts=None if hosts is None else frozenset(map(str.lower, hosts)),
        keys=_keys(wishes, config),
    )


def _keys(wishes: Wishes, config: Config) -> Path:
    if wishes.keys is None:
        return Path(config.key.path)
    if not wishes.keys.is_dir():
        raise ImportRefused(f"{wishes.keys} is no folder with keys")
    return wishes.keys


def _allowed(config: Config) -> frozenset[str] | None:
    settings = config.account_config
    if settings.allow_only_trust_domains:
        return frozenset([config.matrix.domain])
    if not settings.allowed_homeservers:
        return None
    return frozenset([config.matrix.domain, *settings.allowed_homeservers])


def _target(config: Config) -> Path:
    database = config.storage.provider.sqlite.database
    if database == MEMORY:
        raise ImportRefused(
            "storage.provider.sqlite.database is :memory:, where nothing is kept"
        )
    return Path(database).absolute()


@contextmanager
def _copy_of(path: Path) -> Iterator[Path]:
    """A copy of our database, or the place for a new one; gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix="mxisd-dry-run-"))
    try:
        if path.exists():
            uri = f"{path.as_uri()}?mode=ro"
            with (
                closing(sqlite3.connect(uri, uri=True)) as original,
                closing(sqlite3.connect(folder / "records.db")) as copy,
            ):
                original.backup(copy)
        yield folder / "records.db"
    except sqlite3.Error as error:
        raise ImportRefused(f"{path} cannot be read: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""
Where the server writes and listens: looked at before, and left as it is.

Each look gives what is worth a warning.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from twisted.internet.error import CannotListenError

from mxisd.config.sections import Config
from mxisd.drivers.listening import BoundPort
from mxisd.errors import ConfigError, Problem, RecordsUnavailable
from mxisd.records.key_files import look_at_key_store
from mxisd.records.places import file_obstacle, look_at_hash_folder
from mxisd.records.sqlite import MEMORY, look_at_records
from mxisd.web.access_log import STANDARD_OUTPUT

DATABASE = "storage.provider.sqlite.database"

Look = Callable[[Config], Iterable[Problem]]


def _keys(config: Config) -> Iterable[Problem]:
    look_at_key_store(config.key.path)
    return ()


def _records(config: Config) -> Iterator[Problem]:
    yield from _told(DATABASE, look_at_records(_database(config)))


def _hashes(config: Config) -> Iterator[Problem]:
    folder = hash_folder(config)
    if not config.hashing.enabled or folder is None:
        return
    # Without a key of its own, it will be made beside the database.
    if config.hashing.directory is not None or folder.exists():
        yield from _told("hashing.directory", look_at_hash_folder(folder))


def _access_log(config: Config) -> Iterable[Problem]:
    path = config.logging.access
    if path not in ("", STANDARD_OUTPUT):
        obstacle = file_obstacle(Path(path).absolute())
        if obstacle is not None:
            raise ConfigError.at("logging.access", f"cannot be written: {obstacle}")
    return ()


def _address(config: Config) -> Iterable[Problem]:
    # Whether the port is free only the start can tell: mostly a server has it that is
    # about to be replaced.
    try:
        BoundPort(config.server.hostname, 0).close()
    except CannotListenError as error:
        reason = getattr(error.socketError, "strerror", None) or error.socketError
        text = f"is no address to listen on: {reason}"
        raise ConfigError.at("server.hostname", text) from error
    return ()


LOOKS: tuple[Look, ...] = (_keys, _records, _hashes, _access_log, _address)


def hash_folder(config: Config) -> Path | None:
    """Where the index files are; ``None``: in a temporary folder."""
    if config.hashing.directory is not None:
        # A daemon may change its folder.
        return Path(config.hashing.directory).absolute()
    if _database(config) == MEMORY:
        return None
    return Path(_database(config)).absolute().parent / "hashes"


def _database(config: Config) -> str:
    return config.storage.provider.sqlite.database


def _told(path: str, warnings: Iterator[str]) -> Iterator[Problem]:
    try:
        for text in warnings:
            yield Problem(path, text)
    except RecordsUnavailable as error:
        raise ConfigError.at(path, str(error)) from error

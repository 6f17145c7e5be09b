"""Where a database is, and how it is reached."""

import enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import frozen

from mxisd.model.secret import Secret


class Engine(enum.Enum):
    """The kinds of databases that can be asked."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    MARIADB = "mariadb"
    MYSQL = "mysql"


@frozen(kw_only=True)
class DatabaseAddress:
    """
    A database, and what it takes to ask it.

    :ivar database: Its name; for SQLite, the file.
    :ivar host: A name or an address; with a slash in front, a unix socket: its folder
        for PostgreSQL, itself for the others. ``None``: the engine's usual place.
    :ivar tls: Whether to insist on TLS, with a certificate that is verified.
    :ivar ca_file: Whom to trust then; ``None``: whom the system trusts.
    :ivar timeout: Seconds for a connection, and for each statement.
    :ivar connections: How many there are at most.
    """

    engine: Engine
    database: str
    host: str | None = None
    port: int | None = None
    user: str = ""
    password: Secret = Secret("")
    tls: bool = False
    ca_file: str | None = None
    timeout: float = 5.0
    connections: int = 4


def parse_connection(engine: Engine, text: str, **more: Any) -> DatabaseAddress:
    """
    Read ``//host:port/database?user=…&password=…``, or for SQLite a path.

    Names and values are URL-encoded. Parameters of the Java drivers that say nothing to
    us are passed over: configurations of mxisd have them.

    :param more: Fields of the address that go before what the text says.
    :raise ValueError: With a sentence for the operator that repeats nothing of it.
    """
    if engine is Engine.SQLITE:
        said: dict[str, Any] = {"database": _path(text)}
    else:
        said = _server(text)
    return DatabaseAddress(engine=engine, **{**said, **more})


def _path(text: str) -> str:
    path = text.strip().removeprefix("file:")
    if not path or path == ":memory:":
        raise ValueError("must be the path of a database file")
    return path


def _server(text: str) -> dict[str, Any]:
    url = _split(text.strip())
    database = unquote(url.path.removeprefix("/"))
    if not database or "/" in database:
        raise ValueError("names no database: //host:port/database?user=…&password=…")
    asked = dict(parse_qsl(url.query, keep_blank_values=True))
    return {
        "database": database,
        "host": unquote(url.hostname) if url.hostname else None,
        "port": url.port,
        "user": asked.get("user", ""),
        "password": Secret(asked.get("password", "")),
        "tls": _verifies(asked),
        "ca_file": asked.get("sslrootcert") or asked.get("serverSslCert"),
    }


def _split(text: str) -> Any:
    if not text.startswith("//"):
        raise ValueError("must look like //host:port/database?user=…&password=…")
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        # Its own message may repeat the text, with the password in it.
        raise ValueError("has no legal host and port") from None
    if url.fragment:
        raise ValueError("holds a #: write it as %23")
    if url.username is not None:
        raise ValueError("names a user before the host: write ?user=…&password=…")
    return url


def _verifies(asked: dict[str, str]) -> bool:
    """Whether one of the Java drivers would insist on a good certificate."""
    mode = (asked.get("sslmode") or asked.get("sslMode") or "").lower()
    if mode:
        return mode.startswith("verify")
    return asked.get("ssl", "").lower() == "true"

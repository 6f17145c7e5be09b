"""Where the database of a store is, in keys."""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from mxisd.drivers.sql.address import DatabaseAddress, Engine, parse_connection
from mxisd.errors import ConfigError, Problem
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option


def _port(value: int | None) -> None:
    if value is not None and not 1 <= value <= 65535:
        raise ValueError("a port is a number from 1 to 65535")


def _positive(value: float) -> None:
    if value <= 0:
        raise ValueError("must be more than 0")


def _connections(value: int) -> None:
    if not 1 <= value <= 100:
        raise ValueError("must be 1 to 100")


@frozen(kw_only=True)
class ConnectionSettings:
    """A database; each key stands in the section itself."""

    type: Engine | None = option(
        "The kind of database, in the classic section.",
        None,
        default_note="``sqlite``",
    )
    engine: Engine | None = option(
        "The same, in entries of ``stores``, where ``type`` is the type of the store.",
        None,
        default_note="``sqlite``",
    )
    connection: Secret | None = option(
        "For SQLite the path of the file, for others "
        "``//host:port/database?user=…&password=…``, URL-encoded.",
        None,
    )
    host: str | None = option(
        "The server's name or address, or the path of a UNIX socket (for PostgreSQL, "
        "of the folder that it is in).",
        None,
        default_note="that of ``connection``",
    )
    port: int | None = option(
        "The server's port.",
        None,
        default_note="that of ``connection``, or the usual one",
        check=_port,
    )
    database: str | None = option(
        "The name of the database; for SQLite the path of the file.",
        None,
        default_note="that of ``connection``",
    )
    user: str | None = option(
        "The account there; it needs to read, and nothing else.",
        None,
        default_note="that of ``connection``",
    )
    password: Secret | None = option(
        "Its password.", None, default_note="that of ``connection``"
    )
    tls: bool | None = option(
        "Whether to insist on TLS, with a certificate that is verified.",
        None,
        default_note="``false``, unless ``connection`` says otherwise",
    )
    ca_file: str | None = option(
        "A PEM file of the certificate authorities to trust instead of the system's.",
        None,
    )
    timeout: Duration = option(
        "How long a connection, and each answer, may take.",
        Duration(5),
        check=_positive,
    )
    connections: int = option(
        "How many connections there are at most.", 4, check=_connections
    )

    @property
    def key(self) -> str:
        """Where the whole address is written; empty if its parts have keys."""
        return "" if self.connection is None else "connection"

    @property
    def address(self) -> DatabaseAddress:
        """
        The database.

        :raise ConfigError: With the key that is wrong or missing.
        """
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)
        engine = self.type or self.engine or Engine.SQLITE
        if self.connection is None:
            return DatabaseAddress(engine=engine, **self._written())
        try:
            return parse_connection(engine, self.connection.value, **self._written())
        except ValueError as error:
            raise ConfigError.at("connection", str(error)) from error

    @property
    def ca_key(self) -> str:
        """The key that says whom to trust."""
        return "connection" if self.ca_file is None else "caFile"

    def _problems(self) -> Iterator[Problem]:
        if self.type and self.engine and self.type is not self.engine:
            yield Problem("engine", "says something else than type")
        if self.connection is None and not self.database:
            yield Problem("connection", "is required, or database")

    def _written(self) -> dict[str, Any]:
        names = ("host", "port", "database", "user", "password", "tls", "ca_file")
        written = {name: getattr(self, name) for name in names}
        limits = {"timeout": float(self.timeout), "connections": self.connections}
        return {**{k: v for k, v in written.items() if v is not None}, **limits}

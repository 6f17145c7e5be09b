"""A real PostgreSQL server for tests."""

import atexit
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras

from mxisd.drivers.sql.address import DatabaseAddress, Engine
from tests.integration.database_servers import DatabaseServer, program

_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 60
ssl = on
ssl_cert_file = '{certificate}'
ssl_key_file = '{key}'
"""
# Everybody may in by password "secret", whatever the account; root needs none.
_ACCESS = """
local all postgres trust
host all postgres 127.0.0.1/32 trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


class Postgres(DatabaseServer):
    """A PostgreSQL with an account ``reader``, password ``secret``."""

    title = "PostgreSQL"
    accounts = ("postgres", "nobody")

    def initialise(self) -> None:
        """Make a cluster."""
        self.run(
            _program("initdb"),
            *("-D", str(self.data), "-U", "postgres", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--no-sync", "--no-instructions", "-A", "trust"),
        )
        with open(self.data / "postgresql.conf", "a") as file:
            file.write(_SETTINGS.format(**vars(self)))
        (self.data / "pg_hba.conf").write_text(_ACCESS)

    def command(self) -> Sequence[str]:
        """The server itself, in the foreground."""
        return [_program("postgres"), "-D", str(self.data)]

    def start(self) -> None:
        """Start, with the account."""
        super().start()
        if not self.execute("SELECT 1 FROM pg_roles WHERE rolname = 'reader'"):
            self.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
            self.execute("GRANT pg_read_all_data TO reader")

    def execute(
        self, sql: str, parameters: Any = None, database: str = ""
    ) -> Sequence[tuple[Any, ...]]:
        """Run a statement as administrator, and commit; gives its rows."""
        with closing(self._connected(database)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def fill(self, sql: str, rows: Sequence[Any], database: str = "") -> None:
        """Run a statement for each row of parameters."""
        with closing(self._connected(database)) as connection:
            psycopg2.extras.execute_batch(connection.cursor(), sql, rows, 1000)

    def address(self, database: str = "", **more: Any) -> DatabaseAddress:
        """Where a database of this server is."""
        known = {
            "engine": Engine.POSTGRESQL,
            "host": self.host,
            "port": self.port,
            "database": database or "postgres",
            "user": "postgres",
        }
        return DatabaseAddress(**{**known, **more})

    def _connected(self, database: str) -> Any:
        connection = psycopg2.connect(
            host=self.host,
            port=self.port,
            user="postgres",
            dbname=database or "postgres",
            sslmode="disable",
            connect_timeout=10,
        )
        connection.autocommit = True
        return connection


@cache
def shared_postgres() -> Postgres:
    """The server of this test run; it is started when it is first wanted."""
    server = Postgres()
    atexit.register(server.remove)
    server.start()
    return server


def _program(name: str) -> str:
    # Debian has one folder for each version; the newest goes first.
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: float(path.parent.name),
        reverse=True,
    )
    return program(name, "postgresql", ":".join(map(str, folders)))

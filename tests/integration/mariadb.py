"""A real MariaDB server for tests."""

import atexit
import signal
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from typing import Any

import pymysql

from mxisd.drivers.sql.address import DatabaseAddress, Engine
from mxisd.model.secret import Secret
from tests.integration.database_servers import DatabaseServer, program


class MariaDb(DatabaseServer):
    """A MariaDB with an account ``reader``, password ``secret``."""

    title = "MariaDB"
    accounts = ("mysql", "nobody")
    quiet_end = signal.SIGTERM
    crash = signal.SIGKILL

    def initialise(self) -> None:
        """Make the system's tables."""
        self.socket = str(self.folder / "socket")
        self.run(
            program("mariadb-install-db", "mariadb-server"),
            "--no-defaults",
            f"--datadir={self.data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        )

    def command(self) -> Sequence[str]:
        """The server itself, in the foreground."""
        return [
            program("mariadbd", "mariadb-server"),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'pid'}",
            f"--ssl-cert={self.certificate}",
            f"--ssl-key={self.key}",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
            "--character-set-server=utf8mb4",
        ]

    def start(self) -> None:
        """Start, with the account."""
        super().start()
        self.execute("CREATE USER IF NOT EXISTS reader IDENTIFIED BY 'secret'")
        self.execute("GRANT SELECT ON *.* TO reader")

    def execute(
        self, sql: str, parameters: Any = None, database: str = ""
    ) -> Sequence[tuple[Any, ...]]:
        """Run a statement as administrator, and commit; gives its rows."""
        with closing(self._connected(database)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def fill(self, sql: str, rows: Sequence[Any], database: str = "") -> None:
        """Run a statement for each row of parameters."""
        with closing(self._connected(database)) as connection:
            connection.cursor().executemany(sql, rows)

    def address(self, database: str = "", **more: Any) -> DatabaseAddress:
        """Where a database of this server is."""
        known = {
            "engine": Engine.MARIADB,
            "host": self.host,
            "port": self.port,
            "database": database or "mysql",
            "user": "reader",
            "password": Secret("secret"),
        }
        return DatabaseAddress(**{**known, **more})

    def _connected(self, database: str) -> Any:
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user="root",
            database=database or None,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=10,
            read_timeout=60,
        )


@cache
def shared_mariadb() -> MariaDb:
    """The server of this test run; it is started when it is first wanted."""
    server = MariaDb()
    atexit.register(server.remove)
    server.start()
    return server

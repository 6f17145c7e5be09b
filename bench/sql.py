"""The sql store against SQLite, PostgreSQL and MariaDB, in a process of its own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.stores import DOMAIN, Bench, Effort, run
from mxisd.config.structure import Section
from mxisd.drivers.sql.address import DatabaseAddress
from mxisd.interfaces import Tools
from mxisd.stores.sql import factory
from tests.integration.mariadb import shared_mariadb
from tests.integration.postgres import shared_postgres
from tests.integration.sql_stores import ServerWorld, SqliteWorld

CREATE = (
    "CREATE TABLE addresses (username VARCHAR(100), medium VARCHAR(20), "
    "address VARCHAR(200))",
    "CREATE INDEX by_address ON addresses (address)",
)

ANALYZE = {
    "SQLite": "ANALYZE",
    "PostgreSQL": "ANALYZE addresses",
    "MariaDB": "ANALYZE TABLE addresses",
}


async def measure(reactor: Any, effort: Effort) -> None:
    """Ask the same people of each engine, one by one and in lists."""
    with tempfile.TemporaryDirectory(prefix="mxisd-bench-") as folder:
        for title, world in _worlds(Path(folder)):
            for statement in CREATE:
                world.execute(statement)
            world.fill("addresses", [_row(number) for number in range(effort.people)])
            if title != "SQLite":
                world.execute(
                    "ANALYZE TABLE addresses" if title == "MariaDB" else "ANALYZE"
                )
            print(f"\nsql on {title}, {effort.people:,} people", flush=True)
            for is_bulk in (False, True):
                print("in lists:" if is_bulk else "one by one:", flush=True)
                section = _section(world.address(), is_bulk)
                settings = factory.parse(Section(section))
                tools = Tools(name="bench", domain=DOMAIN, reactor=reactor, http=None)
                await Bench(reactor, factory.build(settings, tools), effort).run()


def _worlds(folder: Path) -> Iterator[tuple[str, Any]]:
    yield "SQLite", SqliteWorld(folder / "people.db")
    yield "PostgreSQL", ServerWorld(shared_postgres())
    yield "MariaDB", ServerWorld(shared_mariadb())


def _row(number: int) -> tuple[str, str, str]:
    return f"person.{number}", "email", f"person.{number}@{DOMAIN}"


def _section(address: DatabaseAddress, is_bulk: bool) -> dict[str, Any]:
    one = "SELECT username AS uid FROM addresses WHERE medium = ? AND address = ?"
    many = (
        "SELECT username AS uid, address FROM addresses "
        "WHERE medium = ? AND address IN (??)"
    )
    listing = "SELECT username AS mxid, medium, address FROM addresses"
    query = {"bulk": {"query": many}} if is_bulk else {"query": one}
    return {
        "engine": address.engine.value,
        "host": address.host,
        "port": address.port,
        "database": address.database,
        "user": address.user or None,
        "password": address.password.value or None,
        "identity": {"type": "localpart", **query},
        "lookup": {"query": listing} if is_bulk else {},
    }


if __name__ == "__main__":
    run("bench.sql", measure, __doc__)

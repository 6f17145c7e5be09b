"""Databases with people in them, and stores that ask them."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from twisted.internet import reactor

from mxisd.config.structure import Section
from mxisd.drivers.sql.address import DatabaseAddress, Engine
from mxisd.drivers.sql.database import SqlDatabase, open_database
from mxisd.interfaces import Store, Tools
from mxisd.model.threepids import MSISDN, canonical
from mxisd.stores.sql import factory
from mxisd.testing.stores import DOMAIN, Person
from tests.drivers.hashes import quick_hash
from tests.integration.database_servers import DatabaseServer
from tests.integration.mariadb import shared_mariadb
from tests.integration.postgres import shared_postgres
from tests.integration.store_case import StoreCase

TABLES = (
    "CREATE TABLE people (username VARCHAR(100), display_name VARCHAR(100), "
    "password_hash VARCHAR(200))",
    "CREATE TABLE addresses (username VARCHAR(300), medium VARCHAR(50), "
    "address VARCHAR(300))",
    "CREATE TABLE roles (username VARCHAR(100), role VARCHAR(100))",
)

_ABOUT = "lower(username) = ?"
SECTION: Mapping[str, Any] = {
    "auth": {"query": f"SELECT password_hash, username FROM people WHERE {_ABOUT}"},
    "lookup": {"query": "SELECT username AS mxid, medium, address FROM addresses"},
    "profile": {
        "displayName": {
            "query": f"SELECT display_name FROM people WHERE {_ABOUT}",
            "type": "localpart",
        },
        "threepid": {
            "query": f"SELECT medium, address FROM addresses WHERE {_ABOUT}",
            "type": "localpart",
        },
        "role": {"query": f"SELECT role FROM roles WHERE {_ABOUT}", "type": "uid"},
    },
}


class World(Protocol):
    """A database of one engine."""

    lowered: str
    contains: str
    plus: str

    def execute(self, sql: str) -> None:
        """Change it."""

    def fill(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""

    def address(self, **more: Any) -> DatabaseAddress:
        """Where it is."""


class SqliteWorld:
    """A file."""

    lowered = "casefold(address)"
    contains = "instr(casefold({column}), casefold(?)) > 0"
    plus = "'+' || ?"

    def __init__(self, path: Path) -> None:
        self.path = path

    def execute(self, sql: str) -> None:
        """Change it."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(sql)
            connection.commit()

    def fill(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        with closing(sqlite3.connect(self.path)) as connection:
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            connection.commit()

    def address(self, **more: Any) -> DatabaseAddress:
        """Where it is."""
        known = {"engine": Engine.SQLITE, "database": str(self.path)}
        return DatabaseAddress(**{**known, **more})


class ServerWorld:
    """A database of a server."""

    lowered = "lower(address)"

    def __init__(self, server: DatabaseServer) -> None:
        self.server = server
        self.name = server.new_database()
        is_postgresql = server.address().engine is Engine.POSTGRESQL
        self.plus = "'+' || ?" if is_postgresql else "CONCAT('+', ?)"
        self.contains = (
            "strpos(lower({column}), lower(?)) > 0"
            if is_postgresql
            else "locate(?, {column}) > 0"
        )

    def execute(self, sql: str) -> None:
        """Change it."""
        self.server.execute(sql, None, self.name)

    def fill(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        if rows:
            marks = ", ".join(["%s"] * len(rows[0]))
            sql = f"INSERT INTO {table} VALUES ({marks})"
            self.server.fill(sql, rows, self.name)

    def address(self, **more: Any) -> DatabaseAddress:
        """Where it is."""
        return self.server.address(**{"database": self.name, **more})


class SqlCase(StoreCase):
    """Makes databases and stores, and cleans up."""

    timeout = 120

    def world(self) -> World:
        """A database with empty tables; engines override what it is."""
        world = self.make_world()
        for table in TABLES:
            world.execute(table)
        return world

    def make_world(self) -> World:
        """An empty database."""
        path = Path(self.mktemp())
        path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteWorld(path)

    def filled(self, people: Sequence[Person]) -> World:
        """A database with these people."""
        world = self.world()
        world.fill("people", [_row(person) for person in people])
        world.fill("addresses", [row for p in people for row in _addresses(p)])
        world.fill("roles", [(p.username, role) for p in people for role in p.roles])
        return world

    def store(self, world: World, **section: Any) -> Store:
        """A store that asks the world."""
        address = world.address()
        values = {
            "engine": address.engine.value,
            "database": address.database,
            "timeout": 20,
            **({"host": address.host, "port": address.port} if address.host else {}),
            "user": address.user,
            "password": address.password.value,
            "directory": _directory(world),
            **SECTION,
            "identity": _one_by_one(world),
            **section,
        }
        tools = Tools(name="staff", domain=DOMAIN, reactor=reactor, http=None)
        store = factory.build(factory.parse(Section(values)), tools)
        assert store.service is not None
        self.addCleanup(store.service.stopService)
        return store

    def database(self, world: World, **more: Any) -> SqlDatabase:
        """The world as the driver sees it."""
        database = open_database(reactor, world.address(**more), "staff")
        self.addCleanup(database.close)
        return database


class PostgresqlCase(SqlCase):
    """With PostgreSQL."""

    def make_world(self) -> World:
        """A new database."""
        return ServerWorld(shared_postgres())


class MariaDbCase(SqlCase):
    """With MariaDB."""

    def make_world(self) -> World:
        """A new database."""
        return ServerWorld(shared_mariadb())


def bulk(world: World) -> dict[str, Any]:
    """The section ``identity`` for questions about many addresses at once."""
    columns = "SELECT username AS uid, medium, address FROM addresses"
    return {
        "type": "localpart",
        "bulk": {
            "query": f"{columns} WHERE medium = ? AND {world.lowered} IN (??)",
            "medium": {
                "msisdn": "SELECT username AS uid, address FROM addresses "
                "WHERE medium = 'msisdn' AND replace(address, '+', '') IN (??)"
            },
        },
    }


def _one_by_one(world: World) -> dict[str, Any]:
    found = "SELECT username AS uid FROM addresses WHERE medium ="
    return {
        "type": "localpart",
        "query": f"{found} ? AND {world.lowered} = ?",
        "medium": {"msisdn": f"{found} 'msisdn' AND address = {world.plus}"},
    }


def _directory(world: World) -> dict[str, Any]:
    name = world.contains.format(column="display_name")
    address = world.contains.format(column="address")
    return {
        "query": {
            "name": {
                "type": "localpart",
                "value": f"SELECT username, display_name FROM people WHERE {name}",
            },
            "threepid": {
                "type": "localpart",
                "value": "SELECT DISTINCT p.username, p.display_name FROM people p "
                f"JOIN addresses a ON a.username = p.username WHERE {address}",
            },
        }
    }


def _row(person: Person) -> tuple[Any, ...]:
    stored = None if person.password is None else quick_hash(person.password)
    return person.username, person.display_name, stored


def _addresses(person: Person) -> list[tuple[str, str, str]]:
    return [
        (person.username, medium, _written(medium, address))
        for medium, address in person.threepids
    ]


def _written(medium: str, address: str) -> str:
    if medium == MSISDN:
        return f"+{canonical(medium, address).address}"
    return address

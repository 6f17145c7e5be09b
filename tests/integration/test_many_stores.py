"""One server in front of seven stores of as many kinds, each with a real back end."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.threepids import EMAIL
from mxisd.testing.stores import DOMAIN, Person
from tests.integration.client import V1
from tests.integration.exec_programs import (
    PYTHON,
    people_file,
    python_program,
    python_section,
)
from tests.integration.mariadb import shared_mariadb
from tests.integration.postgres import shared_postgres
from tests.integration.rest_stores import BackendProcess
from tests.integration.server import MxisdProcess, wait_until, without_root
from tests.integration.slapd import Member, Organisation, Slapd
from tests.integration.synapse import Synapse

SHARED = "everybody@example.org"
TABLE = "CREATE TABLE addresses (username VARCHAR(100), address VARCHAR(100))"
QUERIES = {
    "identity": {
        "type": "localpart",
        "bulk": {
            "medium": {
                "email": "SELECT username AS uid, address FROM addresses "
                "WHERE address IN (??)"
            }
        },
    },
    "lookup": {
        "query": "SELECT username AS mxid, 'email' AS medium, address FROM addresses"
    },
}


def mail_of(name: str) -> str:
    """The address of the one person whom a store alone knows."""
    return f"{name}.only@example.org"


class World:
    """The back ends, and mxisd before them; they end with the tests."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-many-"))
        atexit.register(shutil.rmtree, self.folder, True)
        self.slapd = Slapd(Organisation(members=[self.member("directory")]))
        self.slapd.start()
        atexit.register(self.slapd.remove)
        self.backend = BackendProcess([self.person("web")])
        self.synapse = Synapse().start()
        atexit.register(self.synapse.remove)
        self.synapse.add(self.person("matrix"))
        sections = {
            "memory": self.memory(),
            "directory": self.directory(),
            "web": {"type": "rest", "host": self.backend.url},
            "postgres": self.table("postgres", shared_postgres()),
            "maria": self.table("maria", shared_mariadb()),
            "matrix": {
                "type": "synapseSql",
                "engine": "sqlite",
                "database": self.synapse.database,
            },
            "scripts": self.scripts(),
        }
        self.names = list(sections)
        stores = [{"name": name, **keys} for name, keys in sections.items()]
        lookup = {"storeTimeout": "20s", "timeout": "60s"}
        self.server = MxisdProcess(self.folder, {"stores": stores, "lookup": lookup})
        self.server.start()
        atexit.register(self.server.stop)

    def person(self, name: str) -> Person:
        """Somebody who is called like the store, and claims the shared address."""
        threepids = [(EMAIL, mail_of(name)), (EMAIL, SHARED)]
        return Person(username=name, display_name=name, threepids=threepids)

    def member(self, name: str) -> Member:
        """The same in a directory."""
        return Member(uid=name, name=name, mails=[mail_of(name), SHARED])

    def memory(self) -> dict[str, Any]:
        """A store without a back end; nobody else's address is in it."""
        threepids = [{"medium": EMAIL, "address": mail_of("memory")}]
        return {
            "type": "memory",
            "identities": [{"username": "memory", "threepids": threepids}],
        }

    def directory(self) -> dict[str, Any]:
        """An OpenLDAP."""
        return {
            "type": "ldap",
            "preset": "openldap",
            "attribute": {"threepid": {"msisdn": []}},
            "connection": {
                "host": "127.0.0.1",
                "port": self.slapd.port,
                "bindDn": self.slapd.bind_dn,
                "bindPassword": self.slapd.password,
                "baseDNs": [self.slapd.people_dn],
            },
        }

    def table(self, name: str, server: Any) -> dict[str, Any]:
        """A database of a server."""
        database = server.new_database()
        server.execute(TABLE, None, database)
        rows = [(name, mail_of(name)), (name, SHARED)]
        server.fill("INSERT INTO addresses VALUES (%s, %s)", rows, database)
        address = server.address(database=database)
        return {
            "type": "sql",
            "engine": address.engine.value,
            "host": address.host,
            "port": address.port,
            "database": database,
            "user": address.user,
            "password": address.password.value,
            **QUERIES,
        }

    def scripts(self) -> dict[str, Any]:
        """A program."""
        people = people_file(self.folder, [self.person("scripts")])
        command = python_program(self.folder, PYTHON)
        return {"type": "exec", **python_section(command, people, "json", "json")}


@cache
def world() -> World:
    """The one world of all tests; each leaves it running."""
    return World()


class ManyStoresTests(SynchronousTestCase):
    """Everybody is found, whoever knows them."""

    def setUp(self) -> None:
        """Wait for the first list of everybody."""
        self.world = world()
        wait_until(
            lambda: "Indexed" in self.world.server.log.read_text(), "the index is built"
        )

    def bulk(self, *addresses: str) -> dict[str, str]:
        """One bulk lookup; localparts by address."""
        status, reply = self.world.server.post(
            f"{V1}/bulk_lookup", {"threepids": [[EMAIL, each] for each in addresses]}
        )
        self.assertEqual(status, 200, reply)
        found = {address: mxid for _, address, mxid in reply["threepids"]}
        suffix = f":{DOMAIN}"
        return {
            key: v.removeprefix("@").removesuffix(suffix) for key, v in found.items()
        }

    def status(self) -> dict[str, str]:
        """How each store is."""
        stores: dict[str, str] = self.world.server.get("/status")[1]["status"]["stores"]
        return stores

    def test_one_bulk_lookup_asks_all_stores(self) -> None:
        """Seven people in seven stores, and nobody who is in none."""
        names = self.world.names
        self.assertEqual(len(names), 7)
        found = self.bulk(*map(mail_of, names), "nobody@example.org", "*", "%")
        self.assertEqual(found, {mail_of(name): name for name in names})
        self.assertEqual(self.status(), dict.fromkeys(names, "OK"))

    def test_the_earlier_store_wins(self) -> None:
        """Six stores know the shared address; the one that is listed first has it."""
        self.assertEqual(self.bulk(SHARED), {SHARED: "directory"})

    def test_all_are_found_by_hash(self) -> None:
        """Each store listed itself, without a word of complaint."""
        log = without_root(self.world.server.log.read_text())
        for name in self.world.names:
            self.assertIn(f"{name} listed ", log)
        self.assertNotIn("error", log)
        self.assertNotIn("warn", log.replace("warning", ""))

    def test_one_outage_costs_one_store(self) -> None:
        """Whichever it is, the others answer; it is named, and back by itself."""
        stops: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "directory": (self.world.slapd.stop, self.world.slapd.start),
            "web": (self.world.backend.stop, self.world.backend.start),
            "postgres": (shared_postgres().stop, shared_postgres().start),
            "maria": (shared_mariadb().stop, shared_mariadb().start),
        }
        names = self.world.names
        everybody = {mail_of(name): name for name in names}
        for name, (stop, start) in stops.items():
            stop()
            try:
                others = {key: who for key, who in everybody.items() if who != name}
                self.assertEqual(self.bulk(*everybody), others, name)
                wait_until(lambda n=name: self.status()[n] == "DOWN", f"{name} is down")
            finally:
                start()
            wait_until(lambda: self.bulk(*everybody) == everybody, f"{name} is back")
            wait_until(lambda n=name: self.status()[n] == "OK", f"{name} is well")

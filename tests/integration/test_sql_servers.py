"""The SQL driver against real servers, which may be away, slow or strict."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from mxisd.drivers.sql.address import Engine
from mxisd.drivers.sql.database import SqlDatabase
from mxisd.drivers.sql.errors import QueryWrong, TimedOut
from mxisd.errors import ConfigError, StoreUnavailable
from mxisd.model.secret import Secret
from tests.integration.sql_stores import (
    MariaDbCase,
    PostgresqlCase,
    ServerWorld,
    SqlCase,
)
from tests.tls import CertificateAuthority

CROWD = 100_000
GROWTH = 25_000_000
"""Bytes that memory may grow while a list of all of them is read."""


if TYPE_CHECKING:
    _Case = SqlCase
else:
    _Case = object


class ServerContract(_Case):
    """What holds for every server; the subclasses say which."""

    slow = ""

    def setUp(self) -> None:
        """Fill a table."""
        world = self.make_world()
        assert isinstance(world, ServerWorld)
        self.there, self.server = world, world.server
        world.execute("CREATE TABLE t (a VARCHAR(50), b INT)")
        world.fill("t", [(f"a{i}", i) for i in range(2500)])

    async def one(self, database: SqlDatabase) -> Any:
        """Ask something."""
        ((value,),) = await database.rows("SELECT b FROM t WHERE a = ?", ["a7"])
        return value

    async def unavailable(self, answer: Any, words: str = "") -> None:
        """A question fails as it should."""
        with self.assertRaises(StoreUnavailable) as caught:
            await answer
        self.assertIn(words, str(caught.exception))

    async def test_restart(self) -> None:
        """No caller notices that the server has been restarted, on any connection."""
        database = self.database(self.there, timeout=30.0)
        for end in (self.server.stop, self.server.kill):
            asking = [Deferred.fromCoroutine(self.one(database)) for _ in range(30)]
            self.assertEqual(set(await gatherResults(asking)), {7})
            end()
            self.server.start()
        asking = [Deferred.fromCoroutine(self.one(database)) for _ in range(30)]
        self.assertEqual(set(await gatherResults(asking)), {7})

    async def test_stopped(self) -> None:
        """A server that is away is unavailable at once, until it is back."""
        database = self.database(self.there, timeout=30.0)
        await self.one(database)
        self.addCleanup(self.server.start)
        self.server.stop()
        start = reactor.seconds()
        for _ in range(3):
            await self.unavailable(self.one(database), "cannot be reached")
        self.assertLess(reactor.seconds() - start, 20)

    async def test_hanging(self) -> None:
        """A server that hangs frees its callers in time, old and new connections."""
        database = self.database(self.there, timeout=1.0)
        await self.one(database)
        self.addCleanup(self.server.resume)
        self.server.pause()
        start = reactor.seconds()
        for _ in range(2):
            await self.unavailable(self.one(database), "in time")
        self.assertLess(reactor.seconds() - start, 30)
        self.server.resume()
        self.assertEqual(await self.one(self.database(self.there, timeout=30.0)), 7)

    async def test_slow_statement(self) -> None:
        """Is given up, and the next one works."""
        database = self.database(self.there, timeout=1.0, connections=1)
        with self.assertRaises(TimedOut):
            await database.rows(self.slow)
        patient = self.database(self.there, timeout=30.0)
        self.assertEqual(await self.one(patient), 7)

    async def test_refusals(self) -> None:
        """Each reason has its words, and no secret in them."""
        for more, words, path in (
            (
                {"user": "reader", "password": Secret("hush")},
                "refuses the user",
                "password",
            ),
            ({"database": "nowhere"}, "no such database", "database"),
            ({"port": 1}, "cannot be reached", None),
            ({"host": "name.invalid"}, "unknown or cannot be reached", None),
        ):
            database = self.database(self.there, **{"timeout": 30.0, **more})
            with self.assertRaises(StoreUnavailable) as caught:
                await database.rows("SELECT 1")
            text = str(caught.exception)
            self.assertTrue(any(w in text for w in words.split(" or ")), text)
            self.assertNotIn("hush", text)
            found = getattr(caught.exception, "path", None)
            self.assertEqual((found, text), (path, text))
            self.assertEqual(getattr(caught.exception, "is_whole", False), bool(path))

            async def take(rows: Any) -> None:
                """Nothing comes."""

            with self.assertRaises(type(caught.exception)):
                await database.each_batch("SELECT 1", (), 5, take)

    async def test_tls(self) -> None:
        """The certificate must be good, and for this host."""
        other = CertificateAuthority(Path(self.mktemp()))
        for more, is_good in (
            ({"ca_file": self.server.ca_file}, True),
            ({"ca_file": self.server.ca_file, "host": "localhost"}, True),
            ({"ca_file": str(other.ca_file)}, False),
            ({"ca_file": None}, False),
        ):
            database = self.database(self.there, tls=True, timeout=30.0, **more)
            if is_good:
                self.assertEqual(await self.one(database), 7)
            else:
                await self.unavailable(self.one(database), "TLS")
        missing = {"tls": True, "ca_file": "/nowhere/ca.pem"}
        with self.assertRaises(ConfigError) as caught:
            self.database(self.there, **missing)
        self.assertEqual([each.path for each in caught.exception.problems], ["caFile"])

    async def test_unix_socket(self) -> None:
        """A host with a slash in front is a socket."""
        folder = str(self.server.folder)
        host = getattr(self.server, "socket", folder)
        self.assertEqual(await self.one(self.database(self.there, host=host)), 7)

    async def test_wrong_queries(self) -> None:
        """The database's words are in a judgement, and not in an error while asked."""
        database = self.database(self.there, timeout=30.0)
        for query, words in (
            ("SELECT x FROM t", "x"),
            ("SELECT a FROM nowhere", "nowhere"),
            ("SELEC a", "SELEC"),
            ("SELECT nowhere(a) FROM t", "nowhere"),
            ("DELETE FROM t", "DELETE"),
        ):
            with self.assertRaises(QueryWrong) as caught:
                await database.columns(query, [])
            self.assertIn(words, str(caught.exception))
        with self.assertRaises(QueryWrong) as caught:
            await database.rows("SELECT a FROM t WHERE a = ? nonsense ?", ["hush", "x"])
        self.assertNotIn("hush", str(caught.exception))
        self.assertEqual(await self.one(database), 7)

    async def test_columns(self) -> None:
        """Names come in lower case; comments, semicolons and percents are fine."""
        database = self.database(self.there, timeout=30.0)
        query = (
            "SELECT a AS Uid, 5 % 3, b FROM t WHERE a IN (??) AND a LIKE '%?' -- ? ;"
        )
        names = await database.columns(query, [[None]])
        self.assertEqual((names[0], names[2]), ("uid", "b"))

    async def test_limit_keeps_the_order(self) -> None:
        """The first rows are those that the query has first; the next has its own."""
        database = self.database(self.there, timeout=30.0, connections=1)
        query = "SELECT a FROM t ORDER BY b DESC"
        rows = await database.rows(query, limit=2)
        self.assertEqual([row[0] for row in rows], ["a2499", "a2498"])
        self.assertEqual(len(await database.rows(query)), 2500)

    async def test_values(self) -> None:
        """Whatever a value is, it comes back as it was, or matches nothing."""
        database = self.database(self.there, timeout=30.0)
        concat = "CONCAT('', ?)"
        for value in (
            "'",
            '"',
            "\\",
            "\\'",
            "%s",
            "%",
            "?",
            "$1",
            "--",
            "ü😀",
            "\n",
            ";",
        ):
            rows = await database.rows(f"SELECT {concat}", [value])
            self.assertEqual([row[0] for row in rows], [value])
        for value in ("a\0", "\ud800"):
            self.assertEqual(len(await database.rows(f"SELECT {concat}", [value])), 0)

    async def test_a_long_list_in_little_memory(self) -> None:
        """A hundred thousand rows come one batch after the other."""
        self.there.execute("CREATE TABLE crowd (a VARCHAR(50), b INT)")
        for start in range(0, CROWD, 10_000):
            rows = [(f"person{i}@example.org", i) for i in range(start, start + 10_000)]
            self.there.fill("crowd", rows)
        database = self.database(self.there, timeout=30.0)
        counts, sizes = [], []

        async def take(rows: Sequence[Any]) -> None:
            counts.append(len(rows))
            sizes.append(_resident())

        await database.each_batch("SELECT * FROM crowd", [], 1000, take)
        self.assertEqual((sum(counts), max(counts)), (CROWD, 1000))
        self.assertLess(max(sizes) - sizes[2], GROWTH)

    async def test_a_list_that_is_not_wanted_any_more(self) -> None:
        """Its connection ends, and others go on."""
        database = self.database(self.there, timeout=30.0, connections=1)

        async def take(rows: Sequence[Any]) -> None:
            raise RuntimeError("full")

        for _ in range(3):
            with self.assertRaises(RuntimeError):
                await database.each_batch("SELECT * FROM t", [], 10, take)
        self.assertEqual(await self.one(database), 7)

    async def test_a_list_that_is_cut(self) -> None:
        """A server that goes away in the middle is an error, not an end."""
        self.there.execute("CREATE TABLE crowd (a VARCHAR(50), b INT)")
        rows = [("x" * 50, i) for i in range(20_000)]
        for _ in range(5):
            self.there.fill("crowd", rows)
        database = self.database(self.there, timeout=30.0)
        self.addCleanup(self.server.start)

        async def take(rows: Sequence[Any]) -> None:
            self.server.stop()

        await self.unavailable(
            database.each_batch("SELECT * FROM crowd", [], 1000, take)
        )


class PostgresqlServerTests(ServerContract, PostgresqlCase):
    """PostgreSQL."""

    slow = "SELECT pg_sleep(60)"

    async def test_values_that_fit_no_type(self) -> None:
        """A text that is no number matches no number."""
        database = self.database(self.there, timeout=30.0)
        rows = await database.rows("SELECT a FROM t WHERE b = ?", ["nobody"])
        self.assertEqual(list(rows), [])

    async def test_a_value_that_fits_no_type_costs_no_other(self) -> None:
        """In a list, the numbers are found all the same."""
        database = self.database(self.there, timeout=30.0)
        query = "SELECT a FROM t WHERE b IN (??) ORDER BY b"
        rows = await database.rows(query, [["7", "nobody", "8", "x", "9"]])
        self.assertEqual([row[0] for row in rows], ["a7", "a8", "a9"])


class MariaDbServerTests(ServerContract, MariaDbCase):
    """MariaDB."""

    slow = "SELECT SLEEP(60) FROM t LIMIT 1"

    async def test_a_value_that_fits_no_alphabet_costs_no_other(self) -> None:
        """An address with other letters does not make nobody of those beside it."""
        self.there.execute(
            "CREATE TABLE old (a VARCHAR(50)) CHARACTER SET latin1 "
            "COLLATE latin1_swedish_ci"
        )
        self.there.fill("old", [("alice@example.org",), ("ü@example.org",)])
        database = self.database(self.there, timeout=30.0)
        query = "SELECT a FROM old WHERE a IN (??) ORDER BY a"
        asked = ["爱丽丝@example.org", "alice@example.org", "ü@example.org", "😀@b.c"]
        rows = await database.rows(query, [asked])
        self.assertEqual([row[0] for row in rows], asked[1:3])

    async def test_a_server_with_a_limit_of_its_own(self) -> None:
        """What cuts the answers to administrators cuts no list of ours."""
        self.there.execute("SET GLOBAL sql_select_limit = 2")
        try:
            database = self.database(self.there, timeout=30.0)
            found: list[Any] = []

            async def take(rows: Sequence[Any]) -> None:
                found.extend(rows)

            await database.each_batch("SELECT a FROM t", [], 1000, take)
            self.assertEqual(len(found), 2500)
            self.assertEqual(len(await database.rows("SELECT a FROM t")), 2500)
        finally:
            self.there.execute("SET GLOBAL sql_select_limit = DEFAULT")

    async def test_as_mysql(self) -> None:
        """MySQL has the same driver, and the same words."""
        database = self.database(self.there, engine=Engine.MYSQL, timeout=30.0)
        self.assertEqual(await self.one(database), 7)


def _resident() -> int:
    """How much memory this process has, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

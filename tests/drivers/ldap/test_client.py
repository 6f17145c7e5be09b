from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mxisd.drivers.ldap import failover, filters
from mxisd.drivers.ldap.client import LdapClient, ListCut, code_name
from mxisd.drivers.ldap.connection import Search, TimedOut
from mxisd.drivers.ldap.decoder import PAGED_RESULTS, Splitter
from mxisd.drivers.ldap.errors import BASE_KEY
from mxisd.drivers.ldap.server import Access, Address, Security
from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.model.secret import Secret
from tests.drivers.ldap import answers

SEARCH = Search(base="dc=x", filter=filters.present("mail"), attributes=["mail"])

Script = Callable[["Scripted", int, int], None]


class Listener(ServerFactory):
    """Makes the server's ends, and knows them."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections: list[Scripted] = []

    def buildProtocol(self, addr: object) -> "Scripted":
        """Make another one."""
        return Scripted(self)


class Scripted(Protocol):
    """
    A server's end of a connection, which does as it is told.

    :ivar script: Called with this protocol, the tag of each request and its ID.
    :ivar request: The last one, as it came.
    """

    def __init__(self, listener: Listener) -> None:
        self.script = listener.script
        self._connections = listener.connections
        self._splitter = Splitter()

    def connectionMade(self) -> None:
        """Be known."""
        self._connections.append(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Be forgotten."""
        self._connections.remove(self)

    def dataReceived(self, data: bytes) -> None:
        """Answer each request as the script says."""
        for message in self._splitter.feed(data):
            start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
            size = message[start + 1]
            self.request = bytes(message)
            message_id = int.from_bytes(message[start + 2 : start + 2 + size], "big")
            self.script(self, message[start + 2 + size], message_id)

    def send(self, data: bytes) -> None:
        """Send something."""
        assert self.transport is not None
        self.transport.write(data)

    def cut(self) -> None:
        """End the connection at once."""
        transport: Any = self.transport
        transport.abortConnection()

    def hang_up(self) -> None:
        """End the connection."""
        assert self.transport is not None
        self.transport.loseConnection()


BIND, SEARCHED = 0x60, 0x63


def friendly(server: Scripted, tag: int, message_id: int) -> None:
    """Accept every password, find one entry."""
    if tag == BIND:
        server.send(answers.bound(message_id))
    elif tag == SEARCHED:
        server.send(answers.entry(message_id, "dc=x", {}) + answers.done(message_id))


def silent(server: Scripted, tag: int, message_id: int) -> None:
    """Say nothing."""


def rude(server: Scripted, tag: int, message_id: int) -> None:
    """Hang up at each request."""
    server.hang_up()


def web(server: Scripted, tag: int, message_id: int) -> None:
    """Speak HTTP."""
    server.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class ClientCase(TestCase):
    """A client and scripted servers on loopback."""

    timeout = 30

    def serve(self, script: Script) -> int:
        """Listen; gives the port."""
        self.factory = Listener(script)
        port: Any = reactor.listenTCP(0, self.factory, interface="127.0.0.1")

        def stop() -> Any:
            for connection in list(self.factory.connections):
                connection.cut()
            return port.stopListening()

        self.addCleanup(stop)
        number: int = port.getHost().port
        return number

    def client(self, port: int, **more: Any) -> LdapClient:
        """A client that binds, with patience."""
        settings = {"bind_dn": "cn=x", "bind_password": Secret("pw"), "timeout": 20}
        access = Access(**{**settings, **more})
        client = LdapClient(reactor, "staff", [Address("127.0.0.1", port)], access)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def assert_unavailable(self, answer: Any, words: str) -> Any:
        """The question fails as it should; gives the error."""
        with self.assertRaises(StoreUnavailable) as caught:
            await answer
        self.assertIn(words, str(caught.exception))
        return caught.exception


def refusing(bind: int, search: int = 0) -> Script:
    """Answer with these codes."""

    def script(server: Scripted, tag: int, message_id: int) -> None:
        if tag == BIND:
            server.send(answers.bound(message_id, bind))
        elif tag == SEARCHED:
            server.send(answers.done(message_id, search))

    return script


def heedless(server: Scripted, tag: int, message_id: int) -> None:
    """Know pages, and no other limit, as Samba does: here is one, there are more."""
    if tag == BIND:
        server.send(answers.bound(message_id))
    elif tag == SEARCHED:
        entry = answers.entry(message_id, "dc=x", {})
        server.send(entry + answers.done(message_id, cookie=b"more"))


class FirstTests(ClientCase):
    """Some of the entries."""

    async def test_page_that_is_not_the_last(self) -> None:
        """A further page is not asked for, and its being there is told."""
        found = await self.client(self.serve(heedless)).first(SEARCH, 1)
        self.assertEqual((len(found.entries), found.is_cut), (1, True))

    async def test_all_there_are(self) -> None:
        """Without a further page nothing is cut."""
        found = await self.client(self.serve(friendly)).first(SEARCH, 5)
        self.assertEqual((len(found.entries), found.is_cut), (1, False))


class SharingTests(ClientCase):
    """One connection for all searches."""

    async def test_searches_share_a_connection(self) -> None:
        """Searches at once share a connection; with too many, another one is made."""
        requests = []

        def script(server: Scripted, tag: int, message_id: int) -> None:
            requests.append(tag)
            friendly(server, tag, message_id)

        client = self.client(self.serve(script))
        asked = [Deferred.fromCoroutine(client.search(SEARCH)) for _ in range(300)]
        found = await gatherResults(asked, consumeErrors=True)
        self.assertEqual({len(entries) for entries in found}, {1})
        self.assertLessEqual(len(self.factory.connections), 4)
        # The last connection may log in when everything has been answered.
        while requests.count(BIND) < len(self.factory.connections):
            await deferLater(reactor, 0.01)
        self.assertEqual(requests.count(BIND), len(self.factory.connections))

    async def test_closed_connection_is_replaced(self) -> None:
        """A connection that the server closed in between goes unnoticed."""
        client = self.client(self.serve(friendly))
        await client.search(SEARCH)
        self.factory.connections[0].hang_up()
        self.assertEqual(len(await client.search(SEARCH)), 1)

    async def test_password_is_tried_on_a_connection_of_its_own(self) -> None:
        """The shared connection stays what it is."""
        codes = iter([0, 49, 0])

        def script(server: Scripted, tag: int, message_id: int) -> None:
            if tag == BIND:
                server.send(answers.bound(message_id, next(codes)))
            else:
                friendly(server, tag, message_id)

        client = self.client(self.serve(script))
        await client.search(SEARCH)
        shared = self.factory.connections[0]
        for password, code in (("wrong", 49), ("right", 0)):
            answer = await client.check(b"uid=ann", Secret(password))
            self.assertEqual(answer.code, code)
        await client.search(SEARCH)
        self.assertIs(self.factory.connections[0], shared)

    async def test_anonymous(self) -> None:
        """Without a DN nobody binds."""
        tags = []

        def script(server: Scripted, tag: int, message_id: int) -> None:
            tags.append(tag)
            friendly(server, tag, message_id)

        client = self.client(self.serve(script), bind_dn="", bind_password=Secret(""))
        await client.search(SEARCH)
        self.assertEqual(set(tags), {SEARCHED})


class FailureTests(ClientCase):
    """Servers that do not do what they should."""

    async def test_nobody_listens(self) -> None:
        """A refused connection is told at once, with the address."""
        start = reactor.seconds()
        client = self.client(1, timeout=20)
        await self.assert_unavailable(client.search(SEARCH), "127.0.0.1:1")
        await self.assert_unavailable(client.check(b"x", Secret("x")), "127.0.0.1:1")
        self.assertLess(reactor.seconds() - start, 2)

    async def test_hanging_server(self) -> None:
        """A server that accepts and says nothing is given up in time."""
        client = self.client(self.serve(silent), timeout=0.3)
        start = reactor.seconds()
        for question in (client.search(SEARCH), client.check(b"x", Secret("x"))):
            with self.assertRaises(TimedOut):
                await question
        self.assertLess(reactor.seconds() - start, 3)

    async def test_server_that_hangs_up(self) -> None:
        """A server that closes each connection does not answer; no endless tries."""
        client = self.client(self.serve(rude))
        await self.assert_unavailable(client.search(SEARCH), "closed the connection")

    async def test_server_that_hangs_up_at_searches(self) -> None:
        """A lost search is asked once more, and no more than that."""
        searches = []

        def script(server: Scripted, tag: int, message_id: int) -> None:
            if tag == BIND:
                server.send(answers.bound(message_id))
            else:
                searches.append(message_id)
                server.hang_up()

        client = self.client(self.serve(script))
        await self.assert_unavailable(client.search(SEARCH), "closed the connection")
        self.assertEqual(len(searches), 2)

    async def test_web_server(self) -> None:
        """A port that speaks HTTP is told by name."""
        client = self.client(self.serve(web))
        await self.assert_unavailable(client.search(SEARCH), "does not speak LDAP")
        await self.assert_unavailable(
            client.check(b"x", Secret("x")), "does not speak LDAP"
        )

    async def test_no_tls_there(self) -> None:
        """A server that answers a handshake with something else is refused."""

        class Talker(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00")

        factory: Any = ServerFactory.forProtocol(Talker)
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        client = self.client(port.getHost().port, security=Security.TLS)
        await self.assert_unavailable(client.search(SEARCH), "TLS failed")

    async def test_no_back_to_back_connections(self) -> None:
        """Right after a failure nobody connects again; soon after, somebody does."""
        binds = []

        def script(server: Scripted, tag: int, message_id: int) -> None:
            if tag == BIND:
                binds.append(tag)
                server.send(answers.bound(message_id, 49))

        client = self.client(self.serve(script))
        for _ in range(20):
            await self.assert_unavailable(client.search(SEARCH), "invalidCredentials")
        self.assertEqual(len(binds), 1)
        pause: Deferred[None] = Deferred()
        reactor.callLater(2 * failover.BACK_OFF_FIRST, pause.callback, None)
        await pause
        await self.assert_unavailable(client.search(SEARCH), "invalidCredentials")
        self.assertEqual(len(binds), 2)

    async def test_refused_search(self) -> None:
        """Any code but success is a failure, and cut answers are told apart."""
        codes = iter([4, 11, 50, 999])

        def script(server: Scripted, tag: int, message_id: int) -> None:
            if tag == SEARCHED:
                server.send(answers.done(message_id, next(codes)))
            else:
                friendly(server, tag, message_id)

        client = self.client(self.serve(script))
        for words in ("sizeLimitExceeded", "adminLimitExceeded"):
            error = await self.assert_unavailable(client.search(SEARCH), words)
            self.assertIsInstance(error, ListCut)
        for words in ("insufficientAccessRights", "result code 999"):
            error = await self.assert_unavailable(client.search(SEARCH), words)
            self.assertNotIsInstance(error, ListCut)

    async def test_first_entries(self) -> None:
        """A part of the entries will do, where there is one; the limit is sent."""
        ends = iter([(0, 1), (4, 1), (11, 1), (3, 1), (4, 0), (3, 0), (50, 1)])

        def script(server: Scripted, tag: int, message_id: int) -> None:
            if tag == SEARCHED:
                code, count = next(ends)
                for _ in range(count):
                    server.send(answers.entry(message_id, "dc=x", {}))
                server.send(answers.done(message_id, code))
            else:
                friendly(server, tag, message_id)

        client = self.client(self.serve(script))
        for is_cut in (False, True, True, True):
            found = await client.first(SEARCH, 5)
            self.assertEqual((len(found.entries), found.is_cut), (1, is_cut))
        for error in (ListCut, StoreUnavailable, StoreUnavailable):
            with self.assertRaises(error):
                await client.first(SEARCH, 5)

    async def test_diagnostic_of_a_bind(self) -> None:
        """A server's own words reach the store, or the operator."""

        def script(server: Scripted, tag: int, message_id: int) -> None:
            if tag == BIND:
                server.send(answers.bound(message_id, 49, "data 52e"))

        client = self.client(self.serve(script))
        answer = await client.check(b"x", Secret("x"))
        self.assertEqual((answer.code, answer.diagnostic), (49, "data 52e"))
        error = await self.assert_unavailable(
            client.search(SEARCH), "not know bindDn (invalidCredentials: data 52e)"
        )
        self.assertIsInstance(error, Misconfigured)
        self.assertEqual(error.path, "connection.bindPassword")
        self.assertTrue(error.is_whole)

    async def test_bind_that_fails_for_now(self) -> None:
        """A server that is busy is an outage; one that wants TLS is not."""
        for code, kind in ((51, StoreUnavailable), (52, StoreUnavailable)):
            client = self.client(self.serve(refusing(code)))
            error = await self.assert_unavailable(client.search(SEARCH), "refused")
            self.assertIs(type(error), kind)
        for code, key in (
            (8, "tls"),
            (13, "tls"),
            (19, "bindDn"),
            (32, "bindPassword"),
            (34, "bindDn"),
            (49, "bindPassword"),
            (53, "bindDn"),
        ):
            client = self.client(self.serve(refusing(code)))
            error = await self.assert_unavailable(client.search(SEARCH), f".{key}: ")
            self.assertIsInstance(error, Misconfigured)

    async def test_subtrees_that_are_not_there(self) -> None:
        """The key to mend is named, where there is one."""
        for code, key, path in (
            (32, BASE_KEY, BASE_KEY),
            (34, "a.b", "a.b"),
            (50, BASE_KEY, "connection.bindDn"),
            (13, "a.b", "connection.tls"),
        ):
            client = self.client(self.serve(refusing(0, code)))
            search = evolve(SEARCH, key=key)
            for asked in (client.search(search), client.first(search, 5)):
                error = await self.assert_unavailable(asked, "dc=x cannot be searched")
                self.assertIsInstance(error, Misconfigured)
                self.assertEqual(error.path, path)
                self.assertEqual(error.is_whole, key == BASE_KEY)
            error = await self.assert_unavailable(
                client.search(evolve(SEARCH, key="")), "refused"
            )
            self.assertNotIsInstance(error, Misconfigured)

    async def test_close_while_connecting(self) -> None:
        """Whoever waits for a connection when the server stops is told."""
        client = self.client(self.serve(silent), timeout=20)
        answer = Deferred.fromCoroutine(client.search(SEARCH))
        await client.close()
        start = reactor.seconds()
        await self.assert_unavailable(answer, "")
        self.assertLess(reactor.seconds() - start, 5)


class PagesTests(ClientCase):
    """Long lists."""

    async def pages(self, *ends: bytes) -> list[int]:
        """Read a list whose pages end so; gives the sizes of the pages taken."""
        rest = iter(ends)

        def script(server: Scripted, tag: int, message_id: int) -> None:
            if tag == SEARCHED:
                end = next(rest).replace(b"\x02\x01\x01", bytes([2, 1, message_id]), 1)
                server.send(answers.entry(message_id, "dc=x", {}) + end)
            else:
                friendly(server, tag, message_id)

        sizes: list[int] = []

        async def take(entries: Any) -> None:
            sizes.append(len(entries))

        client = self.client(self.serve(script))
        await client.each_page(SEARCH, 500, take)
        return sizes

    async def test_all_pages(self) -> None:
        """Pages are read until there is no cookie."""
        ends = [answers.done(1, 0, cookie) for cookie in (b"a", b"b", b"")]
        self.assertEqual(await self.pages(*ends), [1, 1, 1])

    async def test_server_that_does_not_page(self) -> None:
        """Success without the control is a whole list."""
        self.assertEqual(await self.pages(answers.done(1)), [1])

    async def test_server_that_forgets(self) -> None:
        """A second page without the control may not be the last one."""
        ends = [answers.done(1, 0, b"a"), answers.done(1)]
        await self.assert_unavailable(self.pages(*ends), "forgot")

    async def read(
        self, size: int, *ends: tuple[int, int]
    ) -> tuple[LdapClient, list[bool], list[int]]:
        """
        Read a list of a server that knows no pages.

        :param ends: The code and the number of entries of each answer.
        :return: The client, whether each question had the control, and what was taken.
        """
        rest, has_control, sizes = iter(ends), list[bool](), list[int]()

        def script(server: Scripted, tag: int, message_id: int) -> None:
            if tag != SEARCHED:
                friendly(server, tag, message_id)
                return
            has_control.append(PAGED_RESULTS in server.request)
            code, count = next(rest)
            for number in range(count):
                server.send(answers.entry(message_id, f"cn={number}", {}))
            server.send(answers.done(message_id, code))

        async def take(entries: Any) -> None:
            sizes.append(len(entries))

        client = self.client(self.serve(script))
        await client.each_page(SEARCH, size, take)
        return client, has_control, sizes

    async def test_server_that_refuses_pages(self) -> None:
        """It is asked for the whole list, and the log says so once."""
        for code in (2, 11, 12, 53):
            client, has_control, sizes = await self.read(500, (code, 0), (0, 3))
            self.assertEqual((has_control, sizes), ([True, False], [3]), code)
            self.assertEqual(client.refused_pages, code_name(code))

    async def test_no_pages_wanted(self) -> None:
        """With a size of 0 the control is not even tried."""
        client, has_control, sizes = await self.read(0, (0, 3))
        self.assertEqual((has_control, sizes), ([False], [3]))
        self.assertIsNone(client.refused_pages)

    async def test_whole_lists_that_are_cut(self) -> None:
        """They are cut lists, as pages are; other refusals stay what they are."""
        for first, second in (((11, 0), (4, 3)), ((53, 0), (11, 0)), ((11, 2), (0, 3))):
            error = await self.assert_unavailable(self.read(500, first, second), "cut")
            self.assertIsInstance(error, ListCut)
        await self.assert_unavailable(self.read(0, (11, 0)), "cut")
        refused = self.read(500, (53, 0), (53, 0))
        error = await self.assert_unavailable(refused, "unwillingToPerform")
        self.assertNotIsInstance(error, ListCut)

    async def test_cut_list(self) -> None:
        """A page that was cut makes the list worthless."""
        ends = [answers.done(1, 0, b"a"), answers.done(1, 4, b"")]
        error = await self.assert_unavailable(self.pages(*ends), "sizeLimitExceeded")
        self.assertIsInstance(error, ListCut)

from typing import Any

from ldaptor.protocols import pureber, pureldap
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap import connection as module
from mxisd.drivers.ldap import filters, pending
from mxisd.drivers.ldap.connection import (
    ConnectionGone,
    LdapConnection,
    Page,
    Search,
    SearchAnswer,
    TimedOut,
)
from mxisd.drivers.ldap.decoder import Result
from mxisd.drivers.ldap.errors import ServerHangs
from mxisd.errors import DeadlineExceeded, StoreUnavailable
from mxisd.model.secret import Secret
from tests.drivers.ldap import answers

SEARCH = Search(base="dc=x", filter=filters.present("mail"), attributes=["mail"])
TIMEOUT = 5.0


class TcpTransport(StringTransport):
    """A transport of a socket, which can be cut."""

    is_cut = False

    def __init__(self) -> None:
        super().__init__()
        self.handshakes: list[Any] = []

    def startTLS(self, options: Any) -> None:
        """Remember the options."""
        self.handshakes.append(options)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no socket."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """There is no socket."""

    def abortConnection(self) -> None:
        """Remember it; the test says when the loss is noticed."""
        self.is_cut = True
        super().abortConnection()


class ConnectionCase(SynchronousTestCase):
    """A connection to a server that the test plays."""

    def setUp(self) -> None:
        """Connect."""
        self.clock = Clock()
        self.transport = TcpTransport()
        self.connection = LdapConnection(self.clock, TIMEOUT, is_tls=False)
        self.connection.makeConnection(self.transport)

    def search(self, page: Page | None = None) -> "Deferred[SearchAnswer]":
        """Ask for entries."""
        return Deferred.fromCoroutine(self.connection.search(SEARCH, page))

    def bind(self, password: str = "pw") -> "Deferred[Result]":
        """Identify."""
        return Deferred.fromCoroutine(self.connection.bind("cn=x", Secret(password)))

    def sent(self) -> list[Any]:
        """The requests since the last call."""
        context = pureldap.LDAPBERDecoderContext_TopLevel(
            inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(
                fallback=pureldap.LDAPBERDecoderContext(
                    fallback=pureber.BERDecoderContext()
                ),
                inherit=pureldap.LDAPBERDecoderContext(
                    fallback=pureber.BERDecoderContext()
                ),
            )
        )
        wire = self.transport.value()
        self.transport.clear()
        requests, at = [], 0
        while at < len(wire):
            request, size = pureber.berDecodeObject(context, wire[at:])
            requests.append(request)
            at += size
        return requests

    def lose(self) -> None:
        """The transport notices that the connection is over."""
        self.connection.connectionLost(Failure(ConnectionDone()))


class SearchTests(ConnectionCase):
    """Questions and answers."""

    def test_entries_are_collected_until_the_end(self) -> None:
        """A search answers its entries with the result code; references are no end."""
        answer = self.search()
        (request,) = self.sent()
        self.assertEqual(request.value.baseObject, b"dc=x")
        self.connection.dataReceived(answers.entry(request.id, "a", {"mail": ["1"]}))
        self.connection.dataReceived(answers.reference(request.id, "ldap://b"))
        self.connection.dataReceived(answers.entry(request.id, "b", {"mail": ["2"]}))
        self.assertNoResult(answer)
        self.connection.dataReceived(answers.done(request.id, 4))
        result = self.successResultOf(answer)
        self.assertEqual([entry.dn for entry in result.entries], [b"a", b"b"])
        self.assertEqual((result.code, result.cookie), (4, None))
        self.assertEqual(result.references, [["ldap://b"]])

    def test_answers_overtake_each_other(self) -> None:
        """Each answer reaches who asked, in whatever order they come."""
        first, second = self.search(), self.search()
        one, two = self.sent()
        self.connection.dataReceived(
            answers.entry(two.id, "b", {})
            + answers.entry(one.id, "a", {})
            + answers.done(two.id)
            + answers.done(one.id)
        )
        self.assertEqual(self.successResultOf(first).entries[0].dn, b"a")
        self.assertEqual(self.successResultOf(second).entries[0].dn, b"b")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_pages(self) -> None:
        """The cookie goes there and back."""
        answer = self.search(Page(500, b"before"))
        (request,) = self.sent()
        ((kind, _critical, value),) = request.controls
        self.assertEqual(kind, b"1.2.840.113556.1.4.319")
        expected = pureber.BERSequence(
            [pureber.BERInteger(500), pureber.BEROctetString(b"before")]
        )
        self.assertEqual(value, expected.toWire())
        self.connection.dataReceived(answers.done(request.id, 0, b"after"))
        self.assertEqual(self.successResultOf(answer).cookie, b"after")

    def test_message_ids_wrap(self) -> None:
        """After the largest ID comes the first one that nobody uses."""
        waiting = self.search()
        self.connection._pending._last_id = 0x7FFFFFFE
        self.search()
        self.search()
        self.assertEqual([r.id for r in self.sent()], [1, 0x7FFFFFFF, 2])
        self.assertNoResult(waiting)

    def test_bind(self) -> None:
        """A bind answers the result code."""
        answer = self.bind("pässword")
        (request,) = self.sent()
        self.assertEqual(request.value.dn, b"cn=x")
        self.assertEqual(request.value.auth, "pässword".encode())
        self.connection.dataReceived(answers.bound(request.id, 49))
        self.assertEqual(self.successResultOf(answer).code, 49)

    def test_empty_password_is_never_sent(self) -> None:
        """A bind without a password would succeed as anonymous."""
        self.failureResultOf(self.bind(""), ValueError)
        self.assertEqual(self.sent(), [])


class TimeOutTests(ConnectionCase):
    """Servers that are slow."""

    def test_slow_answer_is_abandoned(self) -> None:
        """After the time the question is given up; the connection stays."""
        slow, other = self.search(), self.search()
        one, two = self.sent()
        self.clock.advance(1)
        self.connection.dataReceived(answers.done(two.id))
        self.successResultOf(other)
        self.clock.advance(TIMEOUT - 1)
        error = self.failureResultOf(slow, TimedOut).value
        self.assertIsInstance(error, DeadlineExceeded)
        (abandon,) = self.sent()
        self.assertEqual(abandon.value.value, one.id)
        self.assertTrue(self.connection.is_open)
        self.connection.dataReceived(answers.done(one.id))
        self.assertTrue(self.connection.is_open)

    def test_silent_server_is_given_up(self) -> None:
        """Without a byte in all that time the connection counts as dead."""
        first = self.search()
        self.clock.advance(1)
        second = self.search()
        self.clock.advance(TIMEOUT - 1)
        self.assertTrue(self.transport.is_cut)
        self.assertFalse(self.connection.is_open)
        self.lose()
        self.failureResultOf(first, TimedOut)
        self.failureResultOf(second, TimedOut)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled_question_is_abandoned(self) -> None:
        """Who gives up tells the server, and a late answer is dropped."""
        answer = self.search()
        (request,) = self.sent()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        (abandon,) = self.sent()
        self.assertEqual(abandon.value.value, request.id)
        late = answers.entry(request.id, "a", {}) + answers.done(request.id)
        self.connection.dataReceived(late)
        self.assertTrue(self.connection.is_open)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence_after_a_cancelled_question(self) -> None:
        """Impatient callers cannot hide that a server is dead."""
        answer = self.search()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertFalse(self.transport.is_cut)
        self.clock.advance(TIMEOUT)
        self.assertTrue(self.transport.is_cut)

    def test_patience(self) -> None:
        """A dead server is given up early, a slow one has its whole time."""
        self.connection = LdapConnection(self.clock, TIMEOUT, patience=2)
        self.connection.makeConnection(self.transport)
        slow, other = self.search(), self.search()
        _, two = self.sent()
        self.connection.dataReceived(answers.done(two.id))
        self.successResultOf(other)
        self.clock.advance(2)
        self.assertNoResult(slow)
        dead = self.search()
        self.clock.advance(2)
        self.assertTrue(self.transport.is_cut)
        self.lose()
        self.failureResultOf(slow, ServerHangs)
        self.failureResultOf(dead, ServerHangs)

    def test_slow_answer_within_the_whole_time(self) -> None:
        """Patience is no limit for a server that is alive."""
        self.connection = LdapConnection(self.clock, TIMEOUT, patience=2)
        self.connection.makeConnection(self.transport)
        slow = self.search()
        (request,) = self.sent()
        self.clock.advance(1)
        self.connection.dataReceived(answers.entry(request.id, "a", {}))
        self.clock.pump([1, 2.9])
        self.assertNoResult(slow)
        self.clock.advance(0.2)
        error = self.failureResultOf(slow, TimedOut).value
        self.assertNotIsInstance(error, ServerHangs)

    def test_bind_is_not_abandoned(self) -> None:
        """A bind that nobody waits for ends with its connection."""
        answer = self.bind()
        self.sent()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.sent(), [])
        self.assertTrue(self.transport.is_cut)


class LossTests(ConnectionCase):
    """Connections that end."""

    def test_everybody_is_told(self) -> None:
        """Whoever waits when the connection ends could not be answered."""
        first, second = self.search(), self.bind()
        self.lose()
        self.failureResultOf(first, ConnectionGone)
        self.failureResultOf(second, ConnectionGone)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.failureResultOf(self.search(), ConnectionGone)

    def test_polite_end(self) -> None:
        """An unbind is sent, and a server that does not react is cut off."""
        closed = self.connection.disconnect()
        (request,) = self.sent()
        self.assertIsInstance(request.value, pureldap.LDAPUnbindRequest)
        self.assertTrue(self.transport.disconnecting)
        self.assertNoResult(closed)
        self.clock.advance(module.FAREWELL)
        self.assertTrue(self.transport.is_cut)
        self.lose()
        self.successResultOf(closed)

    def test_second_end_changes_nothing(self) -> None:
        """Ending twice, or after the loss, is no harm."""
        first, second = self.connection.disconnect(), self.connection.disconnect()
        self.lose()
        for closed in (first, second, self.connection.disconnect()):
            self.successResultOf(closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_tls_waits_for_the_handshake(self) -> None:
        """Nothing is sent before the server's certificate is verified."""
        connection = LdapConnection(self.clock, TIMEOUT, is_tls=True)
        ready = Deferred.fromCoroutine(connection.ready())
        connection.makeConnection(self.transport)
        self.assertNoResult(ready)
        early = Deferred.fromCoroutine(connection.search(SEARCH))
        self.failureResultOf(early, StoreUnavailable)
        connection.handshakeCompleted()
        self.successResultOf(ready)
        self.assertTrue(connection.is_open)

    def test_failed_handshake(self) -> None:
        """Who waits for a connection that never becomes one is told."""
        connection = LdapConnection(self.clock, TIMEOUT, is_tls=True)
        ready = Deferred.fromCoroutine(connection.ready())
        connection.makeConnection(self.transport)
        connection.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(ready, StoreUnavailable)


class StartTlsTests(ConnectionCase):
    """From plain text to TLS."""

    def setUp(self) -> None:
        """Ask for TLS."""
        super().setUp()
        self.secured = Deferred.fromCoroutine(self.connection.start_tls("options"))
        (self.request,) = self.sent()

    def test_agreement(self) -> None:
        """The handshake begins after the agreement; nothing is sent before its end."""
        self.assertEqual(self.request.value.requestName, b"1.3.6.1.4.1.1466.20037")
        self.connection.dataReceived(answers.extended(self.request.id))
        self.assertEqual(self.transport.handshakes, ["options"])
        self.failureResultOf(self.bind(), StoreUnavailable)
        self.assertEqual(self.sent(), [])
        self.assertNoResult(self.secured)
        self.connection.handshakeCompleted()
        self.successResultOf(self.secured)
        self.assertTrue(self.connection.is_open)

    def test_refusal(self) -> None:
        """A server that cannot do it is not spoken to."""
        self.connection.dataReceived(answers.extended(self.request.id, 2))
        error = self.failureResultOf(self.secured, StoreUnavailable).value
        self.assertIn("refused StartTLS: protocolError", str(error))
        self.assertEqual(self.transport.handshakes, [])
        self.assertFalse(self.connection.is_open)

    def test_answers_injected_in_the_clear(self) -> None:
        """Bytes behind the agreement, complete or not, end the connection."""
        agreement = answers.extended(self.request.id)
        for more in (answers.done(2), answers.done(2)[:5], b"\x30"):
            self.setUp()
            self.connection.dataReceived(agreement + more)
            self.assertTrue(self.transport.is_cut)
            self.assertEqual(self.transport.handshakes, [])
            self.lose()
            error = self.failureResultOf(self.secured, StoreUnavailable).value
            self.assertIn("more than its answer to StartTLS", str(error))

    def test_failed_handshake(self) -> None:
        """A connection that ends during the handshake says so."""
        self.connection.dataReceived(answers.extended(self.request.id))
        self.lose()
        error = self.failureResultOf(self.secured, StoreUnavailable).value
        self.assertIn("instead of a TLS handshake", str(error))


class HostileServerTests(ConnectionCase):
    """Servers that lie."""

    def assert_given_up(self, *data: bytes, words: str = "") -> None:
        """After such data the connection is cut and the question unanswered."""
        answer = self.search()
        for each in data:
            self.connection.dataReceived(each)
        self.assertTrue(self.transport.is_cut)
        self.lose()
        error = self.failureResultOf(answer, StoreUnavailable).value
        self.assertNotIsInstance(error, ConnectionGone)
        self.assertIn(words, str(error))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_http(self) -> None:
        """A web server is recognised by its first bytes."""
        self.assert_given_up(b"HTTP/1.1 400 Bad", words="does not speak LDAP")

    def test_malformed_message(self) -> None:
        """A message of the right length and the wrong content ends the connection."""
        self.assert_given_up(b"\x30\x03\x02\x05\x01")

    def test_answer_to_another_question(self) -> None:
        """A search is not answered by a bind."""
        self.assert_given_up(answers.bound(1))

    def test_huge_message(self) -> None:
        """A message over the limit is not waited for."""
        self.assert_given_up(b"\x30\x84\x7f\xff\xff\xff", words="more than")

    def test_endless_entries(self) -> None:
        """A search that grows over the limit is given up; others go on."""
        for attributes in ({"mail": [b"x" * 2_000_000]}, {}):
            answer, other = self.search(), self.search()
            one, two = self.sent()
            entry = answers.entry(one.id, "dc=x", attributes)
            count = pending.SEARCH_LIMIT // (len(entry) + pending.ENTRY_COST) + 1
            for _ in range(count):
                self.connection.dataReceived(entry)
            error = self.failureResultOf(answer, StoreUnavailable).value
            self.assertIn("more entries", str(error))
            (abandon,) = self.sent()
            self.assertEqual(abandon.value.value, one.id)
            self.connection.dataReceived(entry + answers.done(two.id))
            self.successResultOf(other)
            self.clock.advance(TIMEOUT)

    def test_entries_for_a_bind(self) -> None:
        """A bind collects nothing."""
        answer = self.bind()
        self.connection.dataReceived(answers.entry(1, "a", {}))
        self.assertTrue(self.transport.is_cut)
        self.lose()
        self.failureResultOf(answer, StoreUnavailable)

    def test_announced_end(self) -> None:
        """After a notice of disconnection another connection may do better."""
        notice = pureldap.LDAPExtendedResponse(
            resultCode=52, responseName="1.3.6.1.4.1.1466.20036"
        )
        answer = self.search()
        self.connection.dataReceived(answers.message(0, notice))
        self.assertTrue(self.transport.is_cut)
        self.lose()
        self.failureResultOf(answer, ConnectionGone)

    def test_unasked_answers_are_dropped(self) -> None:
        """Answers to questions that nobody asked change nothing."""
        answer = self.search()
        self.connection.dataReceived(answers.done(77) + answers.entry(78, "a", {}))
        self.assertNoResult(answer)
        self.connection.dataReceived(answers.done(1))
        self.assertEqual(list(self.successResultOf(answer).entries), [])

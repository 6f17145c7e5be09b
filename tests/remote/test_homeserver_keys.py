"""Tests of homeservers' keys: the production clients against servers on loopback."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.http import HttpReply
from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.ports import IHomeserverKeys
from mxisd.remote.client import BadAnswer
from mxisd.remote.homeserver_keys import (
    LONGEST_FAILURE_PAUSE,
    LONGEST_LIFE_MS,
    PATH,
    PAUSE,
    HomeserverKeys,
    ServerKeys,
    server_keys,
)
from tests.drivers.http.servers import Answer, SpeakingFactory, listen, says, site
from tests.remote.federation import FederationTestCase

NAME = "example.test"
FIRST, SECOND = "1.1.1.1", "1.1.1.2"
KEY, OTHER = SigningKey("a_1", bytes(range(32))), SigningKey("b_2", bytes(32))
PUBLIC = key_bytes(KEY.public_key) or b""
NOW_MS = 1_000_000
LATER_MS = NOW_MS + 3_600_000


def content(*keys: SigningKey, **changes: Any) -> dict[str, Any]:
    """What a homeserver says of itself; signed by all of its keys."""
    keys = keys or (KEY,)
    said: dict[str, Any] = {
        "server_name": NAME,
        "verify_keys": {each.key_id: {"key": each.public_key} for each in keys},
        "old_verify_keys": {},
        "valid_until_ts": LATER_MS,
        **changes,
    }
    for each in keys:
        said = each.signed(said, said["server_name"])
    return said


def reply(said: Any, status: int = 200) -> HttpReply:
    """The same as an answer."""
    return HttpReply(status, {}, json.dumps(said).encode())


def read(said: Any, status: int = 200) -> ServerKeys:
    """Read an answer."""
    return server_keys(reply(said, status), NAME, NOW_MS)


class AnswerTests(SynchronousTestCase):
    """What counts as an answer."""

    def test_keys_and_their_life(self) -> None:
        """As long as the homeserver says, a week at most."""
        self.assertEqual(read(content()), ServerKeys({KEY.key_id: PUBLIC}, LATER_MS))
        far = read(content(valid_until_ts=2**60))
        self.assertEqual(far.until_ms, NOW_MS + LONGEST_LIFE_MS)

    def test_several_keys(self) -> None:
        """All of those that have signed."""
        self.assertEqual(
            set(read(content(KEY, OTHER)).keys), {KEY.key_id, OTHER.key_id}
        )
        said = content()
        said["verify_keys"][OTHER.key_id] = {"key": OTHER.public_key}
        said = KEY.signed({k: v for k, v in said.items() if k != "signatures"}, NAME)
        self.assertEqual(set(read(said).keys), {KEY.key_id})

    def test_old_keys_do_not_count(self) -> None:
        """Not even if they have signed."""
        old = {OTHER.key_id: {"key": OTHER.public_key, "expired_ts": LATER_MS}}
        said = OTHER.signed(content(old_verify_keys=old), NAME)
        self.assertEqual(set(read(said).keys), {KEY.key_id})

    def test_lies(self) -> None:
        """Another server's, unsigned, changed, over, of nonsense."""
        unsigned = {k: v for k, v in content().items() if k != "signatures"}
        too_many = {f"ed25519:{n}": {"key": KEY.public_key} for n in range(33)}
        lies: tuple[Any, ...] = (
            content(server_name="evil.test"),
            content(server_name="Example.test"),
            KEY.signed({**unsigned, "server_name": "evil.test"}, NAME),
            unsigned,
            {**content(), "more": 1},
            OTHER.signed(unsigned, NAME),
            content(valid_until_ts=NOW_MS),
            content(valid_until_ts="9999999"),
            content(valid_until_ts=True),
            content(valid_until_ts=None),
            content(valid_until_ts=1e20),
            content(verify_keys={}),
            content(verify_keys=[]),
            content(verify_keys=too_many),
            content(verify_keys={KEY.key_id: KEY.public_key}),
            content(verify_keys={KEY.key_id: {"key": 5}}),
            content(verify_keys={KEY.key_id: {"key": "AAAA"}}),
            content(verify_keys={"rsa:1": {"key": KEY.public_key}}),
            [],
        )
        for said in lies:
            self.assertRaises(BadAnswer, read, said)
        self.assertRaises(BadAnswer, read, content(), 404)

    @given(
        st.dictionaries(
            st.sampled_from([*content(), KEY.key_id]),
            st.recursive(
                st.none() | st.integers() | st.text() | st.floats(),
                lambda inner: (
                    st.lists(inner)
                    | st.dictionaries(st.text() | st.just(KEY.key_id), inner)
                ),
                max_leaves=6,
            ),
        )
    )
    def test_hostile_answers(self, changes: Any) -> None:
        """Read or refused, nothing else."""
        try:
            self.assertTrue(read({**content(), **changes}).keys)
        except BadAnswer:
            self.assertTrue(changes)


class KeysTestCase(FederationTestCase):
    """Asks homeservers for their keys."""

    def setUp(self) -> None:
        """Have one homeserver there."""
        super().setUp()
        self.clock = Clock()
        self.clock.advance(NOW_MS / 1000)
        self.internet.name(NAME, FIRST)
        self.homeserver = self.homeserver_at(NAME, FIRST, content())
        self.keys = self.make()

    def make(self, **federation: Any) -> HomeserverKeys:
        """Make what is tested."""
        reached = self.federation(
            allowed="192.168.0.0/16", clock=self.clock, **federation
        )
        made = HomeserverKeys(self.clock, reached)
        self.assertTrue(IHomeserverKeys.providedBy(made))
        return made

    def homeserver_at(
        self, name: str, address: str, said: Any, port: int = 8448
    ) -> Answer:
        """Put a homeserver at an address."""
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        answer = Answer(body)
        self.at(name, address, port, site(answer))
        return answer

    def say(self, said: Any) -> None:
        """Let the homeserver answer something else."""
        self.homeserver.body = json.dumps(said).encode()

    async def ask(self, key_id: str = KEY.key_id, name: str = NAME) -> bytes | None:
        """Ask for a key."""
        return await self.keys.verify_key(ServerName.parse(name), key_id)

    async def fails(self, name: str = NAME, key_id: str = KEY.key_id) -> str:
        """Ask, expect a failure, and tell what the operator reads last about it."""
        with capturedLogs() as events, self.assertRaises(HomeserverUnavailable):
            await self.ask(key_id, name)
        lines = [formatEvent(event) for event in events if "server_name" in event]
        return lines[-1] if lines else ""

    @property
    def count(self) -> int:
        """How often the homeserver was asked."""
        return len(self.homeserver.requests)


class MemoryTests(KeysTestCase):
    """When homeservers are asked."""

    async def test_once(self) -> None:
        """At the path of the specification; then the answer is remembered."""
        for _ in range(3):
            self.assertEqual(await self.ask(), PUBLIC)
        self.assertEqual(self.count, 1)
        self.assertEqual(self.homeserver.requests[0].path, PATH.encode())

    async def test_until_the_keys_are_over(self) -> None:
        """Then the homeserver is asked anew, and may have others."""
        self.assertEqual(await self.ask(), PUBLIC)
        self.clock.advance((LATER_MS - NOW_MS) / 1000 - 1)
        self.assertEqual(await self.ask(), PUBLIC)
        self.assertEqual(self.count, 1)
        self.clock.advance(1)
        self.say(content(OTHER, valid_until_ts=LATER_MS + 10_000_000))
        self.assertIsNone(await self.ask())
        self.assertEqual(self.count, 2)

    async def test_what_is_remembered_is_there_at_once(self) -> None:
        """Also while others wait for an answer; not before, nor when it is over."""
        name = ServerName.parse(NAME)
        self.assertIsNone(self.keys.remembered_key(name, KEY.key_id))
        self.assertEqual(await self.ask(), PUBLIC)
        self.assertEqual(self.keys.remembered_key(name, KEY.key_id), PUBLIC)
        self.assertIsNone(self.keys.remembered_key(name, OTHER.key_id))
        self.clock.advance((LATER_MS - NOW_MS) / 1000)
        self.assertIsNone(self.keys.remembered_key(name, KEY.key_id))
        self.assertEqual(self.count, 1)

    async def test_expired_keys(self) -> None:
        """A homeserver whose answer is over has no keys."""
        self.say(content(valid_until_ts=NOW_MS - 1))
        self.assertIn("no longer valid", await self.fails())

    async def test_keys_that_are_over_soon(self) -> None:
        """Before the homeserver may be asked anew, nobody knows which keys it has."""
        self.say(content(valid_until_ts=NOW_MS + 10_000))
        self.assertEqual(await self.ask(), PUBLIC)
        self.clock.advance(10)
        await self.fails()
        self.assertEqual(self.count, 1)
        self.say(content())
        self.clock.advance(PAUSE)
        self.assertEqual(await self.ask(), PUBLIC)

    async def test_unknown_keys(self) -> None:
        """Asked for once a minute; a new key is found then."""
        for _ in range(3):
            self.assertIsNone(await self.ask(OTHER.key_id))
        self.say(content(KEY, OTHER))
        self.clock.advance(PAUSE - 1)
        self.assertIsNone(await self.ask(OTHER.key_id))
        self.assertEqual(self.count, 1)
        self.clock.advance(1)
        self.assertEqual(await self.ask(OTHER.key_id), key_bytes(OTHER.public_key))

    async def test_many_at_a_time(self) -> None:
        """They share one question, and each gets an answer."""
        asking = [Deferred.fromCoroutine(self.ask()) for _ in range(20)]
        self.assertEqual([await each for each in asking], [PUBLIC] * 20)
        self.assertEqual(self.count, 1)

    async def test_failures_are_remembered(self) -> None:
        """For longer and longer, and told as failures."""
        self.say([])
        pause = 5.0
        for count in range(1, 9):
            self.assertIn("not a JSON object", await self.fails())
            self.assertEqual(await self.fails(), "")
            self.assertEqual(self.count, count)
            self.clock.advance(pause)
            pause = min(pause * 2, LONGEST_FAILURE_PAUSE)
        self.say(content())
        self.assertEqual(await self.ask(), PUBLIC)

    async def test_good_keys_survive_a_failure(self) -> None:
        """Nobody can make us forget them while their homeserver is down."""
        self.assertEqual(await self.ask(), PUBLIC)
        self.clock.advance(PAUSE)
        self.say([])
        await self.fails(key_id=OTHER.key_id)
        self.assertEqual(await self.ask(), PUBLIC)

    async def test_memory_is_bounded(self) -> None:
        """The longest unasked goes first."""
        self.keys.remembered = 2
        self.assertEqual(await self.ask(), PUBLIC)
        for name in ("one.test", "two.test"):
            await self.fails(name)
        self.assertEqual(await self.ask(), PUBLIC)
        self.assertEqual(self.count, 2)


class WayTests(KeysTestCase):
    """Where homeservers are asked."""

    async def test_by_well_known(self) -> None:
        """Where the domain delegates to; the keys are those of the domain."""
        self.internet.name("hs.test", SECOND)
        self.homeserver_at(NAME, FIRST, {"m.server": "hs.test:9000"}, 443)
        other = self.homeserver_at("hs.test", SECOND, content(), 9000)
        self.assertEqual(await self.ask(), PUBLIC)
        self.assertEqual((self.count, len(other.requests)), (0, 1))

    async def test_targets_in_order(self) -> None:
        """When one lies, the next is asked."""
        fed = f"_matrix-fed._tcp.{NAME}"
        self.resolver.add(fed, "t0.test", 7000, priority=0)
        self.resolver.add(fed, "t1.test", 7000, priority=1)
        self.internet.name("t0.test", FIRST)
        self.internet.name("t1.test", SECOND)
        lies = content(server_name="evil.test")
        self.homeserver_at(NAME, FIRST, lies, 7000)
        self.homeserver_at(NAME, SECOND, content(), 7000)
        self.assertEqual(await self.ask(), PUBLIC)

    async def test_private_addresses(self) -> None:
        """Refused, but for the networks and the domain that the operator named."""
        self.internet.name("inside.test", "10.0.0.1")
        self.assertIn("not a public address", await self.fails("inside.test"))
        self.assertIn("not a public address", await self.fails("127.0.0.1:22"))
        self.internet.name(NAME, "192.168.0.1")
        self.homeserver_at(NAME, "192.168.0.1", content())
        self.assertEqual(await self.ask(), PUBLIC)
        self.internet.name(NAME, "10.0.0.1")
        self.homeserver_at(NAME, "10.0.0.1", content())
        self.keys = self.make(domain="Example.test")
        self.assertEqual(await self.ask(), PUBLIC)

    async def test_overwrites(self) -> None:
        """The operator's URL is asked, without TLS and wherever it is."""
        answer = Answer(json.dumps(content()).encode())
        port = listen(self, self.reactor, site(answer))
        self.internet.server("127.0.0.1", port, port)
        self.keys = self.make(
            overwrites={"Example.test": f"http://127.0.0.1:{port}/x/"}
        )
        self.assertEqual(await self.ask(), PUBLIC)
        self.assertEqual(answer.requests[0].path, b"/x" + PATH.encode())
        self.keys = self.make(overwrites={NAME: "http://127.0.0.1:1"})
        self.assertIn("dns.overwrite: no connection", await self.fails())

    async def test_anothers_certificate(self) -> None:
        """It is for the name that is asked."""
        self.internet.name("other.test", FIRST)
        self.assertIn("certificate is for another name", await self.fails("other.test"))

    async def test_down(self) -> None:
        """The log tells what was tried."""
        line = await self.fails("nowhere.test")
        self.assertIn("asked for its keys", line)
        self.assertIn("the name does not resolve", line)

    async def test_too_much(self) -> None:
        """An endless answer is dropped."""
        self.homeserver.body = b"[" + b" " * 60_000
        self.assertIn("longer than 51200", await self.fails())

    async def test_slow(self) -> None:
        """After ten seconds it is over."""
        silent = SpeakingFactory(says(b""))
        self.at(NAME, FIRST, 8448, silent)
        failing = Deferred.fromCoroutine(self.fails())
        while not silent.open:
            await deferLater(self.reactor, 0.01)
        self.clock.advance(9.9)
        self.assertFalse(failing.called)
        self.clock.advance(0.1)
        self.assertIn("not finished", await failing)

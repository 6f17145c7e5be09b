"""A whole API on features that run in memory, and two ways to talk to it."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import define, field
from treq.testing import StubTreq
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.background import BackgroundTasks
from mxisd.features.accounts import AccountPolicy, Accounts
from mxisd.features.admin.bindings import BindingAdmin
from mxisd.features.admin.hashes import HashAdmin
from mxisd.features.admin.invites import InviteAdmin
from mxisd.features.admin.sessions import SessionAdmin
from mxisd.features.associations import (
    Binding,
    BindPolicy,
    Unbinding,
    UnbindNotices,
)
from mxisd.features.deliveries import Deliveries
from mxisd.features.hash_index import HashIndex
from mxisd.features.health import Health
from mxisd.features.homeserver_signatures import HomeserverSignatures
from mxisd.features.invitations import Invitations, InvitePolicy
from mxisd.features.invite_links import InviteLinks
from mxisd.features.invite_messages import InviteMessages
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.features.lookup import Lookup, LookupPolicy
from mxisd.features.new_invites import NewInvites
from mxisd.features.questions import QuestionPolicy, Questions
from mxisd.features.signing_invites import InviteSigning
from mxisd.features.terms import Terms
from mxisd.features.validation import Validation, ValidationPolicy
from mxisd.model.buckets import Rate
from mxisd.model.hashing import lookup_digest
from mxisd.model.identifiers import UserId
from mxisd.model.secret import Secret
from mxisd.model.settings import networks
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.model.terms import Document, Policy
from mxisd.model.threepids import ThreePid
from mxisd.model.web_clients import WebClients
from mxisd.ports import IAnswering, IKeyRing, Resolution
from mxisd.records.bindings import BindingRecords
from mxisd.records.deliveries import DeliveryRecords
from mxisd.records.interventions import Interventions
from mxisd.records.invite_messages import InviteMessageRecords
from mxisd.records.invites import InviteRecords
from mxisd.records.overviews import Overviews
from mxisd.records.sessions import SessionRecords
from mxisd.web.admin import Administration
from mxisd.web.operators import Operators
from mxisd.web.rare_warnings import RareWarnings
from mxisd.web.resource import Api
from mxisd.web.routes import Doors
from mxisd.web.site import (
    Features,
    IdentitySite,
    WebSettings,
    build_api,
    build_site,
)
from tests.features.doubles import (
    ANYBODY,
    CountingRandom,
    FixedHashes,
    FixedKeys,
    MemoryAccounts,
    MemoryBindings,
    MemoryTerms,
    Pulse,
    VouchingHomeserver,
)
from tests.features.invite_doubles import TalkingHomeservers, made_links
from tests.features.session_doubles import MemorySessions, RecordingNotifier
from tests.records.instant import InstantDatabase
from tests.resolver.doubles import BOB, BOB_ID, RecordingResolver

PEPPER = "matrixrocks"
TERMS_URL = "https://example.org/terms-en"
KEY = SigningKey("0", bytes(range(32)))
INVITE_KEY = SigningKey("1", bytes(32))
PUBLIC_URL = "https://id.example.org"
V1 = "/_matrix/identity/api/v1"
V2 = "/_matrix/identity/v2"
OPERATORS_TOKEN = "operators-have-this-one"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Origin, X-Requested-With, Content-Type, Accept, Authorization"
    ),
}


@implementer(IKeyRing)
class TwoKeys:
    """A long-term key and the key of an invite."""

    def public_key(self, key_id: str) -> str | None:
        """The long-term key."""
        return KEY.public_key if key_id == KEY.key_id else None

    def is_valid(self, public_key: str) -> bool:
        """Whether it is the long-term key."""
        return key_bytes(public_key) == key_bytes(KEY.public_key)

    def is_ephemeral_valid(self, public_key: str) -> bool:
        """Whether it is the invite's."""
        return key_bytes(public_key) == key_bytes(INVITE_KEY.public_key)

    def current_key_id(self) -> str:
        """The long-term key's."""
        return KEY.key_id

    def signed(
        self, content: dict[str, Any], key_id: str | None = None
    ) -> dict[str, Any]:
        """Sign."""
        return KEY.signed(content, "example.org")


@implementer(IAnswering)
@define(eq=False)
class Watched:
    """A store of which only its health is known."""

    is_answering: bool = True
    misconfigured: tuple[str, ...] = ()


@define(eq=False)
class World:
    """
    Everything behind the API; a test changes parts of it before it builds.

    Bob is known, to the stores and by his hash, and has an account.
    """

    clock: Clock = field(factory=Clock)
    random: CountingRandom = field(factory=CountingRandom)
    accounts: MemoryAccounts = field(factory=MemoryAccounts)
    terms: MemoryTerms = field(factory=MemoryTerms)
    policies: tuple[Policy, ...] = ()
    homeserver: Any = field(factory=lambda: VouchingHomeserver(str(BOB_ID)))
    resolver: RecordingResolver = field(
        factory=lambda: RecordingResolver(resolution=Resolution({BOB: BOB_ID}))
    )
    recurses: bool = False
    sessions: Any = field(factory=MemorySessions)
    notifier: RecordingNotifier = field(factory=RecordingNotifier)
    validation_policy: ValidationPolicy = field(factory=ValidationPolicy)
    question_policy: QuestionPolicy = field(factory=QuestionPolicy)
    bindings: MemoryBindings = field(factory=MemoryBindings)
    homeserver_keys: FixedKeys = field(factory=FixedKeys)
    bind_policy: BindPolicy = field(factory=lambda: BindPolicy(True, "example.org"))
    may_unbind: bool = True
    tells_unbound: bool = True
    known: list[tuple[ThreePid, UserId]] = field(factory=list)
    invite_policy: InvitePolicy = field(factory=InvitePolicy)
    web_clients: WebClients = field(factory=WebClients)
    invite_database: InstantDatabase = field(factory=InstantDatabase)
    homeservers: TalkingHomeservers = field(factory=TalkingHomeservers)
    pulse: Any = field(factory=Pulse)
    store: Watched = field(factory=Watched)
    hashes_are_well: bool = True
    key_ring: Any = field(factory=TwoKeys)
    hash_index: HashIndex | None = None
    settings: dict[str, Any] = field(factory=dict)
    tasks: BackgroundTasks = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Start a second after the epoch, with nothing running."""
        self.clock.advance(1)
        self.tasks = BackgroundTasks(self.clock)

    def features(self) -> Features:
        """The real features, on doubles."""
        validation = self._validation()
        return Features(
            accounts=self._accounts(),
            terms=Terms(self.policies, self.terms, self.clock),
            lookup=self._lookup(),
            validation=validation,
            binding=self._binding(validation),
            unbinding=self._unbinding(validation),
            invitations=self.invitations(),
            invite_signing=self._signing(),
            invite_links=self.invite_links(),
            health=self._health(),
            key_ring=self.key_ring,
            administration=self._administration(),
        )

    def _administration(self) -> Administration:
        database, invitations = self.invite_database, self.invitations()
        overviews, interventions = Overviews(database), Interventions(database)
        return Administration(
            bindings=BindingAdmin(
                self.bind_policy.is_enabled,
                overviews,
                BindingRecords(database),
                invitations.on_threepid_known,
                self.clock,
            ),
            invites=InviteAdmin(
                self.invite_policy.expired_to,
                overviews,
                interventions,
                invitations,
                self.clock,
            ),
            sessions=SessionAdmin(overviews, interventions, self.session_records()),
            hashes=HashAdmin(self.hash_index, self.tasks.spawn),
            health=self._health(),
        )

    def _health(self) -> Health:
        stores = {"staff": self.store}
        return Health(self.pulse, stores, frozenset, lambda: self.hashes_are_well)

    def _accounts(self) -> Accounts:
        return Accounts(
            AccountPolicy(frozenset({"example.org"}), 60_000, "example.org"),
            self.accounts,
            self.homeserver,
            self._questions(),
            self.random,
            self.clock,
            self._limits(),
            RareWarnings(self.clock).warn,
        )

    def _questions(self) -> Questions:
        return Questions(self.question_policy, self.clock)

    def _lookup(self) -> Lookup:
        policy = LookupPolicy(
            algorithms=("sha256", "none"),
            timeout=10,
            recursion_enabled=self.recurses,
            recursion_networks=(),
            bulk_enabled=True,
        )
        digest = lookup_digest(BOB.address, BOB.medium, PEPPER)
        hashes = FixedHashes({digest: str(BOB_ID)}, PEPPER)
        return Lookup(
            policy,
            self.resolver,
            hashes,
            self.key_ring,
            self.clock,
            self._limits(),
            bindings=self.bindings,
        )

    def _limits(self) -> Limits:
        rates = {
            Counted.ACCOUNT: Rate(20, 60),
            Counted.EMAIL_IN_ALL: Rate(5, 60),
            Counted.PHONE_IN_ALL: Rate(5, 60),
            Counted.LOOKUPS: Rate.hourly(20_000),
            Counted.REGISTERING_NETWORK: Rate(50, 60),
        }
        return Limits(LimitPolicy(rates), self.clock)

    def _validation(self) -> Validation:
        return Validation(
            self.validation_policy,
            self.sessions,
            self.notifier,
            self._limits(),
            self.random,
            self.clock,
        )

    def invite_links(self) -> InviteLinks:
        """The links of invites."""
        clients, random = self.web_clients, self.random
        return made_links(self.invite_database, clients, random=random)

    def invitations(self) -> Invitations:
        """Invites in real tables, homeservers that the test answers for."""
        database = self.invite_database
        messages = InviteMessages(
            InviteMessageRecords(database),
            self.notifier,
            self.tasks,
            self.clock,
            self.invite_links(),
        )
        deliveries = Deliveries(
            DeliveryRecords(database),
            self.homeservers,
            self.key_ring,
            self.tasks,
            self.clock,
        )
        return Invitations(
            self.invite_policy,
            InviteRecords(database),
            self._lookup(),
            self._limits(),
            messages,
            deliveries,
            NewInvites(self.key_ring, self.random, self.clock),
            self.clock,
        )

    def _binding(self, validation: Validation) -> Binding:
        return Binding(
            self.bind_policy,
            validation,
            self.bindings,
            self.key_ring,
            self._on_threepid_known,
            self.clock,
        )

    def _unbinding(self, validation: Validation) -> Unbinding:
        notices = UnbindNotices(self.notifier, self.tasks.spawn)
        names = frozenset({"id.example.org", PUBLIC_URL})
        return Unbinding(
            self.may_unbind,
            validation,
            HomeserverSignatures(
                self.homeserver_keys,
                self._questions(),
                names,
                RareWarnings(self.clock).warn,
            ),
            self.bindings,
            notices if self.tells_unbound else None,
        )

    async def _on_threepid_known(self, threepid: ThreePid, user_id: UserId) -> None:
        self.known.append((threepid, user_id))

    def invite_records(self) -> InviteRecords:
        """The invites on record."""
        return InviteRecords(self.invite_database)

    def session_records(self) -> SessionRecords:
        """The sessions that operators see."""
        return SessionRecords(self.invite_database)

    def _signing(self) -> InviteSigning:
        return InviteSigning(self.invite_records(), self.key_ring, "example.org")

    def web_settings(self) -> WebSettings:
        """Everything open, to those nearby."""
        usual: dict[str, Any] = {
            "trusted_proxies": networks("127.0.0.0/8"),
            "inbound_networks": networks("127.0.0.0/8", "10.0.0.0/8"),
            "internal_networks": networks("127.0.0.0/8", "10.0.0.0/8"),
            "access_log": "",
            "public_url": PUBLIC_URL,
            "service_name": "Chat at Example",
        }
        doors = {"v1": True, "v2": True, "admin": True, "ma1sd_internal": True}
        chosen = dict(self.settings)
        for name in doors.keys() & chosen.keys():
            doors[name] = chosen.pop(name)
        operators = Operators(
            Secret(OPERATORS_TOKEN), networks("127.0.0.0/8"), self.clock
        )
        usual |= {"doors": Doors(**doors), "operators": operators}
        return WebSettings(**(usual | chosen))

    def api(self) -> Api:
        """The API as a resource."""
        return build_api(
            self.web_settings(),
            self.features(),
            self.tasks.shield,
            self.random,
            self.clock,
        )

    def site(self) -> IdentitySite:
        """The API as a server."""
        return build_site(
            self.web_settings(),
            self.features(),
            self.tasks.shield,
            self.random,
            self.clock,
        )

    def log_in(self) -> str:
        """Register Bob, as the API would."""
        registering = self._accounts().register(
            "example.org", Secret("openid"), ANYBODY.origin
        )
        tokens: list[Secret] = []
        Deferred.fromCoroutine(registering).addCallback(tokens.append)
        return tokens[0].value


def terms_of_service(*paths: Any) -> Policy:
    """A policy in one language."""
    document = Document("en", "Terms", TERMS_URL)
    return Policy("terms", "1.0", (document,), tuple(paths))


@define
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def errcode(self) -> Any:
        """The error code; both keys of an error must be there."""
        assert isinstance(self.content["error"], str)
        return self.content["errcode"]


class ApiTestCase(SynchronousTestCase):
    """Talks to the resource tree, through treq."""

    def setUp(self) -> None:
        """Build a world."""
        self.world = World()
        self.restart()
        self.token = self.world.log_in()

    def restart(self, **settings: Any) -> None:
        """Build the API again, with other settings."""
        self.world.settings = settings
        self.treq: Any = StubTreq(self.world.api())

    def send(self, method: str, path: str, **options: Any) -> "Deferred[Answer]":
        """Send a request; its answer may come later."""
        return Deferred.fromCoroutine(self._send(method, path, **options))

    async def _send(self, method: str, path: str, **options: Any) -> Answer:
        url = f"http://127.0.0.1{path}"
        options["allow_redirects"] = False
        response = await self.treq.request(method, url, **options)
        headers = {
            name.decode(): values[0].decode()
            for name, values in response.headers.getAllRawHeaders()
        }
        return Answer(response.code, headers, await self.treq.content(response))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """
        Ask, and expect the answer at once.

        :param body: Bytes as they are, anything else as JSON.
        """
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body)
        all_headers = dict(headers or {})
        if token is not None:
            all_headers["Authorization"] = f"Bearer {token}"
        sent = self.send(method, path, data=raw, headers=all_headers)
        self.treq.flush()
        return self.successResultOf(sent)

    def get(self, path: str, token: str | None = None) -> Answer:
        """Ask by GET."""
        return self.ask("GET", path, token=token)

    def post(self, path: str, body: Any = None, token: str | None = None) -> Answer:
        """Ask by POST."""
        return self.ask("POST", path, {} if body is None else body, token)

    def assert_refused(self, answer: Answer, status: int, errcode: str) -> None:
        """An error of the specification, with both its keys."""
        self.assertEqual((answer.status, answer.errcode), (status, errcode))


class Wire:
    """A connection to the server, byte by byte."""

    def __init__(self, site: IdentitySite, host: str = "127.0.0.1") -> None:
        address = IPv4Address("TCP", host, 40000)
        self.transport = StringTransport(peerAddress=address)
        self.channel: Any = site.buildProtocol(address)
        self.channel.makeConnection(self.transport)

    def send(self, *pieces: bytes) -> None:
        """Send, unless the other side hung up."""
        for piece in pieces:
            if not self.is_closed:
                self.channel.dataReceived(piece)

    @property
    def is_closed(self) -> bool:
        """Whether the server hung up."""
        transport: Any = self.transport
        return bool(transport.disconnecting or transport.disconnected)

    def answers(self) -> list[Answer]:
        """What came back so far."""
        answers, rest = [], self.transport.value()
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            first, *lines = head.decode("ascii").split("\r\n")
            status = int(first.split(" ")[1])
            headers = dict(line.split(": ", 1) for line in lines)
            length = int(headers.get("Content-Length", "0"))
            answers.append(Answer(status, headers, rest[:length]))
            rest = rest[length:]
        return answers

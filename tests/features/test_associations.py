"""Binding and unbinding; tests/web/test_associations.py has more, over HTTP."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.background import BackgroundTasks
from mxisd.errors import (
    Forbidden,
    NotServed,
    NotYourAccount,
    RecordsUnavailable,
    SessionNotValidated,
    Unauthorized,
)
from mxisd.features.associations import (
    AccountProof,
    Binding,
    BindPolicy,
    Proof,
    SessionProof,
    Unbinding,
    UnbindNotices,
    UnbindRequest,
)
from mxisd.features.homeserver_signatures import HomeserverSignatures
from mxisd.features.limits import LimitPolicy, Limits
from mxisd.features.questions import QuestionPolicy, Questions
from mxisd.features.validation import Validation, ValidationPolicy
from mxisd.model.identifiers import UserId
from mxisd.model.secret import Secret
from mxisd.model.sessions import ValidationSession, digest_of
from mxisd.model.threepids import ThreePid, canonical
from tests.features.doubles import (
    CountingRandom,
    FixedKeys,
    MarkingKeyRing,
    MemoryBindings,
)
from tests.features.session_doubles import MemorySessions, RecordingNotifier

ALICE = UserId.parse("@alice:example.org")
BOB = UserId.parse("@bob:example.org")
FAR = UserId.parse("@bob:elsewhere.org")
PART = UserId.parse("@alice:ample.org")
PORT = UserId.parse("@alice:example.org:8448")
CAPITALS = UserId.parse("@alice:EXAMPLE.org")
MAIL = canonical("email", "alice@example.org")
SECRET = Secret("client")


def session(sid: str, validated_ms: int | None) -> ValidationSession:
    """Of Alice's address."""
    return ValidationSession(
        sid=sid,
        threepid=MAIL,
        secret_digest=digest_of(SECRET),
        token=Secret("token"),
        changed_ms=0,
        validated_ms=validated_ms,
    )


class AssociationTestCase(SynchronousTestCase):
    """Has a validated session, and one that is not."""

    def setUp(self) -> None:
        """Make everything."""
        self.clock = Clock()
        self.clock.advance(5)
        self.bindings = MemoryBindings()
        self.notifier = RecordingNotifier()
        self.known: list[Any] = []
        self.trouble: Exception | None = None
        sessions = MemorySessions(
            {"good": session("good", 1), "new": session("new", None)}
        )
        self.validation = Validation(
            ValidationPolicy(),
            sessions,
            self.notifier,
            Limits(LimitPolicy(), self.clock),
            CountingRandom(),
            self.clock,
        )

    async def on_known(self, threepid: ThreePid, user_id: UserId) -> None:
        """Remember, or fail."""
        self.known.append((threepid, user_id, dict(self.bindings.owners)))
        if self.trouble is not None:
            raise self.trouble


class BindingTests(AssociationTestCase):
    """Publishing."""

    def bind(
        self,
        sid: str,
        user_id: UserId,
        owner: UserId | None,
        is_enabled: bool = True,
        domain: str = "example.org",
    ) -> "Deferred[Any]":
        """Bind."""
        binding = Binding(
            BindPolicy(is_enabled, domain),
            self.validation,
            self.bindings,
            MarkingKeyRing(),
            self.on_known,
            self.clock,
        )
        return Deferred.fromCoroutine(binding.bind(sid, SECRET, user_id, owner))

    def test_who_waits_is_told_when_it_is_on_record(self) -> None:
        """Not before."""
        signed = self.successResultOf(self.bind("good", ALICE, ALICE))
        self.assertEqual((signed["signatures"], signed["ts"]), ("signed", 5000))
        self.assertEqual(self.known, [(MAIL, ALICE, {MAIL: ALICE})])

    def test_if_that_fails_the_client_tries_again(self) -> None:
        """The binding is there, and the next try changes nothing but that."""
        self.trouble = RecordsUnavailable("locked")
        self.failureResultOf(self.bind("good", ALICE, ALICE), RecordsUnavailable)
        self.trouble = None
        self.successResultOf(self.bind("good", ALICE, ALICE))
        self.assertEqual(self.bindings.owners, {MAIL: ALICE})

    def test_who_may_not(self) -> None:
        """Nobody is told anything, not even whether there is such a session."""
        for user_id, owner, is_enabled, error in (
            (ALICE, BOB, True, NotYourAccount),
            (ALICE, ALICE, False, Forbidden),
            (ALICE, None, False, Forbidden),
            (FAR, None, True, Forbidden),
            (PART, None, True, Forbidden),
            (PORT, None, True, Forbidden),
            (CAPITALS, None, True, Forbidden),
            (CAPITALS, ALICE, True, NotYourAccount),
        ):
            for sid in ("good", "new", "unknown"):
                bound = self.bind(sid, user_id, owner, is_enabled)
                self.failureResultOf(bound, error)
        self.failureResultOf(self.bind("new", ALICE, ALICE), SessionNotValidated)
        self.assertEqual((self.bindings.owners, self.known), ({}, []))

    def test_without_an_account(self) -> None:
        """Users of our own domain are."""
        self.successResultOf(self.bind("good", ALICE, None))
        self.assertEqual(self.bindings.owners, {MAIL: ALICE})

    def test_a_domain_in_capitals(self) -> None:
        """Server names are compared letter by letter, whoever has the capitals."""
        for user_id in (ALICE, CAPITALS):
            others = {ALICE, CAPITALS} - {user_id}
            bound = self.bind("good", user_id, None, domain=user_id.server_name)
            self.successResultOf(bound)
            for other in others:
                refused = self.bind("good", other, None, domain=user_id.server_name)
                self.failureResultOf(refused, Forbidden)
            self.assertEqual(self.bindings.owners, {MAIL: user_id})

    def test_accounts_of_other_homeservers(self) -> None:
        """They bind their own."""
        self.successResultOf(self.bind("good", FAR, FAR))
        self.assertEqual(self.bindings.owners, {MAIL: FAR})


class UnbindingTests(AssociationTestCase):
    """Taking back."""

    def setUp(self) -> None:
        """Let Alice's address be bound."""
        super().setUp()
        self.bindings.owners[MAIL] = ALICE
        self.tasks = BackgroundTasks(self.clock)

    def unbind(
        self, proof: Proof, threepid: ThreePid = MAIL, is_enabled: bool = True
    ) -> "Deferred[None]":
        """Unbind Alice."""
        unbinding = Unbinding(
            is_enabled,
            self.validation,
            HomeserverSignatures(
                FixedKeys(),
                Questions(QuestionPolicy(), self.clock),
                frozenset(),
                self.fail,
            ),
            self.bindings,
            UnbindNotices(self.notifier, self.tasks.spawn),
        )
        request = UnbindRequest(threepid=threepid, user_id=ALICE)
        return Deferred.fromCoroutine(unbinding.unbind(request, proof))

    def test_good_proofs(self) -> None:
        """The owner of the address is told each time."""
        for proof in (SessionProof("good", SECRET), AccountProof(ALICE)):
            self.bindings.owners[MAIL] = ALICE
            self.successResultOf(self.unbind(proof))
            self.assertEqual(self.bindings.owners, {})
        self.assertEqual(len(self.notifier.unbound), 2)

    def test_bad_proofs(self) -> None:
        """Nothing changes, and nobody is told."""
        for proof, error in (
            (None, Unauthorized),
            (AccountProof(BOB), NotYourAccount),
            (SessionProof("new", SECRET), SessionNotValidated),
        ):
            self.failureResultOf(self.unbind(proof), error)
        other = canonical("email", "bob@example.org")
        good = SessionProof("good", SECRET)
        self.failureResultOf(self.unbind(good, other), Forbidden)
        self.failureResultOf(self.unbind(good, is_enabled=False), NotServed)
        self.assertEqual(self.bindings.owners, {MAIL: ALICE})
        self.assertEqual(self.notifier.unbound, [])

    def test_nothing_to_take_back(self) -> None:
        """This is no error, and no news."""
        self.bindings.owners[MAIL] = BOB
        self.successResultOf(self.unbind(AccountProof(ALICE)))
        self.assertEqual(self.bindings.owners, {MAIL: BOB})
        self.assertEqual(self.notifier.unbound, [])

"""Requests that homeservers have signed for their users."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import Forbidden, HomeserverUnavailable, LimitExceeded
from mxisd.features.homeserver_signatures import MAX_SIGNATURES, HomeserverSignatures
from mxisd.features.questions import QuestionPolicy, Questions
from mxisd.model.identifiers import ServerName, UserId
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.model.x_matrix import SignedRequest, XMatrix
from tests.features.doubles import ANYBODY, FixedKeys

KEY = SigningKey("1", bytes(range(32)))
BOB = UserId.parse("@bob:example.org")
REQUEST = SignedRequest("POST", "/unbind", {"a": 1})


def header(
    origin: str = "example.org",
    key_id: str = KEY.key_id,
    destination: str = "id.example.org",
) -> XMatrix:
    """A good one, but for the key ID."""
    content = {
        "method": "POST",
        "uri": "/unbind",
        "origin": origin,
        "destination_is": destination,
        "content": {"a": 1},
    }
    signature = KEY.signed(content, "x")["signatures"]["x"][KEY.key_id]
    return XMatrix(origin, key_id, signature, destination)


class SignatureTests(SynchronousTestCase):
    """Who may speak for whom."""

    def setUp(self) -> None:
        """Let there be one homeserver."""
        key = key_bytes(KEY.public_key) or b""
        self.keys = FixedKeys({("example.org", KEY.key_id): key})
        names = frozenset({"id.example.org"})
        self.policy = QuestionPolicy(of_one_source=1)
        questions = Questions(self.policy, Clock())
        self.warnings: list[str] = []
        self.signatures = HomeserverSignatures(
            self.keys, questions, names, self.note_warning
        )

    def note_warning(self, text: str, address: str, **fields: str) -> None:
        """What the log would say."""
        self.warnings.append(text.format(address=address, **fields))

    def require(self, *headers: XMatrix) -> "Deferred[Any]":
        """Judge."""
        judging = self.signatures.require(headers, REQUEST, BOB, ANYBODY)
        return Deferred.fromCoroutine(judging)

    def test_a_good_one(self) -> None:
        """It passes."""
        self.successResultOf(self.require(header()))

    def test_another_name_of_ours_is_a_warning(self) -> None:
        """Users write it otherwise: then none of them can deactivate an account."""
        self.failureResultOf(
            self.require(header(destination="matrix.Example.org\n")), Forbidden
        )
        (warning,) = self.warnings
        for word in ("example.org signed", "'matrix.Example.org\\n'", "id.example.org"):
            self.assertIn(word, warning)
        self.assertIn("server.publicUrl", warning)
        long = header(destination="x" * 4000)
        self.failureResultOf(self.require(long), Forbidden)
        self.assertLess(len(self.warnings[-1]), 500)

    def test_what_strangers_sign_is_no_warning(self) -> None:
        """The homeserver itself has to have signed it."""
        forged = evolve(header(destination="other.example"), signature="AAAA")
        elsewhere = header("evil.org", destination="other.example")
        unknown = header(key_id="ed25519:unknown", destination="other.example")
        wrong = evolve(header(), signature="AAAA")
        for each in (forged, elsewhere, unknown, wrong):
            self.failureResultOf(self.require(each), Forbidden)
        self.assertEqual(self.warnings, [])

    def test_one_of_many_is_enough(self) -> None:
        """A homeserver may sign with several keys, of which some are unknown."""
        unknown = header(key_id="ed25519:unknown")
        self.successResultOf(self.require(unknown, header()))

    def test_none(self) -> None:
        """Of another server, of an unknown key, none at all."""
        for headers in (
            [],
            [header("evil.org")],
            [header("EXAMPLE.org")],
            [header(key_id="ed25519:unknown")],
            [header("evil.org")] * 3,
        ):
            self.failureResultOf(self.require(*headers), Forbidden)

    def test_too_many(self) -> None:
        """The rest is not even looked at."""
        unknown = [header(key_id=f"ed25519:{n}x") for n in range(MAX_SIGNATURES)]
        self.failureResultOf(self.require(*unknown, header()), Forbidden)
        self.assertEqual(len(self.keys.asked), MAX_SIGNATURES)

    def test_a_homeserver_that_is_down(self) -> None:
        """It is said so."""
        self.keys.trouble = HomeserverUnavailable("down")
        self.failureResultOf(self.require(header()), HomeserverUnavailable)

    def test_known_keys_wait_for_nobody(self) -> None:
        """Where others have used up all questions, what is remembered still counts."""
        questions = Questions(evolve(self.policy, at_once=1), Clock())
        crowded = HomeserverSignatures(
            self.keys, questions, self.signatures.our_names, self.note_warning
        )

        def require() -> "Deferred[Any]":
            judging = crowded.require([header()], REQUEST, BOB, ANYBODY)
            return Deferred.fromCoroutine(judging)

        with questions.about(ServerName.parse("slow.example"), ANYBODY):
            self.failureResultOf(require(), LimitExceeded)
            self.keys.remembered.add(("example.org", KEY.key_id))
            self.successResultOf(require())
        self.assertEqual(self.keys.asked, [])

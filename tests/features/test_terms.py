"""Terms of service."""

import re

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import TermsNotSigned, UnknownTerms
from mxisd.features.terms import Terms
from mxisd.model.identifiers import UserId
from mxisd.model.terms import Document, Policy
from tests.features.doubles import MemoryTerms

ALICE = UserId.parse("@alice:example.org")
PRIVACY = Policy(
    "privacy",
    "1",
    (
        Document("en", "Privacy", "https://example.org/privacy-en"),
        Document("de", "Datenschutz", "https://example.org/privacy-de"),
    ),
)
USE = Policy(
    "use",
    "2",
    (Document("en", "Use", "https://example.org/use"),),
    (re.compile("/lookup|/bind"),),
)


class TermsTests(SynchronousTestCase):
    """What must be accepted where."""

    def setUp(self) -> None:
        """Two policies, one of them for two paths only."""
        self.terms = Terms([PRIVACY, USE], MemoryTerms(), Clock())

    def accept(self, *urls: str) -> "Deferred[None]":
        """Accept as Alice."""
        return Deferred.fromCoroutine(self.terms.accept(ALICE, urls))

    def test_nothing_to_accept_lets_everybody_pass(self) -> None:
        """Without policies nobody is held up."""
        Terms([], MemoryTerms(), Clock()).require(ALICE, "/lookup")

    def test_outstanding_terms_hold_up(self) -> None:
        """Who accepted nothing does not pass."""
        with self.assertRaises(TermsNotSigned):
            self.terms.require(ALICE, "/account")

    def test_any_language_will_do(self) -> None:
        """A policy is accepted in the language one reads."""
        self.successResultOf(self.accept("https://example.org/privacy-de"))
        self.terms.require(ALICE, "/account")

    def test_every_policy_of_a_path_is_needed(self) -> None:
        """One accepted policy does not stand for another; acceptance adds up."""
        self.successResultOf(self.accept("https://example.org/privacy-en"))
        with self.assertRaises(TermsNotSigned):
            self.terms.require(ALICE, "/lookup")
        self.successResultOf(self.accept("https://example.org/use"))
        self.terms.require(ALICE, "/lookup")

    def test_the_time_is_recorded(self) -> None:
        """In milliseconds."""
        records, clock = MemoryTerms(), Clock()
        clock.advance(1.5)
        accepting = Terms([PRIVACY], records, clock).accept(
            ALICE, ["https://example.org/privacy-en"]
        )
        self.successResultOf(Deferred.fromCoroutine(accepting))
        self.assertEqual(records.accepted_ms, {ALICE: 1500})

    def test_acceptance_is_per_user(self) -> None:
        """What Alice accepted does not bind Bob."""
        self.successResultOf(self.accept("https://example.org/privacy-en"))
        with self.assertRaises(TermsNotSigned):
            self.terms.require(UserId.parse("@bob:example.org"), "/account")

    def test_a_foreign_url_is_refused_whole(self) -> None:
        """A typing error must not look like consent to anything."""
        answer = self.accept("https://example.org/privacy-en", "https://evil.org/")
        self.failureResultOf(answer, UnknownTerms)
        with self.assertRaises(TermsNotSigned):
            self.terms.require(ALICE, "/account")

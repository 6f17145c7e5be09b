"""From a notice to a sender."""

from collections.abc import Mapping, Sequence
from email import message_from_bytes
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mxisd.errors import MessageNotSent, MessageRefused, SenderUnavailable
from mxisd.model.notices import (
    InviteNotice,
    Notice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.model.threepids import EMAIL, MSISDN, ThreePid
from mxisd.notify.engines import TemplateFailed
from mxisd.notify.notifier import SECONDS, Channel, Notifier
from mxisd.notify.templates import wordings
from mxisd.notify.wording import Words
from mxisd.ports import INotifier
from tests.features.doubles import CountingRandom
from tests.notify.fakes import (
    ABOUT,
    BOB,
    INVITE,
    LINK,
    NOTICES,
    PHONE,
    TOKEN,
    UNBIND,
    VALIDATION,
    Recorder,
    to,
)


class NotifierTests(SynchronousTestCase):
    """A notifier with two mediums, e-mail without notices of unbinding."""

    def setUp(self) -> None:
        """Make it, and watch the log."""
        self.clock = Clock()
        self.mail, self.phone = Recorder(), Recorder()
        kinds = {type(each): None for each in NOTICES}
        mails = {kind: None for kind in kinds if kind is not UnbindNotice}
        self.notifier = Notifier(
            {
                EMAIL: self.channel(EMAIL, self.mail, mails),
                MSISDN: self.channel(MSISDN, self.phone, kinds),
            },
            CountingRandom(),
            self.clock,
        )
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def channel(
        self, medium: str, sender: Recorder, files: Mapping[type, None]
    ) -> Channel:
        """A channel with our own words."""
        found = wordings(medium, files, ABOUT, "")
        return Channel(sender=sender, about=ABOUT, wordings=found)

    def sending(self, notice: Notice) -> "Deferred[None]":
        """Send a notice."""
        return Deferred.fromCoroutine(self.notifier.send(notice))

    def refused(self, notice: Notice) -> str:
        """Why a notice was not sent; neither here nor in the log is a secret."""
        failure = self.failureResultOf(self.sending(notice), MessageNotSent)
        self.assert_silent(str(failure.value), failure.getTraceback())
        return str(failure.value)

    def assert_silent(self, *texts: str) -> None:
        """No address and no token is in the texts, or in the log."""
        logged = [str({k: repr(v) for k, v in each.items()}) for each in self.events]
        for text in (*texts, *logged):
            for secret in (TOKEN, "bob@", BOB.address, PHONE.address, LINK):
                self.assertNotIn(secret, text)

    def test_interface(self) -> None:
        """It is what the others expect."""
        self.assertTrue(verifyObject(INotifier, self.notifier))

    def test_whom_it_reaches(self) -> None:
        """Mediums that are there, and notices that are switched on."""
        for kind, medium, expected in (
            (ValidationNotice, EMAIL, True),
            (InviteNotice, MSISDN, True),
            (UnbindNotice, EMAIL, False),
            (UnbindNotice, MSISDN, True),
            (ValidationNotice, "xmpp", False),
            (str, EMAIL, False),
        ):
            self.assertEqual(self.notifier.can_reach(kind, medium), expected)

    def test_the_operators_language(self) -> None:
        """For whoever wants none that is there; others get theirs."""
        self.notifier = evolve(self.notifier, language="fr")
        for wanted, expected in (((), "fr"), (("ja",), "fr"), (("de",), "de")):
            self.successResultOf(self.sending(evolve(VALIDATION, languages=wanted)))
            mail = message_from_bytes(self.mail.messages[-1].mail or b"")
            self.assertEqual(mail["Content-Language"], expected)

    def test_mails(self) -> None:
        """A complete message, in the language that is wanted."""
        self.successResultOf(self.sending(evolve(VALIDATION, languages=("fr",))))
        (message,) = self.mail.messages
        self.assertEqual(message.recipient, BOB)
        self.assertEqual(message.sender_address, "id@example.org")
        self.assertIn(LINK, message.text)
        self.assertTrue(message.subject.startswith("Confirmez"))
        assert message.mail is not None
        mail = message_from_bytes(message.mail)
        self.assertEqual(mail["To"], BOB.address)
        self.assertEqual(mail["Message-ID"], f"<{1:024d}@example.org>")
        self.assertNotIn(TOKEN, repr(message))
        self.assert_silent()

    def test_short_texts(self) -> None:
        """No subject, no HTML, and no e-mail."""
        self.successResultOf(self.sending(to(PHONE, VALIDATION)))
        (message,) = self.phone.messages
        self.assertTrue(message.text.startswith(TOKEN))
        self.assertEqual((message.html, message.mail), (None, None))
        self.assert_silent()

    def test_what_is_not_sent(self) -> None:
        """Mediums that are not there, and notices that are switched off."""
        for notice in (UNBIND, to(ThreePid("xmpp", "x"), INVITE)):
            self.refused(notice)
        self.assertEqual(self.mail.messages, [])

    def test_senders_that_refuse(self) -> None:
        """Their reason is told, on one line; an address in it is not."""
        self.mail.outcome = MessageNotSent(f"no {BOB.address}\nhere " + "x" * 999)
        text = self.refused(VALIDATION)
        self.assertTrue(text.startswith("no … here xxx"))
        self.assertLess(len(text), 500)
        self.assertTrue([e for e in self.events if e["log_level"].name == "warn"])

    def test_what_a_failure_means(self) -> None:
        """Whoever tries again is told, whatever a plug-in makes of our classes."""

        class Own(MessageRefused):
            """A plug-in's."""

        for error, kind in (
            (MessageNotSent("no"), MessageNotSent),
            (Own("no"), MessageRefused),
            (SenderUnavailable("no"), SenderUnavailable),
            (KeyError("no"), MessageNotSent),
        ):
            self.mail.outcome = error
            failure = self.failureResultOf(self.sending(VALIDATION), MessageNotSent)
            self.assertIs(failure.type, kind)
        strange = to(ThreePid(EMAIL, "bj\u00f8rn@example.org"), VALIDATION)
        self.failureResultOf(self.sending(strange), MessageRefused)

    def test_senders_that_fail(self) -> None:
        """A plug-in may raise anything; only its class is told."""
        for error in (KeyError(TOKEN), ZeroDivisionError(), RuntimeError(BOB.address)):
            self.mail.outcome = error
            failure = self.failureResultOf(self.sending(VALIDATION), MessageNotSent)
            self.assertIn(type(error).__name__, str(failure.value))
            self.assert_silent(str(failure.value))

    def test_senders_that_are_slow(self) -> None:
        """After 20 seconds the message is not sent; nor would others be."""
        self.mail.outcome = Deferred()
        sending = self.sending(VALIDATION)
        self.clock.advance(SECONDS - 1)
        self.assertNoResult(sending)
        self.clock.advance(2)
        failure = self.failureResultOf(sending, SenderUnavailable)
        self.assertIn("the sender of email: no answer within 20 s", str(failure.value))

    def test_templates_that_fail(self) -> None:
        """The message is not sent."""

        def broken(facts: Mapping[str, str], languages: Sequence[str]) -> Words:
            raise TemplateFailed("cannot be filled in")

        channel = self.notifier.channels[EMAIL]
        channels = {EMAIL: evolve(channel, wordings={ValidationNotice: broken})}
        self.notifier = evolve(self.notifier, channels=channels)
        self.assertIn("template", self.refused(VALIDATION))

    def test_addresses_that_no_server_takes(self) -> None:
        """They are refused before anybody is asked."""
        for address in ("bjørn@example.org", '"a b"@example.org', "a>b@example.org"):
            self.refused(to(ThreePid(EMAIL, address), VALIDATION))
        self.assertEqual(self.mail.messages, [])

    def test_international_domains(self) -> None:
        """The header has what the mail server is told."""
        notice = to(ThreePid(EMAIL, "bob@bücher.example"), VALIDATION)
        self.successResultOf(self.sending(notice))
        mail = message_from_bytes(self.mail.messages[0].mail or b"")
        self.assertEqual(mail["To"], "bob@xn--bcher-kva.example")

    def test_messages_that_are_discarded(self) -> None:
        """Nobody needs to be named as their sender."""
        about = evolve(ABOUT, from_address="", from_name="")
        channel = evolve(self.notifier.channels[EMAIL], about=about)
        self.notifier = evolve(self.notifier, channels={EMAIL: channel})
        self.successResultOf(self.sending(VALIDATION))

    def test_cancelling(self) -> None:
        """Whoever gives up is not told that the message was refused."""
        self.mail.outcome = Deferred()
        sending = self.sending(VALIDATION)
        outcomes: list[Failure] = []
        sending.addErrback(outcomes.append)
        sending.cancel()
        self.assertEqual(len(outcomes), 1)

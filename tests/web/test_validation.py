"""Validation sessions over HTTP."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from mxisd.errors import MessageNotSent, MessageRefused
from mxisd.features.validation import ValidationPolicy
from mxisd.model.sessions import LIFE_MS
from tests.web.sessions import BODIES, CLIENT, FORM, MAIL, PHONE, ValidationTestCase
from tests.web.world import CORS, PUBLIC_URL, V1, V2


class FlowTests(ValidationTestCase):
    """From the request to the proof."""

    def test_the_whole_way(self) -> None:
        """In both versions, by mail and by phone; then the address is proved."""
        addresses = {"email": "alice@example.org", "msisdn": "447700900001"}
        for base in (V1, V2):
            for medium, address in addresses.items():
                given = self.begun(base, medium, client_secret=CLIENT)
                self.assert_refused(
                    self.validated(given, base), 400, "M_SESSION_NOT_VALIDATED"
                )
                answer = self.submit(given, base, medium)
                self.assertEqual((answer.status, answer.content), (200, {"success": 1}))
                expected = {"medium": medium, "address": address, "validated_at": 1000}
                self.assertEqual(self.validated(given, base).content, expected)

    def test_phones_are_told_their_number(self) -> None:
        """Clients show it."""
        content = self.request(medium="msisdn").content
        del content["sid"]
        expected = {
            "success": True,
            "msisdn": "447700900001",
            "intl_fmt": "+44 7700 900001",
        }
        self.assertEqual(content, expected)

    def test_the_link_leads_here(self) -> None:
        """To the version of the API that was asked, at our public address."""
        for base in (V1, V2):
            for medium in BODIES:
                self.request(base, medium, client_secret=f"{base}.x".replace("/", ""))
                link = self.world.notifier.last.link
                path = f"{base}/validate/{medium}/submitToken?"
                self.assertTrue(link.startswith(PUBLIC_URL + path), link)

    def test_attempts_may_be_texts(self) -> None:
        """As matrix-js-sdk writes them; a repeated one sends nothing."""
        sids = {self.request(send_attempt=n).content["sid"] for n in ("1", 1, "1")}
        self.assertEqual((len(sids), len(self.world.notifier.sent)), (1, 1))

    def test_languages(self) -> None:
        """The body's comes first, then the header's."""
        body = json.dumps({**MAIL, "org.matrix.lang": "fr"}).encode()
        headers = {"Accept-Language": "de-AT, en;q=0.5"}
        path = f"{V2}/validate/email/requestToken"
        self.ask("POST", path, body, self.token, headers)
        self.assertEqual(self.world.notifier.last.languages, ("fr", "de-AT", "en"))

    def test_v2_wants_a_token_and_v1_does_not(self) -> None:
        """Opening a link never needs one."""
        for path in (
            "/validate/email/requestToken",
            "/validate/email/submitToken",
        ):
            self.assert_refused(self.post(V2 + path, MAIL), 401, "M_UNAUTHORIZED")
        answer = self.get(f"{V2}/3pid/getValidated3pid?sid=a&client_secret=b")
        self.assert_refused(answer, 401, "M_UNAUTHORIZED")
        self.restart(v1=False)
        given = self.begun(V1)
        self.assertEqual(self.open(self.world.notifier.last.link).status, 200)
        self.assertEqual(self.validated(given, V1).status, 200)


class BodyTests(ValidationTestCase):
    """The three ways of parameters."""

    def ways(self, content: Mapping[str, Any]) -> Any:
        """A body, its headers and a query each."""
        form = urlencode(content).encode()
        with_charset = {"Content-Type": FORM["Content-Type"] + "; charset=utf-8"}
        text = json.dumps(content).encode()
        yield text, {"Content-Type": "application/json; charset=utf-8"}, ""
        yield text, {}, ""
        yield text, FORM, ""
        yield form, FORM, ""
        yield form, with_charset, ""

    def v1_ways(self, content: Mapping[str, Any]) -> Any:
        """Those of v1 alone."""
        query = f"?{urlencode(content)}"
        yield urlencode(content).encode(), {}, ""
        yield b"", {}, query
        yield b"null", {"Content-Type": "application/json"}, query

    def test_all_ways_lead_here(self) -> None:
        """JSON and forms in both versions; in v1 the query string, too."""
        cases = [(V2, way) for way in self.ways(MAIL)]
        cases += [(V1, way) for way in (*self.ways(MAIL), *self.v1_ways(MAIL))]
        for base, (body, headers, query) in cases:
            path = f"{base}/validate/email/requestToken{query}"
            asked = self.ask("POST", path, body, self.token, headers)
            self.assertEqual(asked.status, 200, asked.body)
        given = self.begun()
        cases = [(V2, way) for way in self.ways(given)]
        cases += [(V1, way) for way in (*self.ways(given), *self.v1_ways(given))]
        for base, (body, headers, query) in cases:
            path = f"{base}/validate/email/submitToken{query}"
            submitted = self.ask("POST", path, body, self.token, headers)
            self.assertEqual(submitted.content, {"success": True})

    def test_v2_has_no_query(self) -> None:
        """What is neither JSON nor a form is refused there."""
        path = f"{V2}/validate/email/requestToken"
        form = urlencode(MAIL)
        answers = [
            self.ask("POST", f"{path}?{form}", b"", self.token),
            self.ask("POST", path, form.encode(), self.token),
        ]
        for answer in answers:
            self.assert_refused(answer, 400, "M_NOT_JSON")


class RefusalTests(ValidationTestCase):
    """What is refused, and how."""

    def test_missing_parameters(self) -> None:
        """Each of them is needed."""
        for medium, body in BODIES.items():
            for key in body:
                answer = self.request(medium=medium, body={**body, key: None})
                self.assert_refused(answer, 400, "M_MISSING_PARAMS")
        for key in ("sid", "client_secret", "token"):
            given = {"sid": "a", "client_secret": "b", "token": "c"}
            del given[key]
            self.assert_refused(self.submit(given), 400, "M_MISSING_PARAMS")

    def test_wrong_parameters(self) -> None:
        """Wrong types, and what is outside the grammar."""
        wrong: list[dict[str, Any]] = [
            {"client_secret": each}
            for each in ["", "a b", "a" * 256, "ä", "a\n", 5, []]
        ]
        attempts = [True, 1.0, -1, 2**53, 2**70, "", "one", "1.0", "-1", "٣", []]
        wrong += [{"send_attempt": each} for each in attempts]
        wrong += [{"next_link": 5}, {"email": ["a@b"]}, {"email": {}}]
        for changes in wrong:
            self.assert_refused(self.request(**changes), 400, "M_INVALID_PARAM")
        given = {"sid": "a", "client_secret": "b", "token": "c"}
        more: list[dict[str, Any]] = [{"sid": "a/b"}, {"token": "a" * 256}]
        for changes in [*more, {"token": 123456}]:
            answer = self.submit({**given, **changes})
            self.assert_refused(answer, 400, "M_INVALID_PARAM")

    def test_wrong_addresses(self) -> None:
        """With the codes of the specification."""
        for email in ("a@b@c", "alice", '"a"@b.c', "a@b.c\nBcc: x", "a" * 501 + "@b"):
            self.assert_refused(self.request(email=email), 400, "M_INVALID_EMAIL")
        for country, number in (("GB", "12"), ("ZZ", "1"), ("", "07700900001")):
            answer = self.request(medium="msisdn", country=country, phone_number=number)
            self.assert_refused(answer, 400, "M_INVALID_ADDRESS")

    def test_unknown_media(self) -> None:
        """Those of no sender, and those of nobody."""
        self.world.notifier.media = {"email"}
        for medium in ("msisdn", "fax", "%20"):
            answer = self.request(V1, medium)
            self.assert_refused(answer, 400, "M_UNRECOGNIZED")

    def test_policies(self) -> None:
        """Validation switched off, and a country denied."""
        self.world.validation_policy = ValidationPolicy(denied_countries={"GB"})
        self.restart()
        answer = self.request(medium="msisdn")
        self.assert_refused(answer, 400, "M_DESTINATION_REJECTED")
        self.world.validation_policy = ValidationPolicy(is_enabled=False)
        self.restart()
        self.assert_refused(self.request(), 403, "M_FORBIDDEN")

    def test_messages_that_are_not_sent(self) -> None:
        """Mails and texts have codes of their own; what happened is not told."""
        self.world.notifier.trouble = MessageNotSent("mail.internal refused")
        for medium, errcode in (
            ("email", "M_EMAIL_SEND_ERROR"),
            ("msisdn", "M_SEND_ERROR"),
        ):
            answer = self.request(medium=medium)
            self.assert_refused(answer, 400, errcode)
            self.assertNotIn("internal", answer.content["error"])
            self.assertIn("try again later", answer.content["error"])

    def test_messages_that_are_refused_for_good(self) -> None:
        """Nobody is told to try again."""
        self.world.notifier.trouble = MessageRefused("550 no such user")
        for medium, errcode, words in (
            ("email", "M_EMAIL_SEND_ERROR", "is the address right?"),
            ("msisdn", "M_SEND_ERROR", "is the number right?"),
        ):
            answer = self.request(medium=medium)
            self.assert_refused(answer, 400, errcode)
            self.assertIn(words, answer.content["error"])
            self.assertNotIn("later", answer.content["error"])

    def test_limits(self) -> None:
        """Five at once; then the client learns when to come back."""
        for attempt in range(5):
            self.request(send_attempt=attempt)
        self.world.clock.advance(0.25)
        answer = self.request(send_attempt=9)
        self.assert_refused(answer, 429, "M_LIMIT_EXCEEDED")
        self.assertEqual(answer.headers["Retry-After"], "60")
        self.assertEqual(answer.content["retry_after_ms"], 59_750)
        self.assertEqual({**answer.headers, **CORS}, answer.headers)

    def test_a_homeserver_takes_nothing_from_accounts(self) -> None:
        """What it asked for by v1 is counted apart."""
        for medium in ("email", "msisdn"):
            for attempt in range(5):
                answer = self.request(V1, medium, send_attempt=attempt)
                self.assertEqual(answer.status, 200)
            answer = self.request(V1, medium, send_attempt=9)
            self.assert_refused(answer, 429, "M_LIMIT_EXCEEDED")
            answer = self.request(V2, medium, client_secret="other")
            self.assertEqual(answer.status, 200)

    def test_wrong_tokens(self) -> None:
        """Five are called wrong, then there is no session; each is no success."""
        given = self.begun()
        for _ in range(5):
            answer = self.submit(given | {"token": "0"})
            self.assert_refused(answer, 400, "M_TOKEN_INCORRECT")
            self.assertIs(answer.content["success"], False)
        self.assert_refused(self.submit(given), 404, "M_NO_VALID_SESSION")

    def test_the_path_names_the_medium(self) -> None:
        """A session of another one is as unknown as one that never was."""
        for base in (V1, V2):
            for medium, others in (
                ("email", ("msisdn", "badge")),
                ("msisdn", ("email", "badge")),
            ):
                given = self.begun(base, medium)
                for other in others:
                    # More often than a wrong token may be tried.
                    for _ in range(6):
                        answer = self.submit(given, base, other)
                        self.assert_refused(answer, 404, "M_NO_VALID_SESSION")
                        unknown = self.submit({**given, "sid": "x"}, base, other)
                        self.assertEqual(answer.body, unknown.body)
                    wrong = self.submit({**given, "token": "x"}, base, other)
                    self.assertEqual(answer.body, wrong.body)
                answer = self.validated(given, base)
                self.assert_refused(answer, 400, "M_SESSION_NOT_VALIDATED")
                self.assertEqual(self.submit(given, base, medium).status, 200)
                # Once it is proved, it is no other medium's either.
                answer = self.submit(given, base, others[0])
                self.assert_refused(answer, 404, "M_NO_VALID_SESSION")

    def test_another_client_is_told_nothing(self) -> None:
        """The answers to a wrong secret and to an unknown session are the same."""
        given: dict[str, str] = self.begun()
        others = [{**given, "client_secret": "other"}, {**given, "sid": "unknown"}]
        asks: list[Any] = [self.submit, self.validated]
        for ask in asks:
            first, second = (ask(other) for other in others)
            self.assert_refused(first, 404, "M_NO_VALID_SESSION")
            self.assertEqual((first.status, first.body), (second.status, second.body))

    def test_after_a_day(self) -> None:
        """The session has expired."""
        given = self.begun(V1)
        self.world.clock.advance(LIFE_MS / 1000)
        for answer in (self.submit(given, V1), self.validated(given, V1)):
            self.assert_refused(answer, 400, "M_SESSION_EXPIRED")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
VALUES = st.one_of(
    JSON,
    st.emails(),
    st.from_regex(r"\+?[0-9 ()-]{1,20}"),
    st.from_regex(r"https?://[^/]{0,20}/.*"),
    st.sampled_from(["GB", "US", "a@b@c", CLIENT, "1", "\ud800", "\0"]),
)
KEYS = (
    "client_secret",
    "send_attempt",
    "email",
    "country",
    "phone_number",
    "next_link",
    "sid",
    "token",
    "org.matrix.lang",
)


class HostileTests(ValidationTestCase):
    """Whatever is sent, the answer is one of the specification."""

    @given(
        st.dictionaries(st.sampled_from(KEYS), VALUES),
        st.sampled_from(["email", "msisdn"]),
        st.sampled_from(["requestToken", "submitToken", "confirmToken"]),
        st.sampled_from([V1, V2]),
        st.booleans(),
    )
    def test_bodies(
        self,
        content: dict[str, Any],
        medium: str,
        action: str,
        base: str,
        is_form: bool,
    ) -> None:
        """Never a fault of ours, in JSON and in forms; changed ones of good ones."""
        whole = {**BODIES[medium], **content}
        text = json.dumps(whole)
        path = f"{base}/validate/{medium}/{action}"
        form = urlencode(whole, errors="surrogatepass").encode()
        body, headers = (form, FORM) if is_form else (text.encode(), {})
        answer = self.ask("POST", path, body, self.token, headers)
        self.assertLess(answer.status, 500, answer.body)

    @given(st.dictionaries(st.sampled_from(KEYS), st.text()), st.text())
    def test_links(self, query: dict[str, str], language: str) -> None:
        """Never a fault of ours, and never markup out of the query."""
        text = urlencode({**query, "sid": "<b>"}, errors="replace")
        header = language.encode("ascii", "ignore").decode()
        header = "".join(filter(str.isprintable, header))
        path = f"{V2}/validate/email/submitToken?{text}"
        answer = self.ask("GET", path, headers={"Accept-Language": header})
        self.assertIn(answer.status, (400, 404))
        self.assertNotIn(b"<b>", answer.body)

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_addresses(self, local: str, number: str) -> None:
        """Addresses of all shapes are taken or refused."""
        for body in (
            MAIL | {"email": f"{local}@example.org"},
            PHONE | {"phone_number": number},
        ):
            medium = "email" if "email" in body else "msisdn"
            content = json.dumps(body).encode()
            path = f"{V1}/validate/{medium}/requestToken"
            answer = self.ask("POST", path, content)
            self.assertIn(answer.status, (200, 400, 429))

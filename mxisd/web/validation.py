"""
The endpoints of validation sessions, of today and of v1.

Source: Identity Service API v1.19; r0.3.0 for v1.
"""

from attrs import frozen

from mxisd.features.validation import TokenRequest, Validation
from mxisd.model.next_links import with_sid
from mxisd.model.sessions import ValidationSession
from mxisd.web import session_messages as messages
from mxisd.web.exchange import Call, Reply
from mxisd.web.languages import languages_of
from mxisd.web.pages import DISCRETION, EMPTY_PAGE, HTML_TYPE, Pages
from mxisd.web.session_messages import TokenSubmission

CONFIRM = "confirmToken"
"""The last segment of the path that the button leads to."""


@frozen(kw_only=True, eq=False)
class ValidationEndpoints:
    """
    Sessions, in one version of the API.

    :ivar base_url: Where clients find this version of the API.
    :ivar takes_query: Whether a POST may have its parameters in the query string.
    :ivar asks_first: Whether who opens a link has to press a button.
    """

    validation: Validation
    pages: Pages
    base_url: str
    takes_query: bool
    asks_first: bool

    async def request_token(self, call: Call) -> Reply:
        """Send a token."""
        medium = call.variables["medium"]
        self.validation.require_medium(medium)
        content = messages.parameters(call, self.takes_query)
        destination = messages.destination(medium, content)
        request = TokenRequest(
            destination=destination,
            client_secret=messages.client_secret(content),
            send_attempt=messages.send_attempt(content),
            submit_url=f"{self.base_url}/validate/{medium}/submitToken",
            next_link=messages.next_link(content),
            languages=messages.wanted_languages(call, content),
        )
        sid = await self.validation.request_token(request, call.requester)
        return messages.requested(sid, destination)

    async def submit_token(self, call: Call) -> Reply:
        """Take a token back from a client."""
        given = messages.submission(messages.parameters(call, self.takes_query))
        await self._submit(given, call)
        return messages.SUCCESS

    def validated(self, call: Call) -> Reply:
        """Tell which address a session has proved."""
        key = messages.session_key(call.query)
        return messages.validated(self.validation.validated(key.sid, key.client_secret))

    # --- For people -------------------------------------------------------------------

    def look(self, call: Call) -> Reply:
        """Answer those who only look whether the link leads anywhere."""
        return EMPTY_PAGE

    async def open_link(self, call: Call) -> Reply:
        """Take a token back from somebody who opens the link, or ask first."""
        given = messages.submission(messages.unescaped(call.query))
        if self.asks_first:
            return self._question(given, call)
        return self._thanks(await self._submit(given, call), call, 302)

    async def confirm(self, call: Call) -> Reply:
        """Take a token back from somebody who pressed the button."""
        given = messages.submission(messages.parameters(call, takes_query=True))
        return self._thanks(await self._submit(given, call), call, 303)

    async def _submit(self, given: TokenSubmission, call: Call) -> ValidationSession:
        key, medium = given.key, call.variables["medium"]
        return await self.validation.submit_token(
            key.sid, key.client_secret, given.token, medium
        )

    def _question(self, given: TokenSubmission, call: Call) -> Reply:
        key, medium = given.key, call.variables["medium"]
        session = self.validation.session(key.sid, key.client_secret, medium)
        if session.is_validated:
            return self._thanks(session, call, 302)
        return self.pages.question(
            languages_of(call.headers),
            session.threepid,
            CONFIRM,
            messages.fields(given),
            self.validation.followed_link(session),
        )

    def _thanks(self, session: ValidationSession, call: Call, status: int) -> Reply:
        link = self.validation.followed_link(session)
        if link is None:
            languages = languages_of(call.headers)
            return self.pages.success(languages, session.threepid)
        location = (b"Location", with_sid(link, session.sid).encode("ascii"))
        return Reply(status, b"", HTML_TYPE, (*DISCRETION, location))

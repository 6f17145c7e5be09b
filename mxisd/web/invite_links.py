"""The links in messages about invites, for people and their browsers."""

import re
from collections.abc import Mapping

from attrs import evolve, frozen
from twisted.web.http_headers import Headers

from mxisd.features.invite_links import CODE_LENGTH, InviteLinks
from mxisd.web.exchange import Call, Reply
from mxisd.web.languages import languages_of
from mxisd.web.pages import DISCRETION, EMPTY_PAGE, HTML_TYPE, Pages

_CODE = re.compile(f"[0-9A-Za-z]{{{CODE_LENGTH}}}")


@frozen(eq=False)
class InviteLinkEndpoints:
    """Leads people on; nothing is changed by it, however often it is opened."""

    links: InviteLinks
    pages: Pages

    def look(self, call: Call) -> Reply:
        """Answer those who only look whether the link leads anywhere."""
        return EMPTY_PAGE

    def open_link(self, call: Call) -> Reply:
        """
        Lead on whoever opens the link.

        :raise UnknownInvite: If it is over.
        """
        location = self.links.follow(_code(call.query)).encode("ascii")
        return Reply(303, b"", HTML_TYPE, (*DISCRETION, (b"Location", location)))

    def show_failure(self, error: Exception, reply: Reply, headers: Headers) -> Reply:
        """Show a page instead of JSON, with the same status."""
        languages = languages_of(headers)
        page = self.pages.uninvited(languages, reply.status, error)
        return evolve(page, headers=(*page.headers, *reply.headers))


def _code(query: Mapping[str, str]) -> str:
    # The query string is the code alone; but there are mailers and gateways that add
    # parameters of their own.
    return next((name for name in query if _CODE.fullmatch(name)), "")

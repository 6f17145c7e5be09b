"""The links in messages about invites, for people and their browsers."""

import re
from collections.abc import Mapping

from attrs import frozen

from mxisd.features.invite_links import CODE_LENGTH, InviteLinks
from mxisd.web.exchange import Call, Reply
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


def _code(query: Mapping[str, str]) -> str:
    # The query string is the code alone; but there are mailers and gateways that add
    # parameters of their own.
    return next((name for name in query if _CODE.fullmatch(name)), "")

# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Web clients: where people go with an invite, and which of them may know its secrets.

What a homeserver names is a stranger's word. Two clients are the same only if scheme,
host, port and path are: whoever may choose a path on somebody else's host finds a page
there that leads on.
"""

import re

from attrs import frozen

from mxisd.model.domains import IllegalDomain, a_label
from mxisd.model.identifiers import IllegalIdentifier, ServerName
from mxisd.model.invites import Invite

LOCATION = "org.matrix.web_client_location"
"""Where homeservers say which client is theirs, among the facts of an invite."""

MAX_LENGTH = 500
USUAL_PORTS = {"http": 80, "https": 443}

# Without a user, a query, a fragment, or anything that browsers read in another way
# than we do, such as backslashes and line ends.
_URL = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\x00-,/:-@\[-^`{-\x7f]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[0-9A-Za-z!$%&'()*+,;=:@._~-]*)*)"
)


class IllegalWebClient(ValueError):
    """A text is no address of a web client; the message says what one looks like."""


@frozen
class WebClient:
    """
    A web client, by its address in its one form.

    :ivar host: A domain as A-label, or an IP address.
    :ivar port: ``None``: the usual one.
    :ivar path: Without a slash at its end.
    """

    scheme: str
    host: str
    port: int | None = None
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "WebClient":
        """
        Read a URL.

        :raise IllegalWebClient: If it is none of a page without query and fragment.
        """
        match = _URL.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if match is None:
            raise _not_one()
        scheme = match["scheme"].lower()
        port = int(match["port"]) if match["port"] else USUAL_PORTS[scheme]
        if not 0 < port <= 65535:
            raise _not_one()
        kept = None if port == USUAL_PORTS[scheme] else port
        return cls(scheme, _host(match["host"]), kept, match["path"].rstrip("/"))

    @classmethod
    def named(cls, text: str) -> "WebClient":
        """
        Read what an operator wrote: a URL, or a host alone, which is met by https.

        :raise IllegalWebClient: As :meth:`parse`.
        """
        return cls.parse(text if "://" in text else f"https://{text}")

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}"


def _host(text: str) -> str:
    try:
        if text.startswith("["):
            return ServerName.parse(text).host.lower()
        return a_label(text)
    except (IllegalDomain, IllegalIdentifier) as error:
        raise _not_one() from error


def _not_one() -> IllegalWebClient:
    return IllegalWebClient("must be a URL such as https://app.example.org")


@frozen
class WebClients:
    """
    The clients that the operator named.

    :ivar ours: Where everybody goes; ``None``: where the inviter's homeserver says.
    :ivar allowed: Those that may know what it takes to accept an invite.
    """

    ours: WebClient | None = None
    allowed: frozenset[WebClient] = frozenset()

    def of(self, invite: Invite) -> WebClient | None:
        """Where somebody goes with an invite; ``None``: to no client."""
        if self.ours is not None:
            return self.ours
        try:
            return WebClient.parse(invite.facts.get(LOCATION, ""))
        except IllegalWebClient:
            return None

    def is_named(self, client: WebClient) -> bool:
        """Whether the operator named a client; if not, it gets no secrets."""
        return client == self.ours or client in self.allowed

"""Links in messages, opened without being led any further."""

import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

from attrs import frozen

from tests.integration.server import PATIENCE, MxisdProcess

SHORT = re.compile(r"https?://\S+/_matrix/identity/i\?[0-9A-Za-z]{22}\b")


@frozen
class Opened:
    """
    What a browser is told.

    :ivar location: Where it is led on to, if anywhere.
    """

    status: int
    location: str
    body: str


def short_link(text: str) -> str:
    """The short link in a message."""
    (link,) = SHORT.findall(text)
    return str(link)


def opened(server: MxisdProcess, link: str, method: str = "GET") -> Opened:
    """Open a link at this server, whatever its public name is."""
    url = urlsplit(link)
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request(method, f"{url.path}?{url.query}")
        response = connection.getresponse()
        body = response.read().decode()
        return Opened(response.status, response.getheader("Location") or "", body)
    finally:
        connection.close()

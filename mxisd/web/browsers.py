"""
Web pages: whose page a request comes from, as far as browsers tell.

A browser inside the network runs the pages of anybody, so that the network address says
nothing about who asks.
"""

import re
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

from twisted.web.http_headers import Headers

from mxisd.errors import Forbidden

DEFAULT_PORTS = {"http": ":80", "https": ":443"}
OWN_SITES = frozenset({b"none", b"same-origin"})

_PORT = re.compile(r":[0-9]*$")


class Browsers:
    """Tells requests of other people's pages from all others."""

    def __init__(self, public_url: str) -> None:
        url = urlsplit(public_url.lower())
        host = url.netloc.rpartition("@")[2]
        self._origin = f"{url.scheme}://{host.removesuffix(DEFAULT_PORTS[url.scheme])}"
        self._host = _PORT.sub("", host)

    def refuse_foreign(self, headers: Headers) -> None:
        """
        Let requests pass that come from no page, or from one of ours.

        :raise Forbidden: For all others.
        """
        if self.is_foreign(headers):
            raise Forbidden(
                "Web pages of other origins are not answered here: ask from a program, "
                f"or from {self._origin} (server.publicUrl)."
            )

    def is_foreign(self, headers: Headers) -> bool:
        """Whether a page that is not ours has sent this."""
        for origin in headers.getRawHeaders(b"Origin", ()):
            if origin.strip().lower() != self._origin.encode():
                return True
        for site in headers.getRawHeaders(b"Sec-Fetch-Site", ()):
            if site.strip().lower() not in OWN_SITES:
                return True
        return _is_from_browser(headers) and not self._is_called_rightly(headers)

    def _is_called_rightly(self, headers: Headers) -> bool:
        # Whoever owns a name can let it lead to us, behind a firewall, too: then their
        # page has our origin (DNS rebinding). But such a name has a dot.
        host = headers.getRawHeaders(b"Host", (b"",))[0].decode("latin-1").lower()
        name = _PORT.sub("", host.strip())
        return name == self._host or _is_local(name)


def _is_from_browser(headers: Headers) -> bool:
    # Pages can change the former, and not remove it; the latter they cannot send.
    return headers.hasHeader(b"Accept-Language") or headers.hasHeader(b"Sec-Fetch-Site")


def _is_local(name: str) -> bool:
    """Whether it is an address, or a name that no stranger can own."""
    if "." not in name:
        return True
    try:
        IPv4Address(name)
    except AddressValueError:
        return False
    return True

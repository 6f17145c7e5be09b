# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Where to lead people who proved their address.

The link comes from the client, so it is a stranger's word: only the web is reached, and
only hosts that the operator likes.
"""

import re
from collections.abc import Set
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit

MAX_LENGTH = 4096

# Neither a user name nor a backslash, which browsers take for a slash.
_AUTHORITY = re.compile(r"(?P<host>[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~-._"


def followable(link: str, hosts: Set[str] | None) -> bool:
    """
    Whether a link is one that browsers may be sent to.

    :param hosts: The allowed ones, lower case; ``None``: all.
    """
    url = _split(link)
    if url is None or url.scheme not in ("http", "https"):
        return False
    match = _AUTHORITY.fullmatch(url.netloc)
    return match is not None and (hosts is None or match["host"].lower() in hosts)


def with_sid(link: str, sid: str) -> str:
    """
    The address to send a browser to: the session ID joins the link's own query.

    :param link: A followable one.
    :return: In ASCII, fit for a header.
    """
    url = urlsplit(link)
    query = "&".join(filter(None, (url.query, urlencode({"sid": sid}))))
    return quote(urlunsplit(url._replace(query=query)), safe=_URL_CHARACTERS)


def web_origin(link: str) -> str:
    """The scheme and the host of a followable link, as content policies write them."""
    url = urlsplit(link)
    return f"{url.scheme}://{url.netloc}"


def _split(link: str) -> SplitResult | None:
    if len(link) > MAX_LENGTH or not link.isprintable() or " " in link:
        return None
    try:
        return urlsplit(link)
    except ValueError:
        return None

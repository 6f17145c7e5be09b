# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Terms of service and who accepted them.

Source: Identity Service API v1.19, "Terms of service"; MSC2140.
"""

import re
from collections.abc import Set

from attrs import frozen


@frozen
class Document:
    """A policy in one language."""

    language: str
    name: str
    url: str


@frozen
class Policy:
    """
    A policy that users accept by accepting any one of its language versions.

    :ivar paths: Regular expressions; the policy is demanded where one of them matches a
        whole path. Empty: on every path that needs a login.
    """

    policy_id: str
    version: str
    documents: tuple[Document, ...]
    paths: tuple[re.Pattern[str], ...] = ()

    def covers(self, path: str) -> bool:
        """Whether requests to this path need the policy."""
        return not self.paths or any(p.fullmatch(path) for p in self.paths)

    def is_accepted(self, urls: Set[str]) -> bool:
        """Whether one of the accepted URLs is a document of this policy."""
        return any(document.url in urls for document in self.documents)

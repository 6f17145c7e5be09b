"""Randomness fit for secrets."""

import secrets
import string

from zope.interface import implementer

from mxisd.ports import IRandom

_ALPHANUMERIC = string.ascii_letters + string.digits


@implementer(IRandom)
class SystemRandom:
    """Draws from the operating system."""

    def token_bytes(self, size: int) -> bytes:
        """Random bytes."""
        return secrets.token_bytes(size)

    def alphanumeric(self, length: int) -> str:
        """A random text of letters and digits."""
        return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))

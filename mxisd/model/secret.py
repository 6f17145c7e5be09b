# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""Values that must never be printed."""

from attrs import frozen


@frozen(repr=False, str=False)
class Secret:
    """
    A password, token or private key; its ``repr`` never shows the value.

    :ivar value: The secret itself. Read it only where it leaves for its destination.
    """

    value: str

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self.value)

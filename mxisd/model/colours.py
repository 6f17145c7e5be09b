# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""The colours of what people see of us: mails and pages, by day and by night."""

from attrs import frozen


@frozen(kw_only=True)
class Colours:
    """
    A scheme, in the notation of CSS.

    :ivar page: Behind everything.
    :ivar card: Behind the text.
    :ivar line: Around the card.
    :ivar quiet: Text that matters less.
    :ivar act: Buttons, links, and good news.
    :ivar on_act: The text of a button.
    :ivar bad: Bad news.
    """

    page: str
    card: str
    line: str
    text: str
    quiet: str
    act: str
    on_act: str
    bad: str


LIGHT = Colours(
    page="#eef1f4",
    card="#ffffff",
    line="#d9e0e7",
    text="#1b2430",
    quiet="#55606b",
    act="#0a6b57",
    on_act="#ffffff",
    bad="#a8201a",
)

DARK = Colours(
    page="#12171e",
    card="#1d2530",
    line="#33404d",
    text="#e8edf3",
    quiet="#a9b4bf",
    act="#8ed1c0",
    on_act="#0d1f1a",
    bad="#ff9a90",
)

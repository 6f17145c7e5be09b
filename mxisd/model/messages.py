# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""A notice in words, ready for whoever carries it."""

from attrs import field, frozen

from mxisd.model.threepids import ThreePid


@frozen(kw_only=True)
class Message:
    """
    A message to one recipient. What it says is never logged: tokens are in it.

    :ivar recipient: A 3PID of the medium that the sender is configured for.
    :ivar sender_address: Who it is from, as configured; may be empty but for e-mail.
    :ivar sender_name: The same as a name; may be empty.
    :ivar subject: One line; empty where the medium has none.
    :ivar text: Plain text.
    :ivar html: The same as HTML, where there is such.
    :ivar mail: For e-mail the complete message (RFC 5322), headers included, with LF at
        the end of each line and nothing but ASCII in it.
    """

    recipient: ThreePid
    sender_address: str = ""
    sender_name: str = ""
    subject: str = field(default="", repr=False)
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    mail: bytes | None = field(default=None, repr=False)


@frozen
class MessageFiles:
    """
    The files of a message's templates, one for each part.

    :ivar subject: The subject itself; empty: ours.
    """

    subject: str
    text: str | None
    html: str | None

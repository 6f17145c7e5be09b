"""Sender factories that cost nothing until one of their senders is configured."""

from typing import Any

from attrs import frozen
from twisted.python.reflect import namedModule
from zope.interface import implementer

from mxisd.interfaces import (
    IMessageSender,
    IMessageSenderFactory,
    ISection,
    Tools,
)


@implementer(IMessageSenderFactory)
@frozen
class SenderMaker:
    """
    A factory that lives in a module which is imported when it is needed.

    :ivar module: The dotted name of a module with functions ``parse(section)`` and
        ``build(settings, tools)``, which do what :class:`IMessageSenderFactory` says.
    """

    sender_type: str
    module: str
    summary: str

    def parse(self, section: ISection) -> Any:
        """Judge a section."""
        return namedModule(self.module).parse(section)

    def build(self, settings: Any, tools: Tools) -> IMessageSender:
        """Make the sender."""
        sender: IMessageSender = namedModule(self.module).build(settings, tools)
        return sender

"""``none``: messages that nobody gets."""

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IMessageSender, ISection, Tools
from mxisd.model.messages import Message


@frozen(kw_only=True)
class DiscardingSettings:
    """There is nothing to set."""


def parse(section: ISection) -> DiscardingSettings:
    """Judge the section."""
    return section.read(DiscardingSettings)


def build(settings: DiscardingSettings, tools: Tools) -> IMessageSender:
    """Make the sender."""
    return Discarding()


@implementer(IMessageSender)
@frozen
class Discarding:
    """Takes every message, and forgets it."""

    async def send(self, message: Message) -> None:
        """Do nothing."""

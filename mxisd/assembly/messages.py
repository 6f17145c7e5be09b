"""Messages to people: a sender and its templates for each medium."""

from typing import Any

from mxisd.config.sections import Config
from mxisd.config.senders import channels
from mxisd.drivers.http import HttpClients
from mxisd.interfaces import Tools
from mxisd.model.threepids import EMAIL
from mxisd.notify.facts import Circumstances
from mxisd.notify.notifier import Channel, Notifier
from mxisd.notify.templates import wordings
from mxisd.ports import IRandom


def make_notifier(
    config: Config, http: HttpClients, random: IRandom, reactor: Any
) -> Notifier:
    """Make what sends all messages."""
    made = {}
    service = service_name(config)
    for medium, each in channels(config.threepid, config.notification).items():
        tools = Tools(
            name=f"threepid.medium.{medium}",
            domain=config.matrix.domain,
            reactor=reactor,
            http=http.stores,
        )
        about = Circumstances(
            domain=config.matrix.domain,
            from_address=each.identity.address,
            from_name=each.identity.name,
            placeholders=each.placeholders,
            service_name=service,
        )
        made[medium] = Channel(
            sender=each.sender.factory.build(each.sender.settings, tools),
            about=about,
            wordings=wordings(medium, each.templates, about, each.path),
        )
    return Notifier(made, random, reactor, config.notification.language)


def service_name(config: Config) -> str:
    """What people know us as: the name that mails are from, or the domain."""
    email = channels(config.threepid, config.notification).get(EMAIL)
    name = email.identity.name if email else ""
    return name or config.matrix.domain

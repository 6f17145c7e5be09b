"""Messages to people: a sender and its templates for each medium."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from mxisd.assembly.attempts import Attempts
from mxisd.config.sections import Config
from mxisd.config.senders import Channel as Configured
from mxisd.config.senders import SenderEntry, channels
from mxisd.drivers.http import HttpClients
from mxisd.errors import ConfigError, Problem, Weight
from mxisd.interfaces import IMessageSender, Tools
from mxisd.model.threepids import EMAIL
from mxisd.notify.facts import Circumstances
from mxisd.notify.notifier import Channel, Notifier
from mxisd.notify.templates import proofread, wordings
from mxisd.ports import IRandom


def make_notifier(
    config: Config, http: HttpClients, random: IRandom, reactor: Any
) -> Notifier:
    """
    Make what sends all messages.

    :raise ConfigError: With every file that cannot be used.
    """
    made, attempts = {}, Attempts()
    for medium, each in channels(config.threepid, config.notification).items():
        about = circumstances(config, each)
        tools = _tools(each.sender, config, http, reactor)
        channel = attempts.attempt(partial(_channel, medium, each, about, tools))
        if channel is not None:
            made[medium] = channel
    if attempts.problems:
        raise ConfigError(attempts.problems)
    return Notifier(made, random, reactor, config.notification.language)


def _channel(
    medium: str, configured: Configured, about: Circumstances, tools: Tools
) -> Channel:
    attempts, entry = Attempts(), configured.sender
    sender = attempts.attempt(
        lambda: entry.factory.build(entry.settings, tools), entry.path
    )
    written = attempts.attempt(
        lambda: wordings(medium, configured.templates, about, configured.path)
    )
    if sender is None or written is None:
        raise ConfigError(attempts.problems)
    return Channel(sender=sender, about=about, wordings=written)


def doubtful_names(config: Config) -> Iterator[Problem]:
    """Names in the operator's templates that nothing is put in for, but maybe is."""
    for each in channels(config.threepid, config.notification).values():
        about = circumstances(config, each)
        for problem in proofread(each.templates, about, each.path):
            if problem.weight is Weight.WARNING:
                yield problem


def circumstances(config: Config, channel: Configured) -> Circumstances:
    """What is the same in all messages of a medium."""
    return Circumstances(
        domain=config.matrix.domain,
        from_address=channel.identity.address,
        from_name=channel.identity.name,
        placeholders=channel.placeholders,
        service_name=service_name(config),
    )


def service_name(config: Config) -> str:
    """What people know us as: the name that mails are from, or the domain."""
    email = channels(config.threepid, config.notification).get(EMAIL)
    name = email.identity.name if email else ""
    return name or config.matrix.domain


def build_senders(
    config: Config, http: HttpClients, reactor: Any
) -> Iterator[tuple[str, IMessageSender]]:
    """
    Make the senders that are used, with the paths of their sections.

    :raise ConfigError: If one of them cannot be made.
    """
    for each in channels(config.threepid, config.notification).values():
        entry = each.sender
        tools = _tools(entry, config, http, reactor)
        yield entry.path, entry.factory.build(entry.settings, tools)


def _tools(
    entry: SenderEntry, config: Config, http: HttpClients, reactor: Any
) -> Tools:
    return Tools(
        name=entry.path,
        domain=config.matrix.domain,
        reactor=reactor,
        http=http.stores,
    )

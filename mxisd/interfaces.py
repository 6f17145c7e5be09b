# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
What a third party implements to bring an identity store, or a sender, to mxisd.

A plug-in author reads this module, ``mxisd.model``, ``mxisd.errors`` and
``mxisd.testing``, and nothing else. A store is a factory, found by ``twisted.plugin``
in ``twisted.plugins``, that turns a section of the configuration into a :class:`Store`:
a record of optional capabilities. A sender carries messages to people, and is found in
the same way.

Where a method is declared to return an ``Awaitable``, a coroutine and a ``Deferred``
are both welcome. Whatever a capability raises counts as "this store could not answer";
raise :class:`mxisd.errors.StoreUnavailable` to say so on purpose.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen
from twisted.application.service import IService
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface

from mxisd.errors import Problem
from mxisd.model.identifiers import UserId
from mxisd.model.login import Verdict
from mxisd.model.messages import Message
from mxisd.model.profiles import DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import ThreePid

Settings = TypeVar("Settings")

BATCH_LIMIT = 1000

Put = Callable[[Sequence[tuple[ThreePid, UserId]]], Awaitable[None]]
"""Takes a batch of at most :data:`BATCH_LIMIT`; await it before the next one."""


class IThreePidLookup(Interface):
    """Finds the users behind 3PIDs."""

    def lookup(threepids: frozenset[ThreePid]) -> Awaitable[Mapping[ThreePid, UserId]]:
        """
        Find as many of these as the store knows, in as few questions as it can.

        :return: The found ones only; a 3PID that is left out is known to be absent.
        :raise StoreUnavailable: If the store could not answer.
        """


class IAssociationSource(Interface):
    """Lists everything a store knows, so that it can be found by hash."""

    def associations(put: Put) -> Awaitable[None]:
        """
        Hand over every association in batches, and return when that was all.

        A list that was cut short must raise: what is missing would count as removed.

        :raise StoreUnavailable: If the store could not list itself completely.
        """


class IAuthenticator(Interface):
    """Checks passwords."""

    def authenticate(user_id: UserId, password: Secret) -> Awaitable[Verdict]:
        """
        Judge a password.

        :param password: Without a NUL: no store is asked about one that has it.
        :return: ``Refused`` ends the search: a password is not shown to a second store
            once one knows the user. A store that cannot tell a wrong password from an
            unknown user answers ``NoSuchUser``. An empty password is never accepted.
        :raise StoreUnavailable: If the store could not answer.
        """


class IDirectory(Interface):
    """Searches people."""

    def search(
        term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> Awaitable[DirectoryPage]:
        """
        Find people whose name, or whose 3PID, contains the term, whatever the case.

        :param limit: The largest number of entries wanted.
        :param searcher: Who asks, for stores with rules of their own.
        :raise StoreUnavailable: If the store could not answer.
        """


class IProfile(Interface):
    """Tells what is known about a user."""

    def profile(user_id: UserId) -> Awaitable[Profile | None]:
        """
        Describe a user.

        :return: ``None`` for a user whom this store does not know.
        :raise StoreUnavailable: If the store could not answer.
        """


class IRoomNames(Interface):
    """Tells the names of rooms."""

    def room_name(room_id: str) -> Awaitable[str | None]:
        """
        Name a room.

        :raise StoreUnavailable: If the store could not answer.
        """


class ISelfCheck(Interface):
    """Tries what is configured, for ``--check-config --connect``."""

    def problems() -> Awaitable[Sequence[Problem]]:
        """
        Reach the back end, and try every part as far as that changes nothing.

        :return: What would not work, by the key to mend, relative to the section.
        :raise StoreUnavailable: If the back end could not be reached.
        """


@frozen(kw_only=True)
class Store:
    """
    What a store can do; a capability that is absent or switched off is ``None``.

    A capability that cannot work as it is configured raises
    :class:`mxisd.errors.Misconfigured`; the others go on.

    :ivar service: Started and stopped with the server; for connections and timers.
    """

    lookup: IThreePidLookup | None = None
    associations: IAssociationSource | None = None
    authenticator: IAuthenticator | None = None
    directory: IDirectory | None = None
    profile: IProfile | None = None
    room_names: IRoomNames | None = None
    self_check: ISelfCheck | None = None
    service: IService | None = None


@frozen(kw_only=True)
class Tools:
    """
    What a store, or a sender, is given to work with.

    :ivar name: The name of this store in the configuration, or the path of this
        sender's section, for log lines.
    :ivar domain: ``matrix.domain``: the server name of users known by localpart.
    :ivar reactor: For sockets, processes, threads and timers.
    :ivar http: An HTTP client (``treq.client.HTTPClient``) for servers that the
        operator named: any address, bounded in time and size.
    :ivar addresses: Reads the addresses in the store, and spells those to ask for, as
        the operator's ``defaultCountry`` has it.
    """

    name: str
    domain: str
    reactor: Any
    http: Any
    addresses: StoredAddresses = StoredAddresses()


class ISection(Interface):
    """A section of the configuration file, handed to a store's factory."""

    values = Attribute(
        "The section as plain mappings, lists and scalars, without ``name``, ``type``, "
        "``enabled`` and ``defaultCountry``; ``${…}`` is resolved."
    )
    addresses = Attribute(
        "Reads addresses that stand in the section itself; see ``Tools.addresses``."
    )

    def read(settings: type[Settings]) -> Settings:
        """
        Read the section into a settings class (see :mod:`mxisd.model.settings`).

        :raise ConfigError: With every unknown key, wrong type and failed check.
        """


class IStoreFactory(IPlugin):
    """Makes stores of one type; a plug-in in ``twisted.plugins`` provides it."""

    store_type = Attribute(
        "The word in ``type:``, and the name of the classic section."
    )
    summary = Attribute("One line for the list of known types.")

    def parse(section: ISection) -> Any:
        """
        Judge a section; pure: no socket, no file.

        :return: Whatever :meth:`build` wants. If it has an attribute ``explained``,
            texts by name, ``--dump-config`` shows them: what the back end is asked.
        :raise ConfigError: With paths relative to the section.
        """

    def build(settings: Any, tools: Tools) -> Store:
        """
        Make the store. Connections are opened by its service or at the first question.

        Files that the section names are read here, so that ``--check-config``, which
        makes stores as a start does, finds what is wrong with them. Nothing is changed.

        :param settings: What :meth:`parse` returned.
        :raise ConfigError: With paths relative to the section.
        """


class IMessageSender(Interface):
    """
    Carries messages to people, by e-mail, SMS or any other medium.

    One that provides :class:`ISelfCheck` as well is tried by
    ``--check-config --connect``; it sends nothing then.
    """

    def send(message: Message) -> Awaitable[None]:
        """
        Hand a message over to whoever delivers it.

        Messages wait, and are tried again: after
        :class:`mxisd.errors.SenderUnavailable` all of them, at first one alone; after
        :class:`mxisd.errors.MessageRefused` this one for long, and not often.

        :raise MessageNotSent: If it was not taken; neither the address nor anything of
            the message may be in the text.
        """


class IMessageSenderFactory(IPlugin):
    """Makes senders of one type; a plug-in in ``twisted.plugins`` provides it."""

    sender_type = Attribute("The word in ``threepid.medium.<name>.connector``.")
    summary = Attribute("One line for the list of known types.")

    def parse(section: ISection) -> Any:
        """
        Judge ``threepid.medium.<name>.connectors.<type>``; pure: no socket, no file.

        :return: Whatever :meth:`build` wants.
        :raise ConfigError: With paths relative to the section.
        """

    def build(settings: Any, tools: Tools) -> IMessageSender:
        """
        Make the sender. Connections are opened when there is a message; files that
        the section names are read here.

        :param settings: What :meth:`parse` returned.
        :raise ConfigError: With paths relative to the section.
        """

"""What the entries of a directory mean."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from mxisd.drivers.ldap.decoder import Entry
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.profiles import DirectoryEntry, Profile
from mxisd.model.stored import OfAnotherKind, StoredAddresses
from mxisd.model.threepids import IllegalThreePid, ThreePid
from mxisd.stores.ldap.accounts import STATE_ATTRIBUTES, is_disabled
from mxisd.stores.ldap.naming import Naming

NamedEntry = tuple[Entry, UserId]


@frozen(kw_only=True)
class Reader:
    """
    Turns entries into users.

    :ivar by_medium: The attributes that hold 3PIDs.
    :ivar addresses: How their values are read.
    """

    naming: Naming
    name_attribute: str
    by_medium: Mapping[str, Sequence[str]]
    addresses: StoredAddresses = StoredAddresses()

    @property
    def user_attributes(self) -> list[str]:
        """What is needed to tell who an entry is."""
        return [self.naming.attribute, *STATE_ATTRIBUTES]

    @property
    def threepid_attributes(self) -> list[str]:
        """Every attribute that holds 3PIDs, once."""
        return list(dict.fromkeys(a for some in self.by_medium.values() for a in some))

    @property
    def profile_attributes(self) -> list[str]:
        """What is needed to tell everything about a user."""
        return [*self.user_attributes, self.name_attribute, *self.threepid_attributes]

    def user_id(self, entry: Entry) -> UserId | None:
        """The user that an entry describes; ``None`` if there is no legal user ID."""
        for text in texts(entry, self.naming.attribute):
            try:
                return self.naming.user_id(text)
            except IllegalIdentifier:
                continue
        return None

    def named(self, entries: Iterable[Entry]) -> list[NamedEntry]:
        """
        The entries that have a user ID, disabled or not.

        They come in the order of their DNs, whatever the server.
        """
        ordered = sorted(entries, key=lambda entry: entry.dn.lower())
        known = ((entry, self.user_id(entry)) for entry in ordered)
        return [(entry, user_id) for entry, user_id in known if user_id is not None]

    def users(self, entries: Iterable[Entry]) -> list[NamedEntry]:
        """The same without those that are disabled."""
        return self.named(entry for entry in entries if not is_disabled(entry))

    def threepids(self, entry: Entry, medium: str) -> Iterator[ThreePid]:
        """The addresses of an entry; values that are none are left out."""
        for _attribute, threepid in self._read(entry, medium):
            if threepid is not None:
                yield threepid

    def all_threepids(self, entry: Entry) -> list[ThreePid]:
        """The addresses of an entry, each once."""
        return self.all_read(entry)[0]

    def all_read(self, entry: Entry) -> tuple[list[ThreePid], list[str]]:
        """The same, and the attribute of each value that cannot be read."""
        found = [
            each for medium in self.by_medium for each in self._read(entry, medium)
        ]
        threepids = dict.fromkeys(t for _, t in found if t is not None)
        return list(threepids), [name for name, t in found if t is None]

    def _read(self, entry: Entry, medium: str) -> Iterator[tuple[str, ThreePid | None]]:
        for attribute in self.by_medium.get(medium, ()):
            for text in texts(entry, attribute):
                try:
                    yield attribute, self.addresses.read(medium, text)
                except OfAnotherKind:
                    continue
                except IllegalThreePid:
                    yield attribute, None

    def display_name(self, entry: Entry) -> str | None:
        """The first name that is not blank."""
        names = texts(entry, self.name_attribute)
        return next(filter(str.strip, names), None)

    def profile(self, entry: Entry, roles: Iterable[str] = ()) -> Profile:
        """What an entry says about its user."""
        return Profile(
            self.display_name(entry),
            frozenset(self.all_threepids(entry)),
            frozenset(roles),
        )

    def hit(self, named: NamedEntry) -> DirectoryEntry:
        """An entry as a search shows it."""
        entry, user_id = named
        return DirectoryEntry(user_id, self.display_name(entry))


def texts(entry: Entry, attribute: str) -> Iterator[str]:
    """The values of an attribute; those that are no text are left out."""
    for value in entry.attributes.get(attribute.lower(), ()):
        try:
            yield value.decode()
        except UnicodeDecodeError:
            continue

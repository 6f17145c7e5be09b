"""What the entries of a directory mean."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from mxisd.drivers.ldap.decoder import Entry
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.profiles import Profile
from mxisd.model.settings import RecordType
from mxisd.model.threepids import IllegalThreePid, ThreePid, canonical


@frozen(kw_only=True)
class Reader:
    """
    Turns entries into users.

    :ivar uid_attribute: Where the user ID comes from.
    :ivar record_type: Whether that holds localparts or whole user IDs.
    :ivar by_medium: The attributes that hold 3PIDs.
    :ivar domain: The server name of users known by localpart.
    """

    uid_attribute: str
    record_type: RecordType
    name_attribute: str
    by_medium: Mapping[str, Sequence[str]]
    domain: str

    @property
    def threepid_attributes(self) -> list[str]:
        """Every attribute that holds 3PIDs, once."""
        return list(dict.fromkeys(a for some in self.by_medium.values() for a in some))

    def user_id(self, entry: Entry) -> UserId | None:
        """The user that an entry describes; ``None`` if there is no legal user ID."""
        for text in texts(entry, self.uid_attribute):
            try:
                return self._user_id(text)
            except IllegalIdentifier:
                continue
        return None

    def users(self, entries: Iterable[Entry]) -> list[tuple[Entry, UserId]]:
        """The entries that are users, in the order of their DNs whatever the server."""
        ordered = sorted(entries, key=lambda entry: entry.dn.lower())
        known = ((entry, self.user_id(entry)) for entry in ordered)
        return [(entry, user_id) for entry, user_id in known if user_id is not None]

    def threepids(self, entry: Entry, medium: str) -> Iterator[ThreePid]:
        """The addresses of an entry; values that are none are left out."""
        for attribute in self.by_medium.get(medium, ()):
            for text in texts(entry, attribute):
                try:
                    yield canonical(medium, text)
                except IllegalThreePid:
                    continue

    def all_threepids(self, entry: Entry) -> list[ThreePid]:
        """The addresses of an entry, each once."""
        found = (t for medium in self.by_medium for t in self.threepids(entry, medium))
        return list(dict.fromkeys(found))

    def profile(self, entry: Entry) -> Profile:
        """What an entry says about its user."""
        name = next(filter(str.strip, texts(entry, self.name_attribute)), None)
        return Profile(name, frozenset(self.all_threepids(entry)))

    def search_value(self, user_id: UserId) -> str | None:
        """
        What the user ID's attribute must hold for this user.

        :return: ``None`` for a user who cannot be in this directory.
        """
        try:
            known = UserId.of(user_id.localpart, user_id.server_name)
        except IllegalIdentifier:
            return None
        if self.record_type is RecordType.MXID:
            return str(known)
        return known.localpart if known.server_name == self.domain else None

    def _user_id(self, text: str) -> UserId:
        if self.record_type is RecordType.UID:
            return UserId.of(text, self.domain)
        historical = UserId.parse(text.strip())
        return UserId.of(historical.localpart, historical.server_name)


def texts(entry: Entry, attribute: str) -> Iterator[str]:
    """The values of an attribute; those that are no text are left out."""
    for value in entry.attributes.get(attribute.lower(), ()):
        try:
            yield value.decode()
        except UnicodeDecodeError:
            continue

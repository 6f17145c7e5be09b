"""Passwords that a directory judges."""

from collections.abc import Sequence

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import SUCCESS, code_name
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import IAuthenticator
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.secret import Secret
from mxisd.stores.ldap.lookup import Directory, restricted

log = Logger()

REFUSALS = (
    19,  # constraintViolation: too many wrong passwords (389 Directory Server)
    32,  # noSuchObject: the entry was removed a moment ago
    48,  # inappropriateAuthentication: the entry has no password
    49,  # invalidCredentials
    50,  # insufficientAccessRights
    53,  # unwillingToPerform: the account is locked
)
"""Result codes by which a server refuses this user; any other is its own trouble."""


@implementer(IAuthenticator)
@frozen
class LdapAuthenticator:
    """
    Finds a user's entry and binds as it.

    :ivar restriction: Only entries for which this holds; ``None`` for all.
    """

    directory: Directory
    restriction: Filter | None

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """Judge a password by a bind, which is forgotten at once."""
        if not password:
            # A bind without a password succeeds, as an anonymous one.
            return Refused()
        users = await self._users(user_id)
        if not users:
            return NoSuchUser()
        if len(users) > 1:
            self._report_several(len(users))
            return Refused()
        entry, canonical_id = users[0]
        if await self._may_bind(entry, password):
            return Accepted(canonical_id, self.directory.reader.profile(entry))
        return Refused()

    async def _users(self, user_id: UserId) -> Sequence[tuple[Entry, UserId]]:
        """Who has exactly this user ID, in any of the subtrees."""
        reader = self.directory.reader
        value = reader.search_value(user_id)
        if value is None:
            return []
        entries: dict[bytes, Entry] = {}  # by DN: subtrees may overlap
        for base in self.directory.bases:
            found = await self.directory.client.search(self._search(base, value))
            entries.update((entry.dn.lower(), entry) for entry in found)
        wanted = UserId.of(user_id.localpart, user_id.server_name)
        return [each for each in reader.users(entries.values()) if each[1] == wanted]

    def _search(self, base: str, value: str) -> Search:
        reader = self.directory.reader
        return Search(
            base=base,
            filter=restricted(
                filters.equal(reader.uid_attribute, value), self.restriction
            ),
            attributes=[
                reader.uid_attribute,
                reader.name_attribute,
                *reader.threepid_attributes,
            ],
        )

    async def _may_bind(self, entry: Entry, password: Secret) -> bool:
        if not entry.dn:
            raise StoreUnavailable("an entry without a DN")
        answer = await self.directory.client.check(entry.dn, password)
        code = answer.code
        if code == SUCCESS or code in REFUSALS:
            return code == SUCCESS
        raise StoreUnavailable(f"the server cannot check a password: {code_name(code)}")

    def _report_several(self, count: int) -> None:
        log.warn(
            "{count} entries of {store} have the same user ID in {attribute}; "
            "a login with it is refused",
            count=count,
            store=self.directory.name,
            attribute=self.directory.reader.uid_attribute,
        )

"""Passwords that a directory judges."""

from collections.abc import Sequence

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.ldap.client import SUCCESS, BindAnswer, code_name
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import IAuthenticator
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.secret import Secret
from mxisd.stores.ldap.accounts import is_disabled
from mxisd.stores.ldap.entries import NamedEntry, texts
from mxisd.stores.ldap.tree import Tree
from mxisd.stores.ldap.windows import WindowsNames

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

_INVALID_DN_SYNTAX = 34


@implementer(IAuthenticator)
@frozen(kw_only=True)
class LdapAuthenticator:
    """
    Finds a user's entry and binds as it.

    :ivar restriction: Only entries for which this holds; ``None`` for all.
    :ivar windows: Understands what users of Windows type; ``None`` elsewhere.
    :ivar binds_by_name: Whether the server that is asked may be another domain's, and
        knows the user by principal name rather than by DN.
    """

    tree: Tree
    restriction: Filter | None
    windows: WindowsNames | None = None
    binds_by_name: bool = False

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """Judge a password by a bind, which is forgotten at once."""
        if not password:
            # A bind without a password succeeds, as an anonymous one.
            return Refused()
        named = await self._named(user_id)
        if not named:
            return NoSuchUser()
        if len(named) > 1:
            self.tree.report_several(len(named))
            return Refused()
        entry, known = named[0]
        if is_disabled(entry) or not await self._may_bind(entry, password):
            return Refused()
        return Accepted(known, self.tree.reader.profile(entry))

    async def _named(self, user_id: UserId) -> Sequence[NamedEntry]:
        attributes = self.tree.reader.profile_attributes
        found = await self.tree.called(user_id, self.restriction, attributes)
        if found or self.windows is None:
            return found
        return await self.windows.called(user_id, self.restriction, attributes)

    async def _may_bind(self, entry: Entry, password: Secret) -> bool:
        answer = await self._bound(entry, password)
        if answer.code == SUCCESS or answer.code in REFUSALS:
            self._report(answer)
            return answer.code == SUCCESS
        raise StoreUnavailable(
            f"the server cannot check a password: {code_name(answer.code)}"
        )

    async def _bound(self, entry: Entry, password: Secret) -> BindAnswer:
        if not entry.dn:
            raise StoreUnavailable("an entry without a DN")
        check = self.tree.client.check
        name = next(texts(entry, self.tree.reader.naming.attribute), "")
        if self.binds_by_name and name:
            answer = await check(name, password)
            if answer.code != _INVALID_DN_SYNTAX:
                return answer
        return await check(entry.dn, password)

    def _report(self, answer: BindAnswer) -> None:
        if answer.code != SUCCESS:
            log.debug(
                "{store} refused a login: {code}. {words}",
                store=self.tree.name,
                code=code_name(answer.code),
                words=answer.diagnostic,
            )

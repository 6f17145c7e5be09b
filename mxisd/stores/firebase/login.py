"""Logins with an ID token in place of the password."""

from attrs import evolve, frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.interfaces import IAuthenticator
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.secret import Secret
from mxisd.stores.firebase.accounts import Account, Reader
from mxisd.stores.firebase.api import Accounts
from mxisd.stores.firebase.id_tokens import IdToken, IdTokens, NoIdToken

log = Logger()


@implementer(IAuthenticator)
@frozen
class FirebaseAuthenticator:
    """Lets in who has signed in at Firebase, and still may."""

    name: str
    tokens: IdTokens
    accounts: Accounts
    reader: Reader

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """
        Judge an ID token.

        What is no token of this project may be the password of somebody else's store.
        """
        if not password:
            return Refused()
        try:
            token = await self.tokens.read(password.value)
        except NoIdToken as error:
            log.debug("{store}: no ID token: {why}", store=self.name, why=str(error))
            return NoSuchUser()
        known = self.reader.user_id(token.uid)
        if known is None or known != _lowered(user_id):
            return NoSuchUser()
        if not token.is_current:
            return Refused()
        account = await self._account(token)
        if account is None:
            return Refused()
        name = account.profile.display_name or token.name
        return Accepted(known, evolve(account.profile, display_name=name))

    async def _account(self, token: IdToken) -> Account | None:
        """The account, unless it has been closed since the token was made."""
        records = await self.accounts.lookup({"localId": [token.uid]})
        found = [self.reader.account(record) for record in records]
        for account in found:
            if account is not None and account.uid == token.uid:
                is_revoked = token.signed_in_at < account.valid_since
                return None if account.is_disabled or is_revoked else account
        return None


def _lowered(user_id: UserId) -> UserId:
    # Firebase's own IDs have capitals, which ours never have.
    return UserId(user_id.localpart.lower(), user_id.server_name)

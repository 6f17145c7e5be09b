"""Logins at a directory that is there at once."""

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.client import SUCCESS, BindAnswer
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.operations import Search
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.secret import Secret
from mxisd.stores.ldap.login import LdapAuthenticator
from mxisd.stores.ldap.tree import Tree
from mxisd.stores.ldap.windows import WindowsNames
from tests.stores.ldap.test_entries import READER, entry

DISABLED: Sequence[Any] = (
    {"userAccountControl": ["514"]},
    {"nsAccountLock": ["TRUE"]},
    {"loginDisabled": ["TRUE"]},
    {"sambaAcctFlags": ["[UD         ]"]},
    {"pwdAccountLockedTime": ["000001010000Z"]},
)


@define
class Trusting:
    """
    A directory that finds its entries by whatever is asked, and takes any password.

    :ivar tried: For whom a password was tried.
    """

    entries: Sequence[Entry]
    tried: list[Any] = field(factory=list)

    async def search(self, search: Search) -> Sequence[Entry]:
        """All entries."""
        return self.entries

    async def check(self, name: Any, password: Secret) -> BindAnswer:
        """Let them in."""
        self.tried.append(name)
        return BindAnswer(SUCCESS, "")


class LoginTests(SynchronousTestCase):
    """Who is let in where the server would let anybody in."""

    def verdict(self, localpart: str, client: Any, is_windows: bool = False) -> Verdict:
        """What the store says."""
        tree = Tree(name="staff", client=client, bases=["dc=x"], reader=READER)
        authenticator = LdapAuthenticator(
            tree=tree,
            restriction=None,
            windows=WindowsNames(tree, "example.org") if is_windows else None,
        )
        user_id = UserId(localpart, "example.org")
        asked: Any = authenticator.authenticate(user_id, Secret("pw"))
        verdict: Verdict = self.successResultOf(Deferred.fromCoroutine(asked))
        return verdict

    def test_disabled_accounts(self) -> None:
        """They are refused by whatever sign, and no password is tried for them."""
        for sign in DISABLED:
            client = Trusting([entry(saMAccountName=["ann"], **sign)])
            self.assertEqual(self.verdict("ann", client), Refused(), str(sign))
            self.assertEqual(client.tried, [])
        client = Trusting([entry(saMAccountName=["ann"], userAccountControl=["512"])])
        self.assertIsInstance(self.verdict("ann", client), Accepted)

    def test_names_that_servers_take_for_the_same(self) -> None:
        """The entry must be that of the user who was asked for."""
        for localpart in ("ann\n", " ann", "an\u00adn", "a\tnn", "\uff41nn", "anne"):
            client = Trusting([entry(saMAccountName=["ann"])])
            for is_windows in (False, True):
                verdict = self.verdict(localpart, client, is_windows)
                self.assertEqual(verdict, NoSuchUser(), repr(localpart))
            self.assertEqual(client.tried, [])

    def test_windows_names_that_look_alike(self) -> None:
        """Neither blanks nor letters that only fold to others are taken for them."""
        ann = entry(
            "cn=x,dc=corp,dc=example",
            saMAccountName=["sam"],
            userPrincipalName=["sam@corp.example"],
        )
        self.assertIsInstance(
            self.verdict("Sam@Corp.example", Trusting([ann]), True), Accepted
        )
        for localpart in ("sam@corp.example\n", "\u017fam@corp.example"):
            verdict = self.verdict(localpart, Trusting([ann]), True)
            self.assertEqual(verdict, NoSuchUser(), repr(localpart))

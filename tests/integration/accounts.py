"""Users and groups of an Active Directory, as its LDAP server takes them."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from tests.integration.organisation import SERVICE_PASSWORD, entry_ldif

REALM = "corp.example.org"
BASE_DN = "DC=corp,DC=example,DC=org"
PEOPLE_DN = f"OU=People,{BASE_DN}"

_SPECIAL = re.compile(r'([,+<>;="\\])')


@frozen(kw_only=True)
class Account:
    """
    A user of a domain; every value is as the directory stores it.

    :ivar name: ``sAMAccountName``.
    :ivar display_name: Also the ``cn``, thus part of the DN; instead of that, ``name``.
    :ivar principal_name: ``userPrincipalName``; if not given, ``name`` and the realm.
    :ivar mails: The first one goes to ``mail``, the others to ``otherMailbox``.
    :ivar phones: Likewise, ``telephoneNumber`` and ``otherTelephone``.
    :ivar more: Other attributes, such as ``pwdLastSet`` (``0``: must be changed) or
        ``accountExpires``.
    """

    name: str
    display_name: str | None = None
    principal_name: str | None = None
    mails: Sequence[str] = ()
    phones: Sequence[str] = ()
    password: str | None = None
    is_disabled: bool = False
    parent: str = PEOPLE_DN
    more: Mapping[str, Sequence[str]] = field(factory=dict)

    @property
    def dn(self) -> str:
        """Where the entry is."""
        return _dn(self.display_name or self.name, self.parent)

    def ldif(self) -> str:
        """The entry as LDIF."""
        attributes = {
            "objectClass": ["user"],
            "sAMAccountName": [self.name],
            "userPrincipalName": [self.principal_name or f"{self.name}@{REALM}"],
            "userAccountControl": ["514" if self.is_disabled else "512"],
            "displayName": [self.display_name] if self.display_name else [],
            "mail": self.mails[:1],
            "otherMailbox": self.mails[1:],
            "telephoneNumber": self.phones[:1],
            "otherTelephone": self.phones[1:],
            **self.more,
        }
        return entry_ldif(self.dn, attributes) + self._password_line()

    def _password_line(self) -> str:
        if self.password is None:
            return ""
        value = f'"{self.password}"'.encode("utf-16-le")
        return f"unicodePwd:: {b64encode(value).decode()}\n"


@frozen(kw_only=True)
class Group:
    """
    A group of a domain.

    :ivar members: DNs of accounts and groups that are there already.
    """

    name: str
    members: Sequence[str] = ()

    @property
    def dn(self) -> str:
        """Where the entry is."""
        return _dn(self.name, PEOPLE_DN)

    def ldif(self) -> str:
        """The entry as LDIF."""
        attributes = {
            "objectClass": ["group"],
            "sAMAccountName": [self.name],
            "member": self.members,
        }
        return entry_ldif(self.dn, attributes)


SERVICE = Account(name="mxisd", parent=f"CN=Users,{BASE_DN}", password=SERVICE_PASSWORD)


def _dn(name: str, parent: str) -> str:
    return "CN=" + _SPECIAL.sub(r"\\\1", name) + "," + parent

"""How the entries of a directory and Matrix users are called after each other."""

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from mxisd.model.identifiers import IllegalIdentifier, UserId


class Naming(Protocol):
    """One of the ways."""

    @property
    def attribute(self) -> str:
        """Where an entry has the user's name."""

    def user_id(self, value: str) -> UserId:
        """
        The user that a value of the attribute names.

        :raise IllegalIdentifier: If it names none.
        """

    def values(self, user_id: UserId) -> Sequence[str]:
        """
        What the attribute may hold for a user, in whatever case.

        :param user_id: In canonical form.
        :return: Nothing for a user who cannot be in this directory.
        """


@frozen
class ByLocalpart:
    """The attribute holds localparts; the server name is ours."""

    attribute: str
    domain: str

    def user_id(self, value: str) -> UserId:
        """The user with this localpart, lower-cased."""
        return UserId.of(value, self.domain)

    def values(self, user_id: UserId) -> Sequence[str]:
        """The localpart, or what it stands for."""
        return user_id.names if user_id.server_name == self.domain else ()


@frozen
class ByUserId:
    """The attribute holds whole user IDs, of whatever server."""

    attribute: str

    def user_id(self, value: str) -> UserId:
        """This user, lower-cased."""
        historical = UserId.parse(value.strip())
        return UserId.of(historical.localpart, historical.server_name)

    def values(self, user_id: UserId) -> Sequence[str]:
        """The user ID itself."""
        return tuple(f"@{name}:{user_id.server_name}" for name in user_id.names)


@frozen
class ByPrincipalName:
    """
    The attribute holds ``login@domain``, in a forest of several domains.

    Users of the default domain have their login as localpart; all others have
    ``login/domain``, so that nobody takes the name of somebody else.

    :ivar default: The default domain; empty if there is none.
    """

    attribute: str
    domain: str
    default: str

    def user_id(self, value: str) -> UserId:
        """The user with this principal name."""
        login, _at, domain = value.strip().rpartition("@")
        if not login or not domain or "/" in domain:
            raise IllegalIdentifier("not a principal name")
        if domain.lower() == self.default.lower():
            if "/" in login:
                # It would be somebody of another domain.
                raise IllegalIdentifier("not a login")
            return UserId.of(login, self.domain)
        return UserId.of(f"{login}/{domain}", self.domain)

    def values(self, user_id: UserId) -> Sequence[str]:
        """The principal name."""
        if user_id.server_name != self.domain:
            return ()
        found = (self._value(name) for name in user_id.names)
        return tuple(value for value in found if value is not None)

    def _value(self, name: str) -> str | None:
        login, slash, domain = name.rpartition("/")
        if slash:
            is_default = domain == self.default.lower()
            return f"{login}@{domain}" if login and domain and not is_default else None
        return f"{name}@{self.default}" if self.default else None

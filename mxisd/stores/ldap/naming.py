"""How the entries of a directory and Matrix users are called after each other."""

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

    def value(self, user_id: UserId) -> str | None:
        """
        What the attribute must hold for a user, in whatever case.

        :param user_id: In canonical form.
        :return: ``None`` for a user who cannot be in this directory.
        """


@frozen
class ByLocalpart:
    """The attribute holds localparts; the server name is ours."""

    attribute: str
    domain: str

    def user_id(self, value: str) -> UserId:
        """The user with this localpart, lower-cased."""
        return UserId.of(value, self.domain)

    def value(self, user_id: UserId) -> str | None:
        """The localpart."""
        return user_id.localpart if user_id.server_name == self.domain else None


@frozen
class ByUserId:
    """The attribute holds whole user IDs, of whatever server."""

    attribute: str

    def user_id(self, value: str) -> UserId:
        """This user, lower-cased."""
        historical = UserId.parse(value.strip())
        return UserId.of(historical.localpart, historical.server_name)

    def value(self, user_id: UserId) -> str | None:
        """The user ID itself."""
        return str(user_id)


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

    def value(self, user_id: UserId) -> str | None:
        """The principal name."""
        if user_id.server_name != self.domain:
            return None
        login, slash, domain = user_id.localpart.rpartition("/")
        if slash:
            is_default = domain == self.default.lower()
            return f"{login}@{domain}" if login and domain and not is_default else None
        return f"{domain}@{self.default}" if self.default else None


def canonical(user_id: UserId) -> UserId | None:
    """The user ID in the form that stores give; ``None`` if there is none."""
    try:
        return UserId.of(user_id.localpart, user_id.server_name)
    except IllegalIdentifier:
        return None

"""Passwords that a program judges."""

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IAuthenticator
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import Profile
from mxisd.model.secret import Secret
from mxisd.stores.command.commands import Outcome
from mxisd.stores.command.outputs import Login
from mxisd.stores.command.questions import Question


def user_values(user_id: UserId) -> dict[str, str]:
    """A user as programs are told; localparts are lower-cased."""
    localpart, domain = user_id.localpart.lower(), user_id.server_name
    mxid = f"@{localpart}:{domain}"
    return {"localpart": localpart, "domain": domain, "mxid": mxid}


@implementer(IAuthenticator)
@frozen
class ExecAuthenticator:
    """
    Shows passwords of our own users to a program.

    :ivar refused: The exit codes for a user who is known with another password.
    """

    question: Question
    refused: frozenset[int]

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """Ask the program; unless it says more, a "no" is that of an unknown user."""
        if not password:
            return Refused()
        if user_id.server_name != self.question.users.domain:
            return NoSuchUser()
        if user_id.canonical is None:
            return NoSuchUser()
        values = {**user_values(user_id), "password": password.value}
        answer = await self.question.ask(values)
        if answer.outcome is Outcome.FAILURE:
            is_refused = answer.code in self.refused or answer.unsaid == "password"
            return Refused() if is_refused else NoSuchUser()
        return self._verdict(user_id, self._login(answer.text))

    def _login(self, text: str) -> Login:
        if self.question.command.call.output_type is None:
            return Login()
        return self.question.read(self.question.output.login, text)

    def _verdict(self, user_id: UserId, login: Login) -> Verdict:
        if login.is_refused:
            return Refused()
        known = self._known(user_id, login)
        if login.is_right is False or known is None:
            return NoSuchUser()
        threepids, illegal = self.question.users.threepids(login.threepids)
        self.question.command.report_left_out(illegal)
        return Accepted(known, Profile(login.display_name, threepids))

    def _known(self, user_id: UserId, login: Login) -> UserId | None:
        """Who it is that logs in: whom the program names, or who was asked for."""
        users = self.question.users
        if login.owner is not None:
            owner = login.owner
            named = self.question.read(lambda _: users.called(owner), "")
            if named is not None:
                return named
            self.question.command.report_left_out(1)
        return users.called(("localpart", user_id.localpart))

"""What programs say about a user."""

from collections.abc import Coroutine
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile
from mxisd.model.threepids import ThreePid
from mxisd.stores.command.login import user_values
from mxisd.stores.command.questions import Question
from mxisd.stores.command.templates import Values
from mxisd.stores.command.together import together


@implementer(IProfile)
@frozen(kw_only=True)
class ExecProfile:
    """Asks up to three programs; ``None`` is one that is not there."""

    domain: str
    display_name: Question | None
    threepids: Question | None
    roles: Question | None

    async def profile(self, user_id: UserId) -> Profile | None:
        """All parts; who is unknown to every program has no profile."""
        if user_id.server_name != self.domain:
            return None
        values = user_values(user_id)
        parts: list[Coroutine[Any, Any, Any]] = [
            self._name(values),
            self._threepids(values),
            self._roles(values),
        ]
        name, threepids, roles = await together(parts)
        if name is None and threepids is None and roles is None:
            return None
        return Profile(name, threepids or frozenset(), roles or frozenset())

    async def _name(self, values: Values) -> str | None:
        asked = self.display_name
        if asked is None:
            return None
        answer = await asked.ask(values)
        return asked.read(asked.output.display_name, answer.text)

    async def _threepids(self, values: Values) -> frozenset[ThreePid] | None:
        asked = self.threepids
        if asked is None:
            return None
        answer = await asked.ask(values)
        raws = asked.read(asked.output.threepids, answer.text)
        if raws is None:
            return None
        legal, illegal = asked.users.threepids(raws)
        asked.command.report_left_out(illegal)
        return legal

    async def _roles(self, values: Values) -> frozenset[str] | None:
        asked = self.roles
        if asked is None:
            return None
        answer = await asked.ask(values)
        roles = asked.read(asked.output.roles, answer.text)
        return None if roles is None else frozenset(roles)

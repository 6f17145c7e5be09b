"""
The connections on which passwords are tried.

A failed bind leaves a connection anonymous, so that these are used for nothing else;
the next bind starts anew in any case (RFC 4511, section 4.2.1).
"""

from attrs import frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mxisd.drivers.ldap.decoder import Result
from mxisd.drivers.ldap.failover import Opened, Servers
from mxisd.drivers.turns import Turns
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret

LOGINS = 16
"""Passwords that are tried at once."""

IDLE = 30.0
"""Seconds that a connection is kept for the next password."""


@frozen(eq=False)
class _Idle:
    opened: Opened
    end: IDelayedCall


class Logins:
    """Tries passwords, one at a time on each connection."""

    def __init__(self, clock: IReactorTime, servers: Servers) -> None:
        """Begin without a connection."""
        self._clock = clock
        self._servers = servers
        self._idle: list[_Idle] = []
        self._turns = Turns(clock, LOGINS)

    async def bind(self, name: str | bytes, password: Secret) -> Result:
        """
        Try a password, and once more if the connection is lost or its server hangs.

        :param password: Not empty.
        :return: The server's answer, whatever it is.
        :raise StoreUnavailable: If there was no answer.
        """
        async with self._turns.turn():
            opened = self._reusable() or await self._fresh()
            try:
                return await self._bind(opened, name, password)
            except StoreUnavailable as error:
                if not self._servers.may_retry(error):
                    raise
            return await self._bind(await self._fresh(), name, password)

    async def close(self) -> None:
        """Part with the idle connections; those at work end by themselves."""
        idle, self._idle = self._idle, []
        for one in idle:
            one.end.cancel()
        for closed in [one.opened.connection.disconnect() for one in idle]:
            await closed

    async def _bind(
        self, opened: Opened, name: str | bytes, password: Secret
    ) -> Result:
        try:
            result = await opened.connection.bind(name, password)
        except BaseException as error:
            opened.connection.disconnect()
            if isinstance(error, StoreUnavailable):
                self._servers.report(opened, error)
            raise
        self._keep(opened)
        return result

    async def _fresh(self) -> Opened:
        return await self._servers.connect(as_service=False)

    def _reusable(self) -> Opened | None:
        while self._idle:
            one = self._idle.pop()
            one.end.cancel()
            is_current = one.opened.address == self._servers.current
            if one.opened.connection.is_open and is_current:
                return one.opened
            one.opened.connection.disconnect()
        return None

    def _keep(self, opened: Opened) -> None:
        end = self._clock.callLater(IDLE, self._part)
        self._idle.append(_Idle(opened, end))

    def _part(self) -> None:
        # The one that was kept first ends first.
        self._idle.pop(0).opened.connection.disconnect()

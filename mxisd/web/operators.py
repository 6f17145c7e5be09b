"""Operators: whoever has their token, and comes from one of their networks."""

import hmac
from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import Forbidden, LimitExceeded, Unauthorized
from mxisd.features.buckets import Buckets
from mxisd.model.buckets import Rate
from mxisd.model.networks import network_of
from mxisd.model.requesters import Network, Origin
from mxisd.model.secret import Secret

WRONG_TOKENS = Rate(10, 60)
"""How many a network may try."""

log = Logger()


class Operators:
    """Tells operators from others; networks that try wrong tokens have to wait."""

    def __init__(
        self, token: Secret, networks: Sequence[Network], clock: IReactorTime
    ) -> None:
        self._token = token.value.encode()
        self._networks = tuple(networks)
        self._wrong = Buckets(WRONG_TOKENS, clock)

    def admit(self, origin: Origin, token: Secret | None) -> None:
        """
        Let operators pass.

        :raise Forbidden: If the request comes from elsewhere, whatever its token.
        :raise LimitExceeded: If too many wrong tokens came from its network, whatever
            this one is: otherwise, who goes on guessing would learn the right one.
        :raise Unauthorized: If the token is missing or wrong.
        """
        if not origin.is_within(self._networks):
            raise Forbidden("Operators are not served in your network.")
        if not token:
            raise Unauthorized("The operator's token is needed (admin.token).")
        network = network_of(origin)
        wait = self._wrong.wait(network)
        if wait > 0:
            raise LimitExceeded(wait, "Too many wrong tokens; try again later.")
        if not self._has(token):
            self._note_wrong(network)
            raise Unauthorized("The operator's token is needed (admin.token).")

    def _has(self, token: Secret) -> bool:
        # In constant time.
        given = token.value.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(self._token, given)

    def _note_wrong(self, network: str) -> None:
        # No more lines than tokens that are tried: the limit holds both.
        self._wrong.take(network)
        log.warn("a wrong admin token came from {network}", network=network)
        wait = self._wrong.wait(network)
        if wait > 0:
            log.warn(
                "too many wrong admin tokens: operators in {network} are not served "
                "for {seconds:.0f} s",
                network=network,
                seconds=wait,
            )

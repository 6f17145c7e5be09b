"""Requests that homeservers have signed for their users."""

from collections.abc import Sequence, Set

from attrs import frozen

from mxisd.errors import Forbidden
from mxisd.features.questions import Questions
from mxisd.model.identifiers import ServerName, UserId
from mxisd.model.requesters import Requester
from mxisd.model.x_matrix import SignedRequest, XMatrix, is_genuine
from mxisd.ports import IHomeserverKeys, Warn

MAX_SIGNATURES = 4
SHOWN = 100
"""So much of a name that others chose is logged."""

FOR_ANOTHER = (
    "{address} signed a request for {destination}, and we are called {names}: it was "
    "refused, and nobody there can remove an address or deactivate an account. If that "
    "is how people write our name, server.publicUrl should be it"
)


@frozen
class HomeserverSignatures:
    """
    Checks who has signed a request.

    :ivar our_names: What we are called in requests to us, in lower case.
    """

    _keys: IHomeserverKeys
    _questions: Questions
    our_names: Set[str]
    _warn: Warn

    async def require(
        self,
        headers: Sequence[XMatrix],
        request: SignedRequest,
        user_id: UserId,
        requester: Requester,
    ) -> None:
        """
        Let requests pass that the homeserver of a user has signed.

        :param headers: One of them is enough.
        :param requester: Who makes us ask for keys.
        :raise Forbidden: If none of them is that homeserver's, and good.
        :raise HomeserverUnavailable: If it could not be asked for its keys.
        :raise LimitExceeded: If the requester makes us ask too much.
        :raise Crowded: If everybody together does.
        """
        for header in headers[:MAX_SIGNATURES]:
            # A homeserver speaks for its own users alone.
            is_own = header.origin == user_id.server_name
            if is_own and await self._is_good(header, request, requester):
                return
        raise Forbidden("Invalid homeserver signature.")

    async def _is_good(
        self, header: XMatrix, request: SignedRequest, requester: Requester
    ) -> bool:
        key = await self._key(ServerName.parse(header.origin), header.key_id, requester)
        if key is None:
            return False
        is_good = is_genuine(header, key, request, self.our_names)
        if not is_good and _is_for_another(header, key, request):
            self._warn(
                FOR_ANOTHER,
                header.origin,
                destination=ascii((header.destination or "")[:SHOWN]),
                names=", ".join(sorted(self.our_names)),
            )
        return is_good

    async def _key(
        self, origin: ServerName, key_id: str, requester: Requester
    ) -> bytes | None:
        # Whoever makes us ask too much must not stop those of whom we know the key.
        key = self._keys.remembered_key(origin, key_id)
        if key is None:
            with self._questions.about(origin, requester):
                key = await self._keys.verify_key(origin, key_id)
        return key


def _is_for_another(header: XMatrix, key: bytes, request: SignedRequest) -> bool:
    # Signed, so that strangers cannot fill the log with it.
    name = (header.destination or "").lower().rstrip("/")
    return is_genuine(header, key, request, {name})

"""
The endpoints of associations, of today and of v1.

Source: Identity Service API v1.19; r0.3.0 for v1.
"""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mxisd.features.accounts import Accounts
from mxisd.features.associations import (
    AccountProof,
    Binding,
    HomeserverProof,
    Proof,
    SessionProof,
    Unbinding,
    UnbindRequest,
)
from mxisd.model.x_matrix import SignedRequest
from mxisd.web import association_messages as messages
from mxisd.web.authorization import token_of
from mxisd.web.decoding import json_object
from mxisd.web.exchange import Call, Reply, json_reply
from mxisd.web.messages import EMPTY
from mxisd.web.session_messages import parameters, wanted_languages

UNBIND = "3pid/unbind"


@frozen(kw_only=True, eq=False)
class AssociationEndpoints:
    """
    Associations, in one version of the API.

    :ivar base: The path of this version: homeservers sign it.
    :ivar accounts: Whose tokens are good; ``None`` in v1, which has none.
    """

    binding: Binding
    unbinding: Unbinding
    base: str
    accounts: Accounts | None

    async def bind(self, call: Call) -> Reply:
        """Publish who owns an address."""
        asked = messages.bind(parameters(call, takes_query=self.accounts is None))
        signed = await self.binding.bind(
            asked.key.sid, asked.key.client_secret, asked.user_id, call.user_id
        )
        return json_reply(signed)

    async def unbind(self, call: Call) -> Reply:
        """Take it back."""
        self.unbinding.require_enabled()
        content = json_object(call.body)
        asked = messages.unbind(content)
        request = UnbindRequest(
            threepid=asked.threepid,
            user_id=asked.user_id,
            languages=wanted_languages(call, content),
        )
        await self.unbinding.unbind(request, self._proof(call, asked, content))
        return EMPTY

    def _proof(
        self, call: Call, asked: messages.UnbindMessage, content: Mapping[str, Any]
    ) -> Proof:
        if asked.key is not None:
            return SessionProof(asked.key.sid, asked.key.client_secret)
        headers = messages.signatures(call.headers)
        if headers:
            signed = SignedRequest("POST", f"{self.base}/{UNBIND}", content)
            return HomeserverProof(headers, signed, call.requester)
        values = call.headers.getRawHeaders(b"Authorization", ())
        token = token_of(values, call.query)
        if token is None or self.accounts is None:
            return None
        return AccountProof(self.accounts.authenticate(token))

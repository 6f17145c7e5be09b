"""
The endpoints of the Identity Service API.

Source: Identity Service API v1.19; r0.3.0 for v1.
"""

from collections.abc import Coroutine
from typing import Any

from attrs import frozen

from mxisd.errors import NotFound, Unauthorized
from mxisd.features.accounts import Accounts
from mxisd.features.lookup import MANY_HASHES, Lookup
from mxisd.features.terms import Terms
from mxisd.model.hashing import NONE
from mxisd.model.identifiers import UserId
from mxisd.model.requesters import Requester
from mxisd.ports import IKeyRing
from mxisd.web import messages
from mxisd.web.exchange import Call, Reply


@frozen(eq=False)
class AccountEndpoints:
    """Accounts and terms of service."""

    accounts: Accounts
    terms: Terms

    async def register(self, call: Call) -> Reply:
        """Trade an OpenID token for one of ours."""
        request = messages.parse_register(call.body)
        token = await self.accounts.register(
            request.server_name, request.token, call.origin
        )
        return messages.registered(token)

    def account(self, call: Call) -> Reply:
        """Tell whose token it is."""
        return messages.account(_owner(call))

    async def logout(self, call: Call) -> Reply:
        """Forget the token; a body is neither needed nor read."""
        if call.token is None:
            raise Unauthorized("An access token is needed.")
        await self.accounts.logout(call.token)
        return messages.EMPTY

    def policies(self, call: Call) -> Reply:
        """Show the terms of service."""
        return messages.policies(self.terms.policies)

    async def accept(self, call: Call) -> Reply:
        """Remember what a user accepts."""
        urls = messages.parse_terms(call.body)
        await self.terms.accept(_owner(call), urls)
        return messages.EMPTY


@frozen(eq=False)
class KeyEndpoints:
    """Public keys and their validity."""

    key_ring: IKeyRing

    def key(self, call: Call) -> Reply:
        """Show a public key."""
        public_key = self.key_ring.public_key(call.variables["keyId"])
        if public_key is None:
            raise NotFound("There is no such key.")
        return messages.key(public_key)

    def is_valid(self, call: Call) -> Reply:
        """Tell whether a key is a valid long-term key of ours."""
        public_key = messages.public_key(call.query)
        return messages.validity(self.key_ring.is_valid(public_key))


@frozen(eq=False)
class LookupEndpoints:
    """Lookups, of today and of v1."""

    lookup: Lookup

    def hash_details(self, call: Call) -> Reply:
        """Tell what clients need to know before they look up."""
        return messages.hash_details(self.lookup.hash_details())

    def search(self, call: Call) -> Reply | Coroutine[Any, Any, Reply]:
        """Look users up; a few by hash at once, others when the answer is there."""
        request = messages.parse_lookup(call.body)
        self.lookup.require_algorithm(request.algorithm)
        if request.algorithm == NONE:
            return self._search_in_clear(request, call.requester)
        if len(request.addresses) > MANY_HASHES:
            return self._search_many_by_hash(request, call.requester)
        found = self.lookup.by_hash(request.pepper, request.addresses, call.requester)
        return messages.mappings(found)

    async def _search_many_by_hash(
        self, request: messages.LookupRequest, requester: Requester
    ) -> Reply:
        pepper, hashes = request.pepper, request.addresses
        found = await self.lookup.many_by_hash(pepper, hashes, requester)
        return messages.mappings(found)

    async def _search_in_clear(
        self, request: messages.LookupRequest, requester: Requester
    ) -> Reply:
        found = await self.lookup.in_clear(request.pepper, request.addresses, requester)
        return messages.mappings(found)

    async def search_one(self, call: Call) -> Reply:
        """Look one user up, as v1 does."""
        medium, address = messages.threepid(call.query)
        return messages.association(
            await self.lookup.one(medium, address, call.requester)
        )

    async def search_many(self, call: Call) -> Reply:
        """Look many users up, as v1 does."""
        pairs = messages.parse_bulk_lookup(call.body)
        return messages.bulk(await self.lookup.many(pairs, call.requester))


def _owner(call: Call) -> UserId:
    if call.user_id is None:
        raise Unauthorized("An access token is needed.")
    return call.user_id

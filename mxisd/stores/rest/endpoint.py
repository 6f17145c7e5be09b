"""One URL of a back end, and what goes wrong with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import Factory, field, frozen
from twisted.logger import Logger

from mxisd.drivers.http.json_client import JsonClient, JsonReply
from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import ThreePid
from mxisd.portions import Portions
from mxisd.stores.rest import wire

NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
REFUSED = (401, 403)

log = Logger()


def _portions(endpoint: "Endpoint") -> Portions:
    return Portions(endpoint.client.clock)


@frozen(kw_only=True)
class Endpoint:
    """
    Where a question goes.

    :ivar store: The store's name, for the log.
    :ivar key: The key of the configuration, for whoever is to mend it.
    :ivar addresses: How addresses are spelled there.
    :ivar portions: For loops over what it answers.
    """

    store: str
    key: str
    url: str
    client: JsonClient
    addresses: StoredAddresses
    portions: Portions = field(
        init=False, default=Factory(_portions, takes_self=True), eq=False
    )

    async def ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Put a question.

        :return: The answer, which is a JSON object.
        :raise Misconfigured: If there is nothing at the URL, or we are not let in.
        :raise StoreUnavailable: If there is no such answer.
        """
        reply = await self._reply(question)
        if reply.status == NOT_FOUND:
            raise Misconfigured(self.key, "the server answered 404: no such path")
        return self._object(reply)

    async def page(self, question: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """
        Put a question to which 404 is an answer, and nothing is none.

        :return: ``None`` for 404.
        """
        reply = await self._reply(question)
        if reply.status == NOT_FOUND:
            return None
        return self._object(reply)

    async def find(self, question: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """
        Put a question to which 404, or nothing, is an answer.

        :return: ``None`` for that.
        """
        reply = await self._reply(question)
        if reply.status == NOT_FOUND or reply.document is None:
            return None
        return self._object(reply)

    async def _reply(self, question: Mapping[str, Any]) -> JsonReply:
        wanted = {NOT_FOUND, METHOD_NOT_ALLOWED, *REFUSED}
        try:
            reply = await self.client.post(
                self.url, question, wanted=wanted, is_repeatable=True
            )
        except Misconfigured:
            raise
        except StoreUnavailable as error:
            raise self.failed(str(error)) from error
        if reply.status in REFUSED:
            raise self._refused(reply.status)
        if reply.status == METHOD_NOT_ALLOWED:
            raise Misconfigured(self.key, "the server answered 405: it takes no POST")
        return reply

    def _refused(self, status: int) -> Misconfigured:
        if self.client.token is None:
            text = "it wants a token, a certificate or another address of ours"
            return Misconfigured(self.key, f"the server answered {status}: {text}")
        text = "it does not take our token, certificate or address"
        return Misconfigured("token", f"the server answered {status}: {text}")

    def _object(self, reply: JsonReply) -> Mapping[str, Any]:
        # A back end that has crashed may well answer 200, and nothing at all.
        if not reply.is_empty and wire.is_nothing(reply.document):
            return {}
        if not isinstance(reply.document, dict):
            raise self.failed("the answer is no JSON object")
        return reply.document

    def member(self, answer: Mapping[str, Any], name: str) -> Any:
        """
        What an answer says of what was asked for.

        :return: ``None`` for nothing, in whatever way that is said.
        :raise StoreUnavailable: If it says something else: it may tell of an error.
        """
        if answer and name not in answer:
            raise self.failed(f"the answer has no {name}")
        value = answer.get(name)
        return None if wire.is_nothing(value) else value

    def list_of(self, answer: Mapping[str, Any], name: str) -> Sequence[Any]:
        """The same where a list is wanted."""
        value = self.member(answer, name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.failed(f"the answer has no list called {name}")
        return value

    def failed(self, problem: str) -> StoreUnavailable:
        """
        Say what is wrong with an answer.

        :param problem: No secret and no address in it.
        """
        return StoreUnavailable(f"{self.key}: {problem}")

    def threepids(self, value: Any) -> frozenset[ThreePid]:
        """Read the legal 3PIDs of a list; anything else is an empty one."""
        read = [wire.threepid(each, self.addresses) for each in wire.items(value)]
        self.report(read.count(None))
        return frozenset(each for each in read if each is not None)

    def report(self, left_out: int) -> None:
        """Log that so many parts of an answer were of no use."""
        if left_out:
            log.warn(
                "{store}: {count} entries in an answer of {key} have an illegal user "
                "ID or 3PID, or lack a part; they are left out",
                store=self.store,
                count=left_out,
                key=self.key,
            )

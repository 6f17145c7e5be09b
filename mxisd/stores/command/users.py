"""What programs print -> users and 3PIDs."""

from collections.abc import Iterable

from attrs import frozen

from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import IllegalThreePid, ThreePid
from mxisd.stores.command.outputs import Nonsense, Owner, RawThreePid, Row

LOCALPART, MXID = "localpart", "mxid"


@frozen
class Users:
    """
    How users are called.

    :ivar domain: The server name of users known by localpart.
    :ivar addresses: How their addresses are spelled.
    """

    domain: str
    addresses: StoredAddresses

    def called(self, owner: Owner) -> UserId | None:
        """
        The user with an ID of some type.

        :return: ``None`` for an illegal one.
        :raise Nonsense: If there is no such type.
        """
        kind, value = owner
        if kind.lower() not in (LOCALPART, MXID):
            raise Nonsense("an ID whose type is neither localpart nor mxid")
        return self._legal(value.strip(), is_whole=kind.lower() == MXID)

    def shown(self, text: str) -> UserId | None:
        """The user with a localpart, or a whole user ID; ``None`` if it is illegal."""
        text = text.strip()
        return self._legal(text, is_whole=text.startswith("@"))

    def association(self, row: Row | None) -> tuple[ThreePid, UserId] | None:
        """A 3PID and its owner; ``None`` if anything is wrong with it."""
        if row is None:
            return None
        threepid = self.threepid(row[0])
        try:
            user_id = self.called(row[1])
        except Nonsense:
            return None
        return None if threepid is None or user_id is None else (threepid, user_id)

    def threepid(self, raw: RawThreePid | None) -> ThreePid | None:
        """A 3PID in canonical form; ``None`` if it is none."""
        if raw is None:
            return None
        try:
            return self.addresses.read(*raw)
        except IllegalThreePid:
            return None

    def threepids(
        self, raws: Iterable[RawThreePid | None]
    ) -> tuple[frozenset[ThreePid], int]:
        """Those that are 3PIDs, and the number of the others."""
        judged = [self.threepid(each) for each in raws]
        return frozenset(t for t in judged if t is not None), judged.count(None)

    def _legal(self, text: str, *, is_whole: bool) -> UserId | None:
        try:
            if not is_whole:
                return UserId.of(text, self.domain)
            historical = UserId.parse(text)
            return UserId.of(historical.localpart, historical.server_name)
        except IllegalIdentifier:
            return None

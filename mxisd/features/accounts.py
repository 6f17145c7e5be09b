"""
Accounts: users who proved with an OpenID token of their homeserver who they are.

Source: Identity Service API v1.19, "Authentication"; MSC2140.
"""

import hashlib
from collections.abc import Set

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import Forbidden, HomeserverUnavailable, InvalidParam, Unauthorized
from mxisd.features.limits import Limits
from mxisd.features.questions import Questions
from mxisd.model.identifiers import IllegalIdentifier, ServerName, UserId
from mxisd.model.requesters import Account, Origin, Stranger
from mxisd.model.secret import Secret
from mxisd.ports import AccountRecord, IAccountRecords, IHomeserver, IRandom, Warn

TOKEN_LENGTH = 43
TOKEN_MAX_LENGTH = 255
MAX_TOKENS = 100
"""Of one user: one for each device, and many that no device uses any more."""

NOT_TRUSTED = (
    "a user of {address} may not register: matrix.domain is {domain}. If {address} is "
    "your homeserver, matrix.domain has to be its server name, letter by letter; if it "
    "is another one that you trust, accountConfig.allowedHomeservers can have it"
)
NOT_ITS_OWN = (
    "a user of {address} may not register: whoever answers for it vouched for a user "
    "of {other}; matrix.domain is {domain}. If that is your homeserver, matrix.domain "
    "has to be {other}, its server name; or the well-known file of {address}, or "
    "dns.overwrite, leads to the wrong server"
)

log = Logger()


@frozen
class AccountPolicy:
    """
    Whose users may register.

    :ivar allowed: Server names; ``None`` for everybody.
    :ivar lifetime_ms: How long a token is good.
    :ivar domain: Our own, for the log.
    """

    allowed: Set[str] | None
    lifetime_ms: int
    domain: str

    def may_register(self, server_name: str) -> bool:
        """Whether users of this homeserver may register."""
        return self.allowed is None or server_name in self.allowed


class Accounts:
    """Registers users, knows them by their token, forgets them."""

    def __init__(
        self,
        policy: AccountPolicy,
        records: IAccountRecords,
        homeserver: IHomeserver,
        questions: Questions,
        random: IRandom,
        clock: IReactorTime,
        limits: Limits,
        warn: Warn,
    ) -> None:
        self._policy = policy
        self._records = records
        self._homeserver = homeserver
        self._questions = questions
        self._random = random
        self._clock = clock
        self._limits = limits
        self._warn = warn

    async def register(self, server_name: str, token: Secret, origin: Origin) -> Secret:
        """
        Trade a homeserver's OpenID token for an account token of ours.

        :param server_name: The homeserver that is to vouch for the user.
        :raise InvalidParam: If that is no server name.
        :raise Forbidden: If its users may not register here.
        :raise LimitExceeded: If the network, or the user, registers too often, or the
            network makes us ask too many homeservers at once.
        :raise HomeserverRejectedToken: If it does not know the token.
        :raise HomeserverUnavailable: If it could not be asked, or vouched for a user
            who is not its own.
        :raise Crowded: If everybody together does.
        """
        name = _parse_server_name(server_name)
        self._require_trust(server_name)
        self._limits.count_attempt_to_register(origin)
        with self._questions.about(name, Stranger(origin)):
            subject = await self._homeserver.openid_user(name, token)
        user_id = self._own_user(subject, name)
        self._limits.count_registration(Account(str(user_id), origin))
        account_token = Secret(self._random.alphanumeric(TOKEN_LENGTH))
        expires_ms = self._now_ms() + self._policy.lifetime_ms
        record = AccountRecord(_token_hash(account_token), user_id, expires_ms)
        await self._records.add_account(record, MAX_TOKENS)
        return account_token

    def authenticate(self, token: Secret) -> UserId:
        """
        Tell whose token this is.

        :raise Unauthorized: If it is nobody's, or has expired.
        """
        if len(token.value) > TOKEN_MAX_LENGTH:
            raise Unauthorized("Unknown access token.")
        record = self._records.account(_token_hash(token))
        if record is None:
            raise Unauthorized("Unknown access token.")
        if record.expires_ms <= self._now_ms():
            raise Unauthorized("The access token has expired; register again.")
        return record.user_id

    async def logout(self, token: Secret) -> None:
        """
        Forget a token; what its user accepted stays accepted.

        :raise Unauthorized: If it is nobody's.
        """
        if not await self._records.remove_account(_token_hash(token)):
            raise Unauthorized("Unknown access token.")

    async def purge(self) -> None:
        """Forget what has expired."""
        count = await self._records.purge_accounts(self._now_ms())
        log.debug("forgot {count} expired account tokens", count=count)

    def _require_trust(self, server_name: str) -> None:
        if not self._policy.may_register(server_name):
            # It is printable and not endless, since it is a server name.
            self._warn(NOT_TRUSTED, server_name, domain=self._policy.domain)
            raise Forbidden("Users of this homeserver may not register here.")

    def _own_user(self, subject: str, homeserver: ServerName) -> UserId:
        # Whoever runs a server could otherwise vouch for users of another.
        user_id = _parse_subject(subject)
        if user_id.server_name != str(homeserver):
            domain, other = self._policy.domain, user_id.server_name
            self._warn(NOT_ITS_OWN, str(homeserver), other=other, domain=domain)
            raise HomeserverUnavailable(
                "The homeserver vouched for a user of another homeserver."
            )
        return user_id

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)


def _parse_server_name(text: str) -> ServerName:
    try:
        return ServerName.parse(text)
    except IllegalIdentifier as error:
        raise InvalidParam("matrix_server_name is not a server name.") from error


def _parse_subject(subject: str) -> UserId:
    try:
        return UserId.parse(subject)
    except IllegalIdentifier as error:
        raise HomeserverUnavailable(
            "The homeserver's answer names no Matrix user."
        ) from error


def _token_hash(token: Secret) -> bytes:
    return hashlib.sha256(token.value.encode("utf-8", "surrogatepass")).digest()

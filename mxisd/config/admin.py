"""Settings of the operator's door; see :mod:`mxisd.config.sections`."""

from attrs import frozen

from mxisd.model.requesters import Network
from mxisd.model.secret import Secret
from mxisd.model.settings import networks, option

TOKEN_LEAST = 16


def _token(value: Secret | None) -> None:
    if value is None:
        return
    text = value.value
    if len(text) < TOKEN_LEAST or not (text.isascii() and text.isprintable()):
        raise ValueError(
            f"must be at least {TOKEN_LEAST} ASCII characters, such as what "
            "openssl rand -hex 32 prints"
        )
    if " " in text:
        raise ValueError("must not hold blanks")


@frozen(kw_only=True)
class AdminSection:
    """The operator's door: the admin API, and the commands of ``mxisd`` that use it."""

    token: Secret | None = option(
        "What operators show to be let in; without one there is no admin API.",
        None,
        check=_token,
    )
    allowed_cidr: tuple[Network, ...] = option(
        "Networks from which they are let in.", networks("127.0.0.0/8", "::1/128")
    )


@frozen(kw_only=True)
class InternalSection:
    """ma1sd's internal API."""

    enabled: bool = option(
        "Whether ``GET /_ma1sd/internal/admin/inv_manager`` looks up pending invites, "
        "as in ma1sd; it needs ``admin.token``.",
        False,
    )

"""The configuration of limits: how much people may ask for, and be sent."""

from typing import Any

from attrs import frozen

from mxisd.config.checks import positive
from mxisd.model.requesters import Network
from mxisd.model.settings import Duration, option


def _burst(count: int, what: str) -> Any:
    return option(f"{what}: how many at once.", count, check=positive)


def _every(seconds: int) -> Any:
    meaning = "The time after which there is one more."
    return option(meaning, Duration(seconds), check=positive)


@frozen(kw_only=True)
class AccountLimitSection:
    """Messages that one account asks for."""

    burst: int = _burst(10, "Messages that one account asks for")
    every: Duration = _every(120)


@frozen(kw_only=True)
class TextLimitSection:
    """Text messages that one account asks for."""

    burst: int = _burst(5, "Text messages that one account asks for")
    every: Duration = _every(3600)


@frozen(kw_only=True)
class NetworkLimitSection:
    """Messages that one network asks for: an IPv4 address, or a /64 of IPv6."""

    burst: int = _burst(
        60,
        "Messages that one network asks for (an IPv4 address, or a /64 of IPv6; four "
        "times as many for a /48)",
    )
    every: Duration = _every(10)
    exempt: tuple[Network, ...] = option(
        "Networks without this limit, nor that of registrations, such as a "
        "homeserver's that asks for all of its users.",
        (),
    )


@frozen(kw_only=True)
class EmailLimitSection:
    """Messages to one e-mail address."""

    burst: int = _burst(
        5,
        "Messages to one e-mail address that one account asks for (four times as many "
        "for all of its homeserver together)",
    )
    every: Duration = _every(300)


@frozen(kw_only=True)
class PhoneLimitSection:
    """Messages to one phone number."""

    burst: int = _burst(
        5,
        "Messages to one phone number that one account asks for (four times as many "
        "for all of its homeserver together)",
    )
    every: Duration = _every(3600)


@frozen(kw_only=True)
class CountryLimitSection:
    """Messages to the phones of one country."""

    burst: int = _burst(
        50, "Messages to the phones of one country that one homeserver asks for"
    )
    every: Duration = _every(120)


def _lookups(value: int) -> None:
    if value < 0:
        raise ValueError("a number of addresses, or 0 for no limit")


@frozen(kw_only=True)
class LookupLimitSection:
    """Lookups of v2, counted in addresses."""

    per_account: int = option(
        "Addresses that one account may look up at once, and again in each hour; 0 for "
        "no limit. v1 lookups, which have no account, are not counted.",
        100_000,
        check=_lookups,
    )


@frozen(kw_only=True)
class UserRegistrationSection:
    """Account tokens that one user is given."""

    burst: int = _burst(20, "Account tokens that one user is given")
    every: Duration = _every(60)


@frozen(kw_only=True)
class NetworkRegistrationSection:
    """Attempts of one network to register."""

    burst: int = _burst(
        300, "Attempts of one network to register (four times as many of a /48 of IPv6)"
    )
    every: Duration = _every(2)


@frozen(kw_only=True)
class RegistrationLimitSection:
    """Registrations; ``limits.network.exempt`` counts here, too."""

    account: UserRegistrationSection = option("By user.", UserRegistrationSection)
    network: NetworkRegistrationSection = option(
        "By network.", NetworkRegistrationSection
    )


@frozen(kw_only=True)
class LimitsSection:
    """How much people may ask for, and be sent."""

    enabled: bool = option("Whether there are limits.", True)
    account: AccountLimitSection = option("By account.", AccountLimitSection)
    texts: TextLimitSection = option("Text messages by account.", TextLimitSection)
    network: NetworkLimitSection = option("By network.", NetworkLimitSection)
    email: EmailLimitSection = option("By e-mail address.", EmailLimitSection)
    phone: PhoneLimitSection = option("By phone number.", PhoneLimitSection)
    country: CountryLimitSection = option("By country.", CountryLimitSection)
    lookup: LookupLimitSection = option("Lookups.", LookupLimitSection)
    registration: RegistrationLimitSection = option(
        "Registrations.", RegistrationLimitSection
    )

"""The configuration of validation sessions: policies, pages, limits."""

from typing import Any

from attrs import frozen

from mxisd.config.checks import positive
from mxisd.model.destinations import countries
from mxisd.model.requesters import Network
from mxisd.model.settings import Duration, option


def _countries(value: tuple[str, ...] | None) -> None:
    for each in value or ():
        if each not in countries():
            raise ValueError(
                f"{each} is no country: use ISO codes such as DE, or 001 for numbers "
                "of no country"
            )


def _hosts(value: tuple[str, ...] | None) -> None:
    for each in value or ():
        if not each or set(each) & set("/:@?# "):
            raise ValueError("a list of host names such as app.example.org")


@frozen(kw_only=True)
class ValidationPolicySection:
    """Who can prove which addresses."""

    enabled: bool = option("Whether addresses are validated at all.", True)
    allowed_countries: tuple[str, ...] | None = option(
        "Countries whose phones are sent messages, as ISO codes such as ``DE``.",
        None,
        default_note="all",
        check=_countries,
    )
    denied_countries: tuple[str, ...] = option(
        "Countries whose phones are never sent messages.", (), check=_countries
    )
    next_link_hosts: tuple[str, ...] | None = option(
        "Hosts to which people may be led on once their address is proved; where "
        "``next_link`` is elsewhere, they see our page.",
        None,
        default_note="all",
        check=_hosts,
    )


@frozen(kw_only=True)
class UnbindPolicySection:
    """Taking an association back."""

    enabled: bool = option("Whether users and homeservers may unbind.", True)
    notifications: bool = option(
        "Whether the owner of an address is told that it was unbound.", True
    )


@frozen(kw_only=True)
class SessionPolicySection:
    """What may be done with sessions."""

    validation: ValidationPolicySection = option(
        "Proving an address.", ValidationPolicySection
    )
    unbind: UnbindPolicySection = option("Unbinding.", UnbindPolicySection)


@frozen(kw_only=True)
class SessionSection:
    """Validation sessions."""

    policy: SessionPolicySection = option("Policies.", SessionPolicySection)


@frozen(kw_only=True)
class OnTokenSubmitSection:
    """The pages for people who open the link in a message."""

    success: str | None = option(
        "An HTML file, shown as it is when the address is proved.",
        None,
        default_note="a built-in page in the reader's language",
    )
    failure: str | None = option(
        "An HTML file, shown as it is when that failed.",
        None,
        default_note="a built-in page in the reader's language",
    )
    confirm: bool = option(
        "Whether people have to press a button first. Programs that look into mails "
        "open links, and so prove addresses for whoever asked.",
        False,
    )


@frozen(kw_only=True)
class SessionViewSection:
    """The pages of sessions."""

    on_token_submit: OnTokenSubmitSection = option(
        "The link in a message.", OnTokenSubmitSection
    )


@frozen(kw_only=True)
class ViewSection:
    """Pages for people."""

    session: SessionViewSection = option("Sessions.", SessionViewSection)


def _burst(count: int) -> Any:
    return option("How many at once.", count, check=positive)


def _every(seconds: int) -> Any:
    meaning = "The time after which there is one more."
    return option(meaning, Duration(seconds), check=positive)


@frozen(kw_only=True)
class AccountLimitSection:
    """Messages that one account asks for."""

    burst: int = _burst(10)
    every: Duration = _every(120)


@frozen(kw_only=True)
class NetworkLimitSection:
    """Messages that one network asks for: an IPv4 address, or a /64 of IPv6."""

    burst: int = _burst(60)
    every: Duration = _every(10)
    exempt: tuple[Network, ...] = option(
        "Networks without this limit, such as a homeserver's that asks for all of its "
        "users.",
        (),
    )


@frozen(kw_only=True)
class EmailLimitSection:
    """Messages to one e-mail address."""

    burst: int = _burst(5)
    every: Duration = _every(300)


@frozen(kw_only=True)
class PhoneLimitSection:
    """Messages to one phone number."""

    burst: int = _burst(5)
    every: Duration = _every(3600)


@frozen(kw_only=True)
class CountryLimitSection:
    """Messages to the phones of one country."""

    burst: int = _burst(50)
    every: Duration = _every(60)


@frozen(kw_only=True)
class LimitsSection:
    """How many messages are sent."""

    enabled: bool = option("Whether there are limits.", True)
    account: AccountLimitSection = option("By account.", AccountLimitSection)
    network: NetworkLimitSection = option("By network.", NetworkLimitSection)
    email: EmailLimitSection = option("By e-mail address.", EmailLimitSection)
    phone: PhoneLimitSection = option("By phone number.", PhoneLimitSection)
    country: CountryLimitSection = option("By country.", CountryLimitSection)

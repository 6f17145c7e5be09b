"""The configuration of validation sessions: policies, pages, limits."""

from attrs import frozen

from mxisd.model.destinations import countries
from mxisd.model.requesters import Network
from mxisd.model.settings import Duration, option


def _positive(value: float) -> None:
    if value <= 0:
        raise ValueError("must be more than 0")


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


@frozen(kw_only=True)
class AccountLimitSection:
    """Messages that one account asks for."""

    burst: int = option("How many at once.", 10, check=_positive)
    every: Duration = option(
        "The time after which there is one more.", Duration(120), check=_positive
    )


@frozen(kw_only=True)
class NetworkLimitSection:
    """Messages that one network asks for: an IPv4 address, or a /64 of IPv6."""

    burst: int = option("How many at once.", 60, check=_positive)
    every: Duration = option(
        "The time after which there is one more.", Duration(10), check=_positive
    )
    exempt: tuple[Network, ...] = option(
        "Networks without this limit, such as a homeserver's that asks for all of its "
        "users.",
        (),
    )


@frozen(kw_only=True)
class EmailLimitSection:
    """Messages to one e-mail address."""

    burst: int = option("How many at once.", 5, check=_positive)
    every: Duration = option(
        "The time after which there is one more.", Duration(300), check=_positive
    )


@frozen(kw_only=True)
class PhoneLimitSection:
    """Messages to one phone number."""

    burst: int = option("How many at once.", 5, check=_positive)
    every: Duration = option(
        "The time after which there is one more.", Duration(3600), check=_positive
    )


@frozen(kw_only=True)
class CountryLimitSection:
    """Messages to the phones of one country."""

    burst: int = option("How many at once.", 50, check=_positive)
    every: Duration = option(
        "The time after which there is one more.", Duration(60), check=_positive
    )


@frozen(kw_only=True)
class LimitsSection:
    """How many messages are sent."""

    enabled: bool = option("Whether there are limits.", True)
    account: AccountLimitSection = option("By account.", AccountLimitSection)
    network: NetworkLimitSection = option("By network.", NetworkLimitSection)
    email: EmailLimitSection = option("By e-mail address.", EmailLimitSection)
    phone: PhoneLimitSection = option("By phone number.", PhoneLimitSection)
    country: CountryLimitSection = option("By country.", CountryLimitSection)

"""The configuration of validation sessions: policies, pages."""

from attrs import frozen

from mxisd.model.destinations import countries
from mxisd.model.settings import option


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

    enabled: bool = option(
        "Whether users and homeservers may unbind. Otherwise, they are told that there "
        "is no such thing here (404), and homeservers go on without.",
        True,
    )
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

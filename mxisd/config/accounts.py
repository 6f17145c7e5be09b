"""The configuration of accounts, and of the terms that their owners accept."""

import re
from collections.abc import Mapping

from attrs import frozen

from mxisd.config.checks import filled, positive
from mxisd.model.settings import Duration, option


def _regexps(value: tuple[str, ...]) -> None:
    for text in value:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error


@frozen(kw_only=True)
class AccountSection:
    """Who may have an account here, and for how long."""

    allow_only_trust_domains: bool = option(
        "Whether only users of ``matrix.domain`` may register.", True
    )
    allowed_homeservers: tuple[str, ...] = option(
        "Server names whose users may register besides; needs "
        "``allowOnlyTrustDomains: false`` to have any effect; empty: all.",
        (),
    )
    token_lifetime: Duration = option(
        "How long an account token is good.", Duration(7 * 86400), check=positive
    )


@frozen(kw_only=True)
class TermsDocumentSection:
    """A policy in one language."""

    name: str = option("Its title.")
    url: str = option("Where it can be read; a changed document needs a new URL.")


@frozen(kw_only=True)
class PolicySection:
    """One policy."""

    version: str = option("Its version.")
    terms: Mapping[str, TermsDocumentSection] = option(
        "Its documents, by language code.", check=filled
    )
    regexp: tuple[str, ...] = option(
        "Paths that need it, as regular expressions; empty: all that need a login.",
        (),
        check=_regexps,
    )


@frozen(kw_only=True)
class TermsSection:
    """Terms of service."""

    policies: Mapping[str, PolicySection] = option("Policies by ID.", dict)

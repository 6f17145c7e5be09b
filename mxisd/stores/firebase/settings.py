"""The keys of a Firebase store, under the names that mxisd gave them, and new ones."""

import re
from urllib.parse import urlsplit

from attrs import frozen

from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option

_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,62}")


def _url(value: str) -> None:
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if value and (not has_host or parts.scheme not in ("http", "https")):
        raise ValueError("must be a URL: https://…")


def _project(value: str) -> None:
    if value and _PROJECT.fullmatch(value) is None:
        raise ValueError("is no project ID: small letters, digits and dashes")


def _positive(value: float) -> None:
    if value <= 0:
        raise ValueError("must be more than 0")


@frozen(kw_only=True)
class DirectorySettings:
    """The user directory, made from a list of the accounts."""

    enabled: bool = option("Whether people are found in the user directory.", True)
    refresh: Duration = option(
        "How old the list may be before it is read anew.",
        Duration(300),
        check=_positive,
    )
    limit: int = option(
        "How many accounts are kept in memory; 10000 take about 5 MB.",
        50_000,
        check=_positive,
    )


@frozen(kw_only=True)
class ProfileSettings:
    """Profiles."""

    role_claim: str = option(
        "The custom claim with the roles: a list of texts, or keys that are ``true``.",
        "roles",
    )


@frozen(kw_only=True)
class EndpointSettings:
    """Where Google is asked."""

    accounts: str = option(
        "The Identity Toolkit API.",
        "https://identitytoolkit.googleapis.com/v1",
        check=_url,
    )
    certificates: str = option(
        "The certificates by which ID tokens are signed.",
        "https://www.googleapis.com/robot/v1/metadata/x509/"
        "securetoken@system.gserviceaccount.com",
        check=_url,
    )
    token: str = option(
        "Where access tokens are given.",
        "",
        default_note="the ``token_uri`` of the credentials",
        check=_url,
    )


@frozen(kw_only=True)
class FirebaseSettings:
    """The accounts of a Firebase project."""

    credentials: str = option(
        "The key file of a service account.",
        "",
        default_note="the file that the environment variable "
        "``GOOGLE_APPLICATION_CREDENTIALS`` names",
    )
    database: str = option(
        "Nothing is read from the database; mxisd wanted its URL.", ""
    )
    project: str = option(
        "The project's ID.",
        "",
        default_note="that of the credentials",
        check=_project,
    )
    access_token: Secret | None = option(
        "A fixed access token instead of credentials; the emulator takes ``owner``.",
        None,
    )
    only_verified: bool = option(
        "Whether an e-mail address leads to its account only if Firebase has "
        "verified it.",
        True,
    )
    hash_enabled: bool = option("Whether people are found by hash.", True)
    directory: DirectorySettings = option("User directory.", DirectorySettings)
    profile: ProfileSettings = option("Profiles.", ProfileSettings)
    endpoints: EndpointSettings = option("Google.", EndpointSettings)

"""The keys of a REST store, under the names that mxisd gave them."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

from attrs import evolve, frozen

from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import ISection
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option

V1 = "/_mxisd/backend/api/v1"
ASSOCIATIONS = f"{V1}/identity/associations"

LONGEST = 30.0
"""Seconds: what the server allows any store's HTTP request."""

_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\]")
_TOKEN = re.compile(r"[\x21-\x7e]+")


def _timeout(value: float) -> None:
    if not 0 < value <= LONGEST:
        raise ValueError(f"must be more than 0, and {LONGEST:g} seconds at most")


def _token(value: Secret | None) -> None:
    if value is not None and _TOKEN.fullmatch(value.value) is None:
        raise ValueError("a token is made of ASCII letters, digits and signs")


@frozen(kw_only=True)
class IdentityEndpoints:
    """Lookups."""

    single: str = option(
        "Finds one 3PID; asked only where ``bulk`` is off.", f"{V1}/identity/single"
    )
    bulk: str = option("Finds many 3PIDs.", f"{V1}/identity/bulk")


@frozen(kw_only=True)
class ProfileEndpoints:
    """Profiles."""

    display_name: str = option("Tells a user's name.", f"{V1}/profile/displayName")
    threepids: str = option("Tells a user's 3PIDs.", f"{V1}/profile/threepids")
    roles: str = option("Tells a user's roles.", f"{V1}/profile/roles")


@frozen(kw_only=True)
class EndpointSettings:
    """
    The paths, beginning with ``/`` and appended to ``host``, or whole URLs.

    An empty text switches off what the endpoint is for.
    """

    auth: str = option("Checks a password.", f"{V1}/auth/login")
    directory: str = option("Searches people.", f"{V1}/directory/user/search")
    identity: IdentityEndpoints = option("Lookups.", IdentityEndpoints)
    associations: str | None = option(
        "Lists everybody, so that they are found by hash.",
        None,
        default_note=f"``{ASSOCIATIONS}`` if ``host`` is written and has such a path",
    )
    profile: ProfileEndpoints = option("Profiles.", ProfileEndpoints)


@frozen(kw_only=True)
class RestSettings:
    """A web application that speaks mxisd's format."""

    host: str = option(
        "The URL in front of the paths, such as ``https://people.example.org``.",
        "",
        default_note="none; needed unless each endpoint is a whole URL",
    )
    endpoints: EndpointSettings = option("Where to ask what.", EndpointSettings)
    token: Secret | None = option(
        "Sent with each request, as ``Authorization: Bearer``.", None, check=_token
    )
    ca_file: str | None = option(
        "PEM file of the authorities that may certify the server.",
        None,
        default_note="those of the system and of ``outbound.caFile``",
    )
    certificate_file: str | None = option(
        "PEM file of our own certificate, for servers that want one.", None
    )
    key_file: str | None = option("PEM file of its key, unencrypted.", None)
    timeout: Duration = option(
        "How long one answer may take, 30 seconds at most.",
        Duration(10),
        check=_timeout,
    )

    @property
    def associations_url(self) -> str:
        """The URL to list everybody; empty if there is none."""
        written = self.endpoints.associations
        if written is not None:
            return written
        return self.host + ASSOCIATIONS if self.host else ""

    @property
    def urls(self) -> tuple[str, ...]:
        """Every URL that is in use."""
        paths = (*_written(self.endpoints).values(), self.associations_url)
        return tuple(filter(None, paths))


def judged(section: ISection) -> RestSettings:
    """
    Judge the section; the paths become whole URLs.

    :raise ConfigError: With every URL that is none, and what else does not fit.
    """
    settings = section.read(RestSettings)
    settings = evolve(settings, host=settings.host.strip().rstrip("/"))
    problems = [*_host_problems(settings), *_file_problems(settings)]
    if not problems:
        settings = _completed(settings)
        problems.extend(_url_problems(settings))
    if problems:
        raise ConfigError(problems)
    return settings


def _written(endpoints: EndpointSettings) -> dict[str, str]:
    """The values by key."""
    identity, profile = endpoints.identity, endpoints.profile
    return {
        "endpoints.auth": endpoints.auth,
        "endpoints.directory": endpoints.directory,
        "endpoints.identity.single": identity.single,
        "endpoints.identity.bulk": identity.bulk,
        "endpoints.associations": endpoints.associations or "",
        "endpoints.profile.displayName": profile.display_name,
        "endpoints.profile.threepids": profile.threepids,
        "endpoints.profile.roles": profile.roles,
    }


def _completed(settings: RestSettings) -> RestSettings:
    whole: Callable[[str], str] = partial(_whole, settings.host)
    endpoints = settings.endpoints
    identity, profile = endpoints.identity, endpoints.profile
    listing = endpoints.associations
    return evolve(
        settings,
        endpoints=evolve(
            endpoints,
            auth=whole(endpoints.auth),
            directory=whole(endpoints.directory),
            identity=evolve(
                identity, single=whole(identity.single), bulk=whole(identity.bulk)
            ),
            associations=None if listing is None else whole(listing),
            profile=evolve(
                profile,
                display_name=whole(profile.display_name),
                threepids=whole(profile.threepids),
                roles=whole(profile.roles),
            ),
        ),
    )


def _whole(host: str, value: str) -> str:
    value = value.strip()
    return host + value if value.startswith("/") else value


# --- What does not fit ----------------------------------------------------------------


def _host_problems(settings: RestSettings) -> Iterator[Problem]:
    values = _written(settings.endpoints)
    paths = [key for key, value in values.items() if value.strip().startswith("/")]
    if settings.host:
        if problem := _url_problem(settings.host):
            yield Problem("host", problem)
    elif paths:
        others = f" and {len(paths) - 1} others" if len(paths) > 1 else ""
        yield Problem("host", f"is required: {paths[0]}{others} is only a path")


def _url_problems(settings: RestSettings) -> Iterator[Problem]:
    for key, value in _written(settings.endpoints).items():
        if value and (problem := _url_problem(value)):
            yield Problem(key, problem)


def _url_problem(value: str) -> str:
    """What is wrong with a URL; empty if nothing is."""
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_whole = is_whole and parts.port != 0
    except ValueError:
        is_whole = False
    if _NOT_IN_URLS.search(value) or not is_whole:
        return "is no URL, such as https://people.example.org"
    if ":" in (parts.hostname or ""):
        # treq takes an IPv6 address for a name, and finds it an illegal one.
        return "must not hold an IPv6 address: write a name that leads there"
    if "@" in parts.netloc:
        return "must not hold a user name: write a token"
    return "must not have a # in it" if "#" in value else ""


def _file_problems(settings: RestSettings) -> Iterator[Problem]:
    if settings.certificate_file and not settings.key_file:
        yield Problem("keyFile", "is required with certificateFile")
    if settings.key_file and not settings.certificate_file:
        yield Problem("certificateFile", "is required with keyFile")

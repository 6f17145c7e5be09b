"""Which server a command asks, and with which token."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mxisd import __version__
from mxisd.config.sections import Config
from mxisd.console.client import AdminClient, CommandFailed
from mxisd.drivers.http import http_clients
from mxisd.errors import ConfigError
from mxisd.model.requesters import OURSELVES
from mxisd.model.secret import Secret

TOKEN_VARIABLE = "MXISD_ADMIN_TOKEN"  # noqa: S105
ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def admin_client(
    config: Config | None, url: str | None, token: Secret | None, reactor: Any
) -> AdminClient:
    """
    Make a client.

    :param config: Of the server, if that is known.
    :param url: Where it is, if not where the configuration says.
    :param token: The token, if not that of the configuration.
    :raise CommandFailed: If something is missing, or not safe.
    """
    place = (url or _own_url(config)).rstrip("/")
    _require_safe(place)
    return AdminClient(_http(config, reactor), place, token or _own_token(config))


def _own_url(config: Config | None) -> str:
    if config is None:
        raise CommandFailed("name the server: --url, or its configuration with -c")
    host = ANY_ADDRESS.get(config.server.hostname, config.server.hostname)
    return f"http://{f'[{host}]' if ':' in host else host}:{config.server.port}"


def _own_token(config: Config | None) -> Secret:
    found = None if config is None else config.admin.token
    if found is None:
        raise CommandFailed(
            f"there is no token: set admin.token in the configuration, or "
            f"{TOKEN_VARIABLE} in the environment"
        )
    return found


def _require_safe(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_url = False
    if not is_url:
        raise CommandFailed("--url: must be a URL such as https://id.example.org")
    if parts.scheme == "http" and parts.hostname not in OURSELVES:
        raise CommandFailed(
            "the token would go through the network in the clear: use --url https://…"
        )


def _http(config: Config | None, reactor: Any) -> Any:
    ca_file = None if config is None else config.outbound.ca_file
    try:
        made = http_clients(
            reactor,
            user_agent=f"mxisd/{__version__}",
            ca_file=Path(ca_file) if ca_file else None,
        )
    except ConfigError as error:
        raise CommandFailed(str(error)) from error
    return made.configured

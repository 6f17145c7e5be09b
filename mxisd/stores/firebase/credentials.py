"""The key file of a service account."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mxisd.errors import ConfigError
from mxisd.model.secret import Secret

VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
"""The environment variable that Google's own libraries read."""

_FIELDS = ("project_id", "client_email", "private_key_id", "private_key", "token_uri")


@frozen
class ServiceAccount:
    """
    Who we are at Google.

    :ivar token_uri: Where this account gets its access tokens.
    """

    project: str
    email: str
    key_id: str
    private_key: Secret
    token_uri: str


def file_name(configured: str, environment: Mapping[str, str]) -> str:
    """
    Choose the file.

    :param configured: What the configuration says; empty: what the environment says.
    :raise ConfigError: If neither says anything.
    """
    name = configured.strip() or environment.get(VARIABLE, "").strip()
    if not name:
        raise ConfigError.at(
            "credentials", f"is required: a key file; or set {VARIABLE} to its name"
        )
    return name


def read(name: str) -> ServiceAccount:
    """
    Read a key file.

    :raise ConfigError: If it cannot be read, or is something else.
    """
    try:
        with open(name, encoding="utf-8") as file:
            content = json.load(file)
    except OSError as error:
        problem = f"cannot read {name}: {error.strerror}"
        raise ConfigError.at("credentials", problem) from error
    except (ValueError, RecursionError):
        # Without the cause: its message may quote the key.
        raise ConfigError.at("credentials", f"{name} is not JSON") from None
    return _account(content, name)


def _account(content: Any, name: str) -> ServiceAccount:
    kind = content.get("type") if isinstance(content, dict) else None
    if kind != "service_account":
        raise ConfigError.at(
            "credentials",
            f"{name} is no key of a service account: make one in the Firebase console, "
            "Project settings, Service accounts",
        )
    values = [content.get(field) for field in _FIELDS]
    for field, value in zip(_FIELDS, values, strict=True):
        if not isinstance(value, str) or not value:
            raise ConfigError.at("credentials", f"{name} has no {field}")
    project, email, key_id, private_key, token_uri = values
    return ServiceAccount(project, email, key_id, Secret(private_key), token_uri)

"""Settings -> store."""

import os
from collections.abc import Mapping

from twisted.python.reflect import namedModule

from mxisd.errors import ConfigError
from mxisd.interfaces import ISection, Store, Tools
from mxisd.stores.firebase.settings import FirebaseSettings


def parse(section: ISection) -> FirebaseSettings:
    """
    Judge the section.

    :raise ConfigError: Also for keys that need each other.
    """
    settings = section.read(FirebaseSettings)
    if settings.access_token is not None and not settings.project:
        raise ConfigError.at("project", "is required with accessToken")
    return settings


def build(
    settings: FirebaseSettings,
    tools: Tools,
    *,
    environment: Mapping[str, str] = os.environ,
    library: str = "jwt",
) -> Store:
    """
    Make the store; Google is asked at the first question.

    :param environment: Where the name of the credentials may be.
    :param library: What must be installed.
    :raise ConfigError: If the credentials cannot be read, or PyJWT is missing.
    """
    try:
        namedModule(library)
    except ImportError as error:
        raise ConfigError.at(
            "credentials", "Firebase needs PyJWT: pip install 'mxisd[firebase]'"
        ) from error
    from mxisd.stores.firebase.assembly import assembled  # noqa: PLC0415

    return assembled(settings, tools, environment)

"""The operator's own pages."""

from pathlib import Path

from mxisd.config.sections import Config
from mxisd.errors import ConfigError, Problem
from mxisd.web.pages import OwnPages

BUILT_IN = "classpath:"
"""What mxisd's own pages begin with in old configurations."""


def own_pages(config: Config) -> OwnPages:
    """
    Read them.

    :raise ConfigError: With each that cannot be read.
    """
    section = config.view.session.on_token_submit
    paths = {"success": section.success, "failure": section.failure}
    found, problems = {}, []
    for key, path in paths.items():
        try:
            found[key] = _page(path)
        except (OSError, ValueError) as error:
            place = f"view.session.onTokenSubmit.{key}"
            problems.append(Problem(place, f"{path}: cannot be read: {_reason(error)}"))
    if problems:
        raise ConfigError(problems)
    return OwnPages(**found)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _page(path: str | None) -> bytes | None:
    if not path or path.startswith(BUILT_IN):
        return None
    return Path(path).read_bytes()

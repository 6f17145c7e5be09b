"""The keys of a WordPress store, under the names that mxisd gave them."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from attrs import frozen

from mxisd.drivers.sql.address import DatabaseAddress, Engine, parse_connection
from mxisd.drivers.sql.statements import marks
from mxisd.errors import ConfigError, Problem
from mxisd.interfaces import ISection
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option

_PREFIX = re.compile(r"[A-Za-z0-9_]{0,40}")


def _base(value: str) -> None:
    try:
        parts = urlsplit(value)
        is_url = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        is_url = False
    if not is_url or parts.scheme not in ("http", "https") or parts.query:
        raise ValueError("must be a URL: https://blog.example.org")


def _prefix(value: str) -> None:
    if _PREFIX.fullmatch(value) is None:
        raise ValueError("has up to 40 letters, digits and underscores")


def _positive(value: float) -> None:
    if value <= 0:
        raise ValueError("must be more than 0")


@frozen(kw_only=True)
class CredentialSettings:
    """An account of WordPress; mxisd never used it."""

    username: str = option("Not used, as in mxisd.", "")
    password: Secret | None = option("Not used, as in mxisd.", None)


@frozen(kw_only=True)
class RestSettings:
    """The site."""

    base: str = option("The URL of the site; ``/wp-json`` is added to it.", check=_base)
    credential: CredentialSettings = option("Not used.", CredentialSettings)

    @property
    def api(self) -> str:
        """The URL of the plugin's API."""
        site = self.base.rstrip("/").removesuffix("/wp-json")
        return f"{site}/wp-json/jwt-auth/v1"


@frozen(kw_only=True)
class DirectoryQuerySettings:
    """Searches."""

    name: str = option(
        "A query of your own for searches by name; its columns are login and display "
        "name, and each ``?`` is ``%term%``.",
        "",
        default_note="display name, login, nickname, first and last name",
    )
    threepid: str = option(
        "The same for searches by address.", "", default_note="the e-mail address"
    )


@frozen(kw_only=True)
class QuerySettings:
    """Queries of your own; ``%TABLE_PREFIX%`` is replaced in them."""

    threepid: Mapping[str, str] = option(
        "Queries by medium with ``?`` for the address, and a column ``uid`` with the "
        "login; or ``IN (??)`` for many addresses, and a column ``address`` too.",
        dict,
        default_note="``email`` only, from the table of users",
    )
    directory: DirectoryQuerySettings = option("Searches.", DirectoryQuerySettings)
    profile: str = option(
        "A query for more 3PIDs of a user, with ``?`` for the login, and columns "
        "``medium`` and ``address``.",
        "",
    )
    lookup: str = option(
        "A query for the list of everybody, with columns ``uid``, ``medium`` and "
        "``address``.",
        "",
        default_note="the e-mail addresses of all users",
    )


@frozen(kw_only=True)
class SqlSettings:
    """The site's database."""

    type: Engine = option("The kind of database.", Engine.MYSQL)
    connection: Secret | None = option(
        "``//host:port/database?user=…&password=…``, URL-encoded; without it there are "
        "logins only.",
        None,
    )
    table_prefix: str = option(
        "What the tables' names begin with.", "wp_", check=_prefix
    )
    timeout: Duration = option(
        "How long a connection, and each answer, may take.",
        Duration(5),
        check=_positive,
    )
    query: QuerySettings = option("Queries.", QuerySettings)

    @property
    def address(self) -> DatabaseAddress | None:
        """
        The database, if there is one.

        :raise ConfigError: If its address is no good.
        """
        if not self.connection:
            return None
        try:
            return parse_connection(
                self.type, self.connection.value, timeout=float(self.timeout)
            )
        except ValueError as error:
            raise ConfigError.at("sql.connection", str(error)) from error


@frozen(kw_only=True)
class WordPressSettings:
    """The users of a WordPress site."""

    rest: RestSettings = option("The site.")
    sql: SqlSettings = option("The site's database.", SqlSettings)
    hash_enabled: bool = option("Whether people are found by hash.", True)


def parse(section: ISection) -> WordPressSettings:
    """
    Judge the section.

    :raise ConfigError: Also for queries without a place for the value.
    """
    settings = section.read(WordPressSettings)
    _ = settings.sql.address
    query, engine = settings.sql.query, settings.sql.type
    own = {f"threepid.{medium}": text for medium, text in query.threepid.items()}
    own["profile"] = query.profile
    problems = [
        Problem(f"sql.query.{key}", "must have ? or IN (??) where the value goes")
        for key, text in own.items()
        if text.strip() and len(set(marks(engine, text))) != 1
    ]
    if query.lookup.strip() and marks(engine, query.lookup):
        problems.append(Problem("sql.query.lookup", "must have no ?"))
    if problems:
        raise ConfigError(problems)
    return settings

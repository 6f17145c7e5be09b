# ruff: noqa: S608 -- the texts are put together from texts of ours
"""
What Synapse's database is asked, for the schema of Synapse 1.109 and later.

``users`` has everybody; ``profiles`` their names; ``user_threepids`` the 3PIDs of their
accounts; ``user_threepid_id_server`` those that they had published at an identity
server. Tables grow columns, and rarely lose any: nothing is asked for but what is here.
"""

from attrs import frozen

from mxisd.drivers.sql.address import Engine

_PERSON = """users.is_guest = 0
  AND users.deactivated = 0
  AND NOT users.locked
  AND users.appservice_id IS NULL
  AND COALESCE(users.user_type, '') NOT IN ('bot', 'support')"""

# An address that several users had published is that of the one who still has it.
_PUBLISHED = """JOIN users ON users.name = known.user_id
  LEFT JOIN user_threepids AS own ON own.user_id = known.user_id
    AND own.medium = known.medium AND own.address = LOWER(known.address)"""
_PUBLISHED_ORDER = "own.user_id IS NULL, users.creation_ts, users.name"
_OWNED = "JOIN users ON users.name = known.user_id"
_OWNED_ORDER = "users.name"
_NAMED = "LEFT JOIN profiles ON profiles.full_user_id = users.name"

_MATCHES = {Engine.SQLITE: "GLOB", Engine.POSTGRESQL: "~"}

ENGINES = tuple(_MATCHES)
"""What Synapse can have as its database."""


@frozen
class SynapseQueries:
    """
    The queries for a database.

    :ivar consented: Whether 3PIDs count that were published, or all of an account.
    """

    engine: Engine
    consented: bool

    @property
    def lookup(self) -> str:
        """A medium and a list of lower-case addresses -> user ID and address."""
        # Synapse folds the addresses of accounts; those that were published are as the
        # identity server wrote them, and have no index that this would keep from use.
        return self._lookup("LOWER(address)" if self.consented else "address")

    @property
    def phone_lookup(self) -> str:
        """The same for digits: administrators may write more than these."""
        return self._lookup("LTRIM(REPLACE(address, ' ', ''), '+')")

    def _lookup(self, address: str) -> str:
        # Materialized: PostgreSQL may plan without statistics, after a migration, say,
        # and then looks through the addresses once for each user.
        return f"""WITH known AS MATERIALIZED (
  SELECT user_id, medium, address FROM {self._table}
  WHERE medium = ? AND {address} IN (??)
)
SELECT users.name AS uid, known.address AS address
FROM known {self._joined}
WHERE {_PERSON}
ORDER BY {self._order}"""

    @property
    def listing(self) -> str:
        """Everybody's 3PIDs: user ID, medium, address."""
        return f"""SELECT users.name AS mxid, known.medium AS medium,
  known.address AS address
FROM {self._table} AS known {self._joined}
WHERE {_PERSON}
ORDER BY {self._order}"""

    @property
    def by_name(self) -> str:
        """Two patterns, for the name and the ID -> user ID and display name."""
        return f"""SELECT users.name, profiles.displayname
FROM users {_NAMED}
WHERE (profiles.displayname {self._matches} ? OR {self._localpart} {self._matches} ?)
  AND {_PERSON}
ORDER BY users.name"""

    @property
    def by_threepid(self) -> str:
        """A pattern -> user ID and display name."""
        return f"""SELECT users.name, MIN(profiles.displayname)
FROM {self._table} AS known {self._joined}
  {_NAMED}
WHERE known.address {self._matches} ?
  AND {_PERSON}
GROUP BY users.name
ORDER BY users.name"""

    @property
    def name(self) -> str:
        """A user ID -> the display name, or none; no row for who is no person."""
        return f"""SELECT profiles.displayname
FROM users {_NAMED}
WHERE users.name = ?
  AND {_PERSON}"""

    @property
    def threepids(self) -> str:
        """A user ID -> medium and address of each 3PID of the account."""
        return f"""SELECT known.medium AS medium, known.address AS address
FROM user_threepids AS known {_OWNED}
WHERE users.name = ?
  AND {_PERSON}"""

    @property
    def room_name(self) -> str:
        """A room ID -> its name."""
        return "SELECT name FROM room_stats_state WHERE room_id = ?"

    @property
    def _table(self) -> str:
        return "user_threepid_id_server" if self.consented else "user_threepids"

    @property
    def _joined(self) -> str:
        return _PUBLISHED if self.consented else _OWNED

    @property
    def _order(self) -> str:
        return _PUBLISHED_ORDER if self.consented else _OWNED_ORDER

    @property
    def _matches(self) -> str:
        return _MATCHES[self.engine]

    @property
    def _localpart(self) -> str:
        # The server's name, which everybody has, is no part of anybody's.
        if self.engine is Engine.SQLITE:
            return "SUBSTR(users.name, 2, INSTR(users.name, ':') - 2)"
        return "SUBSTR(SPLIT_PART(users.name, ':', 1), 2)"

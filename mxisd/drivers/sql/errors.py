"""What can go wrong between us and a database."""

from mxisd.errors import StoreUnavailable


class QueryWrong(ValueError):
    """
    A query that will never work: its syntax, a missing column, missing rights.

    :ivar detail: The database's own words, which may repeat the parameters.
    """

    def __init__(self, problem: str, detail: str = "") -> None:
        """
        Say what is wrong.

        :param problem: No value in it.
        """
        super().__init__(problem)
        self.detail = detail


class ConnectionGone(StoreUnavailable):
    """The connection ended before the answer; another one may do better."""


class TimedOut(StoreUnavailable):
    """The database did not answer in time."""


class NotLetIn(StoreUnavailable):
    """
    The database cannot be opened as it is configured, which somebody must mend.

    :ivar key: The key that it probably is: ``password`` or ``database``.
    """

    def __init__(self, key: str, problem: str) -> None:
        """Say what is wrong; no value in it."""
        super().__init__(problem)
        self.key = key


class NoSuchValue(Exception):
    """A value that the column asked about can never hold: nothing matches it."""


def is_passable(value: object) -> bool:
    """
    Whether a database can hold the value.

    No text with a NUL or half a character is in any: nothing equals it.
    """
    if not isinstance(value, str):
        return True
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False

"""How people are found: resolvers, and the index of hashes."""

from collections.abc import Awaitable, Mapping, Sequence, Set

from attrs import frozen
from zope.interface import Attribute, Interface

from mxisd.model.identifiers import UserId
from mxisd.model.requesters import Requester
from mxisd.model.threepids import ThreePid


@frozen
class LookupContext:
    """
    On whose behalf a lookup runs, and how far it may go.

    :ivar recursive: Whether remote servers may be asked.
    :ivar deadline: The reactor time, in seconds, at which the answer must be given.
    """

    requester: Requester
    recursive: bool
    deadline: float


@frozen
class Resolution:
    """
    What a resolver found.

    :ivar unanswered: The names of the stores and servers that could not be asked.
    """

    found: Mapping[ThreePid, UserId]
    unanswered: frozenset[str] = frozenset()


class IThreePidResolver(Interface):
    """Answers lookups from one source, or from many."""

    name = Attribute("What it is called among the unanswered ones.")

    def resolve(
        threepids: frozenset[ThreePid], context: LookupContext
    ) -> Awaitable[Resolution]:
        """Find what can be found in time; never raises for a sick source."""


class IAnswering(Interface):
    """Something whose answers are watched."""

    is_answering = Attribute("Whether its last answer came, and made sense.")
    misconfigured = Attribute("The keys that do not work as they are, in order.")


class IHashIndex(Interface):
    """One generation of the index file, open for reading."""

    count = Attribute("How many hashes it holds.")

    def find(digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """
        Find the user IDs behind 32-byte lookup digests, on the calling thread.

        :return: The found ones, as texts ready for the reply.
        """

    def close() -> None:
        """Release the file."""


@frozen
class Listed:
    """
    A finished listing.

    :ivar is_changed: ``False`` only if it surely equals the source's former one.
    """

    count: int
    is_changed: bool


class IListing(Interface):
    """A source's list while it is being taken."""

    def add(associations: Sequence[tuple[ThreePid, UserId]]) -> Awaitable[None]:
        """Stage a batch."""

    def commit() -> Awaitable[Listed]:
        """Let it replace the source's former list."""

    def abandon() -> Awaitable[None]:
        """Drop what was staged; the source's former list stays."""


class IHashFiles(Interface):
    """The folder of listings and index files; local to this node."""

    def listing(source: str) -> Awaitable[IListing]:
        """Start to take a source's list."""

    def build(pepper: str, sources: Sequence[str]) -> Awaitable[IHashIndex]:
        """
        Make the index file of a pepper from the listings.

        :param sources: In order of priority: the first that lists a 3PID wins.
        """

    def open(pepper: str) -> Awaitable[IHashIndex | None]:
        """Open the file of a pepper from an earlier run; ``None`` if there is none."""

    def retain(peppers: Set[str], sources: Set[str]) -> Awaitable[None]:
        """Delete the files of every other pepper and source."""

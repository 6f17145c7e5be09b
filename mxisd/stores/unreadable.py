"""What a list leaves out, since it is no address."""

from attrs import define
from twisted.logger import Logger

log = Logger()


@define(eq=False)
class Unreadable:
    """Counts the values of a store that are no addresses, and says where they are."""

    store: str
    count: int = 0

    def note(self, what: str, whose: str) -> None:
        """
        Count a value; only the log at debug says where it is, and none says the value.

        :param what: The attribute, or the medium.
        :param whose: The DN, or the user ID.
        """
        self.count += 1
        log.debug(
            "{store}: {what} of {whose} is no address",
            store=self.store,
            what=what,
            whose=whose,
        )

    def report(self) -> None:
        """Log the number, if there are any."""
        if self.count:
            log.info(
                "{count} values of {store} are no addresses, and nobody is found by "
                "them; at debug the log says where they are",
                count=self.count,
                store=self.store,
            )

"""How many people a directory has for us, and how many of them can be found."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import define, field

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.errors import Problem, Weight
from mxisd.portions import Portions
from mxisd.stores.ldap.entries import Reader
from mxisd.stores.ldap.tree import Tree, restricted

AT_A_STRETCH = 10
"""Entries that are read without a break."""


@define
class Census:
    """
    Counts people.

    :ivar entries: Those of whom there could be a user ID.
    :ivar by_medium: How many have a 3PID of a medium.
    """

    entries: int = 0
    people: int = 0
    by_medium: Counter[str] = field(factory=Counter)

    def count(self, reader: Reader, entries: Sequence[Entry]) -> None:
        """Take some entries into account."""
        self.entries += len(entries)
        for entry, _ in reader.users(entries):
            self.people += 1
            self.by_medium.update({each.medium for each in reader.all_threepids(entry)})

    def missing(self, mediums: Collection[str]) -> list[str]:
        """The mediums of which nobody has a 3PID."""
        return [medium for medium in mediums if not self.by_medium[medium]]


async def census(tree: Tree, restriction: Filter | None, portions: Portions) -> Census:
    """
    Count everybody who has a user ID, is not disabled, and passes a filter.

    :raise StoreUnavailable: If not all of them were told.
    """
    found, reader = Census(), tree.reader

    async def take(entries: Sequence[Entry]) -> None:
        def count(some: Sequence[Entry]) -> None:
            found.count(reader, some)

        await portions.each(count, entries, step=AT_A_STRETCH)

    anybody = filters.present(reader.naming.attribute)
    for base in tree.bases:
        search = Search(
            base=base,
            filter=restricted(anybody, restriction),
            attributes=[*reader.user_attributes, *reader.threepid_attributes],
        )
        await tree.client.each_page(search, tree.page_size, take)
    return found


def remarks(
    found: Census, by_medium: Mapping[str, Sequence[str]], restriction: Filter | None
) -> Iterator[Problem]:
    """What an operator may not have meant; warnings, by the key to look at."""
    if found.entries and not found.people:
        text = (
            f"0 people: {found.entries} entries have such a value, and in none it is "
            "what attribute.uid.type says, or all of them are disabled"
        )
        yield Problem("attribute.uid.value", text, weight=Weight.WARNING)
        return
    if not found.people:
        text = "0 people" if restriction is None else _nobody(restriction)
        yield Problem("identity.filter", text, weight=Weight.WARNING)
        return
    for medium in found.missing(by_medium):
        names = ", ".join(by_medium[medium])
        text = (
            f"{found.people} people, 0 with `{medium}`: nobody has an address in "
            f"{names}. Write the attributes that have it, or [] if there is none"
        )
        yield Problem(f"attribute.threepid.{medium}", text, weight=Weight.WARNING)


def _nobody(restriction: Filter) -> str:
    return f"0 people: {filters.text_of(restriction)} lets nobody through"

# SPDX-License-Identifier: Apache-2.0
"""
The text of a CSV file -> the people in it.

Nothing here reads a file or asks a clock: it is all rules, and tested with texts.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field, frozen
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile, SearchBy
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import EMAIL, MSISDN, ThreePid

from mxisd_csv_store.passwords import PasswordHash

COLUMNS = ("username", "display_name", "password", "emails", "phones", "roles")
"""What the first line may name, in any order; ``username`` must be there."""

Row = Mapping[str, str]


class Malformed(ValueError):
    """The text as a whole is no list of people; the message shows none of it."""


@frozen
class Person:
    """
    Somebody in the file.

    :ivar password: ``None`` where the file has none: then others may know it.
    """

    user_id: UserId
    password: PasswordHash | None
    profile: Profile

    @property
    def entry(self) -> DirectoryEntry:
        """The person as a directory shows it."""
        return DirectoryEntry(self.user_id, self.profile.display_name)

    def matches(self, folded: str, by: SearchBy) -> bool:
        """Whether the name, or an address, contains a case-folded term."""
        if by is SearchBy.THREEPID:
            texts = [threepid.address for threepid in self.profile.threepids]
        else:
            texts = [self.user_id.localpart, self.profile.display_name or ""]
        return any(folded in text.casefold() for text in texts)


@frozen
class Remark:
    """
    Something in the file that was passed over.

    :ivar line: Where the row ends; the first line is 1.
    :ivar text: Why, without an address or a name.
    """

    line: int
    text: str


@define(eq=False)
class People:
    """Everybody in the file, as :func:`read_people` found them."""

    by_id: dict[UserId, Person] = field(factory=dict)
    owners: dict[ThreePid, UserId] = field(factory=dict)
    remarks: list[Remark] = field(factory=list)

    def find(self, user_id: UserId) -> Person | None:
        """The person with a user ID, also with one that has historical capitals."""
        known = user_id.canonical
        return None if known is None else self.by_id.get(known)

    def search(self, term: str, by: SearchBy, limit: int) -> DirectoryPage:
        """Everybody who matches, up to a limit; takes long if the file is long."""
        folded = term.casefold()
        hits = [p.entry for p in self.by_id.values() if p.matches(folded, by)]
        return DirectoryPage(tuple(hits[:limit]), limited=len(hits) > limit)


def read_people(text: str, domain: str, addresses: StoredAddresses) -> People:
    """
    Read the text of a CSV file; bad rows are passed over with a remark.

    :param domain: The server name of everybody's user ID.
    :param addresses: Reads addresses as the operator's ``defaultCountry`` has it.
    :raise Malformed: If the text is no CSV with a first line as it should be.
    """
    people = People()
    try:
        for line, row in _rows(text, people.remarks):
            _add(people, line, row, domain, addresses)
    except csv.Error as error:
        raise Malformed("it is no CSV file: quotes that do not match") from error
    return people


def _rows(text: str, remarks: list[Remark]) -> Iterator[tuple[int, Row]]:
    # The csv module takes care of line ends, if it is given them as they are.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns = _columns(next(reader, []))
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            why = f"{len(cells)} columns where {len(columns)} should be"
            remarks.append(Remark(reader.line_num, why))
            continue
        yield reader.line_num, dict(zip(columns, cells, strict=True))


def _columns(cells: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    # If the first line is missing, a person is in its place: do not show it.
    for number, column in enumerate(columns, 1):
        if column not in COLUMNS or columns.index(column) != number - 1:
            raise Malformed(
                f"the first line must name the columns, of {', '.join(COLUMNS)}; "
                f"its column {number} is none of them, or there twice"
            )
    if "username" not in columns:
        raise Malformed("the first line does not name a column username")
    return columns


def _add(
    people: People, line: int, row: Row, domain: str, addresses: StoredAddresses
) -> None:
    try:
        user_id = UserId.of(row["username"], domain)
        if user_id in people.by_id:
            raise ValueError("the username is there before")
        threepids = _threepids(row, addresses)
        password = _password(row)
    except ValueError as error:
        people.remarks.append(Remark(line, str(error)))
        return
    own = [each for each in threepids if each not in people.owners]
    if len(own) < len(threepids):
        people.remarks.append(Remark(line, "an address belongs to a row before"))
    people.owners.update((each, user_id) for each in own)
    display_name = row.get("display_name", "").strip() or None
    profile = Profile(display_name, frozenset(own), frozenset(_values(row, "roles")))
    people.by_id[user_id] = Person(user_id, password, profile)


def _threepids(row: Row, addresses: StoredAddresses) -> list[ThreePid]:
    emails = [addresses.read(EMAIL, text) for text in _values(row, "emails")]
    phones = [addresses.read(MSISDN, text) for text in _values(row, "phones")]
    return list(dict.fromkeys(emails + phones))


def _password(row: Row) -> PasswordHash | None:
    text = row.get("password", "").strip()
    return PasswordHash.parse(text) if text else None


def _values(row: Row, column: str) -> list[str]:
    # Not blanks: phone numbers have them inside, and so have the names of roles.
    return [text for each in row.get(column, "").split(";") if (text := each.strip())]

# SPDX-License-Identifier: Apache-2.0
import csv
from collections.abc import Sequence
from pathlib import Path

from mxisd.interfaces import Store
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, MSISDN
from mxisd.testing.stores import Person
from mxisd.testing.tools import GivenSection, ThreadlessReactor, tools_for_tests

from mxisd_csv_store.passwords import Costs, PasswordHash
from mxisd_csv_store.people import COLUMNS
from mxisd_csv_store.stores import build, parse

CHEAP = Costs(n=16, r=1, p=1)
HEAD = ",".join(COLUMNS)


def row(person: Person) -> list[str]:
    """A person as the file has it."""
    password = ""
    if person.password is not None:
        hashed = PasswordHash.of(Secret(person.password), b"salt" * 4, CHEAP)
        password = str(hashed)
    addresses = {
        wanted: "; ".join(text for medium, text in person.threepids if medium == wanted)
        for wanted in (EMAIL, MSISDN)
    }
    return [
        person.username,
        person.display_name or "",
        password,
        addresses[EMAIL],
        addresses[MSISDN],
        ";".join(person.roles),
    ]


def write(path: Path, people: Sequence[Person]) -> None:
    """Write a file of people."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *map(row, people)])


def store_of(path: Path, reactor: ThreadlessReactor | None = None) -> Store:
    """The store of a file."""
    settings = parse(GivenSection({"file": str(path)}))
    return build(settings, tools_for_tests("csv", reactor=reactor))

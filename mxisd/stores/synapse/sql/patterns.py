"""
Part of a text, whatever the case, as a database can look for it.

PostgreSQL knows no language the way Synapse wants it (``LC_CTYPE=C``), and SQLite never
does: ``lower()`` and ``LIKE`` compare no letters but those of ASCII. Both have
patterns with sets of characters, though, so that each letter is written in every case.
"""

from mxisd.drivers.sql.address import Engine


def pattern(engine: Engine, term: str) -> str:
    """
    What a value matches that contains the term.

    It is for ``GLOB`` in SQLite, and for ``~`` in PostgreSQL. Nothing in the term has a
    meaning of its own.
    """
    if engine is Engine.SQLITE:
        return "*" + "".join(map(_for_glob, term)) + "*"
    return "".join(map(_for_regex, term))


def _for_glob(character: str) -> str:
    cases = _cases(character)
    if len(cases) > 1 or character in "*?[":
        return f"[{cases}]"
    return character


def _for_regex(character: str) -> str:
    cases = _cases(character)
    if len(cases) > 1:
        return f"[{cases}]"
    return character if character.isalnum() else f"\\{character}"


def _cases(character: str) -> str:
    """The cases of a character that are one character, too."""
    lower, upper = character.lower(), character.upper()
    # The small letters of one capital: s and long s, both sigmas.
    cases = (character, lower, upper, upper.lower(), lower.upper(), character.title())
    return "".join(dict.fromkeys(each for each in cases if len(each) == 1))

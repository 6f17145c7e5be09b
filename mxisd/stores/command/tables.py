"""Output of the type ``plain``: lines, with tabs between what is several things."""

from collections.abc import Iterator, Sequence

from mxisd.stores.command.outputs import Hits, Login, Nonsense, Owner, RawThreePid, Row

RIGHT = ("true", "1")
REFUSED = "refused"


class PlainOutput:
    """Lines of text."""

    def login(self, text: str) -> Login:
        """``true``, ``false`` or ``refused``, or a blank line; then the name."""
        lines = text.split("\n")
        if len(lines) > 3 or any(map(str.strip, lines[2:])):
            raise Nonsense("more than two lines")
        first = lines[0].strip().lower()
        name = "".join(lines[1:2]).strip()
        return Login(
            is_right=first in RIGHT if first else None,
            is_refused=first == REFUSED,
            display_name=name or None,
        )

    def hits(self, text: str) -> Hits:
        """A localpart or user ID, and perhaps a name, in each line."""
        return Hits([_hit(line) for line in _lines(text)])

    def owner(self, text: str) -> Owner | None:
        """A localpart, or the type of an ID and its value, in a line each."""
        lines = [line.strip() for line in text.removesuffix("\n").split("\n")]
        if len(lines) > 2:
            raise Nonsense("more than two lines")
        if not any(lines):
            return None
        kind, value = lines if len(lines) == 2 else ("", lines[0])
        return kind or "localpart", value

    def rows(self, text: str) -> Iterator[Row | None]:
        """Medium, address, type of the ID and its value in each line."""
        return map(row, _lines(text))

    def display_name(self, text: str) -> str | None:
        """One line."""
        lines = list(_lines(text))
        if len(lines) > 1:
            raise Nonsense("more than one line")
        return lines[0].strip() if lines else None

    def threepids(self, text: str) -> Sequence[RawThreePid | None] | None:
        """Medium and address in each line."""
        return [_threepid(line) for line in _lines(text)] or None

    def roles(self, text: str) -> Sequence[str] | None:
        """One in each line."""
        return [line.strip() for line in _lines(text)] or None


def row(line: str) -> Row | None:
    """Medium, address, type of the ID and its value, with tabs between them."""
    cells = _cells(line)
    if len(cells) != 4:
        return None
    medium, address, kind, value = cells
    return (medium, address), (kind or "localpart", value)


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.split("\n") if line.strip())


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("\t")]


def _hit(line: str) -> tuple[str, str | None] | None:
    user, *names = _cells(line)
    if not user or len(names) > 1:
        return None
    return user, (names[0] if names and names[0] else None)


def _threepid(line: str) -> RawThreePid | None:
    cells = _cells(line)
    return (cells[0], cells[1]) if len(cells) == 2 else None

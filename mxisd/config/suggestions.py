"""What to say about a key that nobody reads."""

import difflib
from collections.abc import Sequence

from attrs import frozen


@frozen
class KnownKeys:
    """
    The keys that a settings class reads, wherever in it.

    :ivar paths: All of them, dotted, below ``place``.
    :ivar place: Where the settings class stands in the file.
    """

    paths: tuple[str, ...]
    place: str = ""

    def about(self, key: str, siblings: Sequence[str]) -> str:
        """
        Explain that a key is unknown.

        :param siblings: The keys that are known where it stands.
        """
        if "." in key.strip("."):
            return f"keys are nested, not dotted; write {_nested(key)}"
        if close := _close(key, siblings):
            return f"is unknown; did you mean `{close}`?"
        if elsewhere := self._elsewhere(key):
            return f"is unknown here; it belongs to `{elsewhere}`"
        return f"is unknown; known here: {', '.join(siblings)}"

    def _elsewhere(self, key: str) -> str | None:
        found = [path for path in self.paths if path.rpartition(".")[2] == key]
        highest = min((path.count(".") for path in found), default=0)
        found = [path for path in found if path.count(".") == highest]
        if len(found) != 1:
            # Of many keys called "enabled", none is a good guess.
            return None
        return f"{self.place}.{found[0]}" if self.place else found[0]


def _close(key: str, siblings: Sequence[str]) -> str | None:
    same = [each for each in siblings if _bare(each) == _bare(key)]
    similar = difflib.get_close_matches(key, siblings, n=1, cutoff=0.7)
    return next(iter(same + similar), None)


def _bare(key: str) -> str:
    # publicURL, public-url and public_url all mean publicUrl.
    return key.replace("-", "").replace("_", "").lower()


def _nested(key: str) -> str:
    # In one line, since a problem is one line; YAML reads it as it stands.
    head, *rest = (part for part in key.split(".") if part)
    return f"`{head}: {{{_nested('.'.join(rest))[1:-1]}}}`" if rest else f"`{head}: …`"

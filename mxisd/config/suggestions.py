"""What to say about a key that nobody reads."""

import difflib
from collections.abc import Callable, Sequence

from attrs import frozen


@frozen
class Spot:
    """
    Where an unknown key stands.

    :ivar siblings: The keys that are known there.
    :ivar path: The section it stands in, below that of the settings class.
    :ivar below: The keys that are known further down in it, dotted.
    :ivar names_below: The only key there, if what is below that has any name.
    """

    siblings: Sequence[str]
    path: str = ""
    below: Sequence[str] = ()
    names_below: str | None = None


@frozen
class KnownKeys:
    """
    The keys that a settings class reads, wherever in it.

    :ivar paths: All of them, dotted, below ``place``.
    :ivar place: Where the settings class stands in the file.
    :ivar sections: The sections of the whole file.
    """

    paths: Sequence[str]
    place: str = ""
    sections: Sequence[str] = ()

    def about(self, key: str, spot: Spot) -> str:
        """
        Explain that a key is unknown.

        One that exists elsewhere is no typing error, even if one here is similar.
        """
        if ":" in key:
            return "a space is missing after the colon"
        if "." in key.strip("."):
            return f"keys are nested, not dotted; write {_nested(key)}"
        if same := _first(_is_same(key), spot.siblings):
            return f"is unknown; did you mean `{same}`?"
        if elsewhere := self._below(key, spot) or self._elsewhere(key.__eq__):
            return _belongs(elsewhere)
        if similar := difflib.get_close_matches(key, spot.siblings, n=1, cutoff=0.65):
            return f"is unknown; did you mean `{similar[0]}`?"
        if elsewhere := self._elsewhere(_is_same(key)):
            return _belongs(elsewhere)
        return f"is unknown; known here: {', '.join(spot.siblings)}"

    def _below(self, key: str, spot: Spot) -> str | None:
        if spot.names_below is not None:
            return _joined(self.place, spot.path, spot.names_below, key)
        found = _highest(key.__eq__, spot.below)
        return found and _joined(self.place, spot.path, found)

    def _elsewhere(self, is_it: Callable[[str], bool]) -> str | None:
        found = _highest(is_it, self.paths)
        return _joined(self.place, found) if found else _first(is_it, self.sections)


def _first(is_it: Callable[[str], bool], keys: Sequence[str]) -> str | None:
    return next(filter(is_it, keys), None)


def _highest(is_it: Callable[[str], bool], paths: Sequence[str]) -> str | None:
    """The path that ends in a key, if there is one on the highest level only."""
    found = [path for path in paths if is_it(path.rpartition(".")[2])]
    highest = min((path.count(".") for path in found), default=0)
    found = [path for path in found if path.count(".") == highest]
    # Of many keys called "enabled", none is a good guess.
    return found[0] if len(found) == 1 else None


def _is_same(key: str) -> Callable[[str], bool]:
    # publicURL, public-url and public_url all mean publicUrl.
    return lambda other: _bare(other) == _bare(key)


def _bare(key: str) -> str:
    return key.replace("-", "").replace("_", "").lower()


def _joined(*parts: str) -> str:
    return ".".join(filter(None, parts))


def _belongs(path: str) -> str:
    if "." in path:
        return f"is unknown here; it belongs to `{path}`"
    return f"is unknown here; `{path}` is a section of its own, and not indented"


def _nested(key: str) -> str:
    # In one line, since a problem is one line; YAML reads it as it stands.
    head, *rest = (part for part in key.split(".") if part)
    return f"`{head}: {{{_nested('.'.join(rest))[1:-1]}}}`" if rest else f"`{head}: …`"

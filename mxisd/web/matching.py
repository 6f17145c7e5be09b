"""Finds the route of a path: a dict for plain paths, a short list for templates."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote_to_bytes

from attrs import define, field, frozen

from mxisd.web.routes import Route

NO_VARIABLES: Mapping[str, str] = {}


@define(eq=False)
class Place:
    """
    A path, and the routes on it by method.

    :ivar is_for_pages: Whether pages of any origin may read what is answered here.
    :ivar allowed: The methods for an ``Allow`` header.
    """

    template: tuple[str, ...]
    routes: dict[bytes, Route] = field(factory=dict)
    is_for_pages: bool = True

    def add(self, route: Route) -> None:
        """
        Add a route.

        What can be got can also be asked for its head alone, in the same way unless
        there is a route for that before.
        """
        method = route.method.encode()
        if method in self.routes:
            raise ValueError(f"{route.method} {route.template} is routed twice")
        self.routes[method] = route
        self.is_for_pages = self.is_for_pages and route.is_for_pages
        if method == b"GET":
            self.routes.setdefault(b"HEAD", route)

    @property
    def allowed(self) -> bytes:
        """The methods of this path, for an ``Allow`` header."""
        return b", ".join(sorted({*self.routes, b"OPTIONS"}))


@frozen(eq=False)
class Match:
    """
    A place that was found.

    :ivar variables: The values of the template's variables.
    :ivar path: The path, decoded; the same for every spelling of it.
    """

    place: Place
    variables: Mapping[str, str]
    path: str


class Matcher:
    """Finds places by path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        places: dict[tuple[str, ...], Place] = {}
        for route in routes:
            template = tuple(route.template.split("/"))
            places.setdefault(template, Place(template)).add(route)
        plain = [place for place in places.values() if not _has_variables(place)]
        self._templates = [place for place in places.values() if _has_variables(place)]
        self._plain = {p.template: _plain_match(p) for p in plain}
        self._raw = {match.path.encode(): match for match in self._plain.values()}

    def find(self, path: bytes) -> Match | None:
        """
        Find the place of a path as it came over the wire.

        An encoded slash belongs to its segment; nothing is decoded twice, and dots
        lead nowhere.
        """
        match = self._raw.get(path)
        return match if match is not None else self._find_decoded(path)

    def _find_decoded(self, path: bytes) -> Match | None:
        try:
            segments = tuple(unquote_to_bytes(s).decode() for s in path.split(b"/"))
        except UnicodeDecodeError:
            return None
        if segments in self._plain:
            return self._plain[segments]
        for place in self._templates:
            variables = _variables(place.template, segments)
            if variables is not None:
                return Match(place, variables, "/".join(segments))
        return None


def _plain_match(place: Place) -> Match:
    return Match(place, NO_VARIABLES, "/".join(place.template))


def _has_variables(place: Place) -> bool:
    return any(map(_is_variable, place.template))


def _is_variable(segment: str) -> bool:
    return segment.startswith("{")


def _variables(
    template: Sequence[str], segments: Sequence[str]
) -> Mapping[str, str] | None:
    if len(template) != len(segments):
        return None
    variables = {}
    for wanted, given in zip(template, segments, strict=True):
        if _is_variable(wanted) and given:
            variables[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return variables

"""
What import-linter cannot hold of the layers; see docs/architecture.rst.

It knows only whole distributions of others (``twisted``, not ``twisted.web``), and
neither modules that nobody uses nor where an import stands.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

import mxisd

PACKAGE = Path(mxisd.__file__).parent
PLUGINS = PACKAGE.parent / "twisted" / "plugins"

ONLY_IN = {
    "OpenSSL": ("mxisd.drivers",),
    "asyncio": (),
    "cattrs": ("mxisd.config",),
    "idna": ("mxisd.model",),
    "jinja2": ("mxisd.notify",),
    "ldaptor": ("mxisd.drivers", "mxisd.stores"),
    "psycopg2": ("mxisd.drivers", "mxisd.records"),
    "random": (),
    "requests": (),
    "secrets": ("mxisd.randomness",),
    "socket": ("mxisd.drivers",),
    "sqlite3": ("mxisd.drivers", "mxisd.importing", "mxisd.records"),
    "time": (),
    "treq": ("mxisd.drivers", "mxisd.remote", "mxisd.testing"),
    "twisted.mail": ("mxisd.drivers",),
    "twisted.names": ("mxisd.drivers", "mxisd.remote", "mxisd.assembly"),
    "twisted.web": ("mxisd.assembly", "mxisd.drivers", "mxisd.testing", "mxisd.web"),
    "txpostgres": ("mxisd.drivers", "mxisd.records"),
    "yaml": ("mxisd.config",),
}
"""Which of our rooms may import these; an empty list is none."""

# These turn a given time into text. The time itself is the reactor's to tell.
HARMLESS = ("time.gmtime", "time.strftime")
CLOCKS = ("now", "today", "utcnow")

NOT_IN = {
    "mxisd.model": ("os", "pathlib", "random", "secrets", "time", "twisted", "zope"),
    "mxisd.interfaces": ("twisted.internet", "twisted.web"),
    "mxisd.ports": ("twisted.internet", "twisted.web"),
    "mxisd.config": ("os", "pathlib", "socket", "twisted"),
    "mxisd.features": ("os", "pathlib"),
    "mxisd.resolver": ("os", "pathlib"),
}
"""What these rooms of ours may not import."""

FOR_OTHERS = ("mxisd.config.reference", "mxisd.testing")
"""What nobody in the server uses: the documentation and authors of stores do."""

WAITING = ("mxisd.resolver.gates",)
"""What waits for those who will use it: the resolvers that ask other servers."""

COMMAND = "mxisd.command"
"""What the console script calls."""

APACHE = ("mxisd.interfaces", "mxisd.errors", "mxisd.model", "mxisd.testing")
"""What may be used under Apache-2.0, too."""


# --- Reading the source ---------------------------------------------------------------


@frozen
class Import:
    """
    An import statement's target, fully named.

    :ivar at_import: Whether it is carried out when the module is imported.
    """

    module: str
    target: str
    at_import: bool


def modules() -> dict[str, Path]:
    """Our modules by name."""
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in PACKAGE.rglob("*.py")
    }


def imports_of(module: str, source: str) -> Iterator[Import]:
    """Every import in a module, of functions too."""
    tree = ast.parse(source)
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    later = {
        node
        for function in ast.walk(tree)
        if isinstance(function, functions)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node not in later)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                target = f"{node.module}.{alias.name}"
                yield Import(module, target, node not in later)


@cache
def all_imports() -> tuple[Import, ...]:
    """Every import of every module of ours."""
    return tuple(
        each
        for module, path in modules().items()
        for each in imports_of(module, path.read_text(encoding="utf-8"))
    )


def plugin_targets() -> Iterator[str]:
    """The modules of ours that our plug-in modules import or name in a text."""
    for path in PLUGINS.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for found in re.findall(r"\bmxisd(?:\.\w+)+", source):
            words = found.split(".")
            yield from (".".join(words[:size]) for size in range(1, len(words) + 1))


def is_within(name: str, room: str) -> bool:
    """Whether a module is the room, or in it."""
    return name == room or name.startswith(f"{room}.")


# --- The tests ------------------------------------------------------------------------


class OutsidersTests(SynchronousTestCase):
    def test_a_library_is_imported_only_where_it_belongs(self) -> None:
        """No room imports a library that is another room's business."""
        strays = [
            f"{each.module} imports {each.target}"
            for each in all_imports()
            for library, rooms in ONLY_IN.items()
            if is_within(each.target, library)
            and each.target not in HARMLESS
            and not any(is_within(each.module, room) for room in rooms)
        ]
        self.assertEqual(strays, [])

    def test_a_room_keeps_out_what_would_spoil_it(self) -> None:
        """The inner rooms import no clock, files or sockets."""
        strays = [
            f"{each.module} imports {each.target}"
            for each in all_imports()
            for room, libraries in NOT_IN.items()
            if is_within(each.module, room)
            and any(is_within(each.target, library) for library in libraries)
        ]
        self.assertEqual(strays, [])

    def test_nobody_asks_the_calendar(self) -> None:
        """No module takes the time from ``datetime``: it is an argument."""
        strays = [
            f"{module}:{node.lineno}"
            for module, path in modules().items()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS
        ]
        self.assertEqual(strays, [])

    def test_the_reactor_is_imported_only_when_asked_for(self) -> None:
        """No module installs a reactor by being imported."""
        strays = [
            each.module
            for each in all_imports()
            if is_within(each.target, "twisted.internet.reactor") and each.at_import
        ]
        self.assertEqual(strays, [])

    def test_every_room_in_the_rules_is_there(self) -> None:
        """A rule about a room that was renamed does not pass for one that holds."""
        self.assertEqual([room for room in NOT_IN if room not in modules()], [])


class InsideTests(SynchronousTestCase):
    def test_imports_are_absolute(self) -> None:
        """Every import of our own names the whole path, as the other tests expect."""
        for module, path in modules().items():
            tree = ast.parse(path.read_text(encoding="utf-8"))
            relative = [
                node.lineno
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.level
            ]
            self.assertEqual(relative, [], module)

    def test_every_module_is_used(self) -> None:
        """From plug-ins and the command, imports lead to all but those that wait."""
        known = modules()
        graph: dict[str, set[str]] = {module: set() for module in known}
        for each in all_imports():
            graph[each.module].update(m for m in known if is_within(each.target, m))
        reached: set[str] = set()
        waiting = {module for module in plugin_targets() if module in known}
        waiting.add(COMMAND)
        while waiting:
            reached |= waiting
            waiting = {n for module in waiting for n in graph[module]} - reached
        dead = [
            module
            for module in sorted(set(known) - reached)
            if not any(is_within(module, room) for room in FOR_OTHERS)
        ]
        self.assertEqual(dead, list(WAITING))

    def test_what_is_also_under_apache_says_so(self) -> None:
        """The files that a store's author imports name both licences in their head."""
        head = "# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0\n"
        for module, path in modules().items():
            is_public = any(is_within(module, room) for room in APACHE)
            text = path.read_text(encoding="utf-8")
            if text:
                self.assertEqual(text.startswith(head), is_public, module)

    def test_public_files_depend_on_nothing_that_is_not(self) -> None:
        """What is also under Apache-2.0 imports nothing of ours that is not."""
        strays = [
            f"{each.module} imports {each.target}"
            for each in all_imports()
            if any(is_within(each.module, room) for room in APACHE)
            and is_within(each.target, "mxisd")
            and not any(is_within(each.target, room) for room in APACHE)
        ]
        self.assertEqual(strays, [])

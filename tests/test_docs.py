"""What the documentation says is so."""

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from twisted.trial.unittest import SynchronousTestCase

import mxisd
from mxisd.config.loader import Loaded, load
from mxisd.config.upcoming import NEEDLESS, RENAMED
from mxisd.console.arguments import COMMANDS
from mxisd.model.threepids import ThreePid, canonical
from mxisd.plugins import find_factories, find_senders
from mxisd.web.errors import ANSWERS
from mxisd.web.routes import Doors, routes

ROOT = Path(mxisd.__file__).parent.parent


def text_of(name: str) -> str:
    """A file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def loaded(text: str) -> Loaded:
    """A configuration as the server would read it."""

    def no_file(name: str) -> str:
        raise FileNotFoundError(name)

    return load(
        text,
        environment={"LDAP_PASSWORD": "swordfish"},
        read_file=no_file,
        factories=find_factories(),
        sender_factories=find_senders(),
    )


def reference() -> Any:
    """``docs/reference.py`` as a module."""
    spec = spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Anything:
    """Stands for endpoints that are named and never called."""

    def __getattr__(self, name: str) -> "Anything":
        """Whatever is asked for."""
        return self


class ReadmeTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Read the README."""
        self.readme = text_of("README.rst")

    def test_the_ldap_configuration_is_good(self) -> None:
        """The lines for LDAP are ten, and load without a problem or a warning."""
        found = re.search(r"code-block:: yaml\n\n((?:    .*\n)+)", self.readme)
        assert found is not None
        lines = [line.removeprefix("    ") for line in found[1].splitlines()]
        self.assertEqual(len(lines), 10)
        result = loaded("\n".join(lines))
        self.assertEqual(result.warnings, ())
        self.assertEqual([store.name for store in result.config.stores], ["ldap"])

    def test_the_demo_store_knows_who_is_asked_for(self) -> None:
        """Every 3PID in the curl lines leads to a user of sample.yaml."""
        (store,) = loaded(text_of("sample.yaml")).config.stores
        known = {
            canonical(threepid.medium, threepid.address)
            for identity in store.settings.identities
            for threepid in identity.threepids
        }
        asked = self._asked()
        self.assertGreater(len(asked), 2)
        self.assertEqual(asked - known, set())

    def test_links_lead_somewhere(self) -> None:
        """Every file that the README links to is there."""
        names = re.findall(
            r"<([\w./-]+/[\w.-]*)>`_|^\.\. _\w+: (docs/.*)$", self.readme
        )
        for name in filter(None, (first or second for first, second in names)):
            self.assertTrue((ROOT / name).exists(), name)

    def _asked(self) -> set[ThreePid]:
        asked = []
        for query in re.findall(r"lookup\?([^']+)'", self.readme):
            values = dict(parse_qsl(query))
            asked.append((values["medium"], values["address"]))
        for body in re.findall(r"-d '([^']+)'", self.readme):
            asked += [tuple(pair) for pair in json.loads(body)["threepids"]]
        return {canonical(medium, address) for medium, address in asked}


class ConfigurationTests(SynchronousTestCase):
    def test_the_reference_is_what_the_classes_say(self) -> None:
        """``make reference`` would change nothing."""
        written = text_of("docs/configuration.rst")
        self.assertEqual(written, reference().page(written), "run: make reference")

    def test_the_examples_are_good(self) -> None:
        """Every example of the page loads, where it is joined with the first one."""
        page = text_of("docs/configuration.rst")
        found = re.findall(r"code-block:: yaml\n\n((?:    .*\n|\n)+)", page)
        first, *others = [re.sub(r"(?m)^    ", "", block) for block in found]
        self.assertEqual(len(others), 4)
        for other in others:
            self.assertEqual(loaded(first + other).warnings, ())

    def test_keys_that_changed_their_meaning_are_named(self) -> None:
        """Whoever comes from mxisd or ma1sd finds what is read otherwise."""
        page = text_of("docs/operating.rst")
        for key in (*RENAMED, *NEEDLESS):
            self.assertIn(f"``{key}``", page)


class ApiTests(SynchronousTestCase):
    def test_every_route_is_named(self) -> None:
        """No path is served that neither page lists."""
        page = text_of("docs/api.rst") + text_of("docs/admin.rst")
        endpoints: Any = Anything()
        everything = Doors(v1=True, v2=True, admin=True, ma1sd_internal=True)
        for route in routes(endpoints, everything):
            self.assertIn(f"``{route.method} {route.template.rstrip('/')}``", page)

    def test_every_command_is_named(self) -> None:
        """Nothing can be typed that the page does not list."""
        page = text_of("docs/admin.rst")
        for command in COMMANDS:
            self.assertIn(f"``mxisd {command.words}``", page)

    def test_every_error_is_named(self) -> None:
        """The table of errors has what the code answers, and nothing else."""
        rows = re.findall(r"(?m)^``(M_\w+)`` +(\d{3}) ", text_of("docs/api.rst"))
        answered = {(each.errcode, str(each.status)) for each in ANSWERS.values()}
        self.assertEqual(set(rows), answered)

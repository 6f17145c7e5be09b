import re
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

import mxisd
from mxisd.config.reference import render
from mxisd.config.structure import Section
from mxisd.plugins import find_factories
from mxisd.stores.command.settings import ExecSettings
from mxisd.stores.firebase.settings import FirebaseSettings
from mxisd.stores.homeserver_directory import HomeserverDirectorySettings
from mxisd.stores.ldap.presets import Preset
from mxisd.stores.ldap.settings import LdapSettings
from mxisd.stores.memory import MemorySettings
from mxisd.stores.rest.settings import RestSettings
from mxisd.stores.sql.settings import SqlSettings
from mxisd.stores.synapse.api.settings import SynapseApiSettings
from mxisd.stores.synapse.sql.settings import SynapseSqlSettings
from mxisd.stores.wordpress.settings import WordPressSettings

PAGES = Path(mxisd.__file__).parent.parent / "docs" / "stores"
SETTINGS = {
    "exec": ExecSettings,
    "firebase": FirebaseSettings,
    "homeserverDirectory": HomeserverDirectorySettings,
    "ldap": LdapSettings,
    "memory": MemorySettings,
    "rest": RestSettings,
    "sql": SqlSettings,
    "synapseApi": SynapseApiSettings,
    "synapseSql": SynapseSqlSettings,
    "wordpress": WordPressSettings,
}
PRODUCTS = {
    Preset.AD: "active_directory",
    Preset.OPENLDAP: "openldap",
    Preset.FREEIPA: "freeipa",
    Preset.DS389: "389ds",
    Preset.UNIVENTION: "univention",
    Preset.NETIQ: "netiq",
}


class PagesTests(SynchronousTestCase):
    """The pages about stores say what the code says."""

    def page(self, name: str) -> str:
        """A page's text."""
        return (PAGES / f"{name}.rst").read_text(encoding="utf-8")

    def examples(self, page: str, section: str) -> list[Any]:
        """The sections in a page's examples."""
        blocks = re.findall(r"yaml\n\n((?:    .*\n|\n)+)", self.page(page))
        documents = map(yaml.safe_load, blocks)
        return [each[section] for each in documents if section in each]

    def test_every_product_has_a_page(self) -> None:
        """Its example works as it stands, and is about that product."""
        for preset, page in PRODUCTS.items():
            section = "netiq" if preset is Preset.NETIQ else "ldap"
            first, *others = self.examples(page, section)
            self.assertTrue(first.pop("enabled"))
            for values in (first, *({**first, **other} for other in others)):
                settings = find_factories()[section].parse(Section(values))
                self.assertIs(settings.preset, preset)

    def test_keys(self) -> None:
        """A page ends with every key that its settings class has."""
        for store_type, settings in SETTINGS.items():
            _, _, keys = self.page(store_type).partition("Keys\n----\n\n")
            self.assertEqual(keys, render(settings, f"{store_type}."), store_type)

    def test_examples(self) -> None:
        """Examples are good; later ones where they are joined with the first."""
        factories = find_factories()
        for store_type in SETTINGS:
            first, *others = self.examples(store_type, store_type)
            del first["enabled"]
            for section in (first, *({**first, **other} for other in others)):
                factories[store_type].parse(Section(section))

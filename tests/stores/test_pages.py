import re
from pathlib import Path
from typing import Any

import yaml
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

import mxisd
from mxisd.config.reference import render
from mxisd.config.structure import Section
from mxisd.interfaces import IStoreFactory
from mxisd.stores.ldap.settings import LdapSettings
from mxisd.stores.memory import MemorySettings

PAGES = Path(mxisd.__file__).parent.parent / "docs" / "stores"
SETTINGS = {"ldap": LdapSettings, "memory": MemorySettings}


class PagesTests(SynchronousTestCase):
    """The pages about stores say what the code says."""

    def page(self, store_type: str) -> str:
        """A page's text."""
        return (PAGES / f"{store_type}.rst").read_text(encoding="utf-8")

    def examples(self, store_type: str) -> list[Any]:
        """The sections in a page's examples."""
        blocks = re.findall(r"yaml\n\n((?:    .*\n|\n)+)", self.page(store_type))
        return [yaml.safe_load(block)[store_type] for block in blocks]

    def test_keys(self) -> None:
        """A page ends with every key that its settings class has."""
        for store_type, settings in SETTINGS.items():
            _, _, keys = self.page(store_type).partition("Keys\n----\n\n")
            self.assertEqual(keys, render(settings, f"{store_type}."), store_type)

    def test_examples(self) -> None:
        """Examples are good; later ones where they are joined with the first."""
        factories = {each.store_type: each for each in getPlugins(IStoreFactory)}
        for store_type in SETTINGS:
            first, *others = self.examples(store_type)
            del first["enabled"]
            for section in (first, *({**first, **other} for other in others)):
                factories[store_type].parse(Section(section))

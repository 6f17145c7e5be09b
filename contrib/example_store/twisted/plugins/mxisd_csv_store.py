# SPDX-License-Identifier: Apache-2.0
"""
Makes stores of type ``csv`` known.

Twisted imports this module whenever it looks for plug-ins of any kind. So it imports
the store only when one is configured.
"""

from typing import Any

from mxisd.interfaces import ISection, IStoreFactory, Store, Tools
from zope.interface import implementer


@implementer(IStoreFactory)
class CsvStoreFactory:
    """Makes stores of type ``csv``."""

    store_type = "csv"
    summary = "People in a CSV file"

    def parse(self, section: ISection) -> Any:
        """Judge a section."""
        from mxisd_csv_store import stores

        return stores.parse(section)

    def build(self, settings: Any, tools: Tools) -> Store:
        """Make the store."""
        from mxisd_csv_store import stores

        return stores.build(settings, tools)


csv = CsvStoreFactory()

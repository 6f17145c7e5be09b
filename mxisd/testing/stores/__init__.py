# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
What every identity store must do, as tests that a store's author runs.

There is one suite for each capability. Mix it with ``twisted.trial.unittest.TestCase``
and say how a store with given people comes to be::

    class MyLookupTests(ThreePidLookupContract, TestCase):
        async def store_with(self, people):
            ...  # fill the back end, clean up with self.addCleanup
            return factory.build(settings, tools)

Give the store the domain :data:`DOMAIN`. The built-in stores pass the same suites.
"""

from mxisd.testing.stores.contract import StoreContract
from mxisd.testing.stores.outage import OutageContract
from mxisd.testing.stores.people import (
    ALICE,
    ALICE_MAIL,
    ALICE_PHONE,
    BOB,
    BOB_MAIL,
    DOMAIN,
    NOBODY_MAIL,
    ODD,
    PEOPLE,
    SILENT,
    Person,
)
from mxisd.testing.stores.threepids import (
    AssociationSourceContract,
    ThreePidLookupContract,
)
from mxisd.testing.stores.users import (
    AuthenticatorContract,
    DirectoryContract,
    ProfileContract,
)

__all__ = [
    "ALICE",
    "ALICE_MAIL",
    "ALICE_PHONE",
    "BOB",
    "BOB_MAIL",
    "DOMAIN",
    "NOBODY_MAIL",
    "ODD",
    "PEOPLE",
    "SILENT",
    "AssociationSourceContract",
    "AuthenticatorContract",
    "DirectoryContract",
    "OutageContract",
    "Person",
    "ProfileContract",
    "StoreContract",
    "ThreePidLookupContract",
]

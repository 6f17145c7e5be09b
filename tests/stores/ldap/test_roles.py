"""Groups as roles."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.decoder import Entry
from mxisd.errors import StoreUnavailable
from mxisd.stores.ldap.roles import Roles


class RolesTests(SynchronousTestCase):
    def test_a_part_of_the_groups_is_not_all(self) -> None:
        """Who is in more groups than the server tells may be in the one that counts."""
        values = {"memberof": [b"CN=staff,DC=example,DC=org"]}
        roles = Roles("memberOf")
        whole = Deferred.fromCoroutine(roles.of(Entry(b"cn=x", values)))
        self.assertEqual(set(self.successResultOf(whole)), {"staff"})
        part = Entry(b"cn=x", values, frozenset(["memberof"]))
        asking = Deferred.fromCoroutine(roles.of(part))
        self.failureResultOf(asking, StoreUnavailable)

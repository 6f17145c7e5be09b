"""What is said of a directory in which few can be found."""

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap.decoder import Entry
from mxisd.stores.ldap.census import Census, remarks
from mxisd.stores.ldap.entries import Reader
from mxisd.stores.ldap.naming import ByUserId

MAIL = {"email": ["mail"]}


class RemarkTests(SynchronousTestCase):
    def test_values_that_name_nobody(self) -> None:
        """The key of their kind is told, and not a filter that nobody wrote."""
        found = Census()
        naming = ByUserId(attribute="uid")
        reader = Reader(naming=naming, name_attribute="cn", by_medium=MAIL)
        entry = Entry(b"cn=ann", {"uid": [b"ann"]})
        found.count(reader, [entry])
        (problem,) = remarks(found, MAIL, None)
        self.assertEqual(problem.path, "attribute.uid.value")
        self.assertIn("1 entries", problem.text)
        self.assertIn("attribute.uid.type", problem.text)

    def test_nobody_at_all(self) -> None:
        """No entry."""
        (problem,) = remarks(Census(), MAIL, None)
        self.assertEqual(problem.path, "identity.filter")

    def test_people(self) -> None:
        """Those who can be found are no reason for a remark."""
        found = Census(entries=2, people=2, by_medium=Counter(email=1))
        self.assertEqual(list(remarks(found, MAIL, None)), [])

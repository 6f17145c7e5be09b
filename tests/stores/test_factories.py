import subprocess
import sys

from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mxisd.config.structure import Section
from mxisd.errors import ConfigError
from mxisd.interfaces import IStoreFactory, Tools

TOOLS = Tools(name="s", domain="example.org", reactor=None, http=None)


class StoreMakerTests(SynchronousTestCase):
    """The stores that come with mxisd, as plug-ins."""

    def factory(self, store_type: str) -> IStoreFactory:
        """The plug-in of this type."""
        (found,) = [
            each for each in getPlugins(IStoreFactory) if each.store_type == store_type
        ]
        return found

    def test_builtin_stores_are_found(self) -> None:
        """Each is a proper factory with a type and a summary."""
        for store_type in ("memory", "ldap"):
            factory = self.factory(store_type)
            self.assertTrue(verifyObject(IStoreFactory, factory))
            self.assertTrue(factory.summary)

    def test_memory(self) -> None:
        """The factory parses and builds."""
        factory = self.factory("memory")
        settings = factory.parse(Section({"identities": [{"username": "ann"}]}))
        self.assertIsNotNone(factory.build(settings, TOOLS).lookup)

    def test_ldap(self) -> None:
        """The factory parses and builds without a connection."""
        factory = self.factory("ldap")
        self.assertRaises(ConfigError, factory.parse, Section({}))
        connection = {"host": "ldap.example.org", "baseDNs": ["dc=x"]}
        settings = factory.parse(Section({"connection": connection}))
        self.assertIsNotNone(factory.build(settings, TOOLS).authenticator)

    def test_nothing_is_loaded_before_it_is_needed(self) -> None:
        """Looking at the factories imports neither a store nor its library."""
        program = (
            "import sys\n"
            "from twisted.plugin import getPlugins\n"
            "from mxisd.interfaces import IStoreFactory\n"
            "assert {f.store_type for f in getPlugins(IStoreFactory)} >= {'ldap'}\n"
            "print([m for m in sys.modules if m.startswith(('mxisd.stores.ldap',"
            " 'mxisd.stores.memory', 'ldaptor'))])\n"
        )
        path = [each for each in sys.path if each]
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{program}"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.stdout, done.returncode), ("[]\n", 0), done.stderr)

"""Tests of access tokens and credentials."""

from pathlib import Path
from typing import Any

from mxisd.errors import ConfigError, Misconfigured
from mxisd.model.threepids import EMAIL
from mxisd.stores.firebase import factory
from mxisd.stores.firebase.settings import FirebaseSettings
from mxisd.testing.stores import ALICE_MAIL
from mxisd.testing.tools import tools_for_tests
from tests.integration.firebase_backend import PROJECT, signing_key
from tests.stores.firebase.stores import BASE, FirebaseCase

ALICE = (EMAIL, "alice@example.org")


class AccessTests(FirebaseCase):
    """Tokens are kept until shortly before their end."""

    def grants(self) -> int:
        """How often a token was asked for."""
        return self.google.asked.count("token")

    def test_token_is_kept(self) -> None:
        """For its hour less five minutes."""
        store = self.store()
        for passed, grants in ((0, 1), (3298, 1), (2, 2)):
            self.clock.advance(passed)
            self.assertEqual(len(self.found(store, ALICE)), 1)
            self.assertEqual(self.grants(), grants)

    def test_lifetime_of_nonsense(self) -> None:
        """A token whose end nobody knows is used for a moment only."""
        for value in (None, "3599", -5, True):
            self.google.expires_in = value
            store = self.store()
            self.assertEqual(len(self.found(store, ALICE)), 1)
            self.clock.advance(31)
            before = self.grants()
            self.found(store, ALICE)
            self.assertEqual(self.grants(), before + 1)

    def test_token_that_ended_early(self) -> None:
        """A new one is asked for, once, and the question repeated."""
        store = self.store()
        self.found(store, ALICE)
        self.google.access.clear()
        self.assertEqual(len(self.found(store, ALICE)), 1)
        self.assertEqual(self.grants(), 2)

    def test_unknown_service_account(self) -> None:
        """Its key was withdrawn: the operator must act."""
        content = self.google.credentials(BASE)
        content["private_key"] = signing_key("foreign").private_pem
        store = self.store(credentials=str(self.written(content)))
        assert store.lookup is not None
        error = self.unavailable(store.lookup.lookup(frozenset([ALICE_MAIL])))
        assert isinstance(error, Misconfigured)
        self.assertEqual(error.path, "credentials")
        self.assertIn("invalid_grant", str(error))

    def test_fixed_token(self) -> None:
        """As for the emulator: no credentials are needed, but the project is."""
        self.google.access = ["owner"]
        fixed: dict[str, Any] = {"credentials": "", "accessToken": "owner"}
        store = self.store(project=PROJECT, **fixed)
        self.assertEqual(len(self.found(store, ALICE)), 1)
        self.assertEqual(self.grants(), 0)
        with self.assertRaises(ConfigError) as caught:
            self.store(**fixed)
        self.assertEqual(caught.exception.problems[0].path, "project")
        self.google.access.clear()
        assert store.lookup is not None
        error = self.unavailable(store.lookup.lookup(frozenset([ALICE_MAIL])))
        assert isinstance(error, Misconfigured)
        self.assertEqual((error.path, error.is_whole), ("accessToken", True))


class CredentialsTests(FirebaseCase):
    """The key file."""

    def problem(self, **section: Any) -> str:
        """What is said about a section; always about the credentials."""
        with self.assertRaises(ConfigError) as caught:
            self.store(**section)
        (problem,) = caught.exception.problems
        self.assertEqual(problem.path, "credentials")
        return str(problem.text)

    def test_environment(self) -> None:
        """It names the file where the configuration does not."""
        environment = {"GOOGLE_APPLICATION_CREDENTIALS": str(self.key_file)}
        for blank in ("", "  "):
            store = self.store(environment=environment, credentials=blank)
            self.assertEqual(len(self.found(store, ALICE)), 1)
        self.assertIn("is required", self.problem(credentials=""))

    def test_files_that_are_no_credentials(self) -> None:
        """Each is told what it is instead, and no part of it."""
        good = self.google.credentials(BASE)
        for content, words in (
            ({**good, "type": "authorized_user"}, "no key of a service account"),
            ([], "no key of a service account"),
            ({**good, "private_key": None}, "has no private_key"),
            ({**good, "project_id": ""}, "has no project_id"),
            ({**good, "private_key": "-----BEGIN SECRET"}, "no RSA key"),
        ):
            text = self.problem(credentials=str(self.written(content)))
            self.assertIn(words, text)
            self.assertNotIn("SECRET", text)

    def test_unreadable_files(self) -> None:
        """Files that are not there, or no JSON."""
        path = Path(self.mktemp())
        self.assertIn("No such file", self.problem(credentials=str(path)))
        path.write_text("swordfish")
        text = self.problem(credentials=str(path))
        self.assertIn("not JSON", text)
        self.assertNotIn("swordfish", text)

    def test_missing_library(self) -> None:
        """The operator learns what to install."""
        with self.assertRaises(ConfigError) as caught:
            factory.build(FirebaseSettings(), tools_for_tests(), library="no_such_one")
        self.assertIn("mxisd[firebase]", str(caught.exception))

    def test_endpoints(self) -> None:
        """They must be URLs; mxisd's ``database`` is taken and not used."""
        self.store(database="https://wonderland-1865.firebaseio.com")
        for wrong in ("ftp://x", "nonsense", "https://"):
            with self.assertRaises(ConfigError):
                self.store(endpoints={"accounts": wrong})

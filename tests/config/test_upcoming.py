"""Tests of keys that only old programs, or later versions, read."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.sections import Config
from mxisd.config.structure import paths
from mxisd.config.upcoming import NEEDLESS, RENAMED, UPCOMING, postponed, settle


class SettleTests(SynchronousTestCase):
    def test_upcoming_keys_are_set_aside(self) -> None:
        """Whole sections and single keys; their neighbours stay."""
        values: dict[str, Any] = {
            "register": {"policy": {"allowed": True}},
            "lookup": {"recursive": {"enabled": False, "bridge": {"enabled": True}}},
            "matrix": {"domain": "example.org"},
        }
        settled = settle(values)
        self.assertEqual(settled.upcoming, ("lookup.recursive.bridge", "register"))
        self.assertEqual(
            settled.values,
            {
                "lookup": {"recursive": {"enabled": False}},
                "matrix": {"domain": "example.org"},
            },
        )
        self.assertEqual(settled.remarks, {})
        self.assertIn("bridge", values["lookup"]["recursive"])

    def test_a_key_without_a_value_is_no_news(self) -> None:
        """It is taken away silently."""
        settled = settle({"register": None, "dns": {"overwrite": None}})
        self.assertEqual((settled.upcoming, settled.remarks), ((), {}))
        self.assertEqual(settled.values, {"dns": {"overwrite": None}})

    def test_paths_through_what_is_no_section(self) -> None:
        """Wrong kinds are left to those who judge them."""
        for values in ({"lookup": 5}, {"lookup": {"recursive": [1]}}, {"lookup": "a"}):
            settled = settle(values)
            self.assertEqual((settled.values, settled.upcoming), (values, ()))

    def test_renamed_keys_move(self) -> None:
        """The remark names the real key; false is a value, too."""
        for value in (True, False):
            settled = settle({"lookup": value}, "ldap")
            self.assertEqual(settled.values, {"identity": {"lookup": value}})
            self.assertIn("identity.lookup", settled.remarks["lookup"])
        settled = settle({"lookup": True, "identity": None}, "ldap")
        self.assertEqual(settled.values, {"identity": {"lookup": True}})
        settled = settle({"lookup": True, "identity": {"filter": "x"}}, "ldap")
        self.assertEqual(settled.values, {"identity": {"filter": "x", "lookup": True}})

    def test_sections_of_old_names_go(self) -> None:
        """Emptied ones, not those that hold more, nor those that are no sections."""
        old = {"onTokenSubmit": {"success": "a"}}
        for local, rest in (
            (old, {}),
            ({**old, "x": 1}, {"local": {"x": 1}}),
            ({"onTokenSubmit": 5}, {"local": {"onTokenSubmit": 5}}),
        ):
            settled = settle({"view": {"session": {"local": local}}})
            session = settled.values["view"]["session"]
            session.pop("onTokenSubmit", None)
            self.assertEqual(session, rest)

    def test_the_real_key_wins(self) -> None:
        """Where both are there, the old name has no effect."""
        for identity in ({"lookup": False}, "nonsense"):
            settled = settle({"lookup": True, "identity": identity}, "ldap")
            self.assertEqual(settled.values, {"identity": identity})
            self.assertIn("no effect", settled.remarks["lookup"])

    def test_needless_keys_go(self) -> None:
        """With the reason."""
        settled = settle({"hashing": {"hashStorageType": "sql", "delay": 1}})
        self.assertEqual(settled.values, {"hashing": {"delay": 1}})
        self.assertIn("file", settled.remarks["hashing.hashStorageType"])

    def test_values_that_are_not_built_yet(self) -> None:
        """They are told apart from values that are merely wrong."""
        values = {"storage": {"backend": "postgresql"}}
        ((path, text),) = postponed(values)
        self.assertEqual(path, "storage.backend")
        self.assertIn("not built yet", text)
        for other in ({"storage": {"backend": "mysql"}}, {"storage": 5}, {}):
            self.assertEqual(list(postponed(other)), [])
        self.assertEqual(list(postponed({"storage": {"backend": ["postgresql"]}})), [])


class ListTests(SynchronousTestCase):
    def test_no_key_is_both_read_and_set_aside(self) -> None:
        """A part that is built is off the lists."""
        known = set(paths(Config))
        for key in (*UPCOMING, *RENAMED, *NEEDLESS):
            self.assertNotIn(key, known)
            self.assertFalse([path for path in known if path.startswith(f"{key}.")])

    def test_real_names_are_in_the_same_section(self) -> None:
        """A renamed key of a store stays the store's."""
        for old, new in RENAMED.items():
            self.assertEqual(old.split(".")[0], new.split(".")[0])

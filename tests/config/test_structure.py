"""Tests of reading settings classes."""

from collections.abc import Mapping
from enum import Enum, StrEnum
from ipaddress import ip_network
from typing import Any

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mxisd.config.sections import Config
from mxisd.config.structure import Section, nested, options, paths, read
from mxisd.errors import ConfigError, Problem, UnknownKey
from mxisd.interfaces import ISection
from mxisd.model.requesters import Network
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, RecordType, key_of, networks, option


def _even(value: int) -> None:
    if value % 2:
        raise ValueError("must be even")


def _broken(value: int) -> None:
    raise TypeError("a mistake in the check")


class Taste(StrEnum):
    """A word that is a text."""

    SWEET = "sweet"
    OFF = "off"


class Level(Enum):
    """A word."""

    HIGH = "high"


@frozen(kw_only=True)
class Leaf:
    """A section in a section."""

    name: str = option("A name.")
    count: int = option("An even number.", 2, check=_even)
    weight: float | None = option("A number.", None)


@frozen(kw_only=True)
class Tree:
    """Everything that a settings class may hold."""

    trunk: Leaf = option("A section without which nothing works.")
    other_leaf: Leaf | None = option("One more.", None)
    leaves: tuple[Leaf, ...] = option("Many.", ())
    by_name: Mapping[str, Leaf] = option("Many with names.", dict)
    words: Mapping[str, tuple[str, ...]] = option("Lists with names.", dict)
    hidden: Secret | None = option("A secret.", None)
    wait: Duration = option("A time.", Duration(5))
    near: tuple[Network, ...] = option("Networks.", networks("::1/128"))
    home: Network | None = option("A network.", None)
    near_or_not: tuple[Network, ...] | None = option("Networks.", None)
    kind: RecordType = option("A word.", RecordType.UID)
    taste: Taste = option("A word that is a text.", Taste.SWEET)
    level: Level | None = option("A word or none.", None)
    switch: bool = option("On or off.", True)
    base_dns: tuple[str, ...] = option("Another spelling.", (), key="baseDNs")
    free: Any = option("Whatever.", None)
    computed: int = 7


def problems(values: Any, settings: type = Tree, **more: Any) -> list[Problem]:
    """What is wrong with a section."""
    try:
        read(settings, values, **more)
    except ConfigError as error:
        return list(error.problems)
    return []


def with_trunk(**values: Any) -> dict[str, Any]:
    """A section that has what it needs."""
    return {"trunk": {"name": "oak"}, **values}


class ReadTests(SynchronousTestCase):
    """Good sections."""

    def test_what_is_absent_has_its_default(self) -> None:
        """A key without a value is absent, too."""
        tree = Tree(trunk=Leaf(name="oak"))
        self.assertEqual(read(Tree, with_trunk()), tree)
        keys = [key_of(field) for field in options(Tree) if field.name != "trunk"]
        self.assertEqual(read(Tree, with_trunk(**dict.fromkeys(keys))), tree)
        self.assertEqual(read(Tree, {"trunk": {"name": "oak", "count": None}}), tree)

    def test_every_kind_of_value(self) -> None:
        """Sections, lists, names, and each kind of scalar."""
        tree = read(
            Tree,
            with_trunk(
                otherLeaf={"name": "a", "count": 4, "weight": 1},
                leaves=[{"name": "b"}],
                byName={"x.y": {"name": "c"}, "gone": None},
                words={"email": ["mail"], "none": []},
                hidden="pass",
                wait="1m 1s",
                near=["10.0.0.0/8"],
                home="fd00::/8",
                nearOrNot=[],
                kind="mxid",
                taste=False,
                level="high",
                switch=False,
                baseDNs=["dc=x"],
                free={"a": [1]},
            ),
        )
        expected = Tree(
            trunk=Leaf(name="oak"),
            other_leaf=Leaf(name="a", count=4, weight=1.0),
            leaves=(Leaf(name="b"),),
            by_name={"x.y": Leaf(name="c")},
            words={"email": ("mail",), "none": ()},
            hidden=Secret("pass"),
            wait=Duration(61),
            near=networks("10.0.0.0/8"),
            home=ip_network("fd00::/8"),
            near_or_not=(),
            kind=RecordType.MXID,
            taste=Taste.OFF,
            level=Level.HIGH,
            switch=False,
            base_dns=("dc=x",),
            free={"a": [1]},
        )
        self.assertEqual(tree, expected)
        self.assertIsInstance(tree.taste, Taste)
        self.assertIsInstance(tree.wait, Duration)

    def test_values_in_quotes(self) -> None:
        """They may be a number or a switch, and are checked."""
        values = with_trunk(switch="false", hidden="1")
        values["trunk"]["count"] = "4"
        tree = read(Tree, values)
        self.assertEqual(
            (tree.switch, tree.hidden, tree.trunk.count), (False, Secret("1"), 4)
        )
        values["trunk"]["count"] = "5"
        self.assertEqual(problems(values), [Problem("trunk.count", "must be even")])


class ProblemTests(SynchronousTestCase):
    """Bad sections."""

    def test_each_has_its_path(self) -> None:
        """However deep it is."""
        for values, path, words in (
            ({"leaves": [{"name": "a"}, {"name": []}]}, "leaves.1.name", "a text"),
            ({"leaves": [None]}, "leaves.0", "a section with keys below it"),
            ({"leaves": {"name": "a"}}, "leaves", "must be a list, not a section"),
            ({"leaves": "abc"}, "leaves", "must be a list, not a text"),
            ({"byName": {"a.b": 5}}, "byName.a.b", "must be a section"),
            ({"byName": {"a": {"name": "b", "x": 1}}}, "byName.a.x", "is unknown"),
            ({"byName": []}, "byName", "must be a section with keys below it"),
            ({"words": {"a": "b"}}, "words.a", "must be a list, not a text"),
            ({"words": {"a": ["b", 1.5, None]}}, "words.a.1", "must be a text"),
            ({"otherLeaf": {"count": 2}}, "otherLeaf.name", "is required: A name"),
            ({"otherLeaf": {"name": "a", "count": 3}}, "otherLeaf.count", "even"),
            ({"otherLeaf": True}, "otherLeaf", "not true or false"),
            ({"hidden": {"a": "b"}}, "hidden", "must be a text, not a section"),
            ({"wait": "soon"}, "wait", "must be a time such as"),
            ({"near": ["10.0.0.0/8", "far"]}, "near.1", "must be a network"),
            ({"near": "10.0.0.0/8"}, "near", "must be a list"),
            ({"home": "far"}, "home", "must be a network"),
            ({"nearOrNot": [5]}, "nearOrNot.0", "must be a network"),
            ({"kind": "localpart"}, "kind", "must be one of uid, mxid"),
            ({"taste": "sour"}, "taste", "must be one of sweet, off"),
            ({"level": 5}, "level", "must be one of high"),
            ({"switch": "so so"}, "switch", "must be true or false"),
            ({"trunk": {"name": "a", "count": "4x"}}, "trunk.count", "whole number"),
            ({"trunk": {"name": "a", "weight": "x"}}, "trunk.weight", "a number"),
            ({"trunk": 5}, "trunk", "must be a section"),
            ({"computed": 8}, "computed", "is unknown"),
            ({"baseDns": []}, "baseDns", "did you mean `baseDNs`?"),
            ({"base_dns": []}, "base_dns", "did you mean `baseDNs`?"),
            ({"zzz": None}, "zzz", "is unknown"),
            ({"trunk.name": "a"}, "trunk.name", "not dotted"),
            ({"weight": 5}, "weight", "it belongs to"),
        ):
            found = problems(with_trunk(**values))
            self.assertEqual(found[0].path, path, values)
            self.assertIn(words, found[0].text)

    def test_all_are_found_at_once(self) -> None:
        """Unknown, missing, of the wrong kind and refused by a check."""
        found = problems(
            {
                "trunk": {"count": 3, "nam": "a"},
                "leaves": [{"name": "a", "count": 5}, {"count": "x"}],
                "switch": 1,
                "swich": True,
            }
        )
        self.assertEqual(
            {problem.path for problem in found},
            {
                "trunk.name",
                "trunk.count",
                "trunk.nam",
                "leaves.0.count",
                "leaves.1.name",
                "leaves.1.count",
                "switch",
                "swich",
            },
        )
        self.assertEqual(len(found), 8)

    def test_a_section_that_is_needed(self) -> None:
        """What is required is what is in it."""
        self.assertEqual(problems({}), [Problem("trunk.name", "is required: A name")])
        self.assertEqual(problems({"trunk": None}), problems({}))

    def test_what_is_no_section_at_all(self) -> None:
        """The path is that of whoever asks."""
        for values in (None, 5, "a", ["a"], True):
            (problem,) = problems(values)
            self.assertEqual(problem.path, "")

    def test_sentences_show_no_value(self) -> None:
        """It may be a secret that went astray."""
        for key in ("hidden", "leaves", "byName", "wait", "kind", "switch", "trunk"):
            for value in ("hunter2", ["hunter2"], {"a": ["hunter2"]}):
                for problem in problems(with_trunk() | {key: value}):
                    self.assertNotIn("hunter2", problem.text)

    def test_keys_that_others_read_are_suggested(self) -> None:
        """At the top, where they stand."""
        (problem,) = problems(with_trunk(ldpa={}), read_elsewhere=("ldap",))
        self.assertIn("`ldap`", problem.text)
        (problem,) = problems(
            {"trunk": {"name": "a", "ldpa": 1}}, read_elsewhere=("ldap",)
        )
        self.assertNotIn("`ldap`", problem.text)

    def test_levels_that_were_left_out(self) -> None:
        """In the core's sections of any name, too."""
        medium = {"from": "a@b", "connectors": {"smtp": {}}}
        for values, path, words in (
            ({"threepid": {"medium": {"email": medium}}}, "from", "identity.from`"),
            ({"threepid": {"email": {}}}, "email", "`threepid.medium.email`"),
            ({"policy": {"tos": {}}}, "tos", "`policy.policies.tos`"),
            ({"matrix": {"publicUrl": "x"}}, "publicUrl", "`server.publicUrl`"),
            ({"matrix": {"server": {}}}, "server", "`server` is a section of its own"),
        ):
            texts = {each.path: each.text for each in problems(values, Config)}
            (text,) = [texts[each] for each in texts if each.endswith(f".{path}")]
            self.assertIn(words, text, values)

    def test_what_was_not_meant_as_a_text(self) -> None:
        """YAML takes a line without its space for a text."""
        for values, path, words in (
            ({"trunk": "name:x"}, "trunk", "is a space missing after the colon?"),
            ({"leaves": "-a -b"}, "leaves", "each entry begins with a dash and a spa"),
        ):
            found = {each.path: each.text for each in problems(with_trunk() | values)}
            self.assertIn(words, found[path])
            self.assertNotIn("name", found[path])

    def test_a_broken_check_is_not_the_operators_fault(self) -> None:
        """It surfaces as what it is."""

        @frozen
        class Broken:
            """A class with a mistake."""

            size: int = option("A size.", check=None)
            count: int = option("A count.", None, check=_broken)

        self.assertRaises(TypeError, read, Broken, {"size": 1, "count": 5})

    @given(
        st.dictionaries(
            st.sampled_from([*paths(Tree), *paths(Config), "x", "a.b", ""]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(["name", "count", "trunk", "enabled", "x"]),
                        inner,
                        max_size=3,
                    )
                ),
                max_leaves=5,
            ),
        )
    )
    def test_whatever_it_is(self, values: dict[str, Any]) -> None:
        """Data are read or refused; nothing else happens."""
        for settings in (Tree, Config):
            for problem in problems(values, settings):
                self.assertNotEqual(problem.text, "")


class SectionTests(SynchronousTestCase):
    """What a store's factory is given."""

    def test_it_is_what_the_interface_says(self) -> None:
        """Values to look at, and a reader."""
        section = Section({"name": "a"}, "stores.0")
        verifyObject(ISection, section)
        self.assertEqual(section.read(Leaf), Leaf(name="a"))

    def test_it_knows_its_place(self) -> None:
        """A sentence names another key in full; paths stay relative."""
        section = Section(with_trunk(weight=5), "stores.0")
        error = self.assertRaises(ConfigError, section.read, Tree)
        text = "is unknown here; it belongs to `stores.0.trunk.weight`"
        self.assertEqual(error.problems, (UnknownKey("weight", text),))


class DescriptionTests(SynchronousTestCase):
    """Settings classes as others look at them."""

    def test_nested(self) -> None:
        """The class of the sections, whatever holds them; a secret is none."""
        kinds = {field.name: nested(field.type) for field in options(Tree)}
        leaves = {name for name, kind in kinds.items() if kind is Leaf}
        self.assertEqual(leaves, {"trunk", "other_leaf", "leaves", "by_name"})
        self.assertEqual({kind for kind in kinds.values() if kind}, {Leaf})

    def test_paths(self) -> None:
        """Each key with a place of its own; fields that are no keys are left out."""
        found = list(paths(Tree, "tree"))
        self.assertIn("tree.trunk.count", found)
        self.assertIn("tree.byName", found)
        self.assertNotIn("tree.byName.count", found)
        self.assertNotIn("tree.computed", found)

from typing import Any

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.errors import ConfigError
from mxisd.interfaces import Store
from mxisd.stores.command import factory
from mxisd.stores.command.lookup import BulkLookup, SingleLookup
from mxisd.testing.tools import tools_for_tests

JSON = {"output": {"type": "json"}}
READS_JSON = {"input": {"type": "json"}, **JSON}


def store(values: dict[str, Any]) -> Store:
    """The store of a section."""
    return factory.build(factory.parse(Section(values)), tools_for_tests())


def problems(values: dict[str, Any]) -> dict[str, str]:
    """What is wrong with a section, by path."""
    try:
        factory.parse(Section(values))
    except ConfigError as error:
        return {each.path: each.text for each in error.problems}
    return {}


def single(**program: Any) -> dict[str, Any]:
    """A section with a single lookup."""
    values = {"command": "x", **READS_JSON, **program}
    return {"identity": {"lookup": {"single": values}}}


class CapabilityTests(SynchronousTestCase):
    """What a section can do."""

    def capabilities(self, values: dict[str, Any]) -> set[str]:
        """The names of those that are there."""
        names = ("lookup", "associations", "authenticator", "directory", "profile")
        made = store(values)
        return {name for name in names if getattr(made, name) is not None}

    def test_a_feature_without_a_program_is_off(self) -> None:
        """Whatever else is written about it."""
        self.assertEqual(self.capabilities({}), set())
        values = {"auth": {"args": ["a"], "env": {"a": "b"}}, "identity": {}}
        self.assertEqual(self.capabilities(values), set())

    def test_each_program_is_a_feature(self) -> None:
        """One program of a group is enough."""
        program = {"command": "x", **READS_JSON}
        for values, name in (
            ({"auth": program}, "authenticator"),
            ({"directory": {"search": {"byName": program}}}, "directory"),
            ({"directory": {"search": {"byThreepid": program}}}, "directory"),
            ({"identity": {"lookup": {"single": program}}}, "lookup"),
            ({"identity": {"lookup": {"bulk": program}}}, "lookup"),
            ({"identity": {"associations": program}}, "associations"),
            ({"profile": {"displayName": program}}, "profile"),
            ({"profile": {"threePid": program}}, "profile"),
            ({"profile": {"role": program}}, "profile"),
        ):
            self.assertEqual(self.capabilities(values), {name}, values)
            (section,) = values
            off = {section: {**values[section], "enabled": False}}
            self.assertEqual(self.capabilities(off), set())

    def test_what_is_off_is_not_judged(self) -> None:
        """A program that is not run may be called in any way."""
        self.assertEqual(problems({"auth": {"enabled": False, "command": "x"}}), {})

    def test_bulk_goes_before_single(self) -> None:
        """One question is better than many."""
        program = {"command": "x", **READS_JSON}
        both = {"single": program, "bulk": program}
        self.assertIsInstance(store({"identity": {"lookup": both}}).lookup, BulkLookup)
        self.assertIsInstance(store(single()).lookup, SingleLookup)

    def test_lists(self) -> None:
        """By a program for it, or as in ma1sd, who had to switch it on."""
        program = {"command": "x", **READS_JSON}
        bulk = {"lookup": {"bulk": program}}
        for values, is_there in (
            ({"associations": program}, True),
            ({"associations": program, "hashLookup": True}, True),
            ({"associations": program, "hashLookup": False}, False),
            (bulk, False),
            ({**bulk, "hashLookup": True}, True),
            ({**bulk, "hashLookup": False}, False),
            ({"lookup": {"single": program}, "hashLookup": True}, False),
        ):
            found = store({"identity": values}).associations
            self.assertEqual(found is not None, is_there, values)


class ProblemTests(SynchronousTestCase):
    """What cannot work is told at the start, by its key."""

    path = "identity.lookup.single"

    def test_a_whole_file_of_mxisd(self) -> None:
        """Nothing in it is wrong."""
        values = {
            "token": {"localpart": "%l", "query": "%q"},
            "auth": {
                "enabled": True,
                "command": "/opt/auth",
                "args": ["-l", "%l", "{password}"],
                "env": {"DOMAIN": "{domain}", "N": "1"},
                "input": {"type": "custom", "template": "{mxid}"},
                "exit": {"success": [0, 128], "failure": [1, 129]},
                "token": {"mxid": "{user}"},
            },
            "directory": {
                "enabled": True,
                "search": {
                    "byName": {"command": "/opt/search", "args": ["%q"], **JSON},
                    "byThreepid": {"command": "/opt/search", **READS_JSON},
                },
            },
            "identity": {
                "enabled": True,
                "lookup": {
                    "single": {
                        "command": "/opt/one",
                        "input": {"type": "plain"},
                        "output": {"type": "plain", "template": "unused"},
                    },
                    "bulk": {"command": "/opt/many", **READS_JSON},
                },
            },
            "profile": {
                "displayName": {"command": "/opt/name", "args": ["{mxid}"], **JSON},
                "threePid": {"command": "/opt/pids", **READS_JSON},
                "role": {"command": "/opt/roles", **READS_JSON},
            },
        }
        self.assertEqual(problems(values), {})

    def test_output(self) -> None:
        """Where the exit code alone is no answer, its form must be known."""
        found = problems(single(output={}))
        self.assertIn("json or plain", found[f"{self.path}.output.type"])
        self.assertIn(
            f"{self.path}.output.type", problems(single(output={"type": "xml"}))
        )
        self.assertEqual(
            problems({"auth": {"command": "x", "args": ["{password}"]}}), {}
        )

    def test_input(self) -> None:
        """Known types need no template, and others need one."""
        for kind, template, is_right in (
            ("json", None, True),
            ("plain", None, True),
            ("yaml", None, False),
            ("yaml", "a: {address}", True),
        ):
            found = problems(single(input={"type": kind, "template": template}))
            self.assertEqual(f"{self.path}.input.type" not in found, is_right, kind)
        bulk = {"identity": {"lookup": {"bulk": {"command": "x", **JSON}}}}
        self.assertIn("identity.lookup.bulk.input.type", problems(bulk))

    def test_a_program_that_learns_nothing(self) -> None:
        """Every password would be right, and every address somebody's."""
        login = {"auth": {"command": "x", "args": ["{localpart}"]}}
        self.assertIn("{password}", problems(login)["auth"])
        self.assertIn("{address}", problems(single(input={}))[self.path])
        other = single(input={}, args=["{address}"], token={"address": "%a"})
        self.assertIn("%a", problems(other)[self.path])
        profile = {"profile": {"role": {"command": "x", "args": ["{domain}"], **JSON}}}
        self.assertIn("profile.role", problems(profile))

    def test_tokens(self) -> None:
        """No two alike, and none empty; those of the program go first."""
        alike = single(token={"address": "%a", "medium": "%a"})
        self.assertIn("alike", problems(alike)[f"{self.path}.token"])
        empty = single(token={"address": " "})
        self.assertIn(f"{self.path}.token.address", problems(empty))
        values = {
            "token": {"address": "%a"},
            **single(input={}, args=["%b"], token={"address": "%b"}),
        }
        self.assertEqual(problems(values), {})
        values = {"token": {"address": "%a"}, **single(input={}, args=["%a"])}
        self.assertEqual(problems(values), {})

    def test_json_templates(self) -> None:
        """A value outside of quotes could be anything but a text."""
        for template, is_right in (
            ('{"a":"{address}"}', True),
            ('{"a":{address}}', False),
            ('{"a":"{medium}","b":{address}}', False),
        ):
            found = problems(single(input={"type": "json", "template": template}))
            key = f"{self.path}.input.template"
            self.assertEqual(key not in found, is_right, template)
        search = {
            "command": "x",
            "input": {"type": "json", "template": '{"q":"{query}","n":{limit}}'},
            **JSON,
        }
        self.assertEqual(problems({"directory": {"search": {"byName": search}}}), {})

    def test_single_values(self) -> None:
        """Names of variables, time-outs and numbers are judged."""
        for more, key in (
            ({"env": {"a=b": "c"}}, "env"),
            ({"env": {"": "c"}}, "env"),
            ({"env": {"a": "\0"}}, "env"),
            ({"args": ["\0"]}, "args"),
            ({"timeout": 0}, "timeout"),
        ):
            self.assertIn(f"{self.path}.{key}", problems(single(**more)), more)
        self.assertIn("concurrency", problems({"concurrency": 0}))

    def test_passwords_in_arguments(self) -> None:
        """They work as ever, and the log warns."""
        with capturedLogs() as events:
            store({"auth": {"command": "true", "args": ["{password}"]}})
            store({"auth": {"command": "true", "env": {"P": "{password}"}}})
        (event,) = events
        self.assertIn("as an argument", formatEvent(event))

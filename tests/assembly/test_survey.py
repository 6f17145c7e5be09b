"""What a start reads: all of it is found, and nothing is changed."""

import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.survey import Survey, survey
from mxisd.config.loader import load
from mxisd.config.reference import entries
from mxisd.config.sections import Config
from mxisd.errors import ConfigError
from mxisd.notify.factories import SenderMaker
from mxisd.plugins import find_factories, find_senders
from mxisd.stores.factories import StoreMaker
from tests.assembly.test_janitor import HastyReactor
from tests.tls import CertificateAuthority
from twisted.plugins import mxisd_senders, mxisd_stores

EMAIL = "threepid.medium.email"
CONNECTORS = f"{EMAIL}.connectors"
SENDGRID = "notification.handlers.sendgrid"
QUERY = {"identity": {"query": "SELECT ?", "type": "uid"}}
PROGRAM = {"input": {"type": "json"}, "output": {"type": "json"}}
OTHERS: Mapping[str, Any] = {
    "exec": {"auth": {"args": ["{localpart} {password}"]}},
    "sql": QUERY,
}
TEMPLATES = ("threepid.medium.email.generators.template.", f"{SENDGRID}.templates.")

NAMES_A_FILE = re.compile(r"\b(files?|folders?|PEM)\b|program's path")
WITHOUT_EFFECT = "output.template"
SOCKETS = {"sql.host", "synapseSql.host"}
"""Who listens at a UNIX socket may come later."""

TOKEN = f"{CONNECTORS}.smtp.oauth2.tokenFile"

LATER = re.compile(r"(sql|synapseSql)\.(connection|database)|exec\..*\.command")
"""Files of others, who may bring them later: what is missing is a warning."""


def said(events: "Sequence[LogEvent]") -> str:
    """What was logged."""
    return "\n".join(formatEvent(each) for each in events)


def nested(path: str, value: Any) -> "dict[str, Any]":
    """A value at its place in the file."""
    for key in reversed(path.split(".")):
        value = {key: value}
    found: dict[str, Any] = value
    return found


def merged(*sections: "Mapping[str, Any]") -> "dict[str, Any]":
    """All of them; the later one counts."""
    result: dict[str, Any] = {}
    for section in sections:
        for key, value in section.items():
            is_section = isinstance(value, Mapping) and isinstance(
                result.get(key), dict
            )
            result[key] = merged(result[key], value) if is_section else value
    return result


def own_settings() -> "Iterator[tuple[str, type]]":
    """The settings class of each store and sender of ours, and where it stands."""
    for module in (mxisd_stores, mxisd_senders):
        for each in vars(module).values():
            if isinstance(each, StoreMaker | SenderMaker):
                parse = import_module(each.module).parse
                settings = get_type_hints(parse)["return"]
                if isinstance(each, StoreMaker):
                    yield each.store_type, settings
                else:
                    yield f"{CONNECTORS}.{each.sender_type}", settings


def keys_of_files() -> "Iterator[str]":
    """Every key that names a file or a folder."""
    places = [("", Config), *((f"{place}.", found) for place, found in own_settings())]
    for prefix, settings in places:
        for entry in entries(settings, prefix):
            path = entry.path.replace("<name>", "email")
            is_file = NAMES_A_FILE.search(entry.meaning) or is_template(path)
            if (
                is_file
                and path not in {*SOCKETS, TOKEN}
                and not path.endswith(WITHOUT_EFFECT)
            ):
                yield path


def is_template(path: str) -> bool:
    """Whether a key names a template."""
    has_words = path.endswith((".subject", ".placeholder"))
    return path.startswith(TEMPLATES) and not has_words


class SurveyCase(SynchronousTestCase):
    """Surveys configurations in a folder."""

    def setUp(self) -> None:
        """A folder, and a place where no file can ever be."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        (self.folder / "file").touch()
        self.nowhere = str(self.folder / "file" / "nowhere")
        self.foundation = {
            "matrix": {"domain": "example.org"},
            "server": {"hostname": "127.0.0.1"},
            "key": {"path": str(self.folder / "keys")},
            "storage": nested("provider.sqlite.database", str(self.folder / "db")),
            "logging": {"access": ""},
        }

    def surveyed(self, *sections: "Mapping[str, Any]") -> Survey:
        """Survey a configuration."""
        text = yaml.safe_dump(merged(self.foundation, *sections))
        factories = find_factories()
        found = load(
            text,
            environment={},
            read_file=str,
            factories=factories,
            sender_factories=find_senders(),
        )
        return survey(found.config, factories, HastyReactor())

    def problems(self, *sections: "Mapping[str, Any]") -> "dict[str, str]":
        """What is wrong, by key."""
        found = self.surveyed(*sections)
        return {each.path: each.text for each in found.problems}


class FilesTests(SurveyCase):
    """Everything that names a file."""

    def around(self, path: str) -> "dict[str, Any]":
        """What a key needs to be read at all."""
        mail = {
            EMAIL: {"identity": {"from": "a@example.org"}},
            f"{CONNECTORS}.smtp": {"host": "localhost"},
        }
        with_sendgrid = {
            SENDGRID: {"api": {"key": "x"}, "identity": {"from": "a@example.org"}},
            "notification.handler.email": "sendgrid",
        }
        directory = {"host": "localhost", "tls": True, "baseDNs": ["dc=example"]}
        pair = {"certificateFile": self.nowhere, "keyFile": self.nowhere}
        server = {
            "type": "postgresql",
            "connection": "//localhost/people",
            "tls": True,
            **QUERY,
        }
        known: dict[str, dict[str, Any]] = {
            "threepid": mail,
            "notification": with_sendgrid,
            "ldap": {"ldap.enabled": True, "ldap.connection": {**directory, **pair}},
            "netiq": {"netiq.enabled": True, "netiq.connection": {**directory, **pair}},
            "rest": {"rest": {"enabled": True, "host": "https://localhost", **pair}},
            "sql": {"sql": {"enabled": True, **server}},
            "synapseSql": {"synapseSql": {"enabled": True, **server}},
            "firebase": {"firebase.enabled": True},
            "exec": {"exec": {"enabled": True}},
        }
        around = known.get(path.split(".", maxsplit=1)[0], {})
        return merged(*(nested(key, value) for key, value in around.items()))

    def test_each_is_read(self) -> None:
        """A key that names a file which cannot be had is told, by that key."""
        keys = [path for path in keys_of_files() if not LATER.fullmatch(path)]
        self.assertGreater(len(keys), 30)
        for path in keys:
            found = self.problems(self.around(path), nested(path, self.nowhere))
            self.assertIn(path, found)
            self.assertIn(str(self.folder / "file"), found[path])

    def test_files_of_others(self) -> None:
        """Databases and programs may come later: a warning with their names."""
        keys = [path for path in keys_of_files() if LATER.fullmatch(path)]
        self.assertGreater(len(keys), 10)
        for path in keys:
            store = path.split(".")[0]
            around = OTHERS.get(store, {})
            section = nested(store, {"enabled": True, **around})
            is_mute = path.startswith("exec.") and not path.startswith("exec.auth.")
            more = nested(path.removesuffix(".command"), PROGRAM) if is_mute else {}
            with capturedLogs() as events:
                found = self.problems(section, more, nested(path, self.nowhere))
            self.assertEqual(found, {}, path)
            told = [formatEvent(each) for each in events]
            words = path if store == "exec" else self.nowhere
            self.assertTrue(any(words in each for each in told), (path, told))

    def test_tokens_of_mail_servers(self) -> None:
        """Whoever brings one may come later, too."""
        login = nested(f"{CONNECTORS}.smtp.login", "bob")
        command = TOKEN.replace("tokenFile", "tokenCommand")
        for key, value in ((TOKEN, self.nowhere), (command, [self.nowhere, "x"])):
            with capturedLogs() as events:
                found = self.problems(self.around(TOKEN), login, nested(key, value))
            self.assertEqual(found, {})
            self.assertIn(f"{key}: there is no {self.nowhere} ", said(events))
        present = nested(TOKEN, str(self.folder / "file"))
        with capturedLogs() as events:
            self.assertEqual(self.problems(self.around(TOKEN), login, present), {})
        self.assertNotIn("oauth2", said(events))

    def test_authorities_in_an_address(self) -> None:
        """Then the key is that of the address."""
        for section, key in (
            (
                {"wordpress": {"enabled": True, "rest": {"base": "https://localhost"}}},
                "wordpress.sql.connection",
            ),
            (self.around("sql"), "sql.connection"),
        ):
            url = f"//localhost/x?sslmode=verify-full&sslrootcert={self.nowhere}"
            found = self.problems(section, nested(key, url))
            self.assertEqual(list(found), [key])

    def test_everything_at_once(self) -> None:
        """Stores, senders, templates, pages and places: nothing hides another."""
        keys = (
            "outbound.caFile",
            "ldap.connection.caFile",
            "firebase.credentials",
            f"{CONNECTORS}.smtp.caFile",
            f"{EMAIL}.generators.template.invite",
            "view.session.onTokenSubmit.success",
            "view.session.onTokenSubmit.failure",
            "key.path",
            "storage.provider.sqlite.database",
            "hashing.directory",
            "logging.access",
        )
        around = [self.around(key) for key in keys]
        without_pair = nested(
            "ldap.connection", {"certificateFile": None, "keyFile": None}
        )
        broken = [nested(key, self.nowhere) for key in keys]
        found = self.surveyed(*around, without_pair, *broken)
        told = [each.path for each in found.problems]
        self.assertEqual(sorted(told), sorted(keys))
        error = self.assertRaises(ConfigError, lambda: found.parts)
        self.assertEqual(error.problems, tuple(found.problems))

    def test_a_library_that_is_missing(self) -> None:
        """It is told by the key that wants it."""
        for name in ("mxisd.drivers.sql.mysql", "pymysql"):
            self.hide(name)
        connection = {"type": "mariadb", "connection": "//localhost/x"}
        section = nested("sql", {"enabled": True, **connection, **QUERY})
        self.assertIn("pip install", self.problems(section)["sql.type"])

    def hide(self, name: str) -> None:
        """Let a module be one that cannot be imported."""
        modules: dict[str, Any] = sys.modules
        former = modules.get(name)
        modules[name] = None
        if former is None:
            self.addCleanup(modules.pop, name)
        else:
            self.addCleanup(modules.__setitem__, name, former)


class PlacesTests(SurveyCase):
    """What is not a file that somebody else has written."""

    def test_no_trace(self) -> None:
        """A survey makes no folder, no database and no key."""
        before = list(self.folder.iterdir())
        found = self.surveyed()
        self.assertEqual(found.problems, [])
        self.assertEqual(list(self.folder.iterdir()), before)
        self.assertEqual(found.parts.config.matrix.domain, "example.org")

    def test_the_address(self) -> None:
        """One that is not this machine's; whether the port is free is not asked."""
        for host in ("192.0.2.1", "name.invalid", "::ffff:zz"):
            found = self.problems(nested("server.hostname", host))
            self.assertIn("no address to listen on", found["server.hostname"])
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertEqual(self.problems(nested("server.port", port)), {})

    def test_one_obstacle_is_told_once(self) -> None:
        """The index beside a database that cannot be made cannot be made either."""
        section = nested("storage.provider.sqlite.database", self.nowhere)
        found = self.problems(section)
        self.assertEqual(list(found), ["storage.provider.sqlite.database"])
        (self.folder / "hashes").touch()
        self.assertEqual(list(self.problems()), ["hashing.directory"])

    def test_a_folder_that_is_not_used(self) -> None:
        """It is not looked at, as by the start."""
        hashing = {"enabled": False, "directory": self.nowhere}
        self.assertEqual(self.problems({"hashing": hashing}), {})
        memory = nested("storage.provider.sqlite.database", ":memory:")
        self.assertEqual(self.problems(memory), {})

    def test_warnings(self) -> None:
        """Files that others may read or change; names that may be meant so."""
        (self.folder / "db").touch()
        (self.folder / "db").chmod(0o644)
        (self.folder / "hashes").mkdir()
        (self.folder / "hashes").chmod(0o777)
        template = self.folder / "invite.txt"
        template.write_text("%TEAM%")
        medium = {
            "connector": "none",
            "generators": {"template": {"invite": str(template)}},
        }
        found = self.surveyed(nested("threepid.medium.irc", medium))
        self.assertEqual(found.problems, [])
        self.assertEqual(
            [each.path for each in found.warnings],
            [
                "threepid.medium.irc.generators.template.invite",
                "storage.provider.sqlite.database",
                "hashing.directory",
            ],
        )

    def test_a_certificate_that_has_expired(self) -> None:
        """The server starts in spite of it, and says so."""
        old = CertificateAuthority(self.folder).issue_client("old", is_expired=True)
        pair = {"certificateFile": str(old.cert_file), "keyFile": str(old.key_file)}
        directory = {"host": "localhost", "tls": True, "baseDNs": ["dc=example"]}
        for section, words in (
            (
                nested("rest", {"enabled": True, "host": "https://localhost", **pair}),
                "rest: certificateFile",
            ),
            (
                nested("ldap", {"enabled": True, "connection": {**directory, **pair}}),
                "ldap: connection.certificateFile",
            ),
        ):
            with capturedLogs() as events:
                self.assertEqual(self.problems(section), {})
            told = [formatEvent(each) for each in events]
            self.assertIn(f"{words} has expired", told)

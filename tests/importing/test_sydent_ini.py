"""Sydent's configuration file."""

import contextlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.importing.refusing import ImportRefused
from mxisd.importing.sydent_ini import as_yaml, read_ini
from mxisd.importing.sydent_keys import DEFAULTS
from tests.importing.files import text_of
from tests.importing.world import config_of

FULL = """
[general]
server.name = id.example.org
terms.path = /etc/terms.yaml
homeserver_allow_list = example.org, example.com
enable_v1_access = false
ip.whitelist = 10.0.0.0/8, 192.168.1.7/24
ip.blacklist = 203.0.113.0/24
log.level = INFO
[db]
db.file = data/sydent.db
[http]
clientapi.http.bind_address = 127.0.0.1
clientapi.http.port = 8091
client_http_base = https://id.example.org
[email]
email.subject = 100% yours
email.from = Our Server <noreply@{hostname}>
email.smtphost = mail.example.org
email.smtpport = 587
email.smtpusername = sydent${A}
email.smtppassword = hunter2
email.tlsmode = STARTTLS
email.default_web_client_location = https://chat.example.org
email.third_party_invite_homeserver_blocklist = spam.example
    worse.example:8448
email.third_party_invite_room_blocklist = !raid:example.org
    !spam:example.org
email.third_party_invite_keyword_blocklist = casino
[crypto]
ed25519.signingkey = ed25519 0 5GIniY6QkwfYUD12uHDRw9PhlYHEeQjqInGrk22zTZY
"""

DATABASE = "db.file = :memory:\n"
TAKEN = {
    "general.server.name",
    "general.ip.whitelist",
    "general.homeserver_allow_list",
    "general.enable_v1_access",
    "db.db.file",
    "http.clientapi.http.bind_address",
    "http.clientapi.http.port",
    "http.client_http_base",
    "email.email.from",
    "email.email.hostname",
    "email.email.smtphost",
    "email.email.smtpport",
    "email.email.smtpusername",
    "email.email.smtppassword",
    "email.email.tlsmode",
    "email.email.default_web_client_location",
    "email.email.third_party_invite_homeserver_blocklist",
    "email.email.third_party_invite_room_blocklist",
}
"""What has a counterpart, so that tests of their own say what becomes of it."""


class SydentIniTests(SynchronousTestCase):
    def setUp(self) -> None:
        """A place for the file."""
        self.path = Path(self.mktemp())

    def test_what_we_have_too_is_our_configuration(self) -> None:
        """The YAML that is printed is read by the server; the password is not in it."""
        self.path.write_text(FULL)
        found = read_ini(self.path)
        printed = text_of(as_yaml(found.settings))
        self.assertNotIn("hunter2", printed)
        matrix = "matrix:\n  domain: example.org\n"
        others = "key: {path: k}\nstorage: {provider: {sqlite: {database: d}}}\n"
        config = config_of(printed.replace("matrix:\n", matrix) + "\n" + others)
        self.assertEqual(config.server_name, "id.example.org")
        self.assertEqual(config.server.hostname, "127.0.0.1")
        self.assertEqual(config.server.port, 8091)
        self.assertEqual(config.public_url, "https://id.example.org")
        self.assertFalse(config.matrix.v1)
        accounts = config.account_config
        self.assertEqual(accounts.allowed_homeservers, ("example.org", "example.com"))
        self.assertIn("tls: 2", printed)
        self.assertIn('login: "sydent$${A}"', printed)
        self.assertIn('from: "noreply@id.example.org"', printed)
        self.assertEqual(found.database, self.path.parent / "data/sydent.db")
        assert found.key is not None
        self.assertEqual(found.key.serial, "0")
        networks = tuple(map(str, config.outbound.allowed_cidr))
        self.assertEqual(networks, ("10.0.0.0/8", "192.168.1.0/24"))

    def test_what_was_blocked_stays_blocked(self) -> None:
        """Its lists are ours, and so is the web client."""
        self.path.write_text(FULL)
        invite = read_ini(self.path).settings["invite"]
        self.assertEqual(invite["webClient"], "https://chat.example.org")
        self.assertEqual(
            invite["blocked"],
            {
                "homeservers": ["spam.example", "worse.example:8448"],
                "rooms": ["!raid:example.org", "!spam:example.org"],
            },
        )

    def test_what_is_not_taken_is_told(self) -> None:
        """Every key that says something, with the reason; the others are named."""
        self.path.write_text(FULL)
        found = read_ini(self.path)
        self.assertEqual(
            [each.split(": ")[0] for each in found.not_taken],
            [
                "general.terms.path",
                "general.ip.blacklist",
                "email.email.subject",
                "email.email.third_party_invite_keyword_blocklist",
            ],
        )
        self.assertIn("policy.policies", found.not_taken[0])
        self.assertEqual(found.by_itself, ("general.log.level",))
        noted = [each.split(": ")[0] for each in found.notes]
        self.assertEqual(
            noted,
            ["email.email.default_web_client_location", "email.email.smtppassword"],
        )

    def test_every_key_of_the_file_is_accounted_for(self) -> None:
        """Whatever it is: carried over, or named in the report."""
        known = {f"{s}.{key}" for s, keys in DEFAULTS.items() for key in keys}
        others = {
            "general.prometheus_port",
            "general.sentry_dsn",
            "http.internalapi.http.port",
            "sms.originators.44",
            "peer.example.base_replication_url",
            "general.made_up",
        }
        for key in sorted(known | others):
            section, _, name = key.partition(".")
            self.path.write_text(f"[{section}]\n{name} = x\n[db]\n" + DATABASE)
            if key in TAKEN or key == "crypto.ed25519.signingkey":
                continue
            (told,) = read_ini(self.path).not_taken
            self.assertEqual(told.split(": ")[0], key)
            is_known = "does not know" not in told
            self.assertEqual(is_known, key != "general.made_up", told)

    def test_values_that_cannot_be_read(self) -> None:
        """They are not dropped silently; what can be read of a list is taken."""
        for section, line, told in (
            ("http", "clientapi.http.port = eighty", "cannot be read"),
            ("general", "enable_v1_access = perhaps", "cannot be read"),
            ("general", "ip.whitelist = intranet", "1 of its 1 items"),
            ("general", "homeserver_allow_list = a.example, b c", "1 of its 2 items"),
            ("email", "email.smtpport = x", "cannot be read"),
            ("email", "email.tlsmode = maybe", "cannot be read"),
            ("email", "email.from = nobody", "cannot be read"),
            ("email", "email.default_web_client_location = chat", "cannot be read"),
            (
                "email",
                "email.default_web_client_location = https://chat.example/#/welcome",
                "cannot be read",
            ),
            (
                "email",
                "email.third_party_invite_homeserver_blocklist = a.example\n  b c",
                "1 of its 2 items",
            ),
        ):
            self.path.write_text(f"[{section}]\n{line}\n[db]\n{DATABASE}")
            (said,) = read_ini(self.path).not_taken
            self.assertTrue(said.startswith(f"{section}.{line.split()[0]}: "), said)
            self.assertIn(told, said)

    def test_a_list_of_homeservers_that_is_unreadable_opens_nothing(self) -> None:
        """Without one, sydent lets everybody register; with one, it does not."""
        self.path.write_text("[general]\nhomeserver_allow_list = b c\n")
        self.assertNotIn("accountConfig", read_ini(self.path).settings)
        self.path.write_text("[general]\nhomeserver_allow_list =\n")
        settings = read_ini(self.path).settings
        self.assertEqual(settings["accountConfig"], {"allowOnlyTrustDomains": False})

    def test_what_sydent_has_by_itself(self) -> None:
        """Mail goes as it went: a file need not say where the mail server is."""
        self.path.write_text(
            "[general]\nserver.name = id.example.org\n"
            "[email]\nemail.smtpusername = sydent\n"
        )
        email = read_ini(self.path).settings["threepid"]["medium"]["email"]
        smtp = email["connectors"]["smtp"]
        self.assertEqual(
            smtp, {"host": "localhost", "port": 25, "tls": 0, "login": "sydent"}
        )
        self.assertEqual(email["identity"]["from"], "noreply@id.example.org")

    def test_a_file_of_defaults_is_enough(self) -> None:
        """A database in memory, and no key, are nothing to take, which is told."""
        self.path.write_text("[db]\ndb.file = :memory:\n")
        found = read_ini(self.path)
        self.assertIsNone(found.database)
        self.assertIsNone(found.key)
        self.assertEqual(
            [each.split(": ")[0] for each in found.notes],
            ["db.db.file", "crypto.ed25519.signingkey"],
        )

    def test_the_section_of_defaults_alone(self) -> None:
        """Its keys count in the sections that they belong to."""
        lines = [line for line in FULL.splitlines() if not line.startswith("[")]
        self.path.write_text("[DEFAULT]\n" + "\n".join(lines))
        alone = read_ini(self.path)
        self.path.write_text(FULL)
        self.assertEqual(alone, read_ini(self.path))
        self.path.write_text("[DEFAULT]\nserver.name = a.example\nmade_up = 1\n")
        found = read_ini(self.path)
        self.assertEqual(found.settings["server"], {"name": "a.example"})
        self.assertIn("DEFAULT.made_up", found.not_taken[0])

    def test_a_section_goes_before_the_defaults(self) -> None:
        """Also if it says that there is nothing."""
        self.path.write_text(
            "[general]\nserver.name = a.example\nhomeserver_allow_list =\n"
            "[DEFAULT]\nserver.name = b.example\nhomeserver_allow_list = c.example\n"
        )
        settings = read_ini(self.path).settings
        self.assertEqual(settings["server"]["name"], "a.example")
        self.assertNotIn("allowedHomeservers", settings["accountConfig"])

    def test_the_database_that_is_not_named(self) -> None:
        """It is sydent.db beside the file, if there is one."""
        self.path.mkdir()
        file = self.path / "sydent.conf"
        file.write_text("[general]\nserver.name = a.example\n")
        self.assertIsNone(read_ini(file).database)
        self.assertIn("db.db.file", read_ini(file).notes[0])
        (self.path / "sydent.db").touch()
        self.assertEqual(read_ini(file).database, self.path / "sydent.db")

    def test_a_signing_key_that_cannot_be_read(self) -> None:
        """It is an error: without it, rooms would not trust what it has signed."""
        for key in (
            "ed25519 0 c2hvcnQ",
            "rsa 0 s3cret",
            "nonsensical",
            "ed25519 onlyaserial",
        ):
            self.path.write_text(
                f"[db]\n{DATABASE}[crypto]\ned25519.signingkey = {key}\n"
            )
            with self.assertRaises(ImportRefused) as caught:
                read_ini(self.path)
            self.assertIn("crypto.ed25519.signingkey", str(caught.exception))
            self.assertNotIn(key.split()[-1], str(caught.exception))

    def test_a_refusal_does_not_quote_the_file(self) -> None:
        """A line that is wrong may be the one with the key."""
        self.path.write_text("[crypto]\ned25519.signingkey\ns3cret\n")
        with self.assertRaises(ImportRefused) as caught:
            read_ini(self.path)
        self.assertNotIn("s3cret", str(caught.exception))

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        """No text brings the reader down."""
        self.path.write_text(text, encoding="utf-8")
        with contextlib.suppress(ImportRefused):
            read_ini(self.path)

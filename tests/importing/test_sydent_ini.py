"""Sydent's configuration file."""

import contextlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.importing.refusing import ImportRefused
from mxisd.importing.sydent_ini import as_yaml, read_ini
from tests.importing.files import text_of
from tests.importing.world import config_of

FULL = """
[general]
server.name = id.example.org
terms.path = /etc/terms.yaml
homeserver_allow_list = example.org, example.com
enable_v1_access = false
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
[crypto]
ed25519.signingkey = ed25519 0 5GIniY6QkwfYUD12uHDRw9PhlYHEeQjqInGrk22zTZY
"""


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
        (remark,) = found.remarks
        self.assertIn("policy.policies", remark)

    def test_a_file_of_defaults_is_enough(self) -> None:
        """A database in memory, and no key, are nothing to take."""
        self.path.write_text("[db]\ndb.file = :memory:\n")
        found = read_ini(self.path)
        self.assertIsNone(found.database)
        self.assertIsNone(found.key)

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

"""A file of mxisd for an Active Directory, unchanged, in front of a real domain."""

import tempfile
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.accounts import BASE_DN, PEOPLE_DN, Account
from tests.integration.client import V1
from tests.integration.samba import SambaDomain
from tests.integration.server import MxisdProcess, without_root

MXISD_YAML = """\
matrix:
  domain: example.org

ldap:
  enabled: true
  filter: '(objectCategory=person)'
  connection:
    host: HOST
    port: 636
    tls: true
    bindDn: 'BIND_DN'
    bindPassword: 'PASSWORD'
    baseDNs:
      - 'PEOPLE_DN'
    baseDn: 'USERS_DN'
  attribute:
    uid:
      type: 'uid'
      value: 'sAMAccountName'
    name: 'displayName'
    threepid:
      email:
        - 'mail'
        - 'otherMailbox'
      msisdn:
        - 'telephoneNumber'
  auth:
    filter: ''
  directory:
    attribute:
      other: ['department']
    filter: ''
  identity:
    filter: ''
    token: '%3pid'
    medium:
      email: '(|(mail=%3pid)(otherMailbox=%3pid))'
  profile:
    filter: ''
"""

ANN = Account(name="Ann", mails=["ann@example.org"], phones=["+491711234567"])
OFF = Account(name="off", mails=["off@example.org"], is_disabled=True)


class MxisdYamlTests(SynchronousTestCase):
    """Whoever comes from mxisd starts the server with what is there."""

    def test_it_starts_and_finds_people(self) -> None:
        """Only the trust in the domain's own authority had to come from outside."""
        domain = SambaDomain(ANN, OFF, needs_tls=True)
        self.addCleanup(domain.remove)
        domain.start()
        text = MXISD_YAML
        for word, value in (
            ("HOST", domain.host),
            ("BIND_DN", domain.bind_dn),
            ("PASSWORD", domain.password),
            ("PEOPLE_DN", PEOPLE_DN),
            ("USERS_DN", f"CN=Users,{BASE_DN}"),
        ):
            text = text.replace(word, value)
        folder = Path(tempfile.mkdtemp(prefix="mxisd-yaml-"))
        # What an operator would install on the system, OpenSSL reads from here.
        server = MxisdProcess(
            folder, yaml.safe_load(text), environment={"SSL_CERT_FILE": domain.ca_file}
        )
        self.addCleanup(server.stop)
        server.start()
        for medium, address in (
            ("email", "Ann@Example.org"),
            ("msisdn", "491711234567"),
        ):
            status, reply = server.get(f"{V1}/lookup", medium=medium, address=address)
            self.assertEqual((status, reply.get("mxid")), (200, "@ann:example.org"))
        for nobody in ("off@example.org", "nobody@example.org"):
            found = server.get(f"{V1}/lookup", medium="email", address=nobody)
            self.assertEqual(found, (200, {}))
        self.assertNotIn("warn", without_root(server.log.read_text()))

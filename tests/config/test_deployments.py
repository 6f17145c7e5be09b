"""Configurations as they are found in the field load with warnings only."""

from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

import mxisd
from mxisd.config.upcoming import UPCOMING
from mxisd.model.settings import networks
from mxisd.plugins import find_factories
from tests.config.fakes import loaded

MXISD = """\
matrix:
  domain: example.org
  identity:
    servers:
      matrix-org: ['https://matrix.org']

server:
  name: matrix.example.org
  port: 8090
  publicUrl: 'https://%SERVER_NAME%'

key:
  path: /var/lib/mxisd/keys

storage:
  backend: sqlite
  provider:
    sqlite:
      database: /var/lib/mxisd/mxisd.db

dns:
  overwrite:
    homeserver:
      client:
        - name: matrix.example.org
          value: 'http://localhost:8008'
      federation:
        - {name: example.org, value: 'http://localhost:8008'}

lookup:
  recursive:
    enabled: true
    allowedCidr: ['127.0.0.0/8', '10.0.0.0/8', '::1/128']
    bridge:
      enabled: false
      recursiveOnly: true
      server: ''
      mappings: {}
  bulk:
    enabled: false

forward:
  servers: [matrix-org]

invite:
  expiration: {enabled: true, after: 60, resolveTo: '@john.doe:example.org'}
  resolution: {recursive: true, timer: 5}
  policy: {ifSender: {hasRole: [staff]}}

session:
  policy:
    validation: {enabled: true}
    unbind: {fraudulent: {sendWarning: true}}

view:
  session:
    onTokenSubmit: {success: /etc/mxisd/ok.html, failure: /etc/mxisd/failed.html}

register:
  policy:
    allowed: true
    invite: true
    threepid:
      email:
        domain: {blacklist: ~, whitelist: ['*example.org']}
        pattern: {blacklist: ['.*@mail\\.ru']}

auth:
  rewrite: {user: {rules: [{regex: '.+@example\\.org', medium: email}]}}

directory:
  exclude: {homeserver: false, threepid: true}

appsvc:
  enabled: true
  user: {main: mxisd, inviteExpired: _mxisd_invite-expired}
  endpoint:
    toAS: {url: 'http://localhost:8090', token: aaaa}
    toHS: {url: 'http://localhost:8008', token: bbbb}
  feature: {admin: {enabled: true, allowedRoles: [admins]}, cleanExpiredInvite: true}
  registration: {synapse: {id: appservice-mxisd, file: /etc/synapse/mxisd.yaml}}

notification:
  handler: {email: sendgrid}
  handlers: {sendgrid: {api: {key: cccc}, identity: {from: a@example.org}}}

threepid:
  medium:
    email:
      identity: {from: matrix-identity@example.org, name: Matrix}
      connectors:
        smtp: {host: smtp.example.org, port: 587, tls: 1, login: m, password: dddd}
      generators: {template: {invite: /etc/mxisd/invite.eml}}
    msisdn:
      connectors: {twilio: {account_sid: e, auth_token: f, number: '+15550100'}}

ldap:
  enabled: true
  filter: (memberOf=CN=Matrix Users,OU=Groups,DC=example,DC=org)
  connection:
    host: ldap.example.org
    port: 636
    tls: true
    bindDn: CN=Matrix,DC=example,DC=org
    bindPassword: 0123456
    baseDNs: ['OU=Users,DC=example,DC=org']
    baseDn: OU=More,DC=example,DC=org
  attribute:
    uid: {type: uid, value: sAMAccountName}
    name: displayName
    threepid: {email: [mail, otherMailbox], msisdn: [telephoneNumber]}
  auth: {filter: ''}
  identity: {filter: '', token: '%3pid', medium: {email: '(mail=%3pid)'}}
  directory: {filter: '', attribute: {other: [employeeNumber]}}
  profile: {filter: ''}

netiq: {enabled: false, connection: {host: x}}

sql:
  enabled: true
  type: postgresql
  connection: //localhost/users?user=mxisd&password=gggg
  identity: {type: mxid, query: SELECT 1}

synapseSql: {enabled: false, type: sqlite, connection: /var/lib/synapse/homeserver.db}
rest: {enabled: false, host: 'http://localhost:9999'}
exec: {enabled: false, identity: {priority: 0, hashEnabled: true}}
firebase: {enabled: false, credentials: /x.json, database: 'https://x.firebaseio.com'}
wordpress: {enabled: false, rest: {base: 'http://localhost/wp-json'}}

memory:
  enabled: true
  identities:
    - username: john
      password: hhhh
      displayName: John Doe
      threepids: [{medium: email, address: john@example.org}]
      roles: [staff]
"""

MA1SD = """\
# Managed by a playbook
matrix:
  domain: example.org
  v1: true
  v2: true

server:
  name: matrix.example.org
  hostname: 0.0.0.0

key:
  path: /var/ma1sd/sign.key

storage:
  backend: sqlite
  provider:
    sqlite:
      database: /var/ma1sd/ma1sd.db
    postgresql:
      database: //matrix-postgres:5432/matrix_ma1sd
      username: matrix_ma1sd
      password: secret
      pool: false
      maxConnectionsFree: 5
      maxConnectionAgeMillis: 3600000
      checkConnectionsEveryMillis: 30000
      testBeforeGetFromPool: false

dns:
  overwrite:
    homeserver:
      client:
        - name: matrix.example.org
          value: http://matrix-synapse:8008

threepid:
  medium:
    email:
      identity: {from: matrix@example.org}
      connectors:
        smtp: {host: matrix-mailer, port: 8025, tls: 0, login: '', password: ''}

synapseSql:
  enabled: true
  type: postgresql
  connection: //matrix-postgres:5432/synapse?user=synapse&password=a%20b
  lookup: {query: 'SELECT user_id AS mxid, medium, address FROM user_threepids'}
  legacyRoomNames: false

memory:
  enabled: false
  hashEnabled: true

ldap:
  enabled: true
  lookup: true
  activeDirectory: true
  defaultDomain: example.org
  connection:
    host: ad.example.org
    baseDNs:
      - cn=users,dc=example,dc=org

hashing:
  enabled: true
  pepperLength: 20
  rotationPolicy: per_requests
  hashStorageType: sql
  algorithms:
    - none
    - sha256
  delay: 2m
  requests: 10

policy:
  policies:
    terms_of_service:
      version: 1.0
      terms:
        en: {name: Terms, url: 'https://example.org/terms_en.html'}
        no: {name: Betingelser, url: 'https://example.org/terms_no.html'}
      regexp:
        - '/_matrix/identity/v2/account.*'
        - '/_matrix/identity/v2/hash_details'
        - '/_matrix/identity/v2/lookup'

accountConfig:
  allowOnlyTrustDomains: false

invite:
  resolution: {timer: 5, period: minutes}
  fullDisplayName: false

session:
  policy: {validation: {enabled: true}, unbind: {enabled: true, notifications: true}}

internal: {enabled: false}

logging:
  root: error
  app: info
  requests: false
"""


class MxisdTests(SynchronousTestCase):
    """A file of mxisd 1.4 that uses every section."""

    def setUp(self) -> None:
        """Load it."""
        self.found = loaded(MXISD, factories=find_factories())

    def test_two_warnings(self) -> None:
        """One names everything that is not built yet, one what mxisd ignored itself."""
        needless, warning = self.found.warnings
        self.assertEqual(needless.path, "session.policy.unbind.fraudulent")
        of_ma1sd = {
            "internal",
            "logging.requests",
            "storage.provider.postgresql",
        }
        for key in set(UPCOMING) - of_ma1sd:
            self.assertIn(key, warning.text)

    def test_what_is_built_is_read(self) -> None:
        """Under the names it had."""
        config = self.found.config
        self.assertEqual(config.public_url, "https://matrix.example.org")
        self.assertEqual(
            config.inbound_networks, networks("127.0.0.0/8", "10.0.0.0/8", "::1/128")
        )
        self.assertFalse(config.lookup.bulk.enabled)
        (entry,) = config.dns.overwrite.homeserver.federation
        self.assertEqual(entry.value, "http://localhost:8008")

    def test_the_stores(self) -> None:
        """Numbers without quotes are the texts they were."""
        memory, ldap, sql = self.found.config.stores
        names = (memory.name, ldap.name, sql.name)
        self.assertEqual(names, ("memory", "ldap", "sql"))
        self.assertEqual(sql.settings.address.database, "users")
        self.assertEqual(ldap.settings.connection.bind_password.value, "0123456")
        self.assertEqual(ldap.settings.attribute.uid.value, "sAMAccountName")
        self.assertEqual(memory.settings.identities[0].username, "john")


class Ma1sdTests(SynchronousTestCase):
    """A file of ma1sd as the most widespread playbook writes it, and more."""

    def setUp(self) -> None:
        """Load it."""
        self.found = loaded(MA1SD, factories=find_factories())

    def test_the_warnings(self) -> None:
        """In the order of the lines; unbuilt parts in one of them."""
        lines = [warning.line or 0 for warning in self.found.warnings]
        self.assertEqual(lines, sorted(lines))
        self.assertNotIn(0, lines)
        by_path = {each.path: each.text for each in self.found.warnings}
        unbuilt = by_path.pop("dns.overwrite.homeserver.client")
        for key in ("storage.provider.postgresql", "logging.requests"):
            self.assertIn(key, unbuilt)
        expected = {"hashing.delay", "hashing.hashStorageType", "ldap.lookup"}
        self.assertEqual(set(by_path), {*expected, "synapseSql.legacyRoomNames"})

    def test_what_is_built_is_read(self) -> None:
        """Under the names it had."""
        config = self.found.config
        self.assertEqual(config.hashing.algorithms, ("none", "sha256"))
        self.assertEqual((config.hashing.delay, config.hashing.requests), (600, 10))
        self.assertFalse(config.account_config.allow_only_trust_domains)
        policy = config.policy.policies["terms_of_service"]
        self.assertEqual((policy.version, list(policy.terms)), ("1.0", ["en", "no"]))
        ldap, synapse = config.stores
        self.assertEqual(synapse.settings.address.host, "matrix-postgres")
        self.assertEqual(synapse.settings.address.password.value, "a b")
        self.assertTrue(ldap.settings.identity.lookup)
        self.assertEqual(ldap.settings.default_domain, "example.org")
        self.assertEqual(ldap.settings.attribute.uid.value, "userPrincipalName")


class SampleTests(SynchronousTestCase):
    """The file that ``make run`` starts with."""

    def setUp(self) -> None:
        """Read it."""
        self.text = (Path(mxisd.__file__).parent.parent / "sample.yaml").read_text()

    def test_it_is_good(self) -> None:
        """It listens nearby only, keeps to its folder, and has two people."""
        found = loaded(self.text)
        self.assertEqual(found.warnings, ())
        config = found.config
        self.assertEqual(config.matrix.domain, "example.org")
        self.assertEqual(
            (config.server.hostname, config.server.port), ("127.0.0.1", 8090)
        )
        self.assertEqual(config.key.path, "./var/keys")
        self.assertEqual(config.storage.provider.sqlite.database, "./var/mxisd.db")
        (store,) = config.stores
        self.assertEqual(
            [each.username for each in store.settings.identities], ["alice", "bob"]
        )

    def test_mails_stay_on_the_machine(self) -> None:
        """Nobody gets mail from a demonstration."""
        email = loaded(self.text).config.threepid.medium["email"]
        self.assertEqual(email.connectors["smtp"].settings.host, "127.0.0.1")

    def test_the_directory_is_ten_lines_away(self) -> None:
        """Without their #, the last ten lines are an LDAP section."""
        *head, last = self.text.split("#ldap:\n")
        lines = ["ldap:", *(line[1:] for line in last.splitlines())]
        self.assertEqual(len(lines), 10)
        section = yaml.safe_load("\n".join(lines))
        self.assertEqual(list(section), ["ldap"])
        text = "#ldap:\n".join(head) + "\n".join(lines)
        found = loaded(text, {"LDAP_PASSWORD": "secret"})
        self.assertEqual(found.warnings, ())
        ldap = found.config.stores[1].settings
        self.assertEqual(ldap.connection.bind_password.value, "secret")

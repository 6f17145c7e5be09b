"""
Every key that mxisd and ma1sd read, or that their manuals named.

A file of theirs is no error; what has no effect here is said in a warning.
"""

from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.loader import Loaded
from mxisd.plugins import find_factories
from tests.config.fakes import loaded

PAGE = "/etc/mxisd/page.html"
MAIL = "/etc/mxisd/mail.eml"

CORE: dict[str, Any] = {
    "matrix.identity.servers": {"matrix-org": ["https://matrix.org"]},
    "matrix.v1": True,
    "matrix.v2": True,
    "server.name": "matrix.example.org",
    "server.hostname": "127.0.0.1",
    "server.port": 8090,
    "server.publicUrl": "https://%SERVER_NAME%",
    "storage.backend": "sqlite",
    "storage.provider.sqlite.database": "/var/lib/mxisd/store.db",
    "storage.provider.postgresql": {
        "database": "//localhost:5432/ma1sd",
        "username": "ma1sd",
        "password": "secret",
        "pool": False,
        "maxConnectionsFree": 5,
        "maxConnectionAgeMillis": 3600000,
        "checkConnectionsEveryMillis": 30000,
        "testBeforeGetFromPool": False,
    },
    "dns.overwrite.homeserver.client": [
        {"name": "matrix.example.org", "value": "http://localhost:8008"}
    ],
    "dns.overwrite.homeserver.federation": [
        {"name": "example.org", "value": "http://localhost:8008"}
    ],
    "lookup.recursive.enabled": True,
    "lookup.recursive.allowedCidr": ["127.0.0.0/8"],
    "lookup.recursive.bridge": {
        "enabled": False,
        "recursiveOnly": True,
        "server": "",
        "mappings": {"email": "http://localhost:8091"},
    },
    "lookup.bulk.enabled": True,
    "forward.servers": ["matrix-org"],
    "invite.expiration.enabled": True,
    "invite.expiration.after": 60,
    "invite.expiration.resolveTo": "@nobody:example.org",
    "invite.resolution.recursive": True,
    "invite.resolution.timer": 1,
    "invite.resolution.period": "seconds",
    "invite.fullDisplayName": True,
    "invite.policy.ifSender.hasRole": ["staff"],
    "session.policy.validation.enabled": True,
    "session.policy.validation.forLocal": {
        "enabled": True,
        "toLocal": True,
        "toRemote": {"enabled": False, "server": "matrix-org"},
    },
    "session.policy.validation.forRemote": {
        "enabled": True,
        "toLocal": True,
        "toRemote": {"enabled": False, "server": "matrix-org"},
    },
    "session.policy.unbind.enabled": True,
    "session.policy.unbind.notifications": True,
    "session.policy.unbind.fraudulent.sendWarning": True,
    "view.session.onTokenSubmit": {"success": PAGE, "failure": PAGE},
    "view.session.local.onTokenSubmit": {"success": PAGE, "failure": PAGE},
    "view.session.localRemote.onTokenSubmit": {"success": PAGE, "failure": PAGE},
    "view.session.remote.onRequest": {"success": PAGE, "failure": PAGE},
    "view.session.remote.onCheck": {"success": PAGE, "failure": PAGE},
    "register.policy.allowed": False,
    "register.policy.invite": True,
    "register.policy.threepid.email": {
        "pattern": {"blacklist": [".*@mail\\.ru"], "whitelist": None},
        "domain": {"blacklist": None, "whitelist": ["*example.org"]},
    },
    "auth.rewrite.user.rules": [{"regex": ".+@example\\.org", "medium": "email"}],
    "directory.exclude": {"homeserver": False, "threepid": True},
    "appsvc": {
        "enabled": True,
        "user": {"main": "mxisd", "inviteExpired": "_mxisd_invite-expired"},
        "endpoint": {
            "toAS": {"url": "http://localhost:8090", "token": "a"},
            "toHS": {"url": "http://localhost:8008", "token": "b"},
        },
        "feature": {
            "admin": {"enabled": True, "allowedRoles": ["admins"]},
            "cleanExpiredInvite": True,
            "inviteById": False,
        },
        "registration": {"synapse": {"id": "mxisd", "file": "/etc/mxisd.yaml"}},
    },
    "accountConfig.allowOnlyTrustDomains": True,
    "policy.policies.tos": {
        "version": 1.0,
        "terms": {"en": {"name": "Terms", "url": "https://example.org/terms"}},
        "regexp": ["/_matrix/identity/v2/lookup"],
    },
    "hashing.enabled": True,
    "hashing.pepperLength": 20,
    "hashing.rotationPolicy": "per_requests",
    "hashing.hashStorageType": "sql",
    "hashing.algorithms": ["none", "sha256"],
    "hashing.delay": "2m",
    "hashing.requests": 10,
    "logging.root": "error",
    "logging.app": "info",
    "logging.requests": False,
    "internal.enabled": False,
}
"""Keys of the core, each with a value that was good."""

MEDIUM = "threepid.medium"
TEMPLATE = "generators.template"
EMAIL: dict[str, Any] = {
    "identity.name": "Matrix",
    "connector": "smtp",
    "generator": "template",
    "connectors.smtp": {
        "host": "localhost",
        "port": 587,
        "tls": 1,
        "login": "",
        "password": "",
    },
    f"{TEMPLATE}.invite": MAIL,
    f"{TEMPLATE}.session.validation": MAIL,
    f"{TEMPLATE}.session.validation.local": MAIL,
    f"{TEMPLATE}.session.validation.remote": MAIL,
    f"{TEMPLATE}.session.unbind.fraudulent": MAIL,
    f"{TEMPLATE}.session.unbind.notification": MAIL,
    f"{TEMPLATE}.session.unbind.validation": MAIL,
    f"{TEMPLATE}.generic.matrixId": MAIL,
    f"{TEMPLATE}.placeholder.REGISTER_URL": "https://example.org",
}
TWILIO = {"account_sid": "AC", "auth_token": "t", "number": "+15550100"}
MSISDN: dict[str, Any] = {
    "connector": "twilio",
    "generator": "template",
    "connectors.twilio": {**TWILIO},
    "connectors.twilio.accountSid": "AC",
    "connectors.twilio.authToken": "t",
    **{key: value for key, value in EMAIL.items() if key.startswith(TEMPLATE)},
}
SENDGRID_PARTS = {"subject": "Hello", "body": {"text": MAIL, "html": PAGE}}
SENDGRID: dict[str, Any] = {
    "identity.name": "Matrix",
    "templates.invite": SENDGRID_PARTS,
    "templates.session.validation": SENDGRID_PARTS,
    "templates.session.validation.local": SENDGRID_PARTS,
    "templates.session.validation.remote": SENDGRID_PARTS,
    "templates.session.unbind": SENDGRID_PARTS,
    "templates.session.unbind.fraudulent": SENDGRID_PARTS,
    "templates.session.unbind.notification": SENDGRID_PARTS,
    "templates.generic.matrixId": SENDGRID_PARTS,
}

DIRECTORY: dict[str, Any] = {
    "filter": "(memberOf=cn=m)",
    "lookup": True,
    "activeDirectory": False,
    "defaultDomain": "example.org",
    "connection.port": 389,
    "connection.tls": False,
    "connection.baseDNs": ["ou=a"],
    "connection": {
        "host": "localhost",
        "bindDn": "cn=m",
        "bindPassword": "secret",
        "baseDn": "ou=a",
    },
    "connection.baseDn": "ou=a",
    "attribute.uid": {"type": "uid", "value": "uid"},
    "attribute.name": "cn",
    "attribute.threepid": {"email": ["mail"], "msisdn": ["mobile"]},
    "auth.filter": "(a=b)",
    "directory.filter": "(a=b)",
    "directory.attribute.other": ["employeeNumber"],
    "identity.filter": "(a=b)",
    "identity.token": "%3pid",
    "identity.medium": {"email": "(mail=%3pid)"},
    "identity.lookup": True,
    "profile.filter": "(a=b)",
}
QUERY = {"type": "localpart", "value": "SELECT a, b FROM c WHERE d LIKE ?"}
SQL: dict[str, Any] = {
    "type": "sqlite",
    "auth.enabled": False,
    "directory.enabled": True,
    "directory.query": {"name": QUERY, "threepid": QUERY},
    "identity.enabled": True,
    "identity.type": "mxid",
    "identity.query": "SELECT a FROM b WHERE medium = ? AND address = ?",
    "identity.medium": {"email": "SELECT a FROM b WHERE c = ?"},
    "lookup.query": "SELECT user_id AS mxid, medium, address FROM a",
    "profile.enabled": True,
    "profile.displayName.query": "SELECT a FROM b WHERE c = ?",
    "profile.threepid.query": "SELECT medium, address FROM b WHERE c = ?",
    "profile.role.type": "mxid",
    "profile.role.query": "SELECT a FROM b WHERE c = ?",
}
REST: dict[str, Any] = {
    "endpoints.auth": "/a",
    "endpoints.directory": "/a",
    "endpoints.identity.single": "/a",
    "endpoints.identity.bulk": "/a",
    "endpoints.profile.displayName": "/a",
    "endpoints.profile.threepids": "",
    "endpoints.profile.roles": "",
}
PROCESS = {
    "command": "/bin/true",
    "args": ["{l}", "{password}", "{query}", "{medium}", "{address}"],
    "env": {"A": "{d}"},
    "input": {"type": "json", "template": "{}"},
    "output": {"type": "json", "template": ""},
    "exit": {"success": [0], "failure": [1]},
    "token": {"localpart": "{l}", "domain": "{d}", "mxid": "{m}"},
}
EXEC: dict[str, Any] = {
    "token": {"localpart": "{localpart}", "password": "{password}"},
    "auth.enabled": True,
    "directory.enabled": True,
    "directory.search.byName": PROCESS,
    "directory.search.byThreepid": PROCESS,
    "identity.enabled": True,
    "identity.priority": 0,
    "identity.hashLookup": False,
    "identity.hashEnabled": False,
    "identity.lookup.single": PROCESS,
    "identity.lookup.bulk": PROCESS,
    "profile.enabled": True,
    "profile.displayName": PROCESS,
    "profile.threePid": PROCESS,
    "profile.role": PROCESS,
}
WORDPRESS: dict[str, Any] = {
    "rest.credential": {"username": "a", "password": "b"},
    "sql.type": "mysql",
    "sql.tablePrefix": "wp_",
    "sql.query.threepid": {"email": "SELECT user_login AS uid FROM u WHERE e = ?"},
    "sql.query.directory": {"name": "SELECT a, b FROM u WHERE c LIKE ?"},
}
MEMORY: dict[str, Any] = {
    "hashEnabled": True,
    "identities": [
        {
            "username": "john",
            "password": "secret",
            "displayName": "John",
            "threepids": [{"medium": "email", "address": "j@example.org"}],
            "roles": ["staff"],
        }
    ],
}

SQLITE = {"type": "sqlite", "connection": "/var/lib/a.db"}
LDAP_NEEDS = {"host": "localhost", "baseDNs": ["o=a"]}
STORES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ldap": (DIRECTORY, {"connection": LDAP_NEEDS}),
    "netiq": (DIRECTORY, {"connection": LDAP_NEEDS}),
    "sql": (SQL, SQLITE),
    "synapseSql": ({**SQL, "legacyRoomNames": True}, SQLITE),
    "rest": (REST, {"host": "http://localhost:8080"}),
    "exec": (EXEC, {"auth": PROCESS}),
    "wordpress": (
        WORDPRESS,
        {
            "rest": {"base": "http://localhost/wp-json"},
            "sql": {"connection": "//localhost/wp?user=a&password=b"},
        },
    ),
    "memory": (MEMORY, {}),
    "firebase": (
        {"credentials": "/etc/firebase.json"},
        {"database": "https://x.firebaseio.com"},
    ),
}
"""The keys of each store, and what it cannot do without."""


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set a key, which may be a level further down."""
    head, _, rest = path.partition(".")
    if not rest:
        values[head] = value
        return
    inner = values.get(head)
    values[head] = dict(inner) if isinstance(inner, dict) else {}
    put(values[head], rest, value)


class OldKeyTests(SynchronousTestCase):
    def load(self, path: str, value: Any, **base: Any) -> Loaded:
        """Load a configuration with one key more than it needs."""
        foundation = {"matrix": {"domain": "example.org"}, "key": {"path": "k"}}
        values: dict[str, Any] = {**foundation, **base}
        put(values, path, value)
        text = yaml.safe_dump(values)
        # A refusal names the key.
        return loaded(text, factories=find_factories())

    def test_the_core(self) -> None:
        """Each key alone."""
        for path, value in CORE.items():
            self.load(path, value)

    def test_messages(self) -> None:
        """Each key alone; a connector that lacks keys of old names is complete."""
        email: Any = {"identity": {"from": "a@example.org"}}
        for path, value in EMAIL.items():
            base: Any = {"medium": {"email": email}}
            self.load(f"{MEDIUM}.email.{path}", value, threepid=base)
        for path, value in MSISDN.items():
            key = {"connectors.twilio.accountSid": "account_sid"}.get(path)
            key = {"connectors.twilio.authToken": "auth_token"}.get(path, key)
            twilio = {each: TWILIO[each] for each in TWILIO if each != key}
            base = {"medium": {"msisdn": {"connectors": {"twilio": twilio}}}}
            self.load(f"{MEDIUM}.msisdn.{path}", value, threepid=base)
        for path, value in SENDGRID.items():
            handlers: Any = {"api": {"key": "k"}, "identity": {"from": "a@example.org"}}
            base = {
                "handler": {"email": "sendgrid"},
                "handlers": {"sendgrid": handlers},
            }
            full = f"notification.handlers.sendgrid.{path}"
            self.load(full, value, notification=base)

    def test_stores(self) -> None:
        """Each key alone."""
        for store_type, (keys, needs) in STORES.items():
            for path, value in keys.items():
                section = {"enabled": True, **needs}
                config = self.load(
                    f"{store_type}.{path}", value, **{store_type: section}
                )
                (entry,) = config.config.stores
                self.assertEqual(entry.store_type, store_type)

    def test_remote_sessions(self) -> None:
        """They are gone since mxisd 1.3, and what was said about them has no effect."""
        for path in (
            "session.policy.validation.forLocal",
            "session.policy.validation.forRemote",
            "view.session.localRemote",
            "view.session.remote",
            f"{MEDIUM}.email.{TEMPLATE}.session.validation.remote",
            f"{MEDIUM}.msisdn.{TEMPLATE}.session.validation.remote",
        ):
            medium: Any = {"email": {"identity": {"from": "a@example.org"}}}
            medium["msisdn"] = {"connectors": {"twilio": TWILIO}}
            value = {"onCheck": {"success": PAGE}}
            found = self.load(path, value, threepid={"medium": medium})
            (warning,) = found.warnings
            self.assertEqual(warning.path, path)
            self.assertEqual(
                warning.text,
                "has no effect: there are no remote sessions any more",
            )

    def test_the_template_of_local_sessions(self) -> None:
        """It is the template of all sessions now."""
        medium: Any = {"email": {"identity": {"from": "a@example.org"}}}
        path = f"{MEDIUM}.email.{TEMPLATE}.session.validation"
        value = {"local": MAIL, "remote": PAGE}
        found = self.load(path, value, threepid={"medium": medium})
        template = found.config.threepid.medium["email"].generators.template
        self.assertEqual(template.session.validation, MAIL)
        texts = {each.path: each.text for each in found.warnings}
        self.assertEqual(set(texts), {f"{path}.local", f"{path}.remote"})
        self.assertEqual(texts[f"{path}.local"], f"is read as {path}, its real name")

    def test_twilio(self) -> None:
        """The names of other keys suggest these; both are read."""
        old = {"accountSid": "AC1", "authToken": "t1", "number": "+15550100"}
        path = f"{MEDIUM}.msisdn.connectors.twilio"
        found = self.load(path, old)
        settings = found.config.threepid.medium["msisdn"].connectors["twilio"].settings
        self.assertEqual(settings.account_sid, "AC1")
        self.assertEqual(settings.auth_token.value, "t1")
        self.assertEqual(
            {each.path for each in found.warnings},
            {f"{path}.accountSid", f"{path}.authToken"},
        )

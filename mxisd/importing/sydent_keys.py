"""The keys of sydent's configuration file: where they stand, and what we have not."""

from collections.abc import Mapping

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "general": {
        "server.name": "",
        "log.path": "",
        "log.level": "INFO",
        "pidfile.path": "sydent.pid",
        "terms.path": "",
        "address_lookup_limit": "10000",
        "templates.path": "res",
        "brand.default": "matrix-org",
        "enable_v1_associations": "true",
        "delete_tokens_on_bind": "true",
        "ip.blacklist": "",
        "ip.whitelist": "",
        "homeserver_allow_list": "",
        "enable_v1_access": "true",
    },
    "db": {"db.file": "sydent.db"},
    "http": {
        "clientapi.http.bind_address": "::",
        "clientapi.http.port": "8090",
        "internalapi.http.bind_address": "::1",
        "internalapi.http.port": "",
        "replication.https.certfile": "",
        "replication.https.cacert": "",
        "replication.https.bind_address": "::",
        "replication.https.port": "4434",
        "obey_x_forwarded_for": "False",
        "federation.verifycerts": "True",
        "client_http_base": "",
    },
    "email": {
        "email.from": "Sydent Validation <noreply@{hostname}>",
        "email.subject": "Your Validation Token",
        "email.invite.subject": "%(sender_display_name)s has invited you to chat",
        "email.invite.subject_space": (
            "%(sender_display_name)s has invited you to a space"
        ),
        "email.smtphost": "localhost",
        "email.smtpport": "25",
        "email.smtpusername": "",
        "email.smtppassword": "",
        "email.hostname": "",
        "email.tlsmode": "0",
        "email.default_web_client_location": "https://app.element.io",
        "email.third_party_invite_username_obfuscate_characters": "3",
        "email.third_party_invite_domain_obfuscate_characters": "3",
        "email.third_party_invite_homeserver_blocklist": "",
        "email.third_party_invite_room_blocklist": "",
    },
    "sms": {"bodytemplate": "Your code is {token}", "username": "", "password": ""},
    "crypto": {"ed25519.signingkey": ""},
}
"""Its sections and keys, with what sydent 2.6 itself writes into a new file."""

_SUBJECT = "subjects stand in templates, see threepid.medium.email.generators"
_REPLICATION = "there is no replication between servers"
_SMS = "sydent speaks to another gateway; see threepid.medium.msisdn"
_SHOWN = "the address in a room is shortened in one way; see invite.fullDisplayName"
_NO_SUCH = "nothing here does this"

REASONS: Mapping[str, str] = {
    "general.log.": "see logging, and --logfile of twistd",
    "general.pidfile.path": "see --pidfile of twistd",
    "general.terms.path": "its documents go below policy.policies",
    "general.address_lookup_limit": "10000 addresses a lookup; see limits.lookup, too",
    "general.templates.path": "see threepid.medium.email.generators.template",
    "general.brand.default": "see threepid.medium.email.generators.template",
    "general.enable_v1_associations": (
        "v1 binds for server.internalNetworks alone, unless bindings.enabled is false"
    ),
    "general.delete_tokens_on_bind": "an invite ends with its delivery",
    "general.ip.blacklist": (
        "private networks are refused, and no others; what it left open goes below "
        "outbound.allowedCidr"
    ),
    "general.prometheus": _NO_SUCH,
    "general.sentry": _NO_SUCH,
    "http.internalapi.": "see the admin API, and admin.token",
    "http.replication.": _REPLICATION,
    "http.obey_x_forwarded_for": "proxies are believed that server.trustedProxies has",
    "http.federation.verifycerts": (
        "certificates are always checked; see outbound.caFile for your own authority"
    ),
    "email.email.subject": _SUBJECT,
    "email.email.invite.subject": _SUBJECT,
    "email.email.template": "see threepid.medium.email.generators.template",
    "email.email.invite_template": "see threepid.medium.email.generators.template",
    "email.email.third_party_invite_username_obfuscate_characters": _SHOWN,
    "email.email.third_party_invite_domain_obfuscate_characters": _SHOWN,
    "email.email.third_party_invite_keyword_blocklist": (
        "names are not searched for words: what it blocked is open"
    ),
    "sms.": _SMS,
    "peer.": _REPLICATION,
}
"""By how a key begins: why it is not taken, and where to look."""

UNKNOWN = "the import does not know this key"
UNREADABLE = "its value cannot be read"


def reason_for(key: str) -> str:
    """Why a key is not taken."""
    found = (REASONS[start] for start in REASONS if key.startswith(start))
    return next(found, UNKNOWN)


def default_of(key: str) -> str:
    """What sydent has without the key; empty if nothing."""
    section, _, name = key.partition(".")
    return DEFAULTS.get(section, {}).get(name, "")


def section_of(name: str) -> str | None:
    """Where a key belongs that stands in ``[DEFAULT]``."""
    for section, names in DEFAULTS.items():
        if name in names or name.startswith(f"{section}."):
            return section
    return None

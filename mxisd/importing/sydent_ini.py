"""Sydent's configuration file: its database, its key, and what else we have, too."""

import json
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from attrs import frozen

from mxisd.importing.keys import parse_key
from mxisd.importing.refusing import ImportRefused
from mxisd.model.signing import SigningKey

SMTP_TLS = {"0": 0, "STARTTLS": 2, "1": 2, "TLS": 3, "SSL": 3}
"""Sydent's words for how mail is sent, and our numbers."""

PASSWORD = "${SMTP_PASSWORD}"  # noqa: S105
NO_COUNTERPART = {
    "general.terms.path": "its documents go below policy.policies",
    "sms.username": "it speaks to another gateway; see threepid.medium.msisdn",
    "http.replication.https.certfile": "there is no replication between servers",
}
"""What sydent's operators set and we have not, or have elsewhere."""


@frozen
class SydentIni:
    """
    What its file says.

    :ivar database: Its database; ``None`` if it keeps it in memory.
    :ivar key: Its signing key; ``None`` if there is none, or one of a kind that the
        specification does not have.
    :ivar settings: What we have, too, as nested mappings with our keys.
    :ivar remarks: What we have not, and what to do about it.
    """

    database: Path | None
    key: SigningKey | None
    settings: Mapping[str, Any]
    remarks: tuple[str, ...]


def read_ini(path: Path) -> SydentIni:
    """
    Read the file.

    :raise ImportRefused: If it cannot be read, or is not of sydent.
    """
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    # Errors of the parser quote lines, of which one has the key.
    except (OSError, UnicodeDecodeError, IniError) as error:
        problem = error if isinstance(error, OSError) else "not an .ini file"
        raise ImportRefused(f"{path} cannot be read: {problem}") from None
    values = {
        # What our configuration would take for a variable.
        f"{section}.{key}": value.strip().replace("${", "$${")
        for section in parser
        for key, value in parser[section].items()
        if value.strip()
    }
    if "db.db.file" not in values and "crypto.ed25519.signingkey" not in values:
        raise ImportRefused(f"{path} is neither an SQLite file nor of sydent")
    return SydentIni(
        _database(path, values.get("db.db.file", ":memory:")),
        parse_key(values.get("crypto.ed25519.signingkey", "")),
        _settings(values),
        tuple(
            f"{key}: {NO_COUNTERPART[key]}" for key in NO_COUNTERPART & values.keys()
        ),
    )


def as_yaml(settings: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Write settings as lines of YAML; of each value, JSON's spelling is YAML's."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from as_yaml(value, indent + "  ")
        else:
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"


def _database(path: Path, name: str) -> Path | None:
    # Relative to where sydent was started: mostly where its configuration is.
    return None if name == ":memory:" else path.parent / name


def _settings(values: Mapping[str, str]) -> Mapping[str, Any]:
    found = {
        "server": _present(
            name=values.get("general.server.name"),
            hostname=values.get("http.clientapi.http.bind_address"),
            port=_number(values.get("http.clientapi.http.port")),
            publicUrl=values.get("http.client_http_base"),
        ),
        "matrix": _v1(values),
        "accountConfig": _accounts(values),
        "threepid": _mail(values),
    }
    return {key: value for key, value in found.items() if value}


def _v1(values: Mapping[str, str]) -> Mapping[str, Any]:
    is_off = values.get("general.enable_v1_access", "true").lower() in ("false", "no")
    return {"v1": False} if is_off else {}


def _accounts(values: Mapping[str, str]) -> Mapping[str, Any]:
    names = values.get("general.homeserver_allow_list", "").split(",")
    allowed = [name.strip() for name in names if name.strip()]
    # Sydent serves everybody unless it has a list.
    return _present(allowOnlyTrustDomains=False, allowedHomeservers=allowed or None)


def _mail(values: Mapping[str, str]) -> Mapping[str, Any]:
    host = values.get("email.email.smtphost")
    if host is None:
        return {}
    has_password = "email.email.smtppassword" in values
    tls = values.get("email.email.tlsmode", "0").upper()
    smtp = _present(
        host=host,
        port=_number(values.get("email.email.smtpport")),
        tls=SMTP_TLS.get(tls),
        login=values.get("email.email.smtpusername"),
        password=PASSWORD if has_password else None,
    )
    return {"medium": {"email": {**_sender(values), "connectors": {"smtp": smtp}}}}


def _sender(values: Mapping[str, str]) -> Mapping[str, Any]:
    server_name = values.get("general.server.name", "")
    hostname = values.get("email.email.hostname", server_name)
    written = values.get("email.email.from", "").replace("{hostname}", hostname)
    name, address = parseaddr(written)
    return {"identity": {"from": address, "name": name}} if address else {}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}

"""What sydent's configuration says that ours can say, too."""

from collections.abc import Callable, Mapping
from email.utils import parseaddr
from ipaddress import ip_network
from typing import Any

from attrs import Factory, define

from mxisd.importing.sydent_keys import UNREADABLE, default_of, reason_for
from mxisd.model.identifiers import IllegalIdentifier, ServerName
from mxisd.model.web_clients import IllegalWebClient, WebClient

SMTP_TLS = {"0": 0, "STARTTLS": 2, "1": 2, "TLS": 3, "SSL": 3}
"""Sydent's words for how mail is sent, and our numbers."""

PASSWORD = "${SMTP_PASSWORD}"  # noqa: S105
SWITCHES = {"1": True, "yes": True, "true": True, "on": True}
SWITCHES |= {"0": False, "no": False, "false": False, "off": False}

ALLOWED = "general.homeserver_allow_list"
HOMESERVERS = "email.email.third_party_invite_homeserver_blocklist"
ROOMS = "email.email.third_party_invite_room_blocklist"
MAIL = (
    "email.email.from",
    "email.email.hostname",
    "email.email.smtp",
    "email.email.tlsmode",
)
WEB_CLIENT = "email.email.default_web_client_location"
NETWORKS = "general.ip.whitelist"


@define(eq=False)
class Taking:
    """
    Sydent's keys, and what became of them.

    :ivar values: Its keys that have a value, after the names of their sections.
    :ivar taken: The keys that were carried over.
    :ivar left: Why others were not.
    :ivar notes: What to mind about those that were.
    """

    values: Mapping[str, str]
    taken: set[str] = Factory(set)
    left: dict[str, str] = Factory(dict)
    notes: list[str] = Factory(list)

    def get(self, key: str) -> str | None:
        """A value, which is carried over."""
        self.taken |= {key} & self.values.keys()
        return self.values.get(key)

    def read(
        self, key: str, read: Callable[[str], Any], *, or_default: bool = False
    ) -> Any:
        """
        A value that is carried over if it can be read; ``None`` otherwise.

        :param or_default: Whether what is not there is what sydent has by itself.
        """
        text = self.get(key) or (default_of(key) if or_default else None)
        value = None if text is None else read(text)
        if value is None and key in self.values:
            self.left[key] = UNREADABLE
        return value

    def items(self, key: str, read: Callable[[str], str | None]) -> list[str] | None:
        """The good items of a list, which has commas or lines; ``None`` without any."""
        items = (self.get(key) or "").replace(",", "\n").split("\n")
        written = [item.strip() for item in items if item.strip()]
        found = [good for item in written if (good := read(item)) is not None]
        if len(found) < len(written):
            count = len(written) - len(found)
            self.left[key] = f"{count} of its {len(written)} items cannot be read"
        return found or None

    def not_taken(self) -> list[str]:
        """Every other key that is not what sydent has without it, and why."""
        left = {
            key: self.left.get(key) or reason_for(key)
            for key in self._others()
            if key in self.left or self.values[key] != default_of(key)
        }
        return [f"{key}: {reason}" for key, reason in left.items()]

    def by_itself(self) -> list[str]:
        """Every key that is not carried over, and that sydent has without it, too."""
        return [
            key
            for key in self._others()
            if key not in self.left and self.values[key] == default_of(key)
        ]

    def _others(self) -> list[str]:
        return [key for key in self.values if key not in self.taken or key in self.left]


def settings_of(taking: Taking) -> Mapping[str, Any]:
    """What we have, too, as nested mappings with our keys."""
    found = {
        "server": _present(
            name=taking.get("general.server.name"),
            hostname=taking.get("http.clientapi.http.bind_address"),
            port=taking.read("http.clientapi.http.port", _number),
            publicUrl=taking.get("http.client_http_base"),
        ),
        "matrix": _v1(taking),
        "accountConfig": _accounts(taking),
        "outbound": _present(allowedCidr=taking.items(NETWORKS, _network)),
        "invite": _invites(taking),
        "threepid": _mail(taking),
    }
    return {key: value for key, value in found.items() if value}


def _v1(taking: Taking) -> Mapping[str, Any]:
    is_on = taking.read("general.enable_v1_access", lambda it: SWITCHES.get(it.lower()))
    return {"v1": False} if is_on is False else {}


def _accounts(taking: Taking) -> Mapping[str, Any]:
    allowed = taking.items(ALLOWED, _server_name)
    if ALLOWED in taking.left and not allowed:
        return {}
    # Sydent serves everybody unless it has a list.
    return _present(allowOnlyTrustDomains=False, allowedHomeservers=allowed)


def _invites(taking: Taking) -> Mapping[str, Any]:
    client = taking.read(WEB_CLIENT, _web_client)
    if client is not None:
        text = "as invite.webClient, it goes before what homeservers say"
        taking.notes.append(f"{WEB_CLIENT}: {text}")
    blocked = _present(
        homeservers=taking.items(HOMESERVERS, _server_name),
        rooms=taking.items(ROOMS, str),
    )
    return _present(webClient=client, blocked=blocked or None)


def _mail(taking: Taking) -> Mapping[str, Any]:
    if not any(key.startswith(MAIL) for key in taking.values):
        return {}
    password = taking.get("email.email.smtppassword")
    if password is not None:
        text = "it is not printed; put it into the environment as SMTP_PASSWORD"
        taking.notes.append(f"email.email.smtppassword: {text}")
    smtp = _present(
        host=taking.read("email.email.smtphost", str, or_default=True),
        port=taking.read("email.email.smtpport", _number, or_default=True),
        tls=taking.read("email.email.tlsmode", _tls, or_default=True),
        login=taking.get("email.email.smtpusername"),
        password=password and PASSWORD,
    )
    email = _present(identity=_sender(taking), connectors={"smtp": smtp})
    return {"medium": {"email": email}}


def _sender(taking: Taking) -> Mapping[str, str] | None:
    server_name = taking.get("general.server.name") or ""
    hostname = taking.get("email.email.hostname") or server_name

    def read(text: str) -> Mapping[str, str] | None:
        name, address = parseaddr(text.replace("{hostname}", hostname))
        is_whole = "@" in address and not address.endswith("@")
        return {"from": address, "name": name} if is_whole else None

    found: Mapping[str, str] | None
    found = taking.read("email.email.from", read, or_default=True)
    return found


# --- Single values --------------------------------------------------------------------


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _tls(text: str) -> int | None:
    return SMTP_TLS.get(text.upper())


def _server_name(text: str) -> str | None:
    try:
        ServerName.parse(text)
    except IllegalIdentifier:
        return None
    return text


def _network(text: str) -> str | None:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return None


def _web_client(text: str) -> str | None:
    try:
        WebClient.parse(text)
    except IllegalWebClient:
        return None
    return text


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}

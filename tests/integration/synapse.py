"""A real Synapse for tests."""

import hashlib
import hmac
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import urllib.error
import urllib.request
import weakref
from base64 import b64encode
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.trial.unittest import SkipTest

from mxisd.model.threepids import MSISDN, canonical
from mxisd.testing.stores import DOMAIN, Person
from tests.integration.id_server_stub import IdentityServerStub, session_for
from tests.integration.server import free_port, wait_until
from tests.tls import CertificateAuthority

PYTHON = Path(__file__).parent.parent.parent / ".venv-synapse" / "bin" / "python"
START_SECONDS = 120.0
ADMIN = "operator"
BRIDGE = "bridge_"
PLENTY = {"per_second": 10_000, "burst_count": 10_000}
REMINDER = "make .venv-synapse/has-synapse"


class Synapse:
    """
    A homeserver for ``example.org`` on a free loopback port, in a folder of its own.

    :ivar url: Where it speaks HTTP.
    :ivar database: Its SQLite file, unless it was given another database.
    :ivar token: An access token of its administrator.
    :ivar authority: Whose certificates it trusts.
    """

    def __init__(self, database: Mapping[str, Any] | None = None) -> None:
        """
        Prepare it; nothing is started yet.

        :param database: The ``args`` of ``psycopg2``; without them it uses SQLite.
        :raise SkipTest: If Synapse is not installed; a failure where ``CI`` is set.
        """
        _check_installed()
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-synapse-"))
        self._removal = weakref.finalize(self, shutil.rmtree, self.folder, True)
        self.database = str(self.folder / "homeserver.db")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._stub: IdentityServerStub | None = None
        self.authority = CertificateAuthority(self.folder / "tls")
        self._write_configuration(database)

    # --- The process ------------------------------------------------------------------

    def start(self) -> "Synapse":
        """Start, and return when it answers; the first time, it gets an operator."""
        environment = {
            **os.environ,
            "SSL_CERT_FILE": str(self.authority.ca_file),
            "SYNAPSE_CACHE_FACTOR": "0.5",
        }
        environment.pop("PYTHONPATH", None)
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [str(PYTHON), "-m", "synapse.app.homeserver", "-c", "homeserver.yaml"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
            )
        self._killing = weakref.finalize(self, self._process.kill)
        wait_until(self._is_up, "Synapse answers", START_SECONDS)
        if not self.token:
            self.token = self._register_admin()
        return self

    def stop(self) -> None:
        """End it, also when paused; its data and its port stay."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._killing.detach()
        self._process = None

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are accepted, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # On a busy machine a signal takes its time to reach every thread.
        wait_until(self._is_stopped, "Synapse hangs")

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop()
        if self._stub is not None:
            self._stub.stop()
        self._removal()

    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"Synapse ended: {self.log()[-4000:]}")
        try:
            return bool(self.ask("GET", "/_matrix/client/versions")[0] == 200)
        except OSError:
            return False

    def _is_stopped(self) -> bool:
        assert self._process is not None
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/stat")
        states = [stat.read_text().rpartition(")")[2].split()[0] for stat in threads]
        return all(state == "T" for state in states)

    # --- People -----------------------------------------------------------------------

    def add(self, person: Person, *, consents: bool = True, **more: Any) -> str:
        """
        Make a user with a display name and 3PIDs.

        :param consents: Whether the 3PIDs are bound, too.
        :param more: Further members of the Admin API's user.
        :return: The user ID.
        """
        threepids = [_as_stored(*each) for each in person.threepids]
        user_id = str(person.user_id)
        self.put_user(
            user_id,
            displayname=person.display_name,
            threepids=[{"medium": m, "address": a} for m, a in threepids],
            **({} if person.password is None else {"password": person.password}),
            **more,
        )
        if consents and threepids:
            self.bind(user_id, threepids)
        return user_id

    def put_user(self, user_id: str, **members: Any) -> Any:
        """Make or change a user by the Admin API; some members change only."""
        path = f"/_synapse/admin/v2/users/{quote(user_id)}"
        return self.sure("PUT", path, members)

    def bind(self, user_id: str, threepids: Iterable[tuple[str, str]]) -> None:
        """Bind 3PIDs as a client does, at an identity server that believes it."""
        token = self.token_of(user_id)
        if self._stub is None:
            self._stub = IdentityServerStub(self.authority)
        for medium, address in threepids:
            wish = {
                "client_secret": "secret",
                "id_server": self._stub.name,
                "id_access_token": "token",
                "sid": session_for(medium, address),
            }
            self.sure("POST", "/_matrix/client/v3/account/3pid/bind", wish, token)

    def unbind(self, user_id: str, medium: str, address: str) -> None:
        """Take a binding back as a client does."""
        assert self._stub is not None
        wish = {"medium": medium, "address": address, "id_server": self._stub.name}
        path = "/_matrix/client/v3/account/3pid/unbind"
        self.sure("POST", path, wish, self.token_of(user_id))

    def guest(self) -> str:
        """Make a guest; gives the user ID."""
        reply = self.sure("POST", "/_matrix/client/v3/register?kind=guest", {}, None)
        return str(reply["user_id"])

    def bridged(self, name: str) -> str:
        """Make a user of an application service; gives the user ID."""
        wish = {
            "type": "m.login.application_service",
            "username": BRIDGE + name,
            "inhibit_login": True,
        }
        reply = self.sure("POST", "/_matrix/client/v3/register", wish, "as-token")
        return str(reply["user_id"])

    def suspend(self, user_id: str) -> None:
        """Let a user read only."""
        path = f"/_synapse/admin/v1/suspend/{quote(user_id)}"
        self.sure("PUT", path, {"suspend": True})

    def token_of(self, user_id: str) -> str:
        """An access token of a user."""
        path = f"/_synapse/admin/v1/users/{quote(user_id)}/login"
        return str(self.sure("POST", path, {})["access_token"])

    def room(self, name: str, creator: str) -> str:
        """Make a room with a name; gives its ID once Synapse has counted it."""
        path, token = "/_matrix/client/v3/createRoom", self.token_of(creator)
        wish = {"name": name, "preset": "public_chat"}
        room_id = str(self.sure("POST", path, wish, token)["room_id"])

        def is_counted() -> bool:
            path = f"/_synapse/admin/v1/rooms/{quote(room_id)}"
            return bool(self.ask("GET", path, token=self.token)[1].get("name") == name)

        wait_until(is_counted, "the room has a name")
        return room_id

    def add_crowd(self, people: Iterable[Person]) -> None:
        """Write many people straight into the SQLite file, which is faster."""
        with closing(sqlite3.connect(self.database, timeout=60)) as database, database:
            for statement, rows in crowd(people).items():
                database.executemany(statement, rows)

    # --- HTTP -------------------------------------------------------------------------

    def sure(
        self, method: str, path: str, body: Any = None, token: str | None = ""
    ) -> Any:
        """Ask, by default as the administrator; gives the answer to what worked."""
        status, reply = self.ask(
            method, path, body, self.token if token == "" else token
        )
        assert status in (200, 201), f"{method} {path}: {status} {reply}"
        return reply

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> tuple[int, Any]:
        """Ask; status and decoded JSON."""
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, sent, method=method)
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def _register_admin(self) -> str:
        path = "/_synapse/admin/v1/register"
        nonce = self.sure("GET", path, token=None)["nonce"]
        words = (nonce, ADMIN, "password", "admin")
        mac = hmac.new(b"shared", "\0".join(words).encode(), hashlib.sha1).hexdigest()
        wish = {"nonce": nonce, "username": ADMIN, "password": "password"}
        reply = self.sure("POST", path, {**wish, "admin": True, "mac": mac}, None)
        return str(reply["access_token"])

    # --- The files --------------------------------------------------------------------

    def _write_configuration(self, database: Mapping[str, Any] | None) -> None:
        key = b64encode(os.urandom(32)).decode().rstrip("=")
        (self.folder / "signing.key").write_text(f"ed25519 a_test {key}\n")
        (self.folder / "bridge.yaml").write_text(json.dumps(_BRIDGE))
        engine = {"name": "sqlite3", "args": {"database": self.database}}
        if database is not None:
            engine = {"name": "psycopg2", "args": dict(database)}
        listener = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "tls": False,
            "resources": [{"names": ["client", "federation"], "compress": False}],
        }
        values = {
            **_SETTINGS,
            "public_baseurl": self.url,
            "database": engine,
            "listeners": [listener],
        }
        (self.folder / "homeserver.yaml").write_text(json.dumps(values))


_BRIDGE = {
    "id": "bridge",
    "url": None,
    "as_token": "as-token",
    "hs_token": "hs-token",
    "sender_localpart": "bridgebot",
    "namespaces": {"users": [{"exclusive": True, "regex": f"@{BRIDGE}.*"}]},
}
_SETTINGS = {
    "server_name": DOMAIN,
    "report_stats": False,
    "pid_file": "homeserver.pid",
    "media_store_path": "media",
    "signing_key_path": "signing.key",
    "suppress_key_server_warning": True,
    "trusted_key_servers": [],
    "registration_shared_secret": "shared",
    "macaroon_secret_key": "macaroons",
    "form_secret": "forms",
    "bcrypt_rounds": 4,
    "allow_guest_access": True,
    "ip_range_whitelist": ["127.0.0.1/32"],
    "app_service_config_files": ["bridge.yaml"],
    "user_directory": {"search_all_users": True},
    **dict.fromkeys(
        ("rc_message", "rc_registration", "rc_3pid_validation", "rc_invites"), PLENTY
    ),
    "rc_login": {"address": PLENTY, "account": PLENTY, "failed_attempts": PLENTY},
}


def _as_stored(medium: str, address: str) -> tuple[str, str]:
    # Clients give Synapse a number in any form, and it keeps the digits.
    if medium == MSISDN:
        return medium, canonical(medium, address).address
    return medium, address


def crowd(people: Iterable[Person]) -> dict[str, list[tuple[str, ...]]]:
    """Statements that make users with published 3PIDs, and the rows for each."""
    users: list[tuple[str, ...]] = []
    names: list[tuple[str, ...]] = []
    threepids: list[tuple[str, ...]] = []
    for person in people:
        user_id = str(person.user_id)
        name = person.display_name or person.username
        users.append((user_id,))
        names.append((person.user_id.localpart, name, user_id))
        for threepid in person.threepids:
            threepids.append((user_id, *_as_stored(*threepid)))
    return {
        "INSERT INTO users (name, approved) VALUES (?, TRUE)": users,
        "INSERT INTO profiles (user_id, displayname, full_user_id) "
        "VALUES (?, ?, ?)": names,
        "INSERT INTO user_threepids VALUES (?, ?, ?, 0, 0)": threepids,
        "INSERT INTO user_threepid_id_server VALUES (?, ?, ?, 'id.x')": threepids,
    }


def _check_installed() -> None:
    if PYTHON.exists():
        return
    if os.environ.get("CI"):
        raise AssertionError(f"Synapse is missing: {REMINDER}")
    raise SkipTest(f"SYNAPSE IS MISSING: {REMINDER}")

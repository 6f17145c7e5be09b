"""The real process, driven over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

IDENTITY = "/_matrix/identity"
PATIENCE = 90.0
RUN_TWISTD = "from twisted.scripts.twistd import run; run()"
TWISTD = (sys.executable, "-c", RUN_TWISTD)
LIMIT = "from resource import *; setrlimit(RLIMIT_NOFILE, ({0}, {0})); "


_reserved: list[socket.socket] = []


def free_port() -> int:
    """
    A loopback port that nobody listens on, and that is ours until the tests end.

    It stays bound, so that the system gives it to nobody else meanwhile: neither to
    tests that run beside these nor to a connection. Servers take it nevertheless, as
    long as they set ``SO_REUSEADDR`` like we do; nearly all of them do.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    _reserved.append(reserved)
    port: int = reserved.getsockname()[1]
    return port


def without_root(text: str) -> str:
    """What the server said, but for the warning that it is root, which tests may be."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if "runs as root" not in line)


def wait_until(condition: Any, what: str, seconds: float = PATIENCE) -> Any:
    """
    Poll until something is true.

    :return: What the condition returned.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


class MxisdProcess:
    """
    ``twistd mxisd`` in a folder of its own, on a free port.

    :ivar environment: What it finds in its environment, besides ours.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        environment: Mapping[str, str] | None = None,
        descriptors: int | None = None,
    ) -> None:
        """
        Describe a server.

        :param descriptors: How many it may have open; otherwise, as many as we may.
        """
        self.folder = folder
        limit = "" if descriptors is None else LIMIT.format(descriptors)
        self._command = (sys.executable, "-c", limit + RUN_TWISTD)
        self.environment = environment or {}
        self.port = free_port()
        self.config = {
            "matrix": {"domain": "example.org"},
            "server": {"hostname": "127.0.0.1", "port": self.port},
            "key": {"path": str(folder / "keys")},
            "storage": {"provider": {"sqlite": {"database": str(folder / "mxisd.db")}}},
            **config,
        }
        self.log = folder / "mxisd.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> "MxisdProcess":
        """Start, and wait for the first answer."""
        self.spawn()
        wait_until(self._is_up, "mxisd answers")
        return self

    def spawn(self) -> None:
        """Start."""
        path = self.folder / "mxisd.yaml"
        path.write_text(yaml.safe_dump(self.config, allow_unicode=True))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, "-n", "--pidfile=", "mxisd", "-c", str(path)],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    **self.environment,
                },
            )

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop, and wait for the end."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(PATIENCE)
            self._process = None

    def restart(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop and start."""
        self.stop(by)
        self.start()

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"mxisd ended: {self.log.read_text()}")
        try:
            return bool(self.get("/status")[0] == 200)
        except OSError:
            return False

    def get(self, path: str, token: str | None = None, **query: str) -> Any:
        """GET; status and decoded JSON."""
        return self._ask("GET", path, None, token, query)

    def post(self, path: str, body: Any, token: str | None = None) -> Any:
        """POST a JSON body; status and decoded JSON."""
        return self._ask("POST", path, json.dumps(body).encode(), token, {})

    def post_as(self, path: str, body: Any, authorization: str) -> Any:
        """POST a JSON body with a header of its own; status and decoded JSON."""
        raw = json.dumps(body).encode()
        return self._ask("POST", path, raw, None, {}, authorization)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        token: str | None,
        query: dict[str, str],
        authorization: str | None = None,
    ) -> Any:
        url = f"http://127.0.0.1:{self.port}{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(url, body, method=method)
        if token is not None:
            authorization = f"Bearer {token}"
        if authorization is not None:
            request.add_header("Authorization", authorization)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

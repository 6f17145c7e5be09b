"""The processes of a run: started, watched, and stopped in any case."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from bench.load import Job, Outcome

ROOT = Path(__file__).parent.parent
PLUGINS = Path(__file__).parent / "plugin"
OPENID = "/_matrix/federation/v1/openid/userinfo"
STATUS = "/status"
START_PATIENCE = 60.0
STOP_PATIENCE = 30.0
TICKS = os.sysconf("SC_CLK_TCK")

TWISTD = "import sys; from twisted.scripts.twistd import run; run()"


@frozen
class Memory:
    """
    Memory of a process, in MB.

    :ivar mapped: Files, a part of ``resident`` that the system may take back.
    """

    resident: float
    mapped: float
    peak: float


class Server:
    """
    A server process on a loopback port.

    :ivar start_seconds: From its start to its first answer.
    """

    def __init__(
        self, arguments: list[str], port: int, ready_path: str, log: Path
    ) -> None:
        self.port = port
        began = time.perf_counter()
        path = os.pathsep.join([str(ROOT), str(PLUGINS)])
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=log.parent,
                env={**os.environ, "PYTHONPATH": path},
                stdout=output,
                stderr=output,
            )
        try:
            self._wait(log)
            self.ask("GET", ready_path)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - began

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> Any:
        """Ask once, and again while it is not ready; no answer ends the run."""
        deadline = time.monotonic() + START_PATIENCE
        while True:
            status, content = self._ask(method, path, body, token)
            if status == 200:
                return json.loads(content)
            if status != 503 or time.monotonic() > deadline:
                raise SystemExit(f"{method} {path}: {status} {content[:500]!r}")
            time.sleep(0.01)

    def _ask(
        self, method: str, path: str, body: Any, token: str | None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        text = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """What the process has used so far."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> Memory:
        """What it holds now, and what it held at most."""
        return _memory(str(self._process.pid))

    def stop(self) -> None:
        """Stop it, kindly at first."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except ConnectionError:
                time.sleep(0.005)
            else:
                return
        tail = log.read_text(errors="replace")[-2000:]
        raise SystemExit(f"The server does not start:\n{tail}")


def own_memory() -> Memory:
    """What this process holds."""
    return _memory("self")


def _memory(process: str) -> Memory:
    text = Path(f"/proc/{process}/status").read_text()
    lines = dict(line.split(":", 1) for line in text.splitlines())
    resident, mapped, peak = (
        int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "RssFile", "VmHWM")
    )
    return Memory(resident, mapped, peak)


def start_bare(folder: Path, user_id: str) -> Server:
    """Start the yardstick."""
    port = free_port()
    arguments = ["-m", "bench.bare", str(port), user_id]
    return Server(arguments, port, OPENID, folder / "bare.log")


def start_mxisd(folder: Path, port: int) -> Server:
    """Start the server on the configuration in a folder."""
    arguments = ["-c", TWISTD, "-n", "--pidfile=", "mxisd", "-c", "mxisd.yaml"]
    return Server(arguments, port, STATUS, folder / "mxisd.log")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def run_load(job: Job) -> Outcome:
    """Let the load's process do a job."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=job.seconds + 60,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"The load failed:\n{done.stderr[-2000:]}")
    return Outcome(**json.loads(done.stdout))

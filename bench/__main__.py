"""
Print performance figures; there is no pass or fail.

Each server is the real process with the production configuration, and a store that
makes its people up. Each figure stands beside that of a bare twisted.web resource,
asked in turn with ours. Half of the addresses of a lookup are found. Everything is on
the loopback interface, and ends by itself.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from attrs import frozen

from bench.figures import COLUMNS, Build, Comparison, LongLookup, Sample, memory
from bench.load import Job
from bench.processes import (
    STATUS,
    Server,
    free_port,
    run_load,
    start_bare,
    start_mxisd,
)
from mxisd.model.hashing import NONE, SHA256, lookup_hash

DOMAIN = "bench.example.org"
USER_ID = f"@bench:{DOMAIN}"
V2 = "/_matrix/identity/v2"
SIZES = (1_000, 100_000, 1_000_000)
BATCHES = (1, 100, 1000)
CONNECTIONS = 4
VARIANTS = 50
FOUND_SHARE = 0.5
BUILD_PATIENCE = 600.0
STORES = ("bench.ldap", "bench.sql")
MOST = 10_000
ASKED = 3
BLOCKED = "blocked"
TICKS = 0.05

CONFIGURATION = """
matrix: {{domain: {domain}}}
server: {{hostname: 127.0.0.1, port: {port}}}
key: {{path: keys}}
storage: {{provider: {{sqlite: {{database: records.db}}}}}}
logging: {{access: access.log}}
dns: {{overwrite: {{homeserver: {{federation: [
  {{name: {domain}, value: 'http://127.0.0.1:{homeserver_port}'}}]}}}}}}
limits: {{lookup: {{perAccount: 0}}}}
hashing: {{algorithms: [none, sha256]}}
stores: [{{name: people, type: bench, people: {people}, blocks: blocked}}]
"""


@frozen
class Effort:
    """How long to measure."""

    sizes: Sequence[int]
    rounds: int
    seconds: float


QUICK = Effort(SIZES[:2], 1, 1.0)
FULL = Effort(SIZES, 3, 2.0)


@frozen
class Question:
    """A request to measure, and the path of its answer at the bare resource."""

    title: str
    method: str
    path: str
    bodies: Sequence[Any] = (None,)

    def requests(self, path: str, token: str | None) -> list[str]:
        """The bytes to send, for each body."""
        return [_request(self.method, path, body, token) for body in self.bodies]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer, shorter, smaller")
    effort = QUICK if parser.parse_args().quick else FULL
    print(
        f"{os.cpu_count()} CPUs, {CONNECTIONS} connections, {FOUND_SHARE:.0%} of the "
        "addresses are found.\nCPU is what the server's process uses for a request, "
        "'of bare' the CPU\nof the bare resource as a part of ours. Medians of "
        f"{effort.rounds} rounds of {effort.seconds:g} s."
    )
    with (
        tempfile.TemporaryDirectory(prefix="mxisd-bench-") as folder,
        _stopping(start_bare(Path(folder), USER_ID)) as bare,
    ):
        for size in effort.sizes:
            _measure(size, effort, bare, Path(folder, str(size)))
    options = ["--quick"] if effort is QUICK else []
    for module in STORES:
        subprocess.run([sys.executable, "-m", module, *options], check=True)


def _measure(size: int, effort: Effort, bare: Server, folder: Path) -> None:
    print(f"\n{size:,} associations", flush=True)
    folder.mkdir()
    port = free_port()
    text = CONFIGURATION.format(
        domain=DOMAIN, port=port, homeserver_port=bare.port, people=size
    )
    Path(folder, "mxisd.yaml").write_text(text)
    with _stopping(start_mxisd(folder, port)) as ours:
        token = _register(ours)
        build = _watch_build(ours, token, size, folder)
        print(build.line())
        print(COLUMNS, flush=True)
        for question in _questions(ours, token, size, is_first=size == SIZES[0]):
            print(_compare(question, effort, ours, bare, token).line(), flush=True)
        print(f"  after the lookups: {memory(ours.memory())}")
        for title, body in _long_lookups(ours, token):
            print(_longest_block(ours, token, title, body, folder / BLOCKED).line())
    with _stopping(start_mxisd(folder, port)) as again:
        found = _look_up(again, token, [size - 1])
        answer = "at once" if found else "NOT AT ONCE"
        print(f"  restart {again.start_seconds:.2f} s; found by hash {answer}")


@contextmanager
def _stopping(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.stop()


def _register(server: Server) -> str:
    credentials = {
        "access_token": "x",
        "token_type": "Bearer",
        "matrix_server_name": DOMAIN,
        "expires_in": 3600,
    }
    token: str = server.ask("POST", f"{V2}/account/register", credentials)["token"]
    return token


def _watch_build(server: Server, token: str, size: int, folder: Path) -> Build:
    began, cpu = time.perf_counter(), server.cpu_seconds()
    while not _look_up(server, token, [size - 1]):
        if time.perf_counter() - began > BUILD_PATIENCE:
            raise SystemExit("The index does not come.")
        time.sleep(0.1)
    return Build(
        server.start_seconds,
        time.perf_counter() - began,
        server.cpu_seconds() - cpu,
        tuple(json.loads((folder / BLOCKED).read_text())),
        server.memory(),
    )


def _look_up(server: Server, token: str, people: Sequence[int]) -> int:
    pepper = server.ask("GET", f"{V2}/hash_details", token=token)["lookup_pepper"]
    body = _lookup_body(pepper, people)
    return len(server.ask("POST", f"{V2}/lookup", body, token)["mappings"])


def _lookup_body(pepper: str, people: Sequence[int]) -> dict[str, Any]:
    addresses = [f"person{number}@{DOMAIN}" for number in people]
    hashes = [lookup_hash(address, "email", pepper) for address in addresses]
    return {"addresses": hashes, "algorithm": SHA256, "pepper": pepper}


# --- Long lookups ---------------------------------------------------------------------


def _long_lookups(server: Server, token: str) -> Iterator[tuple[str, Any]]:
    pepper = server.ask("GET", f"{V2}/hash_details", token=token)["lookup_pepper"]
    yield f"lookup of {MOST:,} hashes", _lookup_body(pepper, range(MOST))
    phones = [f"+49 171 {number:07d} msisdn" for number in range(MOST)]
    clear = {"addresses": phones, "algorithm": NONE, "pepper": pepper}
    yield f"lookup of {MOST:,} phones in the clear", clear


def _longest_block(
    server: Server, token: str, title: str, body: Any, file: Path
) -> LongLookup:
    file.unlink(missing_ok=True)
    seconds = []
    for _ in range(ASKED):
        began = time.perf_counter()
        server.ask("POST", f"{V2}/lookup", body, token)
        seconds.append(time.perf_counter() - began)
    time.sleep(TICKS)
    return LongLookup(title, median(seconds), tuple(json.loads(file.read_text())))


# --- Questions ------------------------------------------------------------------------


def _questions(
    server: Server, token: str, size: int, is_first: bool
) -> Iterator[Question]:
    if is_first:
        yield Question("status", "GET", STATUS)
        yield Question("hash_details", "GET", f"{V2}/hash_details")
    pepper = server.ask("GET", f"{V2}/hash_details", token=token)["lookup_pepper"]
    for batch in BATCHES:
        bodies = [_lookup_body(pepper, _people(size, batch)) for _ in range(VARIANTS)]
        yield Question(f"lookup of {batch}", "POST", f"{V2}/lookup", bodies)


def _people(size: int, batch: int) -> list[int]:
    # Those beyond the size are nobody.
    return [random.randrange(int(size / FOUND_SHARE)) for _ in range(batch)]


def _request(method: str, path: str, body: Any, token: str | None) -> str:
    text = "" if body is None else json.dumps(body)
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token is not None:
        head.append(f"Authorization: Bearer {token}")
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(text)}"]
    return "\r\n".join([*head, "", text])


def _compare(
    question: Question, effort: Effort, ours: Server, bare: Server, token: str
) -> Comparison:
    bare_path = "/" + question.title.replace(" ", "-")
    answer = ours.ask(question.method, question.path, question.bodies[0], token)
    bare.ask("PUT", bare_path, answer)
    our_requests = question.requests(question.path, token)
    bare_requests = question.requests(bare_path, token)
    samples: tuple[list[Sample], list[Sample]] = ([], [])
    for _ in range(effort.rounds):
        samples[0].append(_sample(ours, our_requests, effort.seconds))
        samples[1].append(_sample(bare, bare_requests, effort.seconds))
    return Comparison(question.title, *samples)


def _sample(server: Server, requests: list[str], seconds: float) -> Sample:
    cpu = server.cpu_seconds()
    outcome = run_load(Job(server.port, requests, CONNECTIONS, seconds))
    return Sample(outcome, server.cpu_seconds() - cpu)


if __name__ == "__main__":
    main()

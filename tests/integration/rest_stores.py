"""What tests of the REST store share."""

import json
import signal
import subprocess
import sys
import urllib.request
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mxisd.config.structure import Section
from mxisd.drivers.http import http_clients
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import Store, Tools
from mxisd.model.threepids import EMAIL, canonical
from mxisd.stores.rest import factory
from mxisd.testing.stores import DOMAIN, PEOPLE, Person
from tests.integration import rest_backend
from tests.integration.store_case import StoreCase

PROGRAM = Path(rest_backend.__file__)


class BackendProcess:
    """
    The back end of the tests, running; it ends with the object at the latest.

    :ivar url: For ``rest.host``.
    """

    def __init__(self, people: Sequence[Person] = PEOPLE, **setup: Any) -> None:
        """
        Start it, and return when it listens.

        :param setup: ``token``; ``certificate``, ``key``, ``clients``: PEM files;
            ``is_old``: HTTP/1.0 is spoken.
        """
        self._setup = {
            "people": [asdict(each) for each in people],
            "domain": DOMAIN,
            "port": 0,
            **{key: _plain(value) for key, value in setup.items()},
        }
        self._scheme = "https" if "certificate" in setup else "http"
        self.start()

    def start(self) -> None:
        """Start it, at the port that it had."""
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        weakref.finalize(self, _end, self._process)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._setup).encode())
        self._process.stdin.close()
        self._setup["port"] = int(self._process.stdout.readline())

    def stop(self) -> None:
        """End it."""
        _end(self._process)

    def pause(self) -> None:
        """Let it hang: the system accepts connections, and nobody answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self._scheme}://localhost:{self._setup['port']}"

    def order(self, **orders: Any) -> None:
        """Let it misbehave from now on, by path without the prefix; ``any`` is any."""
        named = {key.replace("__", "/"): value for key, value in orders.items()}
        if "any" in named:
            named["*"] = named.pop("any")
        self._talk("/_orders", json.dumps(named).encode())

    def requests(self) -> list[Any]:
        """Everything that it was asked."""
        return list(json.loads(self._talk("/_requests")))

    def questions(self) -> list[Any]:
        """The bodies of everything that it was asked."""
        return [json.loads(each["body"]) for each in self.requests()]

    def _talk(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(self.url + path, body, timeout=30) as answer:
            content: bytes = answer.read()
            return content


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


class RestCase(StoreCase):
    """Starts back ends, makes stores, and cleans up."""

    timeout = 120

    def backend(
        self, people: Sequence[Person] = PEOPLE, **setup: Any
    ) -> BackendProcess:
        """A back end with these people."""
        backend = BackendProcess(people, **setup)
        self.addCleanup(backend.stop)
        return backend

    def store(self, backend: BackendProcess, **section: Any) -> Store:
        """The store of a section that fits the back end."""
        return self.built({"host": backend.url, "timeout": 30, **section})

    def built(self, values: Mapping[str, Any]) -> Store:
        """The store of a section; its connections end with the test."""
        clients = http_clients(reactor, user_agent="mxisd/test")
        self.addCleanup(lambda: Deferred.fromCoroutine(clients.configured.close()))
        tools = Tools(
            name="people", domain=DOMAIN, reactor=reactor, http=clients.stores
        )
        store = factory.build(factory.parse(Section(values)), tools)
        if store.service is not None:
            self.addCleanup(store.service.stopService)
        return store

    async def found(self, store: Store, *addresses: str) -> dict[str, str]:
        """Localparts by e-mail address."""
        assert store.lookup is not None
        keys = frozenset(canonical(EMAIL, address) for address in addresses)
        answer = await store.lookup.lookup(keys)
        return {key.address: user_id.localpart for key, user_id in answer.items()}

    async def fails(
        self, ask: Callable[[], Any], words: str = "", **how: Any
    ) -> StoreUnavailable:
        """The question cannot be answered, and the text says why."""
        with self.assertRaises(how.get("kind", StoreUnavailable)) as caught:
            await ask()
        self.assertIn(words, str(caught.exception))
        error: StoreUnavailable = caught.exception
        return error

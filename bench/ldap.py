"""
The LDAP store against a real slapd with many people, in a process of its own.

usage: python -m bench.ldap [--quick]

Rates count the CPU of this machine that slapd uses, too: the ratios are what to trust.
"""

import argparse
import gc
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import define, frozen
from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall

from bench.processes import own_memory
from mxisd.config.structure import Section
from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import LdapClient
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.interfaces import Store, Tools
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, ThreePid, canonical
from mxisd.stores.ldap import factory
from tests.integration.organisation import Organisation
from tests.integration.slapd import Slapd

DOMAIN = "example.org"
TICK = 0.005
BATCHES = (1, 100, 1000)
AT_ONCE = 32
FOUND_SHARE = 0.5


@frozen
class Effort:
    """How much to measure."""

    people: int
    seconds: float


QUICK = Effort(10_000, 1.0)
FULL = Effort(100_000, 3.0)


@define
class Watch:
    """
    Sees how long the reactor keeps others waiting.

    :ivar waited: The longest time by the clock, in seconds.
    :ivar worked: The same by the CPU time of this thread.
    """

    reactor: Any
    waited: float = 0.0
    worked: float = 0.0

    def start(self) -> LoopingCall:
        """Watch from now on."""
        last = [time.perf_counter(), time.thread_time()]

        def tick() -> None:
            now = [time.perf_counter(), time.thread_time()]
            self.waited = max(self.waited, now[0] - last[0] - TICK)
            self.worked = max(self.worked, now[1] - last[1])
            last[:] = now

        looping = LoopingCall(tick)
        looping.clock = self.reactor
        looping.start(TICK, now=False)
        return looping


class Bench:
    """One store, and what is measured of it."""

    def __init__(
        self, reactor: Any, client: LdapClient, store: Store, effort: Effort
    ) -> None:
        self._reactor = reactor
        self._client = client
        self._store = store
        self._effort = effort

    async def run(self) -> None:
        """Measure and print everything."""
        await self._lookups()
        await self._entries()
        await self._listing()
        await self._logins()

    async def _lookups(self) -> None:
        single = await self._rate("1 address at a time", self._lookup_of(1), 1, 1)
        await self._rate(
            f"1 address, {AT_ONCE} at once", self._lookup_of(1), 1, AT_ONCE
        )
        for batch in BATCHES[1:]:
            rate = await self._rate(
                f"{batch} addresses at a time", self._lookup_of(batch), batch, 1
            )
            print(f"{'':32} {rate / single:6.1f} times one by one", flush=True)

    def _lookup_of(self, count: int) -> Callable[[], Awaitable[Any]]:
        assert self._store.lookup is not None
        lookup = self._store.lookup.lookup
        return lambda: lookup(frozenset(self._address() for _ in range(count)))

    def _address(self) -> ThreePid:
        # Those beyond the number of people are nobody.
        number = random.randrange(int(self._effort.people / FOUND_SHARE))
        return canonical(EMAIL, f"person.{number}@example.org")

    async def _entries(self) -> None:
        count = 0

        async def take(entries: Sequence[Entry]) -> None:
            nonlocal count
            count += len(entries)

        wanted = Search(
            base=Slapd.people_dn,
            filter=filters.present("mail"),
            attributes=["uid", "mail", "telephoneNumber"],
        )
        await self._list("entries", lambda: self._client.each_page(wanted, 500, take))
        assert count == self._effort.people

    async def _listing(self) -> None:
        count = 0

        async def put(batch: Sequence[Any]) -> None:
            nonlocal count
            count += len(batch)

        assert self._store.associations is not None
        listing = self._store.associations.associations
        await self._list("entries as associations", lambda: listing(put))
        assert count > self._effort.people

    async def _list(self, what: str, listing: Callable[[], Awaitable[None]]) -> None:
        watch, before = Watch(self._reactor), own_memory()
        watching = watch.start()
        began, cpu = time.perf_counter(), time.process_time()
        await listing()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        watching.stop()
        after = own_memory()
        print(
            f"list of all {what:19} {self._effort.people / seconds:8.0f} entries/s    "
            f"{self._effort.people / cpu:8.0f} per CPU second; longest block "
            f"{watch.waited * 1000:.0f} ms (CPU {watch.worked * 1000:.0f} ms)\n"
            f"{'':32} resident {before.resident:.0f} MB before, "
            f"{after.resident:.0f} MB after, {after.peak:.0f} MB at most",
            flush=True,
        )

    async def _logins(self) -> None:
        await self._rate("1 login at a time", self._login, 1, 1, "logins")
        await self._rate("8 logins at once", self._login, 1, 8, "logins")

    async def _login(self) -> None:
        number = random.randrange(self._effort.people)
        assert self._store.authenticator is not None
        verdict = await self._store.authenticator.authenticate(
            UserId(f"person.{number}", DOMAIN), Secret(f"secret {number}")
        )
        assert isinstance(verdict, Accepted), verdict

    async def _rate(
        self,
        title: str,
        question: Callable[[], Awaitable[Any]],
        size: int,
        at_once: int,
        unit: str = "addresses",
    ) -> float:
        watch = Watch(self._reactor)
        watching = watch.start()
        began, cpu, count = time.perf_counter(), time.process_time(), 0
        end = began + self._effort.seconds

        async def ask() -> None:
            nonlocal count
            while time.perf_counter() < end:
                await question()
                count += size

        await gatherResults([Deferred.fromCoroutine(ask()) for _ in range(at_once)])
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        watching.stop()
        print(
            f"{title:32} {count / seconds:8.0f} {unit}/s  "
            f"{count / cpu:8.0f} per CPU second; longest block "
            f"{watch.waited * 1000:.0f} ms (CPU {watch.worked * 1000:.0f} ms)",
            flush=True,
        )
        return count / seconds


def bench_of(slapd: Slapd, reactor: Any, effort: Effort, **connection: Any) -> Bench:
    """The store of a section as an operator would write it."""
    section = {
        "preset": "openldap",
        "connection": {
            "host": "127.0.0.1",
            "port": slapd.port,
            "bindDn": slapd.bind_dn,
            "bindPassword": slapd.password,
            "baseDNs": [slapd.people_dn],
            **connection,
        },
    }
    settings = factory.parse(Section(section))
    tools = Tools(name="bench", domain=DOMAIN, reactor=reactor, http=None)
    access, addresses = settings.connection.access, settings.connection.addresses
    client = LdapClient(reactor, "bench", addresses, access)
    return Bench(reactor, client, factory.build(settings, tools), effort)


async def measure(reactor: Any, effort: Effort) -> None:
    """Start a directory, ask it in the clear and by TLS, and end it."""
    print(f"\nLDAP: a slapd with {effort.people:,} people", flush=True)
    slapd = Slapd(Organisation(people=effort.people))
    # What the people here were made of is not the store's to clean up after.
    gc.collect()
    gc.freeze()
    try:
        slapd.start()
        await bench_of(slapd, reactor, effort).run()
        print("by ldaps:")
        secure = {"port": slapd.tls_port, "tls": True, "caFile": slapd.ca_file}
        await bench_of(slapd, reactor, effort, **secure).run()
    finally:
        slapd.remove()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.ldap", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer people, less time")
    effort = QUICK if parser.parse_args().quick else FULL
    task.react(lambda reactor: Deferred.fromCoroutine(measure(reactor, effort)))


if __name__ == "__main__":
    main()

"""The LDAP driver against real OpenLDAP servers: ways in, ways out, ways back."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mxisd.drivers.ldap import failover, filters
from mxisd.drivers.ldap.client import LdapClient, ListCut
from mxisd.drivers.ldap.connection import Scope, Search, TimedOut
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.server import Access, Address, Security, SocketAddress
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret
from tests.integration.organisation import (
    PEOPLE_DN,
    SERVICE_DN,
    SERVICE_PASSWORD,
    entry_ldif,
)
from tests.integration.server import free_port
from tests.integration.slapd import Member, Organisation, Slapd
from tests.tls import CertificateAuthority

ANN = Member(uid="ann", name="Ann", mails=["ann@x"], password="pw")
BEA = Member(uid="bea", name="Bea", mails=["bea@x"], password="pw")


def factory_of(protocol: type[Protocol]) -> Any:
    """Serves this protocol."""
    return ServerFactory.forProtocol(protocol)


def everybody(**how: Any) -> Search:
    """Look for all people."""
    values = {"base": PEOPLE_DN, "attributes": ["uid"], **how}
    return Search(filter=filters.present("uid"), **values)


def uids(entries: Sequence[Entry]) -> list[str]:
    """Who they are, in order."""
    return sorted(entry.attributes["uid"][0].decode() for entry in entries)


class WebServer(Protocol):
    """Answers noise as most web servers do."""

    def dataReceived(self, data: bytes) -> None:
        """Refuse whatever it is."""
        assert self.transport is not None
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        self.transport.loseConnection()


class DriverCase(TestCase):
    """Starts servers, makes clients, and cleans up."""

    timeout = 180

    def slapd(self, *members: Member, **how: Any) -> Slapd:
        """A running server with these people that logs what it is asked."""
        extra = how.pop("extra_ldif", "")
        server = Slapd(
            Organisation(members=members or [ANN], extra_ldif=extra),
            is_verbose=True,
            **how,
        )
        self.addCleanup(server.remove)
        server.start()
        return server

    def client(
        self,
        *addresses: Address | SocketAddress,
        follow_referrals: bool = False,
        **access: Any,
    ) -> LdapClient:
        """A client that binds as the service."""
        values = {
            "bind_dn": SERVICE_DN,
            "bind_password": Secret(SERVICE_PASSWORD),
            "timeout": 10.0,
            **access,
        }
        client = LdapClient(
            reactor,
            "staff",
            addresses,
            Access(**values),
            follow_referrals=follow_referrals,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def assert_unavailable(self, answer: Any, *words: str) -> StoreUnavailable:
        """The question fails, with all these words; gives the error."""
        with self.assertRaises(StoreUnavailable) as caught:
            await answer
        for word in words:
            self.assertIn(word, str(caught.exception))
        error: StoreUnavailable = caught.exception
        return error

    def serve(self, factory: Any) -> Address:
        """Listen with something that is no directory."""
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return Address("127.0.0.1", port.getHost().port)


def plain(slapd: Slapd) -> Address:
    """Where it speaks in the clear, and StartTLS."""
    return Address("127.0.0.1", slapd.port)


def both(slapd: Slapd) -> Sequence[tuple[Security, Address]]:
    """Each way to TLS."""
    return (
        (Security.START_TLS, plain(slapd)),
        (Security.TLS, Address("127.0.0.1", slapd.tls_port)),
    )


class SecurityTests(DriverCase):
    """StartTLS and ldaps alike."""

    async def assert_no_bind(self, slapd: Slapd, *words: str, **access: Any) -> None:
        """Nothing is answered, in both ways, and no password has left us."""
        for security, address in both(slapd):
            values = {"ca_file": slapd.ca_file, "security": security, **access}
            client = self.client(address, **values)
            await self.assert_unavailable(client.search(everybody()), *words)
            check = client.check(b"uid=ann", Secret("pw"))
            await self.assert_unavailable(check, *words)
        self.assertNotIn("BIND", slapd.log())
        self.assertNotIn("SRCH", slapd.log())

    async def test_verified_server(self) -> None:
        """Searches, lists and passwords go over TLS."""
        slapd = self.slapd()
        for security, address in both(slapd):
            client = self.client(address, security=security, ca_file=slapd.ca_file)
            self.assertEqual(uids(await client.search(everybody())), ["ann"])
            name = f"uid=ann,{PEOPLE_DN}"
            self.assertEqual((await client.check(name, Secret("pw"))).code, 0)
            pages: list[str] = []

            async def take(entries: Sequence[Entry], pages: Any = pages) -> None:
                pages.extend(uids(entries))

            await client.each_page(everybody(), 100, take)
            self.assertEqual(pages, ["ann"])
        log = slapd.log()
        self.assertIn("STARTTLS", log)
        self.assertEqual(log.count("TLS established"), 6)

    async def test_expired_certificate(self) -> None:
        """The message says so."""
        await self.assert_no_bind(self.slapd(has_expired=True), "has expired")

    async def test_unknown_authority(self) -> None:
        """Neither the system's authorities nor somebody else's will do."""
        slapd = self.slapd()
        other = CertificateAuthority(slapd.folder / "other").ca_file
        for ca_file in (None, str(other)):
            await self.assert_no_bind(slapd, "authority is not known", ca_file=ca_file)

    async def test_name_of_another_host(self) -> None:
        """The certificate must be for the host, or for the name that is configured."""
        slapd = self.slapd(hosts=["ldap.example.org"])
        await self.assert_no_bind(slapd, "another name")
        await self.assert_no_bind(slapd, "another name", tls_name="www.example.org")
        for security, address in both(slapd):
            client = self.client(
                address,
                security=security,
                ca_file=slapd.ca_file,
                tls_name="ldap.example.org",
            )
            self.assertEqual(uids(await client.search(everybody())), ["ann"])

    async def test_client_certificate(self) -> None:
        """A server that demands one lets in who has the right one."""
        slapd = self.slapd(demands_certificate=True)
        stranger = CertificateAuthority(slapd.folder / "other").issue_client("eve")
        await self.assert_no_bind(slapd, "")
        await self.assert_no_bind(
            slapd,
            "",
            certificate_file=str(stranger.cert_file),
            key_file=str(stranger.key_file),
        )
        issued = slapd.authority.issue_client("mxisd")
        for security, address in both(slapd):
            client = self.client(
                address,
                security=security,
                ca_file=slapd.ca_file,
                certificate_file=str(issued.cert_file),
                key_file=str(issued.key_file),
            )
            self.assertEqual(uids(await client.search(everybody())), ["ann"])

    async def test_client_certificate_that_cannot_be_used(self) -> None:
        """The message names the key; nobody connects."""
        slapd = self.slapd(demands_certificate=True)
        good = slapd.authority.issue_client("mxisd")
        other = slapd.authority.issue_client("other")
        old = slapd.authority.issue_client("old", is_expired=True)
        for certificate, key, words in (
            (old.cert_file, old.key_file, "connection.certificateFile has expired"),
            (good.cert_file, other.key_file, "connection.keyFile is not the key"),
            (good.key_file, good.key_file, "connection.certificateFile cannot"),
            (good.cert_file, good.cert_file, "connection.keyFile cannot be read"),
            (good.cert_file, slapd.folder / "gone", "connection.keyFile cannot"),
        ):
            await self.assert_no_bind(
                slapd, words, certificate_file=str(certificate), key_file=str(key)
            )

    async def test_wrong_port(self) -> None:
        """Each mistake about a port has a hint."""
        slapd = self.slapd()
        secured = Address("127.0.0.1", slapd.tls_port)
        for security, address, words in (
            (Security.TLS, plain(slapd), "plain text"),
            (Security.NONE, secured, "TLS on this port"),
            (Security.START_TLS, secured, "TLS on this port"),
        ):
            client = self.client(address, security=security, ca_file=slapd.ca_file)
            await self.assert_unavailable(client.search(everybody()), words)
        self.assertNotIn("BIND", slapd.log())

    async def test_unix_socket(self) -> None:
        """A server on the same machine needs no TLS, whatever is configured."""
        slapd = self.slapd()
        for security in Security:
            client = self.client(SocketAddress(slapd.socket), security=security)
            self.assertEqual(uids(await client.search(everybody())), ["ann"])
        await self.assert_unavailable(
            self.client(SocketAddress("/nonexistent")).search(everybody()),
            "no connection to /nonexistent",
        )


class StrangerTests(DriverCase):
    """Ports where no directory is."""

    async def test_web_server(self) -> None:
        """HTTP is told by name, in the clear and where TLS was expected."""
        address = self.serve(factory_of(WebServer))
        for security, words in (
            (Security.NONE, "speaks HTTP, not LDAP"),
            (Security.START_TLS, "speaks HTTP, not LDAP"),
            (Security.TLS, "plain text"),
        ):
            client = self.client(address, security=security)
            await self.assert_unavailable(client.search(everybody()), words)

    async def test_port_that_says_nothing(self) -> None:
        """It is given up in time, and the next server is asked."""
        slapd = self.slapd()
        mute = self.serve(factory_of(Protocol))
        for security in Security:
            client = self.client(mute, security=security, timeout=0.5)
            error = await self.assert_unavailable(client.search(everybody()))
            self.assertIsInstance(error, TimedOut)
        client = self.client(mute, plain(slapd), timeout=6.0)
        self.assertEqual(uids(await client.search(everybody())), ["ann"])


class FailoverTests(DriverCase):
    """Two servers with different people, to tell who answered."""

    def pair(self, **access: Any) -> tuple[Slapd, Slapd, LdapClient]:
        """Start two, and a client that prefers the first one."""
        first, second = self.slapd(ANN), self.slapd(BEA)
        return first, second, self.client(plain(first), plain(second), **access)

    async def found(self, client: LdapClient) -> list[str]:
        """Who answers."""
        return uids(await client.search(everybody()))

    async def eventually(self, client: LdapClient, expected: list[str]) -> None:
        """Poll until this one answers."""
        deadline = reactor.seconds() + 30
        while await self.found_or_not(client) != expected:
            self.assertLess(reactor.seconds(), deadline)
            await deferLater(reactor, 0.05)

    async def found_or_not(self, client: LdapClient) -> list[str] | None:
        """Who answers; ``None`` for nobody."""
        try:
            return await self.found(client)
        except StoreUnavailable:
            return None

    async def test_killed_and_back(self) -> None:
        """Searches go on without a failure while the first server is away."""
        self.patch(failover, "PROBE", 0.3)
        first, _second, client = self.pair()
        self.assertEqual(await self.found(client), ["ann"])
        first.stop()
        self.assertEqual(await self.found(client), ["bea"])
        check = await client.check(f"uid=bea,{PEOPLE_DN}", Secret("pw"))
        self.assertEqual(check.code, 0)
        first.start()
        await self.eventually(client, ["ann"])

    async def test_paused_and_back(self) -> None:
        """A server that hangs costs each question at most its share of the time."""
        self.patch(failover, "PROBE", 0.3)
        first, _second, client = self.pair(timeout=6.0)
        self.assertEqual(await self.found(client), ["ann"])
        first.pause()
        asked = [Deferred.fromCoroutine(self.found(client)) for _ in range(10)]
        self.assertEqual(await gatherResults(asked), [["bea"]] * 10)
        start = reactor.seconds()
        for _ in range(20):
            self.assertEqual(await self.found(client), ["bea"])
        self.assertLess(reactor.seconds() - start, 2.9)
        first.resume()
        await self.eventually(client, ["ann"])

    async def test_all_are_down(self) -> None:
        """Nobody waits, and each server is named."""
        first, second, client = self.pair()
        first.stop()
        second.stop()
        start = reactor.seconds()
        for _ in range(3):
            await self.assert_unavailable(
                client.search(everybody()), str(plain(first)), str(plain(second))
            )
            check = client.check(f"uid=bea,{PEOPLE_DN}", Secret("pw"))
            await self.assert_unavailable(check)
        self.assertLess(reactor.seconds() - start, 5)
        second.start()
        await self.eventually(client, ["bea"])


class ReferralTests(DriverCase):
    """Entries that are somewhere else."""

    def referring(self, *uris: str, **how: Any) -> Slapd:
        """A server with Ann, and a pointer to other ones."""
        pointer = entry_ldif(
            f"ou=branch,{PEOPLE_DN}",
            {"objectClass": ["referral", "extensibleObject"], "ref": uris},
        )
        return self.slapd(ANN, extra_ldif=pointer, **how)

    async def test_not_followed(self) -> None:
        """The entries that are here are found; a base that is elsewhere is an error."""
        other = self.slapd(BEA)
        slapd = self.referring(f"{other.url}/{PEOPLE_DN}")
        client = self.client(plain(slapd))
        self.assertEqual(uids(await client.search(everybody())), ["ann"])
        elsewhere = everybody(base=f"ou=branch,{PEOPLE_DN}")
        await self.assert_unavailable(
            client.search(elsewhere), "127.0.0.1", "connection.followReferrals"
        )
        self.assertNotIn("BIND", other.log())

    async def test_followed(self) -> None:
        """Searches, samples, lists and bases elsewhere are complete."""
        other = self.slapd(BEA)
        slapd = self.referring(f"{other.url}/{PEOPLE_DN}")
        client = self.client(plain(slapd), follow_referrals=True)
        self.assertEqual(uids(await client.search(everybody())), ["ann", "bea"])
        found = await client.first(everybody(), 10)
        self.assertEqual((uids(found.entries), found.is_cut), (["ann", "bea"], False))
        found = await client.first(everybody(), 1)
        self.assertEqual((len(found.entries), found.is_cut), (1, True))
        elsewhere = everybody(base=f"ou=branch,{PEOPLE_DN}")
        self.assertEqual(uids(await client.search(elsewhere)), ["bea"])
        level = everybody(scope=Scope.ONE)
        self.assertEqual(uids(await client.search(level)), ["ann"])
        listed: list[str] = []

        async def take(entries: Sequence[Entry]) -> None:
            listed.extend(uids(entries))

        await client.each_page(everybody(), 1, take)
        self.assertEqual(sorted(listed), ["ann", "bea"])

    async def test_followed_by_tls(self) -> None:
        """The other server's certificate is verified like the first one's."""
        for scheme in ("ldap", "ldaps"):
            other = self.slapd(BEA)
            port = other.port if scheme == "ldap" else other.tls_port
            slapd = self.referring(f"{scheme}://localhost:{port}/{PEOPLE_DN}")
            bundle = slapd.folder / "both.pem"
            bundle.write_bytes(
                Path(slapd.ca_file).read_bytes() + Path(other.ca_file).read_bytes()
            )
            values: Any = {
                "security": Security.START_TLS,
                "follow_referrals": True,
            }
            client = self.client(plain(slapd), ca_file=slapd.ca_file, **values)
            await self.assert_unavailable(
                client.search(everybody()), "authority is not known"
            )
            self.assertNotIn("BIND", other.log())
            client = self.client(plain(slapd), ca_file=str(bundle), **values)
            self.assertEqual(uids(await client.search(everybody())), ["ann", "bea"])

    async def test_referred_server_is_down(self) -> None:
        """An incomplete answer is none; of equally good servers one is enough."""
        other = self.slapd(BEA)
        good = f"{other.url}/{PEOPLE_DN}"
        dead = f"ldap://127.0.0.1:1/{PEOPLE_DN}"
        client = self.client(plain(self.referring(dead)), follow_referrals=True)
        await self.assert_unavailable(
            client.search(everybody()), "referral could not be followed"
        )
        client = self.client(plain(self.referring(dead, good)), follow_referrals=True)
        self.assertEqual(uids(await client.search(everybody())), ["ann", "bea"])

    async def test_circle(self) -> None:
        """Who points to where we come from is not asked again."""
        port = free_port()
        slapd = self.referring(f"ldap://127.0.0.1:{port}/{PEOPLE_DN}", port=port)
        client = self.client(plain(slapd), follow_referrals=True)
        self.assertEqual(uids(await client.search(everybody())), ["ann"])

    async def test_circle_without_an_answer(self) -> None:
        """A pointer that points to itself leads to no answer."""
        port, base = free_port(), f"ou=branch,{PEOPLE_DN}"
        slapd = self.referring(f"ldap://127.0.0.1:{port}/{base}", port=port)
        client = self.client(plain(slapd), follow_referrals=True)
        await self.assert_unavailable(client.search(everybody()), "circle")


class OperationTests(DriverCase):
    """Real answers, in real time."""

    async def test_abandoned_search(self) -> None:
        """Who gives up leaves the connection usable for others."""
        people = Organisation(people=400).members
        client = self.client(plain(self.slapd(*people)))
        for _ in range(20):
            given_up = Deferred.fromCoroutine(client.search(everybody()))
            given_up.addErrback(lambda _: None)
            kept = Deferred.fromCoroutine(client.search(everybody()))
            await deferLater(reactor, 0.001)
            given_up.cancel()
            self.assertEqual(len(await kept), 400)

    async def test_passwords_on_one_connection(self) -> None:
        """A wrong password does not spoil the next one; connections are used again."""
        slapd = self.slapd()
        client = self.client(plain(slapd))
        name = f"uid=ann,{PEOPLE_DN}"
        for password, code in (("pw", 0), ("wrong", 49), ("pw", 0), ("", None)):
            if code is None:
                with self.assertRaises(ValueError):
                    await client.check(name, Secret(password))
            else:
                answer = await client.check(name, Secret(password))
                self.assertEqual(answer.code, code)
        binds = re.findall(r"conn=(\d+) op=\d+ BIND dn=\"uid=ann", slapd.log())
        self.assertEqual((len(binds) >= 3, len(set(binds))), (True, 1))
        slapd.restart()
        self.assertEqual((await client.check(name, Secret("pw"))).code, 0)

    async def test_limits(self) -> None:
        """Soft and hard limits are told apart from a whole answer."""
        people = Organisation(people=1100).members
        slapd = self.slapd(*people, size_limit=500, hard_limit=1000)
        client = self.client(plain(slapd))
        with self.assertRaises(ListCut):
            await client.search(everybody())
        for limit, count in ((10, 10), (700, 700), (1050, 1000)):
            found = await client.first(everybody(), limit)
            self.assertEqual((len(found.entries), found.is_cut), (count, True))
        few = everybody(base=f"uid=person.1,{PEOPLE_DN}", scope=Scope.BASE)
        found = await client.first(few, 10)
        self.assertEqual((len(found.entries), found.is_cut), (1, False))
        sizes: list[int] = []

        async def take(entries: Sequence[Entry]) -> None:
            sizes.append(len(entries))

        await client.each_page(everybody(), 500, take)
        self.assertEqual(sizes, [500, 500, 100])

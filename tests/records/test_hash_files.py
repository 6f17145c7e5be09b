"""The index files and the listings behind them."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mxisd.errors import RecordsUnavailable
from mxisd.model.hashing import lookup_digest
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid, canonical
from mxisd.ports import IHashFiles, IHashIndex, IListing, Listed
from mxisd.records.hash_files import HashFiles
from mxisd.records.hash_index_file import DamagedIndex, HashIndexFile, write_index


def digest(text: str) -> bytes:
    """Some digest."""
    return hashlib.sha256(text.encode()).digest()


class HashIndexFileTests(SynchronousTestCase):
    """The file format."""

    def setUp(self) -> None:
        """A place for a file."""
        self.path = Path(self.mktemp())

    def index(self, records: dict[bytes, str]) -> HashIndexFile:
        """Write and open a file."""
        write_index(self.path, len(records), records.items)
        index = HashIndexFile(self.path)
        self.addCleanup(index.close)
        return index

    def test_it_provides_the_interface(self) -> None:
        """An open file is what the port says."""
        verifyObject(IHashIndex, self.index({}))

    def test_what_is_in_it_is_found(self) -> None:
        """All of it, and nothing else, for files of every size."""
        for size in (0, 1, 2, 15, 16, 17, 1000):
            records = {digest(f"{n}"): f"@user{n}:{n % 3}.é.org" for n in range(size)}
            index = self.index(records)
            strangers = [digest(f"x{n}") for n in range(100)]
            self.assertEqual(index.count, size)
            self.assertEqual(index.find([*records, *strangers]), records)

    def test_bunched_digests(self) -> None:
        """Digests that share their leading bits are told apart; so are the extremes."""
        digests = [b"\xab" * 11 + bytes([n]) + digest(f"{n}")[12:] for n in range(170)]
        digests += [b"\0" * 32, b"\xff" * 32]
        records = {each: f"@{each.hex()}:x" for each in digests}
        index = self.index(records)
        self.assertEqual(index.find(digests), records)
        self.assertEqual(index.find([b"\xab" * 32, b"\0" * 11 + b"\1" * 21]), {})

    def test_a_user_id_is_no_digest(self) -> None:
        """A client may send any 32 bytes, even those of a user ID in the file."""
        user_id = "@" + "a" * 50 + ":example.org"
        home = b"aaaa" + digest("x")[4:]
        index = self.index({home: user_id})
        self.assertEqual(index.find([b"a" * 32]), {})
        self.assertEqual(index.find([home]), {home: user_id})

    # Two of the names and a colon have at most 255 bytes, as a user ID has.
    @given(st.sets(st.text()), st.lists(st.text(max_size=30)))
    @settings(max_examples=50)
    def test_any_content(self, addresses: set[str], names: list[str]) -> None:
        """Whatever was written is read."""
        names += ["@x:", ":", "@ü:é"]
        records = {
            digest(each): f"{names[n % len(names)]}:{names[n % 2]}"
            for n, each in enumerate(addresses)
        }
        index = self.index(records)
        self.assertEqual(index.find(list(records)), records)

    def test_the_first_of_a_digest_counts(self) -> None:
        """Records come in the order of their priority."""
        records = [(digest("a"), f"@user{n}:x") for n in range(3)]
        write_index(self.path, 3, lambda: records)
        index = HashIndexFile(self.path)
        self.addCleanup(index.close)
        self.assertEqual(index.find([digest("a")]), {digest("a"): "@user0:x"})

    def test_what_is_no_user_id_is_refused(self) -> None:
        """Nothing is left behind, and a file that was there stays as it was."""
        former = self.index({digest("a"): "@a:x"})
        for user_id in ("", "@a", f"@{'a' * 255}:x"):
            with self.assertRaises(ValueError):
                self.index({digest("a"): user_id, digest("b"): "@b:x"})
        self.assertEqual(former.find([digest("a")]), {digest("a"): "@a:x"})
        self.assertEqual(list(self.path.parent.glob(self.path.name + "*")), [self.path])

    def test_damage_is_noticed(self) -> None:
        """A file that is cut, longer, altered, or another kind of file is not used."""
        self.index({digest(f"{n}"): f"@u{n}:x" for n in range(100)})
        whole = self.path.read_bytes()
        for damaged in (
            b"",
            whole[:10],
            whole[:-1],
            whole + b"x",
            whole[:-5] + b"\0" + whole[-4:],
            b"X" + whole[1:],
            whole[:200] + b"\xff" + whole[201:],
            os.urandom(1000),
        ):
            self.path.write_bytes(damaged)
            with self.assertRaises(DamagedIndex):
                HashIndexFile(self.path)

    def test_it_is_for_us_alone(self) -> None:
        """Others cannot read it, and nothing is left beside it."""
        self.index({})
        self.assertEqual(self.path.stat().st_mode & 0o077, 0)
        self.assertEqual(list(self.path.parent.glob(self.path.name + "*")), [self.path])


class HashFilesTests(TestCase):
    """Listings and what is built from them."""

    def setUp(self) -> None:
        """A folder."""
        self.folder = Path(self.mktemp(), "hashes")
        self.files = HashFiles(self.folder, reactor)

    async def list(self, source: str, people: dict[str, str]) -> Listed:
        """Take a source's list: localparts by e-mail address."""
        listing = await self.files.listing(source)
        await listing.add([(canonical("email", a), user(u)) for a, u in people.items()])
        return await listing.commit()

    async def found(
        self,
        pepper: str,
        *sources: str,
        asked: Sequence[str] = ("bob@x", "eve@x", "strauss@x", "strauß@x"),
    ) -> dict[str, str]:
        """Build, and look them up; user IDs by address."""
        index = await self.files.build(pepper, sources)
        self.addCleanup(index.close)
        digests = {lookup_digest(a, "email", pepper): a for a in asked}
        return {digests[d]: u for d, u in index.find(list(digests)).items()}

    async def test_they_provide_the_interfaces(self) -> None:
        """Folder and listing are what the ports say."""
        verifyObject(IHashFiles, self.files)
        listing = await self.files.listing("a")
        verifyObject(IListing, listing)
        await listing.abandon()

    async def test_every_spelling_is_found(self) -> None:
        """The folded and the lower-cased one, and both labels of the domain."""
        await self.list(
            "a", {"Strauß@x": "s", "Ann@Faß.de": "a", "b@xn--fa-hia.de": "b"}
        )
        asked = ["ann@faß.de", "ann@xn--fa-hia.de", "b@faß.de", "b@xn--fa-hia.de"]
        found = await self.found("p", "a", asked=[*asked, "ann@fass.de", "b@fass.de"])
        expected = dict(zip(asked, ["@a:x", "@a:x", "@b:x", "@b:x"], strict=True))
        self.assertEqual(found, expected)
        expected = {"strauss@x": "@s:x", "strauß@x": "@s:x"}
        self.assertEqual(await self.found("p", "a"), expected)

    async def test_the_first_source_wins(self) -> None:
        """Where two list the same address, the order of the sources decides."""
        await self.list("a", {"bob@x": "bob1"})
        await self.list("b", {"bob@x": "bob2", "eve@x": "eve"})
        first = {"bob@x": "@bob1:x", "eve@x": "@eve:x"}
        self.assertEqual(await self.found("p", "a", "b"), first)
        second = {"bob@x": "@bob2:x", "eve@x": "@eve:x"}
        self.assertEqual(await self.found("p", "b", "a"), second)
        self.assertEqual(await self.found("p", "nobody"), {})

    async def test_an_abandoned_listing_changes_nothing(self) -> None:
        """A source that breaks off keeps what it listed before."""
        await self.list("a", {"bob@x": "bob"})
        listing = await self.files.listing("a")
        await listing.add([(canonical("email", "eve@x"), user("eve"))])
        await listing.abandon()
        self.assertEqual(await self.found("p", "a"), {"bob@x": "@bob:x"})

    async def test_a_new_listing_replaces_the_former(self) -> None:
        """Who is not listed any more is not found any more."""
        await self.list("a", {"bob@x": "bob"})
        self.assertEqual(await self.list("a", {"eve@x": "eve"}), Listed(1, True))
        self.assertEqual(await self.found("p", "a"), {"eve@x": "@eve:x"})

    async def test_an_equal_listing_is_unchanged(self) -> None:
        """The same list again is told apart from another one."""
        people = {f"user{n}@x": f"user{n}" for n in range(500)}
        self.assertEqual(await self.list("a", people), Listed(500, True))
        self.assertEqual(await self.list("a", people), Listed(500, False))
        people["user7@x"] = "other"
        self.assertEqual(await self.list("a", people), Listed(500, True))

    async def test_a_file_of_an_earlier_run_is_opened(self) -> None:
        """A new start finds the file; a damaged or missing one is none."""
        await self.list("a", {"bob@x": "bob"})
        (await self.files.build("p", ["a"])).close()
        again = HashFiles(self.folder, reactor)
        index = await again.open("p")
        assert index is not None
        self.assertEqual(index.count, 1)
        index.close()
        self.assertIsNone(await again.open("other"))
        file = next(self.folder.glob("*.index"))
        file.write_bytes(file.read_bytes()[:-1])
        self.assertIsNone(await again.open("p"))

    async def test_only_what_is_needed_is_kept(self) -> None:
        """Files of other peppers and sources go, and so does what a crash left."""
        for name in ("a", "b"):
            await self.list(name, {"bob@x": "bob"})
            (await self.files.build(name, [name])).close()
        (self.folder / "left.over.new").write_text("")
        await self.files.retain({"a"}, {"b"})
        self.assertEqual(len(list(self.folder.glob("*.index"))), 1)
        self.assertEqual(len(list(self.folder.glob("*.listing"))), 1)
        HashFiles(self.folder, reactor)
        self.assertEqual(len(list(self.folder.iterdir())), 2)

    async def test_it_is_for_us_alone(self) -> None:
        """Addresses in the clear are on disk: nobody else reads them."""
        await self.list("../a/b", {"bob@x": "bob"})
        (await self.files.build("p", ["../a/b"])).close()
        self.assertEqual(len(list(self.folder.iterdir())), 2)
        for path in (self.folder, *self.folder.iterdir()):
            self.assertEqual(path.stat().st_mode & 0o077, 0)

    async def test_a_damaged_listing_hides_no_other(self) -> None:
        """It counts as none until its source is listed again."""
        await self.list("b", {"eve@x": "eve"})
        for damage in (b"", b"no database at all" * 100):
            await self.list("a", {"bob@x": "bob"})
            listing = self.files._listing_path("a")
            listing.write_bytes(damage)
            self.assertEqual(await self.found("p", "a", "b"), {"eve@x": "@eve:x"})
            self.assertFalse(listing.exists())
        self.assertEqual(await self.list("a", {"bob@x": "bob"}), Listed(1, True))
        expected = {"bob@x": "@bob:x", "eve@x": "@eve:x"}
        self.assertEqual(await self.found("p", "a", "b"), expected)

    async def test_a_listing_cut_short_is_damaged(self) -> None:
        """Even where its beginning can be read."""
        await self.list("a", {f"user{n}@x": f"user{n}" for n in range(5000)})
        listing = self.files._listing_path("a")
        os.truncate(listing, listing.stat().st_size // 2)
        self.assertEqual(await self.found("p", "a"), {})
        self.assertFalse(listing.exists())

    async def test_a_build_that_nobody_waits_for_ends(self) -> None:
        """The thread stops by itself, or it would hold up the end of the server."""
        await self.list("a", {f"user{n}@x": f"user{n}" for n in range(20_000)})
        building = Deferred.fromCoroutine(self.files.build("p", ["a"]))
        building.cancel()
        with self.assertRaises(CancelledError):
            await building
        while self.is_busy():
            await deferLater(reactor, 0.01)
        self.assertEqual(list(self.folder.glob("*.index*")), [])

    def is_busy(self) -> bool:
        """Whether a thread works for us."""
        pool = reactor.getThreadPool()  # type: ignore[attr-defined]
        return bool(pool.working or pool.q.qsize())

    async def test_what_cannot_be_written_is_our_failure(self) -> None:
        """A text that is no Unicode, a user ID that is none, a folder that is gone."""
        listing = await self.files.listing("a")
        with self.assertRaises(RecordsUnavailable):
            await listing.add([(ThreePid("x", "\ud800"), user("bob"))])
        await listing.abandon()
        await self.list("a", {"bob@x": "b" * 300})
        with self.assertRaises(RecordsUnavailable):
            await self.files.build("p", ["a"])
        shutil.rmtree(self.folder)
        with self.assertRaises(RecordsUnavailable):
            await self.files.listing("a")

    async def test_a_phone_and_a_mail_of_one_spelling(self) -> None:
        """The medium is part of what is hashed."""
        listing = await self.files.listing("a")
        await listing.add(
            [(ThreePid("x", "1"), user("x")), (ThreePid("y", "1"), user("y"))]
        )
        await listing.commit()
        index = await self.files.build("p", ["a"])
        self.addCleanup(index.close)
        key = lookup_digest("1", "y", "p")
        self.assertEqual(index.find([key]), {key: "@y:x"})


def user(localpart: str) -> UserId:
    """A user ID."""
    return UserId(localpart, "x")

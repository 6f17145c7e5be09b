"""
The file that answers lookups by hash: written once, then only read.

::

    header    magic, bits, number of records, their server name, checksum
    table     2^bits + 1 places in the file (4 bytes each, little endian)
    records   bytes 4 to 11 of the digest, length of the text (1 byte), text

The leading bits of a digest name its bucket, and from one place in the table to the
next the file holds the records of a bucket: two on average. A lookup touches one entry
of the table and one small piece of the file, whatever its size. The rest of the digest
is left out to keep the file small: that another one agrees in the bucket and in 64 bits
more does not happen by chance, and whoever seeks one finds nothing but a user ID.

The text is the user ID; of a user of the header's server, only what is before the
colon. Within a bucket records stand in order of priority, and the first one counts.
"""

import os
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from mmap import PROT_READ, mmap
from pathlib import Path

from attrs import frozen
from zope.interface import implementer

from mxisd.ports import IHashIndex

MAGIC = b"MXHASH2\n"
HEADER = struct.Struct("<8sIQ256pI")
DIGEST_BYTES = 32
CHECKSUM_BYTES = 4
LEAD_BYTES, TAG_BYTES = 4, 8
RECORD_HEAD = TAG_BYTES + 1
MIN_BITS, MAX_BITS = 4, 28
TEXT_MAX_BYTES = 255
PIECE_BYTES = 1 << 20

_LEADS_AND_TAGS = struct.Struct(
    f">I{TAG_BYTES}s{DIGEST_BYTES - LEAD_BYTES - TAG_BYTES}x"
)

Record = tuple[bytes, str]
"""A lookup digest and the user ID behind it."""


class DamagedIndex(Exception):
    """A file is no index, or not a whole one."""


@implementer(IHashIndex)
class HashIndexFile:
    """
    An index file, mapped into memory.

    What lookups touch stays in memory as long as the system has room for it.

    :ivar count: How many hashes it holds.
    """

    def __init__(self, path: Path) -> None:
        """
        Open a file and read it once through.

        :raise DamagedIndex: If it is not whole.
        :raise OSError: If it cannot be read.
        """
        file = os.open(path, os.O_RDONLY)
        try:
            bits, self.count, server_name = _read_header(file)
            self._table = _read_table(file, bits)
            if self._table[-1] != os.fstat(file).st_size:
                raise DamagedIndex("not as long as it should be")
            self._map = mmap(file, 0, prot=PROT_READ)
        finally:
            os.close(file)
        self._shift = 32 - bits
        self._server = f":{server_name}"

    def find(self, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """Find the user IDs behind 32-byte digests."""
        # The loop is written for speed: 10 000 digests may come at once.
        found = {}
        table, shift, pages, server = self._table, self._shift, self._map, self._server
        find = pages.find
        parts = _LEADS_AND_TAGS.iter_unpack(b"".join(digests))
        for digest, (lead, tag) in zip(digests, parts, strict=True):
            bucket = lead >> shift
            start = table[bucket]
            at = find(tag, start, table[bucket + 1])
            if at >= 0 and (at == start or self._is_record(start, at)):
                text_at = at + RECORD_HEAD
                text = pages[text_at : text_at + pages[text_at - 1]].decode()
                found[digest] = text if ":" in text else text + server
        return found

    def close(self) -> None:
        """Release the file."""
        self._map.close()

    def _is_record(self, start: int, at: int) -> bool:
        # What a client sends as a digest might stand inside a user ID.
        while start < at:
            start += RECORD_HEAD + self._map[start + TAG_BYTES]
        return start == at


def write_index(
    path: Path,
    expected: int,
    records: Callable[[], Iterable[Record]],
) -> None:
    """
    Write an index file; it is there when whole.

    Nothing is sorted: a first pass measures the buckets, a second one fills them.

    :param expected: About how many records there are.
    :param records: Called for each pass, and gives the same each time: those of the
        highest priority first.
    :raise ValueError: If something is no user ID.
    :raise OverflowError: If the file would grow beyond 4 GiB.
    """
    temporary = path.with_name(path.name + ".new")
    file = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
    try:
        _write(file, expected, records)
        os.fsync(file)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)


# --- Writing --------------------------------------------------------------------------


@frozen
class _Shape:
    """How records become bytes in one file."""

    bits: int
    server_name: str

    @property
    def records_at(self) -> int:
        """Where the first record stands."""
        return HEADER.size + 4 * ((1 << self.bits) + 1)

    def bucket(self, digest: bytes) -> int:
        """The bucket of a digest."""
        return int.from_bytes(digest[:LEAD_BYTES], "big") >> (32 - self.bits)

    def record(self, digest: bytes, user_id: str) -> bytes:
        """The bytes of a record."""
        name, colon, server_name = user_id.partition(":")
        if not colon:
            raise ValueError("a user ID has a colon")
        text = (name if server_name == self.server_name else user_id).encode()
        tag = digest[LEAD_BYTES : LEAD_BYTES + TAG_BYTES]
        return tag + bytes((len(text),)) + text


def _write(file: int, expected: int, records: Callable[[], Iterable[Record]]) -> None:
    bits = min(max(expected.bit_length() - 1, MIN_BITS), MAX_BITS)
    shape = _Shape(bits, _server_name(records()))
    places, count = _measured(shape, records())
    for digest, user_id in records():
        record = shape.record(digest, user_id)
        bucket = shape.bucket(digest)
        os.pwrite(file, record, places[bucket])
        places[bucket] += len(record)
    # Every bucket is full now: its place is where the next one starts.
    places.insert(0, shape.records_at)
    os.pwrite(file, _little_endian(places).tobytes(), HEADER.size)
    header = HEADER.pack(MAGIC, bits, count, shape.server_name.encode(), 0)
    os.pwrite(file, header, 0)
    checksum = _checksum(file).to_bytes(CHECKSUM_BYTES, "little")
    os.pwrite(file, checksum, HEADER.size - CHECKSUM_BYTES)


def _server_name(records: Iterable[Record]) -> str:
    # Nearly all users are of one server: the first one's.
    for _, user_id in records:
        name = user_id.partition(":")[2]
        return name if len(name.encode()) <= TEXT_MAX_BYTES else ""
    return ""


def _measured(shape: _Shape, records: Iterable[Record]) -> "tuple[array[int], int]":
    """Where each bucket starts, and how many records there are."""
    sizes = array("I", bytes(4 << shape.bits))
    count = 0
    for digest, user_id in records:
        sizes[shape.bucket(digest)] += len(shape.record(digest, user_id))
        count += 1
    place = shape.records_at
    for bucket, size in enumerate(sizes):
        sizes[bucket] = place
        place += size
    if place >= 1 << 32:
        raise OverflowError("more associations than one index file holds")
    return sizes, count


# --- Reading --------------------------------------------------------------------------


def _read_header(file: int) -> tuple[int, int, str]:
    header = os.pread(file, HEADER.size, 0)
    if len(header) != HEADER.size:
        raise DamagedIndex("too short")
    magic, bits, count, server_name, checksum = HEADER.unpack(header)
    if magic != MAGIC:
        raise DamagedIndex("not an index file")
    if _checksum(file) != checksum:
        raise DamagedIndex("the checksum is wrong")
    return bits, count, server_name.decode()


def _read_table(file: int, bits: int) -> "array[int]":
    table = array("I", os.pread(file, 4 * ((1 << bits) + 1), HEADER.size))
    return _little_endian(table)


def _little_endian(table: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        table.byteswap()
    return table


def _checksum(file: int) -> int:
    header = os.pread(file, HEADER.size - CHECKSUM_BYTES, 0)
    checksum = zlib.crc32(header)
    for piece in _pieces(file, HEADER.size):
        checksum = zlib.crc32(piece, checksum)
    return checksum


def _pieces(file: int, start: int) -> Iterator[bytes]:
    while piece := os.pread(file, PIECE_BYTES, start):
        yield piece
        start += len(piece)

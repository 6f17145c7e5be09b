# SPDX-License-Identifier: Apache-2.0
"""
Hashed passwords, and a command that makes one.

The form is ``scrypt$N$r$p$SALT$DIGEST``: the three costs of scrypt (RFC 7914) in
decimal, then 16 bytes of salt and 32 bytes of digest, each in base64. ::

    $ python -m mxisd_csv_store.passwords
    Password:
    scrypt$16384$8$5$…$…
"""

import getpass
import hashlib
import hmac
import secrets
import sys
from base64 import b64decode, b64encode

from attrs import field, frozen
from mxisd.model.secret import Secret

MEMORY_LIMIT = 64 * 1024 * 1024
"""Bytes that one judgement may take."""

WORK_LIMIT = 2**22
"""The largest product of the costs: some seconds of work."""

DIGEST_BYTES = 32
SALT_BYTES = 16


@frozen
class Costs:
    """What scrypt costs: a quarter of a second and 16 MiB, unless you say otherwise."""

    n: int = 2**14
    r: int = 8
    p: int = 5

    @property
    def memory(self) -> int:
        """About the bytes that are needed."""
        return 128 * self.r * (self.n + self.p + 2)

    @property
    def are_bearable(self) -> bool:
        """Whether scrypt takes them, and they would not stop the server."""
        if self.n < 2 or self.n & (self.n - 1) or self.r < 1 or self.p < 1:
            return False
        work = self.n * self.r * self.p
        if self.memory > MEMORY_LIMIT or work > WORK_LIMIT:
            return False
        return self.n.bit_length() <= 16 * self.r


@frozen
class PasswordHash:
    """A password that can be judged and not be read."""

    costs: Costs
    salt: bytes
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, password: Secret, salt: bytes, costs: Costs) -> "PasswordHash":
        """Hash a password; slow on purpose, so call it in a thread."""
        return cls(costs, salt, _scrypt(password, salt, costs))

    @classmethod
    def parse(cls, text: str) -> "PasswordHash":
        """
        Read the form in which the file has it.

        :raise ValueError: If it is another one; the message does not show the text.
        """
        try:
            name, n, r, p, salt, digest = text.split("$")
            costs = Costs(int(n), int(r), int(p))
            found = cls(
                costs, b64decode(salt, validate=True), b64decode(digest, validate=True)
            )
        except ValueError:
            raise ValueError("the password is not hashed as it should be") from None
        if name != "scrypt" or len(found.digest) != DIGEST_BYTES:
            raise ValueError("the password is not hashed as it should be")
        if not costs.are_bearable:
            raise ValueError("the costs of the password are out of range")
        return found

    def is_of(self, password: Secret) -> bool:
        """Whether this is the password; slow on purpose, so call it in a thread."""
        digest = _scrypt(password, self.salt, self.costs)
        return hmac.compare_digest(digest, self.digest)

    def __str__(self) -> str:
        costs = f"{self.costs.n}${self.costs.r}${self.costs.p}"
        salt, digest = b64encode(self.salt), b64encode(self.digest)
        return f"scrypt${costs}${salt.decode()}${digest.decode()}"


def _scrypt(password: Secret, salt: bytes, costs: Costs) -> bytes:
    return hashlib.scrypt(
        # Whatever a client sends is judged, even text that is not quite Unicode.
        password.value.encode(errors="surrogatepass"),
        salt=salt,
        n=costs.n,
        r=costs.r,
        p=costs.p,
        maxmem=2 * MEMORY_LIMIT,
        dklen=DIGEST_BYTES,
    )


def main() -> None:
    """Ask for a password, or read a line of the standard input; print its hash."""
    if sys.stdin.isatty():
        password = Secret(getpass.getpass())
    else:
        password = Secret(sys.stdin.readline().rstrip("\r\n"))
    if not password:
        sys.exit("An empty password lets nobody in.")
    print(PasswordHash.of(password, secrets.token_bytes(SALT_BYTES), Costs()))


if __name__ == "__main__":
    main()

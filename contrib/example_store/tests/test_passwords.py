# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from mxisd.model.secret import Secret
from twisted.trial.unittest import SynchronousTestCase

import mxisd_csv_store
from mxisd_csv_store.passwords import Costs, PasswordHash

CHEAP = Costs(n=16, r=1, p=1)
SALT = b"0123456789abcdef"


def hashed(password: str) -> PasswordHash:
    """A hash that is made fast."""
    return PasswordHash.of(Secret(password), SALT, CHEAP)


# To the HMAC in scrypt, a password and the same one with NULs behind it are one.
PASSWORDS = st.text(st.characters(exclude_characters="\0"), max_size=50)


class PasswordHashTests(SynchronousTestCase):
    @given(PASSWORDS, PASSWORDS)
    def test_only_the_password_fits(self, password: str, other: str) -> None:
        """After writing and reading, the same password is right, and no other."""
        read = PasswordHash.parse(str(hashed(password)))
        self.assertTrue(read.is_of(Secret(password)))
        self.assertEqual(read.is_of(Secret(other)), password == other)

    def test_known_answer(self) -> None:
        """It is the scrypt of RFC 7914: a hash made today is good for ever."""
        text = "scrypt$1024$8$16$TmFDbA==$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI="
        self.assertTrue(PasswordHash.parse(text).is_of(Secret("password")))
        self.assertFalse(PasswordHash.parse(text).is_of(Secret("Password")))

    def test_other_forms_are_refused(self) -> None:
        """A plain password, another algorithm or a cut text is never judged."""
        good = str(hashed("hunter2"))
        for text in (
            "hunter2",
            "$2b$12$abcdefghijklmnopqrstuv",
            good.replace("scrypt", "bcrypt"),
            good[:-4],
            good + "$",
            good.replace("$16$", "$sixteen$"),
            good.replace("=", "!"),
        ):
            with self.assertRaises(ValueError) as caught:
                PasswordHash.parse(text)
            self.assertNotIn("hunter2", str(caught.exception))

    def test_unbearable_costs_are_refused(self) -> None:
        """No line of the file can stop the server, or ask for what scrypt refuses."""
        good = str(hashed("x"))
        for costs in (
            "15$1$1",
            "0$1$1",
            "-16$1$1",
            "16$0$1",
            "16$1$0",
            "1048576$8$1",
            "16$1$10000000",
            "131072$1$1",
        ):
            with self.assertRaises(ValueError, msg=costs):
                PasswordHash.parse(good.replace("16$1$1", costs))

    def test_default_costs_are_bearable(self) -> None:
        """What the command makes can be read."""
        self.assertTrue(Costs().are_bearable)

    def test_digest_is_not_shown(self) -> None:
        """A hash in a traceback does not show the digest."""
        one = hashed("x")
        self.assertNotIn(repr(one.digest), repr(one))


# A process is real here: it is a command.
class CommandTests(SynchronousTestCase):
    def run_with(self, line: str) -> "subprocess.CompletedProcess[str]":
        """What the command makes of a line."""
        return subprocess.run(
            [sys.executable, "-m", "mxisd_csv_store.passwords"],
            input=line,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=Path(mxisd_csv_store.__file__).parent.parent,
        )

    def test_a_password_becomes_a_hash(self) -> None:
        """The line that is printed fits the password, and has a salt of its own."""
        one, other = self.run_with("bücher\n"), self.run_with("bücher\n")
        self.assertTrue(PasswordHash.parse(one.stdout.strip()).is_of(Secret("bücher")))
        self.assertNotEqual(one.stdout, other.stdout)

    def test_an_empty_password_is_refused(self) -> None:
        """Nothing is printed that could be put into the file."""
        done = self.run_with("\n")
        self.assertEqual((done.returncode, done.stdout), (1, ""))

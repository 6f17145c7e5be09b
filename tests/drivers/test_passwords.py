import base64
import hashlib
import hmac
import unicodedata
import warnings
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.passwords import UNKNOWN_USER, FormRefused, is_right
from mxisd.model.secret import Secret
from tests.drivers.hashes import quick_hash

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import argon2
    import bcrypt
    from passlib import hash as passlib_hash

PASSWORD = "bücher (*)\\ $2b$"
NO_PEPPER = Secret("")


def passlib(name: str, **how: Any) -> str:
    """A hash that passlib makes."""
    scheme = getattr(passlib_hash, name)
    return str((scheme.using(**how) if how else scheme).hash(PASSWORD))


def of_bcrypt(password: bytes) -> str:
    """A hash that the library makes."""
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()


def of_wordpress() -> str:
    """As WordPress 6.8 makes it."""
    digest = hmac.digest(b"wp-sha384", PASSWORD.encode(), "sha384")
    return "$wp" + of_bcrypt(base64.b64encode(digest)).replace("$2b$", "$2y$")


def of_django_scrypt() -> str:
    """As Django makes it."""
    digest = hashlib.scrypt(PASSWORD.encode(), salt=b"salt", n=16, r=8, p=1, dklen=64)
    return f"scrypt$salt$16$8$1${base64.b64encode(digest).decode()}"


def salted(name: str, scheme: str) -> str:
    """As LDAP servers make it."""
    digest = hashlib.new(name, PASSWORD.encode() + b"salt").digest()
    return f"{{{scheme}}}{base64.b64encode(digest + b'salt').decode()}"


def every_form() -> dict[str, str]:
    """A hash of each form, all of the same password."""
    plain = of_bcrypt(PASSWORD.encode())
    sha256 = hashlib.sha256(PASSWORD.encode()).hexdigest().encode()
    quick = argon2.PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    sha512_crypt = passlib("sha512_crypt", rounds=1000)
    return {
        "bcrypt": plain,
        "bcrypt of PHP": plain.replace("$2b$", "$2y$"),
        "bcrypt of Django": f"bcrypt${plain}",
        "bcrypt_sha256 of Django": f"bcrypt_sha256${of_bcrypt(sha256)}",
        "bcrypt of Dovecot": f"{{BLF-CRYPT}}{plain.replace('$2b$', '$2y$')}",
        "WordPress": of_wordpress(),
        "argon2": quick,
        "argon2 of Django": f"argon2{quick}",
        "argon2 of Dovecot": f"{{ARGON2ID}}{quick}",
        "scrypt": passlib("scrypt", rounds=4),
        "scrypt of Django": of_django_scrypt(),
        "pbkdf2-sha1": passlib("pbkdf2_sha1", rounds=10),
        "pbkdf2-sha256": passlib("pbkdf2_sha256", rounds=10),
        "pbkdf2-sha512": passlib("pbkdf2_sha512", rounds=10),
        "pbkdf2 of Django": passlib("django_pbkdf2_sha256", rounds=10),
        "pbkdf2-sha1 of Django": passlib("django_pbkdf2_sha1", rounds=10),
        "sha256-crypt": passlib("sha256_crypt", rounds=1000),
        "sha512-crypt": sha512_crypt,
        "crypt of LDAP": f"{{CRYPT}}{sha512_crypt}",
        "phpass": passlib("phpass", rounds=7),
        "phpBB": passlib("phpass", rounds=7, ident="H"),
        "SSHA": salted("sha1", "SSHA"),
        "SSHA256": salted("sha256", "SSHA256"),
        "SSHA384": salted("sha384", "SSHA384"),
        "SSHA512": salted("sha512", "SSHA512"),
    }


class FormTests(SynchronousTestCase):
    """Hashes that others have made."""

    def test_every_form(self) -> None:
        """The password is right, and what is near it is not."""
        for name, stored in every_form().items():
            self.assertTrue(is_right(Secret(PASSWORD), Secret(stored), NO_PEPPER), name)
            for wrong in (PASSWORD + "x", PASSWORD[:-1], PASSWORD.upper(), "\0", ""):
                answer = is_right(Secret(wrong), Secret(stored), NO_PEPPER)
                self.assertFalse(answer, (name, wrong))

    def test_weak_forms_are_refused(self) -> None:
        """Plain text, bare digests, DES, MD5 and what nobody knows."""
        for stored in (
            "",
            "secret",
            hashlib.md5(b"secret").hexdigest(),
            hashlib.sha256(b"secret").hexdigest(),
            "ab.5nDf0pXG8M",
            "$1$abc$BXBqpb9BZcZhXLgbee.0s/",
            "{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{PLAIN}secret",
            "$9$unknown",
        ):
            error = self.refused("secret", stored)
            self.assertNotIn("secret", str(error))

    def test_damaged_hashes_are_refused(self) -> None:
        """A hash that was cut is no reason for a crash."""
        for name, stored in every_form().items():
            try:
                answer = is_right(Secret(PASSWORD), Secret(stored[:-9]), NO_PEPPER)
            except FormRefused:
                continue
            self.assertFalse(answer, name)

    def test_hashes_that_take_too_long_are_refused(self) -> None:
        """A cost that would keep a thread busy for hours is not paid."""
        for stored in (
            "$2b$31$" + "a" * 53,
            "$6$rounds=999999999$salt$" + "a" * 86,
            "$P$" + "Z" + "a" * 30,
            "pbkdf2_sha256$999999999$salt$YWFh",
            "$pbkdf2-sha512$999999999$c2FsdA$YWFh",
            "$argon2id$v=19$m=99999999,t=3,p=4$c2FsdHNhbHQ$YWFhYWFhYWE",
            "$argon2id$v=19$m=64,t=99999,p=4$c2FsdHNhbHQ$YWFhYWFhYWE",
        ):
            error = self.refused("x", stored)
            self.assertIn("too long", str(error))

    def test_of_nobody(self) -> None:
        """The hash for users who are not there is one, of no password."""
        self.assertFalse(is_right(Secret("x"), Secret(UNKNOWN_USER), NO_PEPPER))

    @settings(max_examples=200)
    @given(st.text(), st.text())
    def test_any_text(self, password: str, stored: str) -> None:
        """Nothing is right for a text that is no hash."""
        for prefix in (
            "",
            "$2b$",
            "$6$",
            "$P$",
            "pbkdf2_sha256$",
            "{SSHA}",
            "$scrypt$",
        ):
            try:
                answer = is_right(Secret(password), Secret(prefix + stored), NO_PEPPER)
            except FormRefused:
                continue
            self.assertFalse(answer)

    @settings(max_examples=50)
    @given(st.text(min_size=1, max_size=30).filter(lambda t: "\0" not in t))
    def test_any_password(self, password: str) -> None:
        """Whatever it is, it is right for its own hash."""
        stored = quick_hash(password)
        self.assertTrue(is_right(Secret(password), Secret(stored), NO_PEPPER))

    def refused(self, password: str, stored: str) -> FormRefused:
        """The error."""
        error: FormRefused = self.assertRaises(
            FormRefused, is_right, Secret(password), Secret(stored), NO_PEPPER
        )
        return error


class SynapseTests(SynchronousTestCase):
    """Passwords in Synapse's own database."""

    def test_pepper(self) -> None:
        """It is added to the password in normal form."""
        password = "ﬁsh\u0301"
        normal = unicodedata.normalize("NFKC", password)
        self.assertNotEqual(normal, password)
        stored = Secret(of_bcrypt(f"{normal}pepper".encode()))
        self.assertTrue(is_right(Secret(password), stored, Secret("pepper")))
        self.assertFalse(is_right(Secret(password), stored, NO_PEPPER))
        self.assertFalse(is_right(Secret(password), stored, Secret("other")))

    def test_normal_form(self) -> None:
        """Without a pepper both forms of a password are tried."""
        for written in ("e\u0301", "\u00e9"):
            stored = Secret(of_bcrypt("\u00e9".encode()))
            self.assertTrue(is_right(Secret(written), stored, NO_PEPPER))

    def test_long_passwords(self) -> None:
        """bcrypt has always looked at 72 bytes only."""
        stored = Secret(of_bcrypt(b"a" * 72))
        self.assertTrue(is_right(Secret("a" * 100), stored, NO_PEPPER))
        self.assertFalse(is_right(Secret("a" * 5000), stored, NO_PEPPER))

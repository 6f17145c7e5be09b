"""
Passwords against hashes that other applications have stored.

Everything here takes its time on purpose: call it in a thread.
"""

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret

LONGEST = 4096
"""The longest password that is looked at, in bytes."""

UNKNOWN_USER = (
    "$pbkdf2-sha512$210000$uBdCSMmZ8z7nHMM4x3gv5Q$OX5AcOL171f88aH1JAWE"
    "//v07EAsvhacZwSgVBHLwoxqXmij7Lq9t1vqAg8oyLgfDdbwMg40gOoQp0ZzjmZapw"
)
"""A hash of nothing, to spend time on where there is no user."""

_COSTS = (
    (re.compile(r"\$2[aby]\$([0-9]{1,9})\$"), 16),
    (re.compile(r"\$[56]\$rounds=([0-9]{1,9})\$"), 1_000_000),
    (re.compile(r"pbkdf2[a-z0-9_-]*\$([0-9]{1,9})\$"), 10_000_000),
    (re.compile(r"\$argon2.*[$,]m=([0-9]{1,9}),"), 1 << 20),
    (re.compile(r"\$argon2.*,t=([0-9]{1,9}),"), 100),
)
"""The most work that forms may ask for; a damaged hash must not keep a thread."""

_PHPASS_COSTS = tuple("56789ABCDEFGHIJ")
_BCRYPT_BYTES = 72
_SCRYPT_MEMORY = 1 << 30
_PASSLIB_SCRYPT = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([^$]+)\$([^$]+)"
)


class FormRefused(ValueError):
    """A hash of a form that is unknown, or too weak to be believed."""


def is_right(password: Secret, stored: Secret, pepper: Secret) -> bool:
    """
    Whether a password is the one whose hash was stored.

    :param pepper: What the application adds to each password, after it has made it
        NFKC, as Synapse does; empty for none.
    :raise FormRefused: Without a word of the hash.
    :raise StoreUnavailable: If the library for this form is not installed.
    """
    if not password.value:
        return False
    form, text = _form(stored.value.strip())
    return any(_verified(form, each, text) for each in _spellings(password, pepper))


def _spellings(password: Secret, pepper: Secret) -> list[bytes]:
    typed = password.value
    normal = unicodedata.normalize("NFKC", typed)
    texts = [normal + pepper.value] if pepper else dict.fromkeys((typed, normal))
    try:
        known = [text.encode() for text in texts]
    except UnicodeEncodeError:
        return []
    return [each for each in known if len(each) <= LONGEST and b"\0" not in each]


def _verified(form: Callable[[bytes, str], bool], password: bytes, text: str) -> bool:
    try:
        return form(password, text)
    except FormRefused:
        raise
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise FormRefused("a hash that is damaged") from error


# --- Forms ----------------------------------------------------------------------------


def _form(stored: str) -> tuple[Callable[[bytes, str], bool], str]:
    """How to verify a hash, and the hash without words around it."""
    # {CRYPT}$6$… of LDAP, {ARGON2ID}$argon2id$… of Dovecot, bcrypt$$2b$… of Django.
    text = re.sub(r"^\{[A-Za-z0-9.-]+\}(?=\$)", "", stored)
    text = re.sub(r"^(?:argon2|bcrypt)\$(?=\$?(?:argon2|2[aby]\$))", "", text)
    text = f"${text}" if text.startswith(("argon2i", "2b$", "2a$", "2y$")) else text
    for prefix, form in _FORMS.items():
        if text.startswith(prefix):
            _check_cost(text)
            return form, text
    raise FormRefused("a form that is unknown, or too weak")


def _check_cost(text: str) -> None:
    for pattern, most in _COSTS:
        match = pattern.search(text)
        if match is not None and int(match[1]) > most:
            raise FormRefused("a hash that takes too long")
    # phpass has a letter for the power of two.
    if text.startswith(("$P$", "$H$")) and text[3:4] not in _PHPASS_COSTS:
        raise FormRefused("a hash that takes too long")


def _bcrypt(password: bytes, text: str) -> bool:
    library = _library("bcrypt")
    # More than this was never looked at; today's library refuses it.
    return bool(library.checkpw(password[:_BCRYPT_BYTES], text.encode()))


def _django_bcrypt_sha256(password: bytes, text: str) -> bool:
    digest = hashlib.sha256(password).hexdigest().encode()
    return _bcrypt(digest, text.removeprefix("bcrypt_sha256$"))


def _wordpress_bcrypt(password: bytes, text: str) -> bool:
    digest = hmac.digest(b"wp-sha384", password.strip(b" \t\n\r\v"), "sha384")
    return _bcrypt(base64.b64encode(digest), text.removeprefix("$wp"))


def _argon2(password: bytes, text: str) -> bool:
    library = _library("argon2")
    try:
        return bool(library.PasswordHasher().verify(text, password))
    except library.exceptions.VerifyMismatchError:
        return False
    except library.exceptions.Argon2Error as error:
        raise ValueError("damaged") from error


def _django_scrypt(password: bytes, text: str) -> bool:
    _name, salt, work, blocks, lanes, wanted = text.split("$")
    cost = int(work), int(blocks), int(lanes)
    return _scrypt(password, salt.encode(), cost, _decoded(wanted))


def _passlib_scrypt(password: bytes, text: str) -> bool:
    match = _PASSLIB_SCRYPT.fullmatch(text)
    if match is None:
        raise ValueError("damaged")
    cost = 1 << int(match[1]), int(match[2]), int(match[3])
    return _scrypt(password, _decoded(match[4]), cost, _decoded(match[5]))


def _scrypt(
    password: bytes, salt: bytes, cost: tuple[int, int, int], wanted: bytes
) -> bool:
    work, blocks, lanes = cost
    room = 128 * blocks * (work + lanes + 2) + (1 << 20)
    if len(wanted) not in (32, 64) or room > _SCRYPT_MEMORY:
        raise ValueError("damaged")
    digest = hashlib.scrypt(
        password, salt=salt, n=work, r=blocks, p=lanes, maxmem=room, dklen=len(wanted)
    )
    return hmac.compare_digest(digest, wanted)


def _django_pbkdf2(password: bytes, text: str) -> bool:
    name, rounds, salt, wanted = text.split("$")
    digest = hashlib.pbkdf2_hmac(
        name.removeprefix("pbkdf2_"), password, salt.encode(), int(rounds)
    )
    return hmac.compare_digest(digest, _decoded(wanted))


def _passlib_pbkdf2(password: bytes, text: str) -> bool:
    _, name, rounds, salt, wanted = text.split("$")
    kind = name.removeprefix("pbkdf2").removeprefix("-") or "sha1"
    digest = hashlib.pbkdf2_hmac(kind, password, _decoded(salt), int(rounds))
    return hmac.compare_digest(digest, _decoded(wanted))


def _salted(password: bytes, text: str) -> bool:
    scheme, _, rest = text.partition("}")
    kind = {"{SSHA": "sha1", "{SSHA256": "sha256", "{SSHA384": "sha384"}
    digest = hashlib.new(kind.get(scheme, "sha512"))
    raw = _decoded(rest)
    wanted, salt = raw[: digest.digest_size], raw[digest.digest_size :]
    if not salt:
        raise FormRefused("a hash without salt")
    digest.update(password + salt)
    return hmac.compare_digest(digest.digest(), wanted)


def _passlib(name: str) -> Callable[[bytes, str], bool]:
    def verified(password: bytes, text: str) -> bool:
        return bool(getattr(_library("passlib.hash"), name).verify(password, text))

    return verified


_FORMS: Mapping[str, Callable[[bytes, str], bool]] = {
    "$2a$": _bcrypt,
    "$2b$": _bcrypt,
    "$2y$": _bcrypt,
    "bcrypt_sha256$$2": _django_bcrypt_sha256,
    "$wp$2y$": _wordpress_bcrypt,
    "$argon2": _argon2,
    "scrypt$": _django_scrypt,
    "$scrypt$": _passlib_scrypt,
    "pbkdf2_sha": _django_pbkdf2,
    "$pbkdf2$": _passlib_pbkdf2,
    "$pbkdf2-sha256$": _passlib_pbkdf2,
    "$pbkdf2-sha512$": _passlib_pbkdf2,
    "$5$": _passlib("sha256_crypt"),
    "$6$": _passlib("sha512_crypt"),
    "$P$": _passlib("phpass"),
    "$H$": _passlib("phpass"),
    "{SSHA}": _salted,
    "{SSHA256}": _salted,
    "{SSHA384}": _salted,
    "{SSHA512}": _salted,
}


def _decoded(text: str) -> bytes:
    """Base64, with or without padding; passlib writes a dot for the plus."""
    plain = text.replace(".", "+").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("damaged") from error


def _library(name: str) -> Any:
    # Imported when it is needed: not everybody has passwords in a database.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module(name)
    except ImportError as error:
        raise StoreUnavailable(
            "passwords are stored in a form that needs a library which is missing: "
            "pip install 'mxisd[passwords]'"
        ) from error

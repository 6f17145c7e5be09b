"""Hashes that take no time."""

import base64
import hashlib


def quick_hash(password: str) -> str:
    """A hash in passlib's form, with one round."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1)
    return f"$pbkdf2-sha256$1${_coded(b'salt')}${_coded(digest)}"


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=").replace("+", ".")

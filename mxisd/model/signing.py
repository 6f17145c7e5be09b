# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Ed25519 keys and signed JSON.

Source: Matrix specification v1.19, appendices, "Signing JSON".
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from attrs import field, frozen
from canonicaljson import encode_canonical_json
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey as NaclSigningKey
from nacl.signing import VerifyKey
from signedjson.key import NACL_ED25519
from signedjson.sign import sign_json
from unpaddedbase64 import decode_base64, encode_base64

_UNSIGNED = frozenset({"signatures", "unsigned"})
_KEY_ID = re.compile(r"ed25519:([A-Za-z0-9_-]{1,64})")


def serial_of(key_id: str) -> str | None:
    """The serial in a key ID such as ``ed25519:0``; ``None`` for other algorithms."""
    match = _KEY_ID.fullmatch(key_id)
    return match[1] if match else None


@frozen
class SigningKey:
    """
    An Ed25519 private key and its serial.

    :ivar serial: What follows ``ed25519:`` in its key ID.
    :ivar seed: The 32 secret bytes.
    """

    serial: str
    seed: bytes = field(repr=False)
    _key: Any = field(init=False, repr=False, eq=False)

    @_key.default
    def _make_key(self) -> Any:
        key: Any = NaclSigningKey(self.seed)
        key.alg, key.version = NACL_ED25519, self.serial
        return key

    @property
    def key_id(self) -> str:
        """``ed25519:<serial>``."""
        return f"{NACL_ED25519}:{self.serial}"

    @property
    def public_key(self) -> str:
        """The public half in unpadded standard base64."""
        return encode_base64(bytes(self._key.verify_key))

    def signed(self, content: dict[str, Any], name: str) -> dict[str, Any]:
        """A copy of the content with our signature added under that server name."""
        return dict(sign_json(deepcopy(content), name, self._key))


def key_bytes(text: str) -> bytes | None:
    """
    The bytes of a public key as a caller spelled it; ``None`` if it is none.

    Both base64 alphabets count, and a blank where a ``+`` was decoded carelessly.
    """
    standard = text.strip("=").replace(" ", "+").replace("-", "+").replace("_", "/")
    try:
        return bytes(decode_base64(standard))
    except ValueError:
        return None


def is_signed_by(
    content: Mapping[str, Any], name: str, key_id: str, public_key: bytes
) -> bool:
    """
    Whether a JSON object carries a server's good signature.

    :param name: The server's, as it stands among the signatures.
    :param content: Any object that was JSON; nothing in it raises.
    """
    return bool(signers(content, name, {key_id: public_key}))


def signers(
    content: Mapping[str, Any], name: str, keys: Mapping[str, bytes]
) -> Mapping[str, bytes]:
    """
    Those of a server's keys that have signed a JSON object, by key ID.

    The object is encoded once, however many keys there are.

    :param name: The server's, as it stands among the signatures.
    :param content: Any object that was JSON; nothing in it raises.
    """
    try:
        signatures = content["signatures"][name]
        rest = {key: content[key] for key in content if key not in _UNSIGNED}
        signed = encode_canonical_json(rest)
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return {
        key_id: key
        for key_id, key in keys.items()
        if _is_signature(signatures, key_id, key, signed)
    }


def _is_signature(signatures: Any, key_id: str, key: bytes, signed: bytes) -> bool:
    try:
        signature = signatures[key_id]
        if not isinstance(signature, str):
            return False
        VerifyKey(key).verify(signed, decode_base64(signature))
    except (BadSignatureError, KeyError, TypeError, ValueError):
        return False
    return True

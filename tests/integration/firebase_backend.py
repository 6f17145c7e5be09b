"""
A stand-in for Google: the Identity Toolkit, access tokens, and signed ID tokens.

It speaks the documented REST API, checks what it is shown, and signs with real RSA
keys. :class:`GoogleResource` can be asked in memory; as a process of its own it is
started by :class:`GoogleProcess`.

usage: python -m tests.integration.firebase_backend PORT
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from mxisd.model.threepids import EMAIL
from mxisd.testing.stores import Person
from tests.integration.server import PATIENCE, free_port, wait_until

PROJECT = "wonderland-1865"
ISSUER = f"https://securetoken.google.com/{PROJECT}"
ACCOUNT = f"mxisd@{PROJECT}.iam.gserviceaccount.com"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PAGE_LIMIT = 1000
LOOKUP_LIMIT = 100


@frozen
class SigningKey:
    """A key of Google's, with its certificate."""

    private_key: rsa.RSAPrivateKey
    certificate: str

    @property
    def private_pem(self) -> str:
        """The private key, PEM."""
        return self.private_key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()

    @property
    def public_pem(self) -> str:
        """The public key, PEM: what an attacker has."""
        return (
            self.private_key.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


@cache
def signing_key(name: str, bits: int = 2048) -> SigningKey:
    """The key of a name; made once, since that takes its time."""
    key = rsa.generate_private_key(65537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .sign(key, SHA256())
    )
    return SigningKey(key, certificate.public_bytes(Encoding.PEM).decode())


def record(person: Person, **more: Any) -> dict[str, Any]:
    """
    A contract's person as an account.

    Firebase has one address of a kind in an account; others are those of providers,
    such as Google, with which the same person signs in.
    """
    mails = [address for medium, address in person.threepids if medium == EMAIL]
    phones = [address for medium, address in person.threepids if medium != EMAIL]
    account = {
        "localId": person.username,
        "email": mails[0].lower() if mails else None,
        "emailVerified": True,
        "phoneNumber": phones[0].replace(" ", "") if phones else None,
        "displayName": person.display_name,
        "providerUserInfo": [{"providerId": "google.com", "email": m} for m in mails],
        "customAttributes": json.dumps({"roles": list(person.roles)}),
        **more,
    }
    return {key: value for key, value in account.items() if value is not None}


def id_token(key: SigningKey, key_id: str, uid: str, now: float, **claims: Any) -> str:
    """An ID token as Google would sign it; ``None`` takes a claim away."""
    payload: dict[str, Any] = {
        "iss": ISSUER,
        "aud": PROJECT,
        "auth_time": int(now) - 60,
        "user_id": uid,
        "sub": uid,
        "iat": int(now) - 60,
        "exp": int(now) + 3540,
        "firebase": {"identities": {}, "sign_in_provider": "password"},
        **claims,
    }
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key.private_key, "RS256", {"kid": key_id})


class GoogleResource(Resource):
    """
    Answers every path.

    :ivar users: The accounts, as records.
    :ivar keys: The names of the keys that sign, with their IDs.
    :ivar mood: ``well``, ``garbage``, ``hang``, or a status and perhaps a word.
    :ivar cache_control: The header of the certificates.
    :ivar asked: What was asked for, in order.
    :ivar access: The access tokens that are good.
    :ivar service_key: The private key of our service account.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.users: list[dict[str, Any]] = []
        self.keys = {"k1": "first"}
        self.mood = "well"
        self.cache_control = "public, max-age=19204, must-revalidate, no-transform"
        self.asked: list[str] = []
        self.access: list[str] = []
        self.expires_in: Any = 3599
        self.page_limit = PAGE_LIMIT
        self.service_key = signing_key("service").private_pem

    def credentials(self, base: str) -> dict[str, str]:
        """The key file of our service account."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "s1",
            "private_key": self.service_key,
            "client_email": ACCOUNT,
            "client_id": "1",
            "token_uri": f"{base}/token",
        }

    def token(self, uid: str, now: float, key_id: str = "k1", **claims: Any) -> str:
        """An ID token that is good."""
        return id_token(signing_key(self.keys[key_id]), key_id, uid, now, **claims)

    def render(self, request: Request) -> Any:
        """Answer, each in the mood."""
        path = request.path.decode()
        if path == "/control":
            return self._control(request)
        self.asked.append(path.rpartition(":")[2].rpartition("/")[2])
        if self.mood == "hang":
            return NOT_DONE_YET
        if self.mood == "garbage":
            return b"<html>So sorry</html>"
        if self.mood != "well":
            status, _, word = self.mood.partition(" ")
            return self._failure(request, int(status), word or "UNAVAILABLE")
        if path == "/certificates":
            request.setHeader("Cache-Control", self.cache_control)
            return _json({k: signing_key(n).certificate for k, n in self.keys.items()})
        if path == "/token":
            return self._grant(request)
        return self._api(request, path)

    def _api(self, request: Request, path: str) -> bytes:
        given = (request.getHeader("Authorization") or "").removeprefix("Bearer ")
        if given not in self.access:
            return self._failure(request, 401, "UNAUTHENTICATED")
        if path == f"/v1/projects/{PROJECT}/accounts:lookup":
            return self._lookup(request)
        if path == f"/v1/projects/{PROJECT}/accounts:batchGet":
            return self._page(request)
        return self._failure(request, 404, "NOT_FOUND")

    def _lookup(self, request: Request) -> bytes:
        assert request.content is not None
        question = json.loads(request.content.read())
        asked = [each for values in question.values() for each in values]
        if len(asked) > LOOKUP_LIMIT:
            return self._failure(request, 400, "TOO_MANY")
        if any("," in each for each in question.get("email", ())):
            return self._failure(request, 400, "INVALID_EMAIL")
        if any(not each.startswith("+") for each in question.get("phoneNumber", ())):
            return self._failure(request, 400, "INVALID_PHONE_NUMBER : Not E.164")
        found = [
            user
            for user in self.users
            if any(user.get(field) in values for field, values in question.items())
        ]
        return _json({"kind": "lookup", **({"users": found} if found else {})})

    def _page(self, request: Request) -> bytes:
        arguments = {k.decode(): v[0].decode() for k, v in request.args.items()}
        size = min(int(arguments.get("maxResults", 20)), self.page_limit)
        start = int(arguments.get("nextPageToken", 0))
        page: dict[str, Any] = {"kind": "download"}
        if users := self.users[start : start + size]:
            page["users"] = users
        if start + size < len(self.users):
            page["nextPageToken"] = str(start + size)
        return _json(page)

    def _grant(self, request: Request) -> bytes:
        arguments = {k.decode(): v[0].decode() for k, v in request.args.items()}
        audience = f"http://{request.getHeader('Host')}/token"
        try:
            assert arguments["grant_type"] == GRANT
            claims = jwt.decode(
                arguments["assertion"],
                _public_key(self.service_key),
                algorithms=["RS256"],
                audience=audience,
                issuer=ACCOUNT,
                options={"verify_exp": False, "verify_iat": False},
            )
            assert 0 < claims["exp"] - claims["iat"] <= 3600
            assert "identitytoolkit" in claims["scope"]
        except (AssertionError, KeyError, jwt.PyJWTError):
            request.setResponseCode(400)
            return _json({"error": "invalid_grant", "error_description": "No"})
        self.access.append(f"ya29.{len(self.asked)}")
        return _json(
            {
                "access_token": self.access[-1],
                "expires_in": self.expires_in,
                "token_type": "Bearer",
            }
        )

    def _failure(self, request: Request, status: int, word: str) -> bytes:
        request.setResponseCode(status)
        return _json({"error": {"code": status, "message": word}})

    def _control(self, request: Request) -> bytes:
        assert request.content is not None
        wanted = json.loads(request.content.read())
        if "sign" in wanted:
            return _json({"token": self.token(**wanted["sign"])})
        for name, value in wanted.items():
            setattr(self, name, value)
        return _json({"service_key": self.service_key})


@cache
def _public_key(private_pem: str) -> rsa.RSAPublicKey:
    key = load_pem_private_key(private_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.public_key()


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


class GoogleProcess:
    """
    The stand-in as a process of its own.

    :ivar base: Its URL.
    :ivar key_file: The key file of our service account.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.key_file = folder / "service.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        self._service_key = ""

    def start(self, people: Sequence[Person] = ()) -> None:
        """Start with these accounts; return when it answers."""
        path = os.pathsep.join(filter(None, sys.path))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self.port)],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
            )
        wait_until(self._is_up, "the stand-in for Google answers")
        if self._service_key:
            self.control(service_key=self._service_key)
        self._service_key = self.control()["service_key"]
        content = GoogleResource().credentials(self.base)
        content["private_key"] = self._service_key
        self.key_file.write_text(json.dumps(content))
        self.control(users=[record(person) for person in people])

    def stop(self) -> None:
        """End it, also when paused."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def pause(self) -> None:
        """Let it hang: connections are accepted, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def control(self, **wanted: Any) -> Mapping[str, Any]:
        """Set attributes of :class:`GoogleResource`; this blocks."""
        request = urllib.request.Request(
            f"{self.base}/control", json.dumps(wanted).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            content: Mapping[str, Any] = json.load(answer)
        return content

    def token(self, uid: str, now: float, **claims: Any) -> str:
        """An ID token that is good; this blocks."""
        token: str = self.control(sign={"uid": uid, "now": now, **claims})["token"]
        return token

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            self.control()
        except OSError:
            return False
        return True


def main(port: int) -> None:
    """Serve until terminated."""
    listen: Any = reactor
    listen.listenTCP(port, Site(GoogleResource()), interface="127.0.0.1")
    listen.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))

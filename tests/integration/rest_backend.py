"""
A back end as somebody might write one from ``docs/stores/rest.rst`` alone.

It runs as a program of its own, and uses nothing of ours. What it is to be comes as
JSON through its standard input; it prints the port that it listens on. Posting to
``/_orders`` makes it misbehave, ``/_requests`` tells what it was asked.
"""

import hmac
import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

V1 = "/_mxisd/backend/api/v1/"


class People:
    """Who is known, and what is answered about them."""

    def __init__(self, people: list[Any], domain: str) -> None:
        self._people = people
        self._domain = domain

    def answer(self, path: str, question: Any) -> Any:
        """Answer a question; ``None`` is 404."""
        answers = {
            "auth/login": self.login,
            "directory/user/search": self.search,
            "identity/single": self.single,
            "identity/bulk": self.bulk,
            "identity/associations": self.listing,
            "profile/displayName": self.profile,
            "profile/threepids": self.profile,
            "profile/roles": self.profile,
        }
        known = answers.get(path.removeprefix(V1))
        return None if known is None else known(question)

    def login(self, question: Any) -> Any:
        """Check a password."""
        asked = question["auth"]
        person = self._named(asked["localpart"], asked["domain"])
        if person is None:
            return {"auth": {"success": False}}
        password = (person["password"] or "").encode()
        if not password or not hmac.compare_digest(
            password, asked["password"].encode(errors="surrogatepass")
        ):
            return {"auth": {"success": False, "known": True}}
        profile = {
            "display_name": person["display_name"],
            "three_pids": _threepids(person),
        }
        return {"auth": {"success": True, "id": _localpart(person), "profile": profile}}

    def search(self, question: Any) -> Any:
        """Find people by part of a name or address."""
        term = question["search_term"].casefold()
        found = [
            {"avatar_url": "", "display_name": p["display_name"], "user_id": user_id}
            for p in self._people
            if any(term in text.casefold() for text in _searched(p, question["by"]))
            for user_id in (self._user_id(p)["value"],)
        ]
        limit = question["limit"]
        return {"limited": len(found) > limit, "results": found[:limit]}

    def single(self, question: Any) -> Any:
        """Find one address."""
        found = self._found(question["lookup"])
        return {"lookup": found} if found else {}

    def bulk(self, question: Any) -> Any:
        """Find many addresses."""
        found = [self._found(each) for each in question["lookup"]]
        return {"lookup": [each for each in found if each]}

    def listing(self, question: Any) -> Any:
        """Give a page of the list."""
        rows = [
            {**each, "id": self._user_id(p)}
            for p in self._people
            for each in _threepids(p)
        ]
        start = int(question["associations"]["cursor"] or 0)
        end = start + question["associations"]["limit"]
        cursor = str(end) if end < len(rows) else None
        return {"associations": rows[start:end], "next_cursor": cursor}

    def profile(self, question: Any) -> Any:
        """Tell about somebody."""
        person = self._named(question["localpart"], question["domain"])
        if person is None:
            return None
        name, roles = person["display_name"], person["roles"]
        threepids = _threepids(person)
        return {
            "profile": {"display_name": name, "threepids": threepids, "roles": roles}
        }

    def _named(self, localpart: str, domain: str) -> Any:
        for person in self._people:
            if person["username"].lower() == localpart.lower():
                return person if domain == self._domain else None
        return None

    def _found(self, asked: Any) -> Any:
        wanted = _normal(asked["medium"], asked["address"])
        for person in self._people:
            for each in _threepids(person):
                if _normal(each["medium"], each["address"]) == wanted:
                    return {**asked, "id": self._user_id(person)}
        return None

    def _user_id(self, person: Any) -> Any:
        """Whole IDs for some, localparts for others: both are legal."""
        if len(person["username"]) % 2:
            return _localpart(person)
        return {"type": "mxid", "value": f"@{person['username']}:{self._domain}"}


def _localpart(person: Any) -> Any:
    return {"type": "localpart", "value": person["username"]}


def _threepids(person: Any) -> list[Any]:
    return [{"medium": m, "address": a} for m, a in person["threepids"]]


def _searched(person: Any, by: str) -> list[str]:
    if by == "threepid":
        return [each["address"] for each in _threepids(person)]
    return [person["username"], person["display_name"] or ""]


def _normal(medium: str, address: str) -> tuple[str, str]:
    if medium == "email":
        return medium, address.casefold()
    if medium == "msisdn":
        return medium, "".join(filter(str.isdigit, address))
    return medium, address


class Backend(ThreadingHTTPServer):
    """
    The web server.

    :ivar orders: What is answered instead of the truth, by path; ``*`` is any other.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, setup: Any) -> None:
        super().__init__(("127.0.0.1", setup["port"]), Conversation)
        self.people = People(setup["people"], setup["domain"])
        self.token = setup.get("token")
        # What Python's own server speaks if nobody says otherwise, and a connection's
        # end without a word.
        self.is_old = bool(setup.get("is_old"))
        self.orders: dict[str, Any] = {}
        self.requests: list[Any] = []
        if setup.get("certificate"):
            self.socket = _secured(setup).wrap_socket(self.socket, server_side=True)

    def handle_error(self, *args: Any) -> None:
        """Say nothing: clients hang up on answers that they do not want."""


def _secured(setup: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(setup["certificate"], setup["key"])
    if setup.get("clients"):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(setup["clients"])
    return context


class Conversation(BaseHTTPRequestHandler):
    """A connection."""

    server: Backend

    @property
    def protocol_version(self) -> str:  # type: ignore[override]
        """Which HTTP is spoken."""
        return "HTTP/1.0" if self.server.is_old else "HTTP/1.1"

    def do_GET(self) -> None:
        """Tell what was asked."""
        self._say(200, json.dumps(self.server.requests).encode())

    def do_POST(self) -> None:
        """Answer, or do as ordered."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        question = json.loads(body)
        if self.path == "/_orders":
            self.server.orders = question
            self._say(200, b"{}")
            return
        self._remember(body)
        orders = self.server.orders
        order = orders.get(self.path.removeprefix(V1), orders.get("*"))
        if order is not None:
            self._obey(order)
        elif not self._is_allowed():
            self._say(401, b'{"error": "who are you?"}')
        else:
            self._answer(self.server.people.answer(self.path, question))

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _is_allowed(self) -> bool:
        token = self.server.token
        return token is None or self.headers["Authorization"] == f"Bearer {token}"

    def _remember(self, body: bytes) -> None:
        request = {
            "path": self.path,
            "type": self.headers["Content-Type"],
            "token": self.headers["Authorization"],
            "agent": self.headers["User-Agent"],
            "body": body.decode(),
        }
        self.server.requests.append(request)

    def _obey(self, order: Any) -> None:
        time.sleep(order.get("sleep", 0))
        size = order.get("size", 0)
        body = order["text"].encode("latin-1") if "text" in order else b" " * size
        self._say(order.get("status", 200), body, order.get("location"))

    def _answer(self, answer: Any) -> None:
        if answer is None:
            self._say(404, b"<html>nothing here</html>")
        else:
            self._say(200, json.dumps(answer).encode())

    def _say(self, status: int, body: bytes, location: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if location is not None:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    backend = Backend(json.load(sys.stdin))
    print(backend.server_address[1], flush=True)
    backend.serve_forever()

"""Users of a real Synapse invite e-mail addresses."""

import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from twisted.trial.unittest import SynchronousTestCase

from mxisd.testing.stores import Person
from tests.integration.client import V2
from tests.integration.server import MxisdProcess, wait_until
from tests.integration.sinks import MailSink
from tests.integration.synapse import Synapse
from tests.integration.tls_front import TlsFront

CLIENT = "monkeys"
CLIENT_API = "/_matrix/client/v3"
ONBIND = "/_matrix/federation/v1/3pid/onbind"
NAMES = ("alice", "bob", "carol", "dave")
NEWCOMER = "newcomer@example.com"
LISTED, HIDDEN = "carol@example.org", "dave@example.org"
SOON = 90.0


class SynapseInvitationTests(SynchronousTestCase):
    """Everything is real but the readers of mails; all servers meet over TLS."""

    def setUp(self) -> None:
        """Start servers, each behind a proxy with TLS, and let Alice make a room."""
        self.synapse = Synapse()
        self.addCleanup(self.synapse.remove)
        self.synapse.start()
        for name in NAMES:
            self.synapse.add(Person(username=name, password=name), consents=False)
        self.federation, self.front = self.proxy(), self.proxy()
        self.federation.target = self.synapse.url
        self.mail_sink = MailSink()
        self.mail_sink.start()
        self.addCleanup(self.mail_sink.stop)
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.server = MxisdProcess(folder, self.config())
        public_url = f"https://{self.front.name}"
        self.server.config["server"]["publicUrl"] = public_url
        self.front.target = f"http://127.0.0.1:{self.server.port}"
        self.server.start()
        self.addCleanup(self.server.stop)
        self.alice = self.synapse.token_of(user_id("alice"))
        self.account = self.registered("alice")
        wish = {"name": "Tea party", "preset": "private_chat"}
        room = self.synapse.sure("POST", f"{CLIENT_API}/createRoom", wish, self.alice)
        self.room = f"{CLIENT_API}/rooms/{quote(room['room_id'])}"
        self.room_id: str = room["room_id"]

    def proxy(self) -> TlsFront:
        """Start a proxy with a certificate that everybody trusts."""
        made = TlsFront(self.synapse.authority)
        self.addCleanup(made.stop)
        return made

    def config(self) -> dict[str, Any]:
        """Mails, a store that lists itself and one that does not, and Synapse."""
        smtp = {"host": "127.0.0.1", "port": self.mail_sink.port, "tls": 0}
        email = {
            "identity": {"from": "id@example.org"},
            "connectors": {"smtp": smtp},
        }
        synapse = {"name": "example.org", "value": f"https://{self.federation.name}"}
        return {
            "dns": {"overwrite": {"homeserver": {"federation": [synapse]}}},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(self.synapse.authority.ca_file),
            },
            "threepid": {"medium": {"email": email}},
            "stores": [
                store("listed", "carol", LISTED, roles=["staff"]),
                store("hidden", "dave", HIDDEN, hashEnabled=False),
            ],
        }

    # --- What people do ---------------------------------------------------------------

    def registered(self, name: str) -> str:
        """Somebody's account token with us."""
        path = f"{CLIENT_API}/user/{user_id(name)}/openid/request_token"
        token = self.synapse.token_of(user_id(name))
        openid = self.synapse.sure("POST", path, {}, token)
        status, reply = self.server.post(f"{V2}/account/register", openid)
        self.assertEqual(status, 200, reply)
        account: str = reply["token"]
        return account

    def invite(self, address: str) -> Any:
        """Let Alice invite an address; status and reply."""
        wish = {
            "id_server": self.front.name,
            "id_access_token": self.account,
            "medium": "email",
            "address": address,
        }
        return self.synapse.ask("POST", f"{self.room}/invite", wish, self.alice)

    def mail(self, address: str, number: int) -> EmailMessage:
        """A mail to somebody, when it is there; the first one is number 0."""
        found: list[EmailMessage] = []

        def is_there() -> bool:
            mails = self.mail_sink.mails
            found[:] = [each for each in mails if address in str(each["To"])]
            return len(found) > number

        wait_until(is_there, "a mail is there", SOON)
        return found[number]

    def bind(self, name: str, address: str, number: int) -> None:
        """Prove that an address is one's own by a mail, and bind it."""
        token, place = self.registered(name), f"{V2}/validate/email"
        body = {"client_secret": CLIENT, "send_attempt": 1, "email": address}
        _, session = self.server.post(f"{place}/requestToken", body, token)
        match = re.search(r"https://\S+\?(\S+)", text_of(self.mail(address, number)))
        assert match is not None
        given = dict(parse_qsl(match[1]))
        status, reply = self.server.post(f"{place}/submitToken", given, token)
        self.assertEqual((status, reply), (200, {"success": True}))
        wish = {"sid": session["sid"], "client_secret": CLIENT, "mxid": user_id(name)}
        status, reply = self.server.post(f"{V2}/3pid/bind", wish, token)
        self.assertEqual(status, 200, reply)

    def join(self, name: str) -> None:
        """Wait for an invite to the room, as clients do, and follow it."""
        token = self.synapse.token_of(user_id(name))
        # The same question twice would get the first answer for some minutes.
        news: dict[str, Any] = {"next_batch": ""}

        def is_invited() -> bool:
            since = f"?since={news['next_batch']}" if news["next_batch"] else ""
            path = f"{CLIENT_API}/sync{since}"
            news.update(self.synapse.sure("GET", path, None, token))
            return self.room_id in news.get("rooms", {}).get("invite", {})

        wait_until(is_invited, f"{name} is invited", SOON)
        self.synapse.sure("POST", f"{self.room}/join", {}, token)
        members = self.synapse.sure("GET", f"{self.room}/joined_members", None, token)
        self.assertIn(user_id(name), members["joined"])

    def waiting(self) -> list[dict[str, Any]]:
        """The room's invites of addresses."""
        state = self.synapse.sure("GET", f"{self.room}/state", None, self.alice)
        return [each for each in state if each["type"] == "m.room.third_party_invite"]

    def deliveries(self) -> int:
        """How often Synapse was told whose an address is."""
        return [path for path, _ in self.federation.passed].count(ONBIND)

    # --- The tests --------------------------------------------------------------------

    def test_a_stranger(self) -> None:
        """A mail, keys in the room; who binds the address is invited, and joins."""
        self.assertEqual(self.invite(NEWCOMER), (200, {}))
        self.assertIn("Tea party", text_of(self.mail(NEWCOMER, 0)))
        (event,) = self.waiting()
        content = event["content"]
        self.assertEqual(content["display_name"], "new...@exa...")
        self.assertEqual(len(content["public_keys"]), 2)
        for each in content["public_keys"]:
            place = each["key_validity_url"].removeprefix(f"https://{self.front.name}")
            key = each["public_key"]
            self.assertEqual(self.server.get(place, public_key=key)[1], {"valid": True})
        self.assertEqual(self.deliveries(), 0)
        self.bind("bob", NEWCOMER, 1)
        self.join("bob")
        self.assertEqual(self.deliveries(), 1)

    def test_who_is_known(self) -> None:
        """Synapse finds Carol by hash; Dave, whom only we find, we tell it of."""
        token = self.account
        path = f"{V2}/hash_details"
        wait_until(lambda: self.server.get(path, token)[0] == 200, "hashes are there")
        self.assertEqual(self.invite(LISTED), (200, {}))
        self.join("carol")
        self.assertEqual((self.waiting(), self.deliveries()), ([], 0))
        self.assertEqual(self.invite(HIDDEN), (200, {}))
        self.assertEqual(len(self.waiting()), 1)
        self.join("dave")
        self.assertEqual(self.mail_sink.mails, [])


def user_id(name: str) -> str:
    """A user of Synapse."""
    return f"@{name}:example.org"


def store(name: str, username: str, address: str, **more: Any) -> dict[str, Any]:
    """A store of one person."""
    roles = more.pop("roles", [])
    threepids = [{"medium": "email", "address": address}]
    person = {"username": username, "threepids": threepids, "roles": roles}
    return {"type": "memory", "name": name, "identities": [person], **more}


def text_of(mail: EmailMessage) -> str:
    """What a mail says."""
    part = mail.get_body(("plain",))
    assert part is not None
    text: str = part.get_content()
    return text

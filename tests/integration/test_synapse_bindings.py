"""A real Synapse binds and unbinds for its users."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from twisted.trial.unittest import SynchronousTestCase

from mxisd.testing.stores import Person
from tests.integration.client import V2
from tests.integration.server import MxisdProcess
from tests.integration.sinks import MailSink
from tests.integration.synapse import Synapse
from tests.integration.tls_front import TlsFront

CLIENT = "monkeys"
ADDRESS = "alice@example.org"
ALICE = "@alice:example.org"


class SynapseTests(SynchronousTestCase):
    """Everything is real but the reader."""

    def setUp(self) -> None:
        """Start servers; Synapse reaches ours by a proxy with TLS."""
        self.synapse = Synapse()
        self.addCleanup(self.synapse.remove)
        self.synapse.start()
        self.synapse.add(Person(username="alice", password="alice"), consents=False)
        self.front = TlsFront(self.synapse.authority)
        self.addCleanup(self.front.stop)
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
        self.matrix_token = self.synapse.token_of(ALICE)
        self.token = self.registered()

    def config(self) -> dict[str, Any]:
        """Mails, and where Synapse is."""
        email = {
            "identity": {"from": "id@example.org"},
            "connectors": {
                "smtp": {"host": "127.0.0.1", "port": self.mail_sink.port, "tls": 0}
            },
        }
        synapse = {"name": "example.org", "value": self.synapse.url}
        return {
            "dns": {"overwrite": {"homeserver": {"federation": [synapse]}}},
            "threepid": {"medium": {"email": email}},
        }

    def registered(self) -> str:
        """Alice's account token with us."""
        path = f"/_matrix/client/v3/user/{ALICE}/openid/request_token"
        openid = self.synapse.sure("POST", path, {}, self.matrix_token)
        status, reply = self.server.post(f"{V2}/account/register", openid)
        self.assertEqual(status, 200, reply)
        token: str = reply["token"]
        return token

    def proved(self) -> str:
        """The ID of a session that was validated."""
        place = f"{V2}/validate/email"
        body = {"client_secret": CLIENT, "send_attempt": 1, "email": ADDRESS}
        _, reply = self.server.post(f"{place}/requestToken", body, self.token)
        part = self.mail_sink.mails[-1].get_body(("plain",))
        assert part is not None
        match = re.search(r"https://\S+\?(\S+)", part.get_content())
        assert match is not None
        given = dict(parse_qsl(match[1]))
        answer = self.server.post(f"{place}/submitToken", given, self.token)
        self.assertEqual(answer[0], 200)
        sid: str = reply["sid"]
        return sid

    def bind(self) -> None:
        """Bind, as clients do: by the homeserver."""
        wish = {
            "client_secret": CLIENT,
            "id_server": self.front.name,
            "id_access_token": self.token,
            "sid": self.proved(),
        }
        path = "/_matrix/client/v3/account/3pid/bind"
        self.synapse.sure("POST", path, wish, self.matrix_token)

    def owner(self) -> Any:
        """Who is found by the address."""
        path = "/_matrix/identity/api/v1/lookup"
        _, found = self.server.get(path, medium="email", address=ADDRESS)
        return found.get("mxid")

    def assert_signed(self) -> None:
        """The last request was Synapse's own, and signed."""
        path, authorization = self.front.passed[-1]
        self.assertEqual(path, f"{V2}/3pid/unbind")
        self.assertTrue(authorization.startswith("X-Matrix "), authorization)

    def test_bind_and_unbind(self) -> None:
        """A client asks Synapse, and Synapse asks us; and so for a deactivation."""
        self.bind()
        self.assertEqual(self.owner(), ALICE)
        wish = {"medium": "email", "address": ADDRESS, "id_server": self.front.name}
        path = "/_matrix/client/v3/account/3pid/unbind"
        reply = self.synapse.sure("POST", path, wish, self.matrix_token)
        self.assertEqual(reply, {"id_server_unbind_result": "success"})
        self.assert_signed()
        self.assertIsNone(self.owner())
        self.bind()
        self.assertEqual(self.owner(), ALICE)
        path = f"/_synapse/admin/v1/deactivate/{ALICE}"
        reply = self.synapse.sure("POST", path, {"erase": True})
        self.assertEqual(reply, {"id_server_unbind_result": "success"})
        self.assert_signed()
        self.assertIsNone(self.owner())

    def test_where_nothing_is_unbound(self) -> None:
        """Addresses are removed and accounts deactivated; the binding stays."""
        self.bind()
        self.server.config["session"] = {"policy": {"unbind": {"enabled": False}}}
        self.server.restart()
        no_support = {"id_server_unbind_result": "no-support"}
        wish = {"medium": "email", "address": ADDRESS, "id_server": self.front.name}
        path = "/_matrix/client/v3/account/3pid/unbind"
        self.assertEqual(
            self.synapse.sure("POST", path, wish, self.matrix_token), no_support
        )
        self.assert_signed()
        self.bind()
        path = f"/_synapse/admin/v1/deactivate/{ALICE}"
        self.assertEqual(self.synapse.sure("POST", path, {"erase": True}), no_support)
        self.assert_signed()
        self.assertEqual(self.owner(), ALICE)

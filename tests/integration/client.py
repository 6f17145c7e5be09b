"""A Matrix client, as far as it asks an identity server."""

from mxisd.model.hashing import lookup_hash
from tests.integration.homeserver import HomeserverProcess
from tests.integration.server import IDENTITY, MxisdProcess

V1, V2 = f"{IDENTITY}/api/v1", f"{IDENTITY}/v2"


class IdentityClient:
    """
    A user of a homeserver, logged in at an identity server.

    :ivar token: Of the account there.
    """

    def __init__(
        self, server: MxisdProcess, homeserver: HomeserverProcess, localpart: str
    ) -> None:
        self._server = server
        status, reply = server.post(
            f"{V2}/account/register",
            {
                "access_token": f"openid-{localpart}",
                "token_type": "Bearer",
                "expires_in": 3600,
                "matrix_server_name": homeserver.server_name,
            },
        )
        assert status == 200, reply
        assert reply["token"] == reply["access_token"]
        self.token: str = reply["token"]

    def hashed(self, *addresses: str, medium: str = "email") -> dict[str, str]:
        """Look up by hash; user IDs by address."""
        status, details = self._server.get(f"{V2}/hash_details", self.token)
        assert status == 200, details
        pepper = details["lookup_pepper"]
        hashes = {lookup_hash(each, medium, pepper): each for each in addresses}
        return self._mappings("sha256", pepper, hashes)

    def plain(self, *addresses: str, medium: str = "email") -> dict[str, str]:
        """Look up in the clear through v2; user IDs by address."""
        _, details = self._server.get(f"{V2}/hash_details", self.token)
        lines = {f"{each} {medium}": each for each in addresses}
        return self._mappings("none", details["lookup_pepper"], lines)

    def _mappings(
        self, algorithm: str, pepper: str, asked: dict[str, str]
    ) -> dict[str, str]:
        status, reply = self._server.post(
            f"{V2}/lookup",
            {"algorithm": algorithm, "pepper": pepper, "addresses": list(asked)},
            self.token,
        )
        assert status == 200, reply
        return {asked[key]: value for key, value in reply["mappings"].items()}

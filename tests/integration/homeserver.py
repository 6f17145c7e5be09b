"""
A homeserver in a process of its own, for tests that block.

usage: python -m tests.integration.homeserver FOLDER USER …

It knows the token ``openid-USER`` of each user, has the key of all fake homeservers,
and prints its name and its CA file.
"""

import os
import subprocess
import sys
from pathlib import Path

from twisted.internet import reactor

from tests.integration.server import PATIENCE
from tests.remote.fake_homeserver import FakeHomeserver


class HomeserverProcess:
    """
    A running homeserver.

    :ivar server_name: ``localhost:PORT``.
    """

    def __init__(self, folder: Path, *users: str) -> None:
        folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder), *users],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdout is not None
        self.server_name = self._process.stdout.readline().strip()
        self.ca_file = Path(self._process.stdout.readline().strip())
        assert self.server_name, "the homeserver did not start"

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


def main(folder: Path, users: list[str]) -> None:
    """Serve until terminated."""
    homeserver = FakeHomeserver(reactor, folder)
    for user in users:
        homeserver.add_token(f"openid-{user}", f"@{user}:{homeserver.server_name}")
    print(homeserver.server_name)
    print(homeserver.ca_file, flush=True)
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""``mxisd`` as a process that asks a server."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.integration.import_command import MXISD
from tests.integration.server import PATIENCE


@frozen
class AdminCommand:
    """The command in the folder of a server."""

    folder: Path
    environment: Mapping[str, str] = {}

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run it to the end; exit code, output, errors."""
        search = os.pathsep.join(filter(None, sys.path))
        ended = subprocess.run(
            [*MXISD, *words],
            capture_output=True,
            check=False,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": search, **self.environment},
            text=True,
            timeout=PATIENCE,
        )
        return ended.returncode, ended.stdout, ended.stderr

    def run_into(self, output: int, *words: str) -> tuple[int, str]:
        """Run it with an output of one's own; exit code, errors."""
        search = os.pathsep.join(filter(None, sys.path))
        ended = subprocess.run(
            [*MXISD, *words],
            stdout=output,
            stderr=subprocess.PIPE,
            check=False,
            cwd=self.folder,
            # As usual: what is printed is kept back for a while.
            env={**os.environ, "PYTHONPATH": search, "PYTHONUNBUFFERED": ""},
            text=True,
            timeout=PATIENCE,
        )
        return ended.returncode, ended.stderr

    def json(self, *words: str) -> Any:
        """Run it for a program; it must succeed."""
        code, output, errors = self.run(*words, "--json")
        assert code == 0, errors
        return json.loads(output)

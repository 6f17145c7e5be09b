"""``mxisd import`` as a process."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.integration.server import PATIENCE

MXISD = (sys.executable, "-c", "from mxisd.command import main; main()")


class ImportCommand:
    """The command in a folder with a configuration."""

    def __init__(self, folder: Path, config: Any) -> None:
        self.folder = folder
        self._config = folder / "import.yaml"
        self._config.write_text(yaml.safe_dump(config))

    def start(
        self, *options: str, command: Sequence[str] = MXISD
    ) -> "subprocess.Popen[str]":
        """Start it."""
        search = os.pathsep.join(filter(None, sys.path))
        return subprocess.Popen(
            [*command, "import", "-c", str(self._config), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": search},
        )

    def run(
        self, *options: str, command: Sequence[str] = MXISD, seconds: float = PATIENCE
    ) -> "tuple[int, str, str]":
        """Run it to the end; exit code, report, errors."""
        process = self.start(*options, command=command)
        output, errors = process.communicate(timeout=seconds)
        return process.returncode, output, errors

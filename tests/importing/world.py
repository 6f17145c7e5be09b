"""A test case with a target of its own, into which it imports."""

from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mxisd.config.loader import load
from mxisd.config.sections import Config
from mxisd.importing.reports import Report
from mxisd.importing.running import Wishes, run_import
from mxisd.plugins import find_senders
from tests.importing.files import rows_of, text_of

NOW_MS = 1_700_000_000_000
CONFIG = """
matrix: {{domain: example.org}}
key: {{path: {folder}/keys}}
storage: {{provider: {{sqlite: {{database: {folder}/mxisd.db}}}}}}
accountConfig: {{tokenLifetime: 1h}}
"""


@frozen
class StoppedReactor:
    """The real reactor for the threads of the database; its clock stands still."""

    def seconds(self) -> float:
        """The time, which is always the same."""
        return NOW_MS / 1000

    def callFromThread(self, *arguments: Any) -> None:
        """Call in the reactor's thread."""
        reactor.callFromThread(*arguments)  # type: ignore[attr-defined]


def config_of(text: str) -> Config:
    """A configuration without stores."""
    loaded = load(
        text,
        environment={"SMTP_PASSWORD": "s3cret"},
        read_file=str,
        factories={},
        sender_factories=find_senders(),
    )
    return loaded.config


class ImportTestCase(TestCase):
    """Imports into a target in a folder of its own."""

    def setUp(self) -> None:
        """Describe the target; nothing is there yet."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.target = self.folder / "mxisd.db"
        self.config = config_of(CONFIG.format(folder=self.folder))
        self.progress: list[str] = []

    async def take(self, file: Path, **wishes: Any) -> str:
        """Import a file; the report."""
        return text_of(list((await self.report(file, **wishes)).lines()))

    async def report(self, file: Path, **wishes: Any) -> Report:
        """Import a file; the report as a value."""
        asked = Wishes(file=file, **wishes)
        return await run_import(
            asked, self.config, StoppedReactor(), self.progress.append
        )

    def found(self, query: str) -> list[Any]:
        """Rows of the target."""
        return rows_of(self.target, query)

"""What authors of stores test with is like the real thing."""

from typing import Any

from attrs import frozen
from twisted.internet.threads import deferToThreadPool
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.errors import ConfigError
from mxisd.model.settings import option
from mxisd.testing.stores import DOMAIN
from mxisd.testing.tools import GivenSection, tools_for_tests


def _not_blank(value: str) -> None:
    if not value.strip():
        raise ValueError("must not be empty")


@frozen(kw_only=True)
class PhonebookSettings:
    """A section of a plug-in."""

    file: str = option("The file.", check=_not_blank)
    max_age: int = option("How long it counts.", 60)


def judged(section: Any) -> Any:
    """The settings, or the paths of the problems."""
    try:
        return section.read(PhonebookSettings)
    except ConfigError as error:
        return sorted(problem.path for problem in error.problems)


class GivenSectionTests(SynchronousTestCase):
    def test_it_judges_as_the_server_does(self) -> None:
        """Good, unknown, missing and refused values have the same outcome."""
        for values in (
            {"file": "a"},
            {"file": "a", "maxAge": 5},
            {"file": " "},
            {"maxAge": 5},
            {"file": "a", "max_age": 5, "other": 1},
            {},
        ):
            self.assertEqual(judged(GivenSection(values)), judged(Section(values)))


class ToolsTests(SynchronousTestCase):
    def test_threads_that_are_none(self) -> None:
        """Work in a thread is done at once, whether it goes well or not."""
        tools = tools_for_tests("phones")
        reactor, pool = tools.reactor, tools.reactor.getThreadPool()
        self.assertEqual((tools.name, tools.domain), ("phones", DOMAIN))
        done = deferToThreadPool(reactor, pool, lambda: 5)
        self.assertEqual(self.successResultOf(done), 5)
        failed = deferToThreadPool(reactor, pool, lambda: 1 // 0)
        self.failureResultOf(failed, ZeroDivisionError)

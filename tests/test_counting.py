"""The script that counts for ``make test``."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import mxisd


def script() -> Any:
    """``.ci/run_tests.py`` as a module."""
    path = Path(mxisd.__file__).parent.parent / ".ci" / "run_tests.py"
    spec = spec_from_file_location("run_tests", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    # A dataclass looks for the module it stands in.
    sys.modules["run_tests"] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    sys.path.remove(str(path.parent))
    return module


class TallyTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Load the script."""
        self.run_tests = script()
        self.addCleanup(sys.modules.pop, "run_tests")

    def assert_counts(self, output: str, code: int, *expected: int) -> None:
        """Compare with what passed, failed and was skipped."""
        tally = self.run_tests.tally(output.splitlines(keepends=True), code)
        self.assertEqual((tally.passed, tally.failed, tally.skipped), expected)

    def test_all_passed(self) -> None:
        """Successes count as passed."""
        self.assert_counts("Ran 3 tests in 0.1s\n\nPASSED (successes=3)\n", 0, 3, 0, 0)

    def test_failures_and_errors(self) -> None:
        """Failures, errors and unexpected successes count as failed."""
        verdict = "FAILED (failures=1, errors=2, unexpectedSuccesses=4, successes=8)\n"
        self.assert_counts(verdict, 1, 8, 7, 0)

    def test_skips_and_expected_failures(self) -> None:
        """A skip is neither passed nor failed; an expected failure is as it should."""
        verdict = "PASSED (skips=5, expectedFailures=2, successes=1)\n"
        self.assert_counts(verdict, 0, 3, 0, 5)

    def test_a_verdict_inside_a_test_is_not_the_verdict(self) -> None:
        """What a test prints does not count; the last verdict does."""
        output = "PASSED (successes=9)\nsay PASSED (successes=8)\nPASSED (successes=1)"
        self.assert_counts(output, 0, 1, 0, 0)

    def test_a_run_that_died_has_failed(self) -> None:
        """Without a verdict something is wrong, whatever the exit code."""
        self.assert_counts("Segmentation fault\n", 139, 0, 1, 0)
        self.assert_counts("", 0, 0, 1, 0)

    def test_a_run_without_tests_has_failed(self) -> None:
        """Nothing found is not all found well."""
        self.assert_counts(
            "Ran 0 tests in 0.000s\n\nPASSED (successes=0)\n", 0, 0, 1, 0
        )
        self.assert_counts("Ran 0 tests in 0.000s\n\nPASSED\n", 0, 0, 1, 0)

    def test_an_exit_code_that_nothing_explains_is_a_failure(self) -> None:
        """A runner that fails after its verdict is believed."""
        self.assert_counts("PASSED (successes=3)\n", 1, 3, 1, 0)

    def test_server_free_tests_leave_out_the_integration(self) -> None:
        """All packages and modules of tests are run, but those with real servers."""
        names = self.run_tests.unit_tests()
        self.assertIn("tests.test_counting", names)
        self.assertIn("tests.features.test_lookup", names)
        self.assertIn("tests.stores.ldap.test_roles", names)
        self.assertFalse([name for name in names if "integration" in name])

    def test_every_module_is_run_once(self) -> None:
        """However many programs they are dealt out to."""
        for count in (1, 3, 8):
            jobs = self.run_tests.jobs("all", count)
            named = [word for job in jobs for word in job.command]
            modules = [word for word in named if word.startswith("tests.")]
            files = Path(__file__).parent.rglob("test_*.py")
            self.assertEqual(
                sorted(name.rpartition(".")[2] for name in modules),
                sorted(path.stem for path in files),
            )
            self.assertEqual(len({job.name for job in jobs}), len(jobs))

    def test_the_longest_topics_are_there(self) -> None:
        """They begin."""
        names = [job.name for job in self.run_tests.integration_jobs()]
        longest = [f"{topic} with servers" for topic in self.run_tests.LONG]
        self.assertEqual(set(names[: len(longest)]), set(longest))

    def test_what_failed(self) -> None:
        """Tests are named, whatever they print; what broke off is, too."""
        output = (
            "a.b.test_good ... [OK]\na.b.test_bad ... some\nwords[FAILURE]\n"
            "a.b.test_worse ... [ERROR][ERROR]\na.b.test_skip ... [SKIPPED]\n"
            "a.b.test_odd ... [SUCCESS!?!]\na.b.test_todo ... \n[TODO]\n"
        )
        rest = "===\n[FAIL]\nTraceback\n\na.b.test_bad\n===\n[ERROR]\nTraceback\n"
        bad = ["a.b.test_bad", "a.b.test_worse", "a.b.test_odd"]
        self.assert_failures(output + rest, *bad)
        self.assert_failures(
            output + "a.b.test_c ... Segmentation\n", *bad, "a.b.test_c"
        )
        self.assert_failures("ImportError: nothing\n", "some tests")

    def assert_failures(self, output: str, *names: str) -> None:
        """Compare what is said to have failed."""
        job = self.run_tests.Job("some tests", [], Path())
        ended = self.run_tests.Ended(job, 1, False, 0.0, output)
        self.assertEqual(self.run_tests.failures(ended), list(names))

    def test_no_tests_are_overlooked(self) -> None:
        """A folder of tests is a package; trial would pass it by in silence."""
        folders = {path.parent for path in Path(__file__).parent.rglob("test_*.py")}
        lacking = [f for f in folders if not (f / "__init__.py").exists()]
        self.assertEqual(lacking, [])

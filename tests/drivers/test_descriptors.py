"""How many descriptors the process may have."""

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

ASK = """\
import resource, sys
from mxisd.drivers.descriptors import descriptor_limit
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(descriptor_limit(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


class DescriptorTests(SynchronousTestCase):
    """In processes of their own, since a limit cannot be taken back."""

    def limits(self, soft: int, hard: int, wanted: int) -> tuple[int, ...]:
        """What is to be had, and the limits of the process after that."""
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(soft), str(hard), str(wanted)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            check=True,
        )
        return tuple(map(int, done.stdout.split()))

    def test_the_soft_limit_is_raised(self) -> None:
        """As far as it is wanted and the hard one lets it; never lowered."""
        for soft, hard, wanted, limit, left in (
            (256, 1000, 900, 900, 900),
            (256, 512, 900, 512, 512),
            (512, 1000, 300, 300, 512),
        ):
            found = self.limits(soft, hard, wanted)
            self.assertEqual(found, (limit, left, hard))

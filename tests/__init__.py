"""
The tests.

Importing this package makes an error of each deprecation warning that our own code
causes, and only ours: libraries warn about each other, which is nothing to us.
"""

import re
import warnings
from pathlib import Path

from hypothesis import HealthCheck, settings

import mxisd

_SOURCES = re.escape(str(Path(mxisd.__file__).parent))

# trial records a test's warnings and raises them again afterwards, by file name.
warnings.filterwarnings(
    "error", category=DeprecationWarning, module=rf"mxisd(\.|\Z)|{_SOURCES}"
)

# A slow machine is no failure, nor is the first run, which fills Hypothesis's tables.
# A test method may be run twice by one process, each time on an object of its own.
settings.register_profile(
    "mxisd",
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.differing_executors,
    ],
)
settings.load_profile("mxisd")

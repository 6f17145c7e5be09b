"""What a class adds to one of ours: methods that nobody calls hide there."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementedBy

import mxisd

CONTRACTS = "mxisd.testing.stores."
"""Suites add tests to suites."""

ADDITIONS = {
    "mxisd.errors.ConfigError.at",
    "mxisd.errors.ConfigError.below",
    "mxisd.errors.Misconfigured.as_problem",
    "mxisd.stores.synapse.sql.settings.SynapseSqlSettings.built_in",
}
"""
Public methods that are new in a class that follows another one of ours.

Whatever else is new there was meant to replace a method that is called otherwise by
now, and is never called. Name here what is meant to be an addition.
"""


def classes() -> Iterator[type]:
    """Every class of ours."""
    for module in pkgutil.walk_packages(mxisd.__path__, "mxisd."):
        for value in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(value) and value.__module__ == module.name:
                yield value


def added(cls: type) -> Iterator[str]:
    """Public methods of a class that neither its bases nor its interfaces have."""
    bases = [base for base in cls.__mro__[1:] if base is not object]
    if not any(base.__module__.startswith("mxisd.") for base in bases):
        return
    declared = {n for each in implementedBy(cls).flattened() for n in each.names()}
    for name, value in vars(cls).items():
        is_method = inspect.isfunction(value) or isinstance(
            value, property | staticmethod | classmethod
        )
        is_known = name in declared or any(hasattr(base, name) for base in bases)
        if is_method and not name.startswith("_") and not is_known:
            yield f"{cls.__module__}.{cls.__qualname__}.{name}"


class OverridesTests(SynchronousTestCase):
    def test_a_method_that_was_renamed_is_renamed_everywhere(self) -> None:
        """No class replaces a method that the class it follows does not have."""
        found = {name for cls in classes() for name in added(cls)}
        strays = {name for name in found if not name.startswith(CONTRACTS)}
        self.assertEqual(strays, ADDITIONS)

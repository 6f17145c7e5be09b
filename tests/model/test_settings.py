"""How a settings class describes its keys."""

from ipaddress import ip_network

import attrs
from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.settings import DEFAULT_NOTE, MEANING, key_of, networks, option


def _even(value: int) -> None:
    if value % 2:
        raise ValueError("must be even")


@frozen(kw_only=True)
class Sample:
    """A settings class."""

    host: str = option("Where to go.")
    base_dn_list: tuple[str, ...] = option("Where to look.", ())
    odd_one: str = option("A key with a name of its own.", "x", key="oddOne2")
    tags: dict[str, str] = option("Fresh for each.", dict)
    pairs: int = option("Two by two.", 2, check=_even, default_note="``2``, or more")


class OptionTests(SynchronousTestCase):
    """Fields made by ``option``."""

    def test_keys(self) -> None:
        """The YAML key is the field's name in camelCase, or the one given."""
        keys = [key_of(field) for field in attrs.fields(Sample)]
        self.assertEqual(keys, ["host", "baseDnList", "oddOne2", "tags", "pairs"])

    def test_descriptions(self) -> None:
        """The configuration reference finds what it needs on the field."""
        pairs = attrs.fields(Sample).pairs
        self.assertEqual(pairs.metadata[MEANING], "Two by two.")
        self.assertEqual(pairs.metadata[DEFAULT_NOTE], "``2``, or more")

    def test_a_key_without_default_is_required(self) -> None:
        """Leaving it out is an error; the others have their defaults."""
        with self.assertRaises(TypeError):
            Sample()
        sample = Sample(host="a")
        self.assertEqual((sample.base_dn_list, sample.pairs), ((), 2))

    def test_a_callable_default_is_called(self) -> None:
        """Each object has a value of its own."""
        one, two = Sample(host="a"), Sample(host="a")
        self.assertEqual(one.tags, {})
        self.assertIsNot(one.tags, two.tags)

    def test_checks(self) -> None:
        """A value that the check refuses makes no object; its sentence is kept."""
        error = self.assertRaises(ValueError, Sample, host="a", pairs=3)
        self.assertEqual(str(error), "must be even")
        self.assertEqual(Sample(host="a", pairs=4).pairs, 4)


class NetworksTests(SynchronousTestCase):
    """Networks in their usual notation."""

    def test_both_families(self) -> None:
        """Order is kept, and host bits are an error."""
        self.assertEqual(
            networks("10.0.0.0/8", "::1/128"),
            (ip_network("10.0.0.0/8"), ip_network("::1/128")),
        )
        with self.assertRaises(ValueError):
            networks("10.0.0.1/8")

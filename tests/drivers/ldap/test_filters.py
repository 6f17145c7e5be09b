from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ldaptor.protocols import pureber, pureldap
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap import filters

VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def read_back(filter_object: Any) -> Any:
    """The filter as a server reads it."""
    context = pureldap.LDAPBERDecoderContext_Filter(
        fallback=pureber.BERDecoderContext(), inherit=pureber.BERDecoderContext()
    )
    wire = filter_object.toWire()
    found, size = pureber.berDecodeObject(context, wire)
    assert size == len(wire)
    return found


class BuildingTests(SynchronousTestCase):
    """Filters made of values."""

    @given(VALUES)
    def test_value_arrives_as_it_is(self, value: str) -> None:
        """No value changes the filter that it stands in."""
        both = filters.any_of(
            [filters.equal("mail", value), filters.equal("cn", "fixed")]
        )
        found = read_back(both)
        self.assertIsInstance(found, pureldap.LDAPFilter_or)
        self.assertEqual(
            [(f.attributeDesc.value, f.assertionValue.value) for f in found],
            [(b"mail", value.encode()), (b"cn", b"fixed")],
        )

    @given(VALUES)
    def test_value_in_a_template_arrives_as_it_is(self, value: str) -> None:
        """A token is replaced by any value without changing the template's shape."""
        template = filters.parse("(&(objectClass=person)(|(mail=T)(!(cn=x:T))))")
        found = read_back(filters.with_value(template, "T", value))
        kind, either = list(found)
        mail, negated = list(either)
        self.assertEqual(kind.assertionValue.value, b"person")
        self.assertEqual(mail.assertionValue.value, value.encode())
        self.assertEqual(negated.value.assertionValue.value, b"x:" + value.encode())

    @given(VALUES.filter(bool))
    def test_value_within_substrings(self, value: str) -> None:
        """A wildcard stays where the operator wrote it, and only there."""
        template = filters.parse("(proxyAddresses=smtp:T*)")
        found = read_back(filters.with_value(template, "T", value))
        self.assertIsInstance(found, pureldap.LDAPFilter_substrings)
        self.assertEqual(
            [part.value for part in found.substrings], [b"smtp:" + value.encode()]
        )

    def test_template_stays_as_it_is(self) -> None:
        """A template can be used again."""
        template = filters.parse("(|(a=T)(b=*T*)(c:caseExactMatch:=T)(d>=T)(e=*))")
        before = template.toWire()
        filled = filters.with_value(template, "T", "value")
        self.assertEqual(template.toWire(), before)
        self.assertEqual(
            filled.toWire(),
            filters.parse(
                "(|(a=value)(b=*value*)(c:caseExactMatch:=value)(d>=value)(e=*))"
            ).toWire(),
        )

    def test_single_one_stands_alone(self) -> None:
        """One filter needs no bracket around it."""
        only = filters.present("mail")
        self.assertIs(filters.any_of([only]), only)
        self.assertIs(filters.all_of([only]), only)


class ParsingTests(SynchronousTestCase):
    """Filters that operators write."""

    def test_escaped_utf_8(self) -> None:
        """Bytes of a letter may be escaped one by one."""
        escaped = filters.parse("(cn=M\\c3\\bcller\\2a\\28)")
        self.assertEqual(escaped.assertionValue.value, "Müller*(")

    def test_blanks_between_parts(self) -> None:
        """A filter may be written on several lines; blanks in values stay."""
        spread = filters.parse(" (&\n  (cn=a b )\n  (!\n (sn=x) )\n)\n")
        self.assertEqual(
            spread.toWire(), filters.parse("(&(cn=a b )(!(sn=x)))").toWire()
        )

    def test_nested_groups_of_active_directory(self) -> None:
        """A matching rule is understood."""
        rule = "1.2.840.113556.1.4.1941"
        found = read_back(filters.parse(f"(memberOf:{rule}:=cn=x,dc=y)"))
        self.assertEqual(found.matchingRule.value, rule.encode())
        self.assertEqual(found.matchValue.value, b"cn=x,dc=y")

    def test_what_is_no_filter(self) -> None:
        """The message says where it ends to be one."""
        for text in ("", "mail=x", "(mail=x", "(mail=x))", "(=x)", "(a=\\ff)", "(&)"):
            error = self.assertRaises(ValueError, filters.parse, text)
            self.assertIn("is no LDAP filter", str(error), text)

    @given(st.text("()&|!=*\\a0 %~<>:ü", max_size=30))
    def test_noise(self, text: str) -> None:
        """Any text is a filter or a ``ValueError``, and a filter can be sent."""
        try:
            found = filters.parse(text)
        except ValueError:
            return
        self.assertIsInstance(found.toWire(), bytes)

    def test_mentions(self) -> None:
        """A token counts in a value, not in an attribute's name."""
        self.assertTrue(filters.mentions(filters.parse("(!(a=*x%3pid))"), "%3pid"))
        self.assertFalse(filters.mentions(filters.parse("(mail=a)"), "mail"))

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap import filters
from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import canonical
from mxisd.stores.ldap.queries import AttributeQuery, TemplateQuery
from tests.stores.ldap.test_entries import READER, entry

ANN, BEA = UserId("ann", "example.org"), UserId("bea", "example.org")
ANN_MAIL, BEA_MAIL = canonical("email", "ann@x"), canonical("email", "bea@x")


class AttributeQueryTests(SynchronousTestCase):
    """Queries made from ``attribute.threepid``."""

    def test_each_attribute_and_each_spelling(self) -> None:
        """One filter asks for all; ``ß`` is asked for in both spellings."""
        query = AttributeQuery(READER, "email")
        wanted = [canonical("email", "Strauß@x"), ANN_MAIL]
        self.assertEqual(
            query.filter(wanted).asText(),
            "(|(mail=strauss@x)(otherMailbox=strauss@x)"
            "(mail=strauß@x)(otherMailbox=strauß@x)"
            "(mail=ann@x)(otherMailbox=ann@x))",
        )
        self.assertEqual(
            query.attributes, [*READER.user_attributes, "mail", "otherMailbox"]
        )

    def test_both_labels_of_a_domain(self) -> None:
        """``mail`` holds A-labels only, other attributes may hold the U-label."""
        reader = evolve(READER, by_medium={"email": ["mail"]})
        query = AttributeQuery(reader, "email")
        for text in ("ann@faß.de", "ann@xn--fa-hia.de"):
            wanted = query.filter([canonical("email", text)])
            self.assertEqual(
                wanted.asText(), "(|(mail=ann@xn--fa-hia.de)(mail=ann@faß.de))"
            )

    def test_aliases_of_an_active_directory(self) -> None:
        """They have a prefix there, and no other attribute has."""
        reader = evolve(READER, by_medium={"email": ["mail", "ProxyAddresses"]})
        query = AttributeQuery(reader, "email")
        self.assertEqual(
            query.filter([ANN_MAIL]).asText(),
            "(|(mail=ann@x)(ProxyAddresses=smtp:ann@x))",
        )
        entries = [
            entry(
                saMAccountName=["ann"],
                ProxyAddresses=["SMTP:Ann@x", "smtp:bea@x", "SIP:c@x"],
            )
        ]
        wanted = [ANN_MAIL, BEA_MAIL, canonical("email", "c@x")]
        owners = query.owners(entries, wanted)
        self.assertEqual(dict(owners.found), {ANN_MAIL: ANN, BEA_MAIL: ANN})

    def test_national_numbers(self) -> None:
        """Those of the default country are asked for as they are dialled there."""
        reader = evolve(READER, addresses=StoredAddresses("DE"))
        query = AttributeQuery(reader, "msisdn")
        mobile = canonical("msisdn", "491711234567")
        self.assertEqual(
            query.filter([mobile]).asText(),
            "(|(mobile=+491711234567)(mobile=491711234567)"
            "(mobile=01711234567)(mobile=0171 1234567))",
        )
        entries = [entry(saMAccountName=["ann"], mobile=["0171/1234567"])]
        self.assertEqual(dict(query.owners(entries, [mobile]).found), {mobile: ANN})

    def test_phones_with_and_without_plus(self) -> None:
        """Digits may stand in a directory with and without a plus."""
        query = AttributeQuery(READER, "msisdn")
        text = query.filter([canonical("msisdn", "4917112345")]).asText()
        self.assertEqual(text, "(|(mobile=+4917112345)(mobile=4917112345))")

    def test_canonical_forms_must_be_equal(self) -> None:
        """What the server matched more loosely is no match."""
        query = AttributeQuery(READER, "x")
        entries = [entry(saMAccountName=["ann"], X=["ab"])]
        upper, lower = canonical("x", "AB"), canonical("x", "ab")
        owners = query.owners(entries, [upper, lower])
        self.assertEqual(dict(owners.found), {lower: ANN})

    def test_unasked_values_are_left_out(self) -> None:
        """An entry's other addresses were not asked for."""
        query = AttributeQuery(READER, "email")
        entries = [entry(saMAccountName=["ann"], mail=["ann@x", "second@x"])]
        owners = query.owners(entries, [ANN_MAIL, BEA_MAIL])
        self.assertEqual(dict(owners.found), {ANN_MAIL: ANN})

    def test_several_owners(self) -> None:
        """The first by DN is taken, and it is counted; twice the same is no doubt."""
        query = AttributeQuery(READER, "email")
        entries = [
            entry("cn=2", saMAccountName=["bea"], mail=["ann@x", "bea@x"]),
            entry("cn=1", saMAccountName=["ann"], mail=["ann@x"]),
            entry("cn=3", saMAccountName=["BEA"], otherMailbox=["bea@x"]),
        ]
        owners = query.owners(entries, [ANN_MAIL, BEA_MAIL])
        self.assertEqual(dict(owners.found), {ANN_MAIL: ANN, BEA_MAIL: BEA})
        self.assertEqual(owners.ambiguous, 1)


class TemplateQueryTests(SynchronousTestCase):
    """Queries that operators write."""

    def query(self, text: str) -> TemplateQuery:
        """A query with the usual token."""
        return TemplateQuery(READER, filters.parse(text), "%3pid")

    def test_one_template_for_each_spelling(self) -> None:
        """Both spellings of an address with ``ß`` are asked for."""
        query = self.query("(&(a=b)(mail=smtp:%3pid))")
        self.assertEqual(
            query.filter([canonical("email", "Strauß@x")]).asText(),
            "(|(&(a=b)(mail=smtp:strauss@x))(&(a=b)(mail=smtp:strauß@x)))",
        )

    def test_phones(self) -> None:
        """A bare token stands for the number with and without its plus."""
        phone = canonical("msisdn", "4917112345")
        bare, plus = self.query("(mobile=%3pid)"), self.query("(mobile=+%3pid)")
        self.assertEqual(
            bare.filter([phone]).asText(), "(|(mobile=+4917112345)(mobile=4917112345))"
        )
        self.assertEqual(plus.filter([phone]).asText(), "(mobile=+4917112345)")

    def test_nobody_among_many(self) -> None:
        """No entry for many addresses is an answer for all of them."""
        owners = self.query("(mail=%3pid)").owners([], [ANN_MAIL, BEA_MAIL])
        assert owners is not None
        self.assertEqual(dict(owners.found), {})

    def test_somebody_among_many(self) -> None:
        """An entry for many addresses tells nothing yet."""
        entries = [entry(saMAccountName=["ann"])]
        query = self.query("(mail=%3pid)")
        self.assertIsNone(query.owners(entries, [ANN_MAIL, BEA_MAIL]))
        owners = query.owners(entries, [ANN_MAIL])
        assert owners is not None
        self.assertEqual(dict(owners.found), {ANN_MAIL: ANN})

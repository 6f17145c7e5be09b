"""Whether values of a store are what they seem."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.threepids import IllegalThreePid, ThreePid, canonical
from mxisd.resolver.answers import legal_threepid, legal_user_id, shown_name

anything: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(), st.binary(), st.text(max_size=20), st.tuples(st.text())
)


class LegalThreePidTests(SynchronousTestCase):
    @given(st.sampled_from(["email", "msisdn", "employee"]), st.text(max_size=40))
    @example("email", "strau\xdf")
    @example("email", "\u13a0\u0130")
    @example("email", "\u03a3\u1e9e\u0345")
    @example("msisdn", "+49 171 1234567")
    def test_what_is_canonical_passes_with_its_spellings(
        self, medium: str, text: str
    ) -> None:
        """Whatever ``canonical`` makes of a text is legal, as it is."""
        try:
            threepid = canonical(medium, f"{text}@x" if medium == "email" else text)
        except IllegalThreePid:
            return
        legal = legal_threepid(threepid)
        assert legal is not None
        self.assertEqual(legal, threepid)
        self.assertEqual(legal.spellings, threepid.spellings)

    @given(anything, anything, anything)
    def test_what_passes_is_canonical(
        self, medium: Any, address: Any, lowered: Any
    ) -> None:
        """No forged value passes, nor does one end the question."""
        legal = legal_threepid(ThreePid(medium, address, lowered))
        if legal is not None:
            again = canonical(legal.medium, legal.spellings[-1])
            self.assertEqual(legal.spellings, again.spellings)

    def test_a_forged_spelling_is_illegal(self) -> None:
        """Whoever is called Strauss is not found as Eve."""
        for lowered in ("eve@example.org", "strauss@exämple.org", 5, b"x", ""):
            forged: Any = ThreePid("email", "strauss@example.org", lowered)  # type: ignore[arg-type]
            self.assertIsNone(legal_threepid(forged))


class LegalUserIdTests(SynchronousTestCase):
    @given(anything, anything)
    @example("b:c", "example.org")
    @example("bob", "c:8448:x")
    def test_forged_parts(self, localpart: Any, server_name: Any) -> None:
        """What passes is what its text says."""
        legal = legal_user_id(UserId(localpart, server_name))
        if legal is not None:
            self.assertEqual(UserId.parse(str(legal)), legal)
            self.assertEqual(
                (legal.localpart, legal.server_name), (localpart, server_name)
            )

    @given(st.text(max_size=40))
    def test_what_parses_passes(self, localpart: str) -> None:
        """A historical localpart is legal."""
        try:
            user_id = UserId.parse(f"@{localpart}:example.org")
        except IllegalIdentifier:
            return
        self.assertEqual(legal_user_id(user_id), user_id)


class ShownNameTests(SynchronousTestCase):
    @given(st.text(st.characters(codec=None), max_size=20))
    @example("\ud800a")
    def test_any_name_can_be_sent(self, name: str) -> None:
        """As UTF-8; proper names are not changed."""
        shown = shown_name(name)
        assert shown is not None
        shown.encode()
        self.assertEqual(len(shown), len(name))

"""Tests of who may invite by address."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import Forbidden, Misconfigured, StoreUnavailable
from mxisd.features.sender_roles import SenderRoles
from tests.features.invite_doubles import Roles
from tests.resolver.doubles import BOB_ID

BOB = str(BOB_ID)
NAMES = st.sets(st.sampled_from("abc"))


def store(*roles: str) -> Roles:
    """A store that knows Bob with these roles."""
    return Roles({BOB: set(roles)})


def down(error: Exception | None = None) -> Roles:
    """A store that cannot be asked."""
    return Roles(trouble=error or StoreUnavailable("down"))


class SenderRolesTests(SynchronousTestCase):
    def judge(self, required: set[str], *stores: Roles) -> str:
        """What is said of Bob."""
        judging = Deferred.fromCoroutine(SenderRoles(required, stores).require(BOB_ID))
        verdicts: list[str] = []
        judging.addCallbacks(
            lambda _: verdicts.append("allowed"),
            lambda reason: verdicts.append(
                reason.trap(Forbidden, StoreUnavailable).__name__
            ),
        )
        self.successResultOf(judging)
        return verdicts[0]

    def test_everybody(self) -> None:
        """Without a required role nobody is asked, not even who would not answer."""
        store = down()
        self.assertEqual(self.judge(set(), store), "allowed")
        self.assertEqual(store.asked, [])

    def test_roles(self) -> None:
        """One of the required roles is enough, as it is written, from any store."""
        required = {"staff", "guides"}
        for stores, expected in (
            ([store("staff")], "allowed"),
            ([store("Staff")], "Forbidden"),
            ([store("staf"), store("guests", "guides")], "allowed"),
            ([Roles(), store("staff")], "allowed"),
            ([store(), Roles()], "Forbidden"),
            ([], "Forbidden"),
        ):
            self.assertEqual(self.judge(required, *stores), expected)

    def test_the_order(self) -> None:
        """Stores are asked in their order, and no more of them than it takes."""
        first, second, third = store("guests"), store("staff"), store("staff")
        self.assertEqual(self.judge({"staff"}, first, second, third), "allowed")
        self.assertEqual([first.asked, second.asked], [[BOB], [BOB]])
        self.assertEqual(third.asked, [])

    def test_a_store_that_cannot_be_asked(self) -> None:
        """It refuses nobody; whom another one allows does not need it."""
        for stores, expected in (
            ([down(), store("staff")], "allowed"),
            ([store("staff"), down()], "allowed"),
            ([down(), store("guests")], "StoreUnavailable"),
            ([store("guests"), down()], "StoreUnavailable"),
            ([down(), down()], "StoreUnavailable"),
            ([down(Misconfigured("a", "b")), store()], "StoreUnavailable"),
        ):
            self.assertEqual(self.judge({"staff"}, *stores), expected)

    def test_a_fault(self) -> None:
        """What is no outage is not taken for one."""
        judging = SenderRoles({"staff"}, [down(ZeroDivisionError())]).require(BOB_ID)
        self.failureResultOf(Deferred.fromCoroutine(judging), ZeroDivisionError)

    @given(NAMES, st.lists(st.none() | NAMES, max_size=4))
    def test_the_rule(self, required: set[str], answers: list[set[str] | None]) -> None:
        """Allowed by what is known, else not known if there is a gap, else refused."""
        stores = [down() if each is None else store(*each) for each in answers]
        known = set().union(*filter(None, answers))
        expected = "Forbidden"
        if not required or required & known:
            expected = "allowed"
        elif None in answers:
            expected = "StoreUnavailable"
        self.assertEqual(self.judge(required, *stores), expected)

    def test_the_refusal_says_why(self) -> None:
        """And what to do; whoever has a role in any store does not read it."""
        roles = SenderRoles({"staff"}, [store("staff", "a"), store("b")])
        self.successResultOf(Deferred.fromCoroutine(roles.require(BOB_ID)))
        refusing = SenderRoles({"staff"}, [store("a")]).require(BOB_ID)
        failure = self.failureResultOf(Deferred.fromCoroutine(refusing), Forbidden)
        self.assertEqual(
            str(failure.value),
            "Inviting by e-mail address or phone number needs a role here that you do "
            "not have; you can invite by user ID, or ask your administrator for the "
            "role.",
        )

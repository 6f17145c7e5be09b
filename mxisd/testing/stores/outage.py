# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""The suite for back ends that may be away."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid
from mxisd.testing.stores.contract import StoreContract
from mxisd.testing.stores.people import (
    ALICE,
    ALICE_MAIL,
    ALICE_PHONE,
    BOB_MAIL,
    NOBODY_MAIL,
    PEOPLE,
)


class OutageContract(StoreContract):
    """For stores whose back end may be away: nothing counts as absent then."""

    async def store_without_backend(self) -> Store:
        """Give a store that knew :data:`PEOPLE` before its back end went away."""
        raise NotImplementedError

    async def test_outage_is_no_absence(self) -> None:
        """Each capability says that it could not answer, also when asked again."""
        store = await self.store_without_backend()
        for name, ask in _all_questions_to(store).items():
            for _ in range(2):
                with self.assertRaises(StoreUnavailable, msg=name):
                    await ask()

    async def test_withdrawn_question_has_no_answer(self) -> None:
        """What is cancelled ends with an error, not as if nobody had been found."""
        store = await self.store_with(PEOPLE)
        for name, ask in _all_questions_to(store).items():
            asking = Deferred.fromCoroutine(ask())
            if asking.called:
                continue  # there at once, as in memory
            asking.cancel()
            with self.assertRaises((CancelledError, StoreUnavailable), msg=name):
                await asking


def _all_questions_to(store: Store) -> dict[str, Any]:
    questions = questions_to(store)
    if (lookup := store.lookup) is not None:
        many = frozenset([ALICE_MAIL, ALICE_PHONE, BOB_MAIL, NOBODY_MAIL])
        questions["lookup of many"] = lambda: lookup.lookup(many)
    return questions


def questions_to(store: Store) -> dict[str, Any]:
    """One question to each capability that the store has."""

    async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
        """Take it."""

    who, term = ALICE.user_id, ("alice", SearchBy.NAME, 10, ALICE.user_id)
    questions: dict[str, Any] = {}
    if (lookup := store.lookup) is not None:
        questions["lookup"] = lambda: lookup.lookup(frozenset([ALICE_MAIL]))
    if (source := store.associations) is not None:
        questions["associations"] = lambda: source.associations(put)
    if (login := store.authenticator) is not None:
        questions["authenticator"] = lambda: login.authenticate(who, Secret("secret"))
    if (directory := store.directory) is not None:
        questions["directory"] = lambda: directory.search(*term)
    if (profile := store.profile) is not None:
        questions["profile"] = lambda: profile.profile(who)
    return questions

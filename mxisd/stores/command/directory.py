"""Searches in the user directory by programs."""

from collections.abc import Mapping

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IDirectory
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, SearchBy
from mxisd.stores.command.questions import Question


@implementer(IDirectory)
@frozen
class ExecDirectory:
    """Asks the program for a kind of search; without one nobody is found."""

    questions: Mapping[SearchBy, Question]

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Hits in the order of the program, each user once."""
        question = self.questions.get(by)
        if question is None or not term.strip():
            return DirectoryPage()
        values = {
            "type": by.value,
            "query": term.strip(),
            "searcher": str(searcher),
            "limit": limit,
        }
        answer = await question.ask(values)
        hits = question.read(question.output.hits, answer.text)
        found: dict[UserId, DirectoryEntry] = {}
        left_out = 0
        for hit in hits.entries:
            user_id = None if hit is None else question.users.shown(hit[0])
            if hit is None or user_id is None:
                left_out += 1
            else:
                found.setdefault(user_id, DirectoryEntry(user_id, hit[1]))
        question.command.report_left_out(left_out)
        is_limited = hits.is_limited or len(found) > limit
        return DirectoryPage(tuple(found.values())[:limit], is_limited)

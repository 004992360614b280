"""What the teacher chooses from: the groups of a question with all their answers, nameless."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment, Question
from app.classroom import answers, misconceptions
from app.classroom.groups import Grouping, find
from app.classroom.misconceptions import Pick
from app.classroom.models import Board
from app.scheme.types import Kind

MOST_ANSWERS = 60
"""Different answers of a group that the page lists."""


@dataclass(frozen=True, slots=True)
class Said:
    """The same answer of `times` papers."""

    text: str
    times: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A group to pick: its answers, the most frequent first; `more` further ones are not listed.

    `shown` says that screens show it. `words` are what its answers share; `count` 0 is a pick whose group is gone;
    `right`: its number is right, its unit or form is not.
    """

    key: str
    label: str
    shown: bool
    words: tuple[str, ...]
    count: int
    share: int
    answers: tuple[Said, ...]
    more: int
    right: bool

    @property
    def id(self) -> str:
        """The group's id in the page."""
        return "g" + hashlib.sha256(self.key.encode()).hexdigest()[:10]


@dataclass(frozen=True, slots=True)
class Tab:
    """A question to look at: `wrong` answers below full points, `on` when screens show it."""

    question: Question
    wrong: int
    on: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A question's groups: those shown first, in their order on the screens. `stamp` is what the teacher's choice was
    when the page was made."""

    tabs: tuple[Tab, ...]
    question: Question | None
    choices: tuple[Choice, ...]
    others: tuple[Said, ...]
    others_more: int
    total: int
    stamp: str

    @property
    def others_count(self) -> int:
        """How many answers are in no group."""
        return sum(each.times for each in self.others) + self.others_more


async def page(session: AsyncSession, assignment: Assignment, board: Board, question_id: int | None) -> Page:
    """The page of a question; without one, of that on the screens, else of the one with most wrong answers."""
    wrong = await answers.counts(session, assignment.id)
    tabs = tuple(
        Tab(each, wrong.get(each.id, 0), each.id == board.question_id) for each in assignment.questions
    )
    question = next((tab.question for tab in tabs if tab.question.id == question_id), None) or _first(tabs)
    if question is None:
        return Page(tabs, None, (), (), 0, 0, stamp(board))
    texts = await answers.wrong(session, question.id)
    made = await misconceptions.grouping(question, texts)
    picks = [pick for pick in misconceptions.picks_of(board) if pick.question_id == question.id]
    others, more = _said(made.others, texts)
    return Page(
        tabs, question, _choices(question, picks, made, texts), others, more, len(texts), stamp(board)
    )


def stamp(board: Board) -> str:
    """A digest of what the teacher chose: two who choose at once notice each other by it."""
    said = json.dumps([board.question_id, board.picked], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _first(tabs: Sequence[Tab]) -> Question | None:
    on = next((tab.question for tab in tabs if tab.on), None)
    # Essays last: a class seldom says the same in them.
    return (
        on or max(tabs, key=lambda tab: (tab.question.kind != Kind.ESSAY, tab.wrong)).question
        if tabs
        else None
    )


def _choices(
    question: Question, picks: Sequence[Pick], made: Grouping, texts: Sequence[str]
) -> tuple[Choice, ...]:
    found = find([pick.key for pick in picks], made.groups)
    taken = {each.key for each in found.values()}
    free = [Pick(0, each.key, shown=False) for each in made.groups if each.key not in taken]
    groups = {**{each.key: each for each in made.groups}, **found}
    rows = []
    for pick in (*picks, *free):
        members = groups[pick.key].members if pick.key in groups else ()
        words = groups[pick.key].words if pick.key in groups else misconceptions.words_of(pick.key)
        listed, more = _said(members, texts)
        share = round(100 * len(members) / len(texts)) if texts else 0
        key = groups[pick.key].key if pick.key in groups else pick.key
        right = misconceptions.is_right(question, key)
        rows.append(Choice(pick.key, pick.label, pick.shown, words, len(members), share, listed, more, right))
    shown = [row for row in rows if row.shown]
    hidden = sorted((row for row in rows if not row.shown), key=lambda row: (-row.count, row.key))
    return (*shown, *hidden)


def _said(members: Sequence[int], texts: Sequence[str]) -> tuple[tuple[Said, ...], int]:
    """The different answers of some papers, the most frequent first, and how many papers' are not listed."""
    counted = Counter(" ".join(texts[place].split()) for place in members)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    listed = tuple(Said(text, times) for text, times in ordered[:MOST_ANSWERS])
    return listed, len(members) - sum(each.times for each in listed)

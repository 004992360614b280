"""What the teacher's page of the quiz shows: the round on the screens, its answers as they arrive, earlier rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment, Question
from app.classroom import quiz, quiz_groups, quiz_store
from app.classroom.models import QuizRound, Verdict
from app.classroom.quiz_board import Clock, address_of, clock_of, link_of
from app.classroom.quiz_groups import OTHERS, SMALLEST, Bar, Group
from app.classroom.quiz_options import Choices
from app.classroom.quiz_store import Tally
from app.i18n import N_, Text
from app.scheme.types import Kind

VERDICTS = {
    Verdict.RIGHT: Text(N_("right")),
    Verdict.PARTLY: Text(N_("partly right")),
    Verdict.WRONG: Text(N_("wrong")),
    Verdict.UNSURE: Text(N_("not judged")),
    Verdict.WAITING: Text(N_("being looked at")),
}
KINDS = {
    Kind.CHOICE: Text(N_("Choice")),
    Kind.TEXT: Text(N_("Short answer")),
    Kind.BLANK: Text(N_("A word or two")),
    Kind.NUMBER: Text(N_("A number")),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A group as the teacher sees it. `label` is its name on the screens, None while it is not picked; `few` hides it
    there all the same."""

    key: str
    said: str
    count: int
    percent: int
    verdicts: Mapping[Verdict, int]
    examples: Sequence[tuple[str, int]]
    label: str | None
    few: bool

    @property
    def more(self) -> int:
        """Answers of the group that are not among the examples."""
        return self.count - sum(number for _, number in self.examples)


@dataclass(frozen=True, slots=True)
class Panel:
    """One round: `shown` is whether the room sees the answers; `newest` whether it is the one on the screens."""

    asked: QuizRound
    newest: bool
    open: bool
    shown: bool
    clock: Clock | None
    address: str
    link: str
    choices: Choices | None
    answered: int
    verdicts: Mapping[Verdict, int]
    bars: Sequence[Bar]
    rows: Sequence[Row]
    others: Sequence[Tally]
    others_count: int

    @property
    def judged(self) -> bool:
        """Whether anything is right or wrong here: an opinion is not."""
        return bool(self.asked.references)


@dataclass(frozen=True, slots=True)
class Past:
    """A line of the list of rounds."""

    asked: QuizRound
    prompt: str
    answered: int
    right: int | None


@dataclass(frozen=True, slots=True)
class View:
    """The whole of the page below the form."""

    panel: Panel | None
    following: Question | None
    rounds: Sequence[Past]


async def view_of(db: AsyncSession, assignment: Assignment, round_id: int | None = None) -> View | None:
    """The page's values, on the newest round or on the one asked for; None when that is not the assignment's."""
    rounds = await quiz_store.rounds(db, assignment.id)
    newest = rounds[0] if rounds else None
    asked = newest
    if round_id is not None and (newest is None or round_id != newest.id):
        asked = await quiz_store.of_assignment(db, round_id, assignment.id)
        if asked is None:
            return None
    counts = await quiz_store.counts(db, [each.id for each in rounds])
    past = [_past(each, counts.get(each.id, {})) for each in rounds]
    panel = await _panel(db, asked, asked is newest) if asked is not None else None
    return View(panel, quiz.following(assignment.questions, newest), past)


async def _panel(db: AsyncSession, asked: QuizRound, newest: bool) -> Panel:
    verdicts = (await quiz_store.counts(db, [asked.id])).get(asked.id, {})
    answered = sum(verdicts.values())
    clock = clock_of(asked, await quiz_store.now(db))
    choice = quiz_groups.is_choice(asked)
    groups = quiz_groups.Groups() if choice else await quiz_groups.groups(db, asked)
    is_open = asked.closed_at is None and (clock is None or clock.left > 0)
    return Panel(
        asked=asked,
        newest=newest,
        open=is_open,
        shown=asked.revealed_at is not None,
        clock=clock if is_open else None,
        address=address_of(asked),
        link=link_of(asked),
        choices=quiz.choices(asked) if choice else None,
        answered=answered,
        verdicts=verdicts,
        bars=await quiz_groups.bars(db, asked) if choice else (),
        rows=_rows(asked, groups.groups, answered),
        others=groups.others[:OTHERS],
        others_count=groups.others_count,
    )


def _rows(asked: QuizRound, groups: Sequence[Group], answered: int) -> list[Row]:
    """The picked groups in their order, then the others by size; a pick whose group is gone stays, empty."""
    labels = {str(each["key"]): str(each["label"]) for each in asked.picked}
    by_key = {each.key: each for each in groups}
    gone = Group("", "", 0, {}, ())
    order = [*labels, *(each.key for each in groups if each.key not in labels)]
    return [
        _row(key, by_key.get(key, gone), labels.get(key), answered)
        for key in order
        if key in labels or by_key
    ]


def _row(key: str, group: Group, label: str | None, answered: int) -> Row:
    return Row(
        key=key,
        said=group.said or label or "",
        count=group.count,
        percent=round(100 * group.count / answered) if answered else 0,
        verdicts=group.verdicts,
        examples=group.examples,
        label=label,
        few=group.count < SMALLEST,
    )


def _past(asked: QuizRound, verdicts: Mapping[Verdict, int]) -> Past:
    prompt = quiz.choices(asked).stem if quiz_groups.is_choice(asked) else asked.prompt
    right = verdicts.get(Verdict.RIGHT, 0) if asked.references else None
    return Past(asked, prompt, sum(verdicts.values()), right)

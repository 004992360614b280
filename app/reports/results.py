"""What a class has reached in an assignment: read in three queries, whatever its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment, Question
from app.marks.models import MarkState
from app.marks.order import natural
from app.reports import grades, statistics


@dataclass(frozen=True, slots=True)
class Line:
    """One paper, or one student without any (`paper_id` None); `number` and `name` are "" for a paper of nobody.

    `states` and `points` go by question: a MarkState, "" where there is no mark. `total` adds up what is there;
    `complete` says that nothing is missing: only then there are a `percent` (0..100) and a `grade`.
    """

    paper_id: int | None
    file_name: str
    number: str
    name: str
    states: tuple[str, ...]
    points: tuple[float | None, ...]
    total: float
    complete: bool
    percent: float | None
    grade: str
    double: bool = False

    @property
    def known(self) -> bool:
        """Whether it is a student's."""
        return bool(self.number or self.name)

    @property
    def any(self) -> bool:
        """Whether something has points or was looked at."""
        return any(self.states)

    @property
    def needs(self) -> int:
        """How many questions wait for the teacher."""
        return self.states.count(MarkState.NEEDS_TEACHER)


@dataclass(frozen=True, slots=True)
class Lost:
    """One criterion: how many answers have points for it, how many lost some, and how much in all."""

    question: str
    number: int
    text: str
    maximum: float
    count: int
    losing: int
    lost: float

    @property
    def share(self) -> float:
        """The lost part of what could be had, 0..1."""
        return self.lost / (self.maximum * self.count) if self.maximum > 0 and self.count else 0.0


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One question with its figures; `blank` answers are empty or were not found, `needs` wait for the teacher."""

    id: int
    label: str
    maximum: float
    item: statistics.Item
    blank: int
    needs: int


@dataclass(frozen=True, slots=True)
class Results:
    """All of it. `lines` are papers of students, then `missing` students without one, and `unknown` papers.

    Figures are over the students' papers; totals, distribution and grades over the complete ones of them.
    """

    title: str
    class_name: str
    maximum: float
    grade_lines: Mapping[str, float]
    questions: tuple[QuestionRow, ...]
    lines: tuple[Line, ...]
    missing: tuple[Line, ...]
    unknown: tuple[Line, ...]
    spread: statistics.Spread | None
    bins: tuple[int, ...]
    grade_counts: Mapping[str, int]
    lost: tuple[Lost, ...] = field(default_factory=tuple)

    @property
    def incomplete(self) -> int:
        """How many students' papers have no whole total yet."""
        return sum(not line.complete for line in self.lines)


# Students and papers side by side; a student without a paper and a paper without a student each get a line.
_LINES = text(
    """
    with p as (select id, student_id, file_name from papers where assignment_id = :assignment),
    s as (select id, number, name from students where class_id = :class),
    m as (
        select m.paper_id, array_agg(m.question_id) as questions, array_agg(m.state) as states,
            array_agg(m.points) as points
        from marks m join p on p.id = m.paper_id group by m.paper_id
    )
    select p.id, coalesce(p.file_name, '') as file_name, coalesce(s.number, '') as number,
        coalesce(s.name, '') as name, m.questions, m.states, m.points
    from s full join p on p.student_id = s.id left join m on m.paper_id = p.id
    """
)
_BLANK = text(
    """
    select a.question_id, count(*)
    from paper_answers a join papers p on p.id = a.paper_id
    where p.assignment_id = :assignment and p.student_id is not null and (not a.found or a.text !~ '[^[:space:]]')
    group by a.question_id
    """
)
_LOST = text(
    """
    select m.question_id, c.place, count(*) as count, sum((c.entry ->> 'points')::float8) as points,
        count(*) filter (
            where (c.entry ->> 'points')::float8
                < (q.criteria -> (c.place - 1)::int ->> 'points')::float8 - 1e-9
        ) as losing
    from marks m
    join papers p on p.id = m.paper_id
    join questions q on q.id = m.question_id
    cross join lateral jsonb_array_elements(m.criteria) with ordinality as c(entry, place)
    where p.assignment_id = :assignment and p.student_id is not null and c.entry ->> 'points' is not null
        and c.place <= jsonb_array_length(q.criteria)
    group by m.question_id, c.place
    """
)

# Every change of a row gives it another xmin, so this changes with any of them, and costs no reading of JSON.
_STAMP = text(
    """
    select
        (select bit_xor(hashtextextended(p.id || '.' || p.xmin, 1)) from papers p where p.assignment_id = :assignment),
        (select bit_xor(hashtextextended(s.id || '.' || s.xmin, 2)) from students s where s.class_id = :class),
        (select bit_xor(hashtextextended(m.id || '.' || m.xmin, 3))
            from marks m join papers p on p.id = m.paper_id where p.assignment_id = :assignment),
        (select bit_xor(hashtextextended(a.id || '.' || a.xmin, 4))
            from paper_answers a join papers p on p.id = a.paper_id where p.assignment_id = :assignment)
    """
)


async def stamp(session: AsyncSession, assignment: Assignment) -> tuple[object, ...]:
    """A value that changes with everything that `load` reads, in one query that is cheap beside it."""
    wanted = {"assignment": assignment.id, "class": assignment.class_id}
    rows = (await session.execute(_STAMP, wanted)).one()
    lines = tuple(sorted(assignment.grade_lines.items()))
    return (assignment.id, assignment.title, assignment.scheme_version, lines, *rows)


async def load(session: AsyncSession, assignment: Assignment, class_name: str = "") -> Results:
    """The results of an assignment whose questions are loaded."""
    wanted = {"assignment": assignment.id}
    found = (await session.execute(_LINES, {**wanted, "class": assignment.class_id})).all()
    blanks = {row[0]: int(row[1]) for row in await session.execute(_BLANK, wanted)}
    lost = (await session.execute(_LOST, wanted)).all()
    return summarise(assignment, class_name, found, blanks, lost)


def summarise(
    assignment: Assignment,
    class_name: str,
    found: Sequence[Any],
    blanks: Mapping[int, int],
    lost: Sequence[Any],
) -> Results:
    """The figures of what was read."""
    questions = assignment.questions
    maximum = sum(question.points for question in questions)
    lines = sorted(
        (_line(row, questions, maximum, assignment.grade_lines) for row in found),
        key=lambda line: (natural(line.number), natural(line.name), natural(line.file_name)),
    )
    mine = _doubles([line for line in lines if line.paper_id is not None and line.known])
    whole = [line for line in mine if line.complete]
    levels = [line.grade for line in whole]
    return Results(
        title=assignment.title,
        class_name=class_name,
        maximum=maximum,
        grade_lines=assignment.grade_lines,
        questions=tuple(_question(place, question, mine, blanks) for place, question in enumerate(questions)),
        lines=tuple(mine),
        missing=tuple(line for line in lines if line.paper_id is None),
        unknown=tuple(line for line in lines if line.paper_id is not None and not line.known),
        spread=statistics.spread([line.total for line in whole]),
        bins=tuple(statistics.distribution(line.percent / 100 for line in whole if line.percent is not None)),
        grade_counts={level: levels.count(level) for level in grades.ALL},
        lost=_lost(questions, lost),
    )


def _line(row: Any, questions: Sequence[Question], maximum: float, lines: Mapping[str, float]) -> Line:
    marks = {
        question: (state, points)
        for question, state, points in zip(
            row.questions or (), row.states or (), row.points or (), strict=True
        )
    }
    pairs = [marks.get(question.id, ("", None)) for question in questions]
    points = tuple(pair[1] for pair in pairs)
    total = round(sum(value for value in points if value is not None), 6)
    complete = bool(points) and None not in points
    percent = total / maximum * 100 if complete and maximum > 0 else None
    return Line(
        paper_id=row.id,
        file_name=row.file_name,
        number=row.number,
        name=row.name,
        states=tuple(pair[0] for pair in pairs),
        points=points,
        total=total,
        complete=complete,
        percent=percent,
        grade=grades.grade_of(percent, lines),
    )


def _doubles(lines: Sequence[Line]) -> list[Line]:
    """The same lines, those of a student with several papers marked."""
    papers = Counter(line.number for line in lines)
    return [replace(line, double=True) if papers[line.number] > 1 else line for line in lines]


def _question(
    place: int, question: Question, lines: Sequence[Line], blanks: Mapping[int, int]
) -> QuestionRow:
    return QuestionRow(
        id=question.id,
        label=question.label,
        maximum=question.points,
        item=statistics.item(
            [line.points[place] for line in lines],
            question.points,
            [line.total if line.complete else None for line in lines],
        ),
        blank=blanks.get(question.id, 0),
        needs=sum(line.states[place] == MarkState.NEEDS_TEACHER for line in lines),
    )


def _lost(questions: Sequence[Question], rows: Sequence[Any]) -> tuple[Lost, ...]:
    """Criteria that lost points, the largest share first."""
    by_id = {question.id: question for question in questions}
    found = []
    for row in rows:
        question = by_id[row.question_id]
        criterion = question.criteria[row.place - 1]
        most = float(criterion["points"])
        lost = round(max(0.0, most * row.count - row.points), 6)
        if lost > 0:
            found.append(
                Lost(question.label, row.place, criterion["text"], most, row.count, row.losing, lost)
            )
    return tuple(sorted(found, key=lambda entry: (-entry.share, -entry.lost, entry.question, entry.number)))

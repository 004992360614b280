"""Everything that is kept about a pupil, as one JSON value: what `data.json` of an export holds.

Only what is theirs: of other pupils nothing is read, neither as candidates for a paper nor as examples for a model.
Names of teachers stand beside what they did. Texts of the engine are in the language that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment, Question
from app.classes.models import Student
from app.i18n import Text
from app.marks import store as marks
from app.marks.models import Mark, MarkChange, Run, RunPaper, RunQuestion
from app.marks.review import change_view
from app.papers import pages as all_pages
from app.papers.models import Paper, PaperAnswer, PaperPage, SentImage
from app.upkeep.pupil_pages import held_by_others
from app.upkeep.pupils import Pupil

FORMAT = 1  # raised when a key of the JSON changes its meaning or goes


async def collect(session: AsyncSession, pupil: Pupil, language: str) -> dict[str, Any]:
    """What is kept about a pupil; times are ISO 8601 in UTC, points in the scheme's own."""
    student = await session.get(Student, pupil.id)
    assert student is not None
    found = (
        await session.scalars(select(Paper).where(Paper.student_id == pupil.id).order_by(Paper.id))
    ).all()
    return {
        "format": FORMAT,
        "made_at": _iso(datetime.now(UTC)),
        "student": {
            "class": pupil.class_name,
            "class_id": pupil.class_id,
            "number": student.number,
            "name": student.name,
            "on_roster_since": _iso(student.created_at),
        },
        "papers": [await _paper(session, paper, language) for paper in found],
    }


async def _paper(session: AsyncSession, paper: Paper, language: str) -> dict[str, Any]:
    assignment = await session.get(Assignment, paper.assignment_id)
    assert assignment is not None
    questions = (
        await session.scalars(
            select(Question).where(Question.assignment_id == assignment.id).order_by(Question.position)
        )
    ).all()
    people = await marks.names(session, [paper.uploaded_by] if paper.uploaded_by is not None else [])
    answers = await marks.answers(session, paper.id)
    rows = await all_pages.of_paper(session, paper.id)
    sources = dict.fromkeys([paper.storage_key, *(row.source_key for row in rows)])
    others = await held_by_others(session, sources, [row.id for row in rows], [paper.id])
    return {
        "id": paper.id,
        "assignment": {"id": assignment.id, "title": assignment.title},
        "file_name": paper.file_name,
        "file": None,  # where it lies in the archive; set when it is put there
        "file_of_others": paper.storage_key in others,  # a scan with papers of others in it stays where it is
        "storage_key": None if paper.storage_key in others else paper.storage_key,
        "size": paper.size,
        "sha256": paper.sha256,
        "uploaded_at": _iso(paper.created_at),
        "uploaded_by": people.get(paper.uploaded_by or 0),
        "state": paper.state,
        "problem": _text(paper.problem, language),
        "match": paper.match,
        "pages": [page["text"] for page in paper.pages or ()],
        "read_pages": [await _page(session, row, row.source_key in others, language) for row in rows],
        "questions": [
            _question(question, answers.get(question.id), marked, language)
            for question, marked in zip(
                questions, await _marks(session, paper.id, questions, language), strict=True
            )
        ],
        "runs": await _runs(
            session, paper.id, {question.id: question.label for question in questions}, language
        ),
        "kept_model_answers": [],  # what a model said of it and the cache still has
    }


async def _page(session: AsyncSession, page: PaperPage, of_others: bool, language: str) -> dict[str, Any]:
    """A page as it was read; `source` and `picture` are storage keys until the files are in the archive."""
    left = await session.scalars(select(SentImage).where(SentImage.page_id == page.id).order_by(SentImage.id))
    return {
        "source_name": page.source_name,
        "source_page": page.source_page,
        "source": None if of_others else page.source_key,
        "source_key": page.source_key,
        "picture": page.image_key,
        "read_by": page.by,
        "text": page.text,
        "earlier_readings": page.readings,
        "crossed_out": [each[0] for each in page.struck],
        "confidence": page.confidence,
        "warnings": [_text(each, language) for each in page.warnings],
        "sent_to_models": [
            {
                "at": _iso(entry.at),
                "to": entry.endpoint,
                "model": entry.model,
                "for": entry.purpose,
                "outcome": entry.outcome,
                "places_painted_over": entry.masked,
                "picture": entry.image_key,
            }
            for entry in left
        ],
    }


def _question(
    question: Question, answer: PaperAnswer | None, mark: Mapping[str, Any] | None, language: str
) -> dict[str, Any]:
    """A question with what the pupil answered and the mark of it; no reference answers, they are the teacher's."""
    return {
        "label": question.label,
        "prompt": question.prompt,
        "points": question.points,
        "answer": answer.text if answer is not None and answer.found else None,
        "mark": mark,
    }


async def _marks(
    session: AsyncSession, paper_id: int, questions: Sequence[Question], language: str
) -> list[dict[str, Any] | None]:
    """The mark of each question, None where there is none."""
    by_question = await marks.of_paper(session, paper_id)
    history = await marks.history(session, [mark.id for mark in by_question.values()], most=100_000)
    deciders = {mark.decided_by for mark in by_question.values() if mark.decided_by is not None}
    people = await marks.names(session, deciders)
    return [
        _mark(question, mark, history.get(mark.id, []), people, language)
        if (mark := by_question.get(question.id)) is not None
        else None
        for question in questions
    ]


def _mark(
    question: Question,
    mark: Mark,
    history: Sequence[tuple[MarkChange, str | None]],
    people: Mapping[int, str],
    language: str,
) -> dict[str, Any]:
    criteria = []
    for number, entry in enumerate(mark.criteria):
        wanted = question.criteria[number] if number < len(question.criteria) else {}
        kept = {key: entry.get(key) for key in ("points", "proposed", "quote", "comment")}
        criteria.append({"text": wanted.get("text"), "most": wanted.get("points"), **kept})
    return {
        "state": mark.state,
        "points": mark.points,
        "proposed": mark.proposed,
        "reason": _text(mark.reason, language),
        "confidence": mark.confidence,
        "criteria": criteria,
        "feedback": mark.feedback,
        "grader": mark.grader,
        "scheme_version": mark.scheme_version,
        "graded_at": _iso(mark.graded_at),
        "decided_by": people.get(mark.decided_by or 0),
        "decided_at": _iso(mark.decided_at),
        "history": [_change(change, who, language) for change, who in reversed(history)],
    }


def _change(change: MarkChange, who: str | None, language: str) -> dict[str, Any]:
    """One change of a mark; `by` null is the engine, `words` are for the page."""
    view = change_view(change, who)
    words = [
        each.render(language) if isinstance(each, Text) else each
        for each in (view.what, view.before, view.after)
    ]
    return {
        "at": _iso(change.at),
        "by": who,
        "what": change.what,
        "before": change.before,
        "after": change.after,
        "words": words,
        "taken_back": view.undo,
    }


async def _runs(
    session: AsyncSession, paper_id: int, labels: Mapping[int, str], language: str
) -> list[dict[str, Any]]:
    """The runs that took up the paper, and by question what the grading of it used; cost is in US dollars."""
    rows = await session.execute(
        select(Run, RunPaper)
        .join(RunPaper, RunPaper.run_id == Run.id)
        .where(RunPaper.paper_id == paper_id)
        .order_by(Run.id)
    )
    used: dict[int, list[dict[str, Any]]] = {}
    for each in await session.scalars(
        select(RunQuestion)
        .where(RunQuestion.paper_id == paper_id)
        .order_by(RunQuestion.run_id, RunQuestion.question_id)
    ):
        used.setdefault(each.run_id, []).append(
            {
                "label": labels.get(each.question_id),
                "graded_at": _iso(each.graded_at),
                "tokens_in": each.tokens_in,
                "tokens_out": each.tokens_out,
                "cost": each.cost,
            }
        )
    return [
        {
            "id": run.id,
            "grader": run.grader,
            "began_at": _iso(run.created_at),
            "ended_at": _iso(run.finished_at),
            "state": row.state,
            "problem": _text(row.problem, language),
            "questions": used.get(run.id, []),
        }
        for run, row in rows
    ]


def _text(value: Mapping[str, Any] | None, language: str) -> str | None:
    """A stored Text in a language."""
    return None if value is None else Text.from_json(value).render(language)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")

"""One paper under review, as values ready to be shown: answers with their quotes, criteria, points, history."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Question
from app.db import Json
from app.i18n import N_, Text
from app.marks import decide, regrade, store
from app.marks.models import Mark, MarkChange, MarkState
from app.marks.picture import Located, Pictures, Quote, Sheet
from app.marks.segments import Segment, Span, differing, place, segments
from app.papers.models import Paper, PaperAnswer

BUTTONS = {0.5: 7, 1.0: 11}  # how many buttons a row has at most, by their step
UNGRADED = "ungraded"  # the state of a question without a mark

_WHAT = {
    "points": N_("Points given"),
    "state": N_("State"),
    "feedback": N_("Feedback"),
    "answer": N_("Answer as read"),
    "criterion points": N_("Criterion {number}, points"),
    "criterion comment": N_("Criterion {number}, comment"),
}
_STATES = {
    "graded": N_("proposed"),
    "needs_teacher": N_("needs the teacher"),
    "decided": N_("decided"),
}
_TONES = {"graded": "pencil", "needs_teacher": "ask", "decided": "red"}
_CRITERION = re.compile(r"criterion (\d+) (points|comment)")


@dataclass(frozen=True, slots=True)
class Choice:
    """A button for points: its value as the form sends it, and how it looks: "", "pencil" or "red"."""

    value: str
    tone: str


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One criterion of one answer. `points` and `proposed` are words ("" for none), `tone` that of the points."""

    position: int
    number: int
    text: str
    most: str
    points: str
    proposed: str
    tone: str
    changed: bool
    quote: str
    quote_lost: bool
    comment: str
    typed: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One line of the history; `who` None is the engine."""

    at: datetime
    who: str | None
    what: Text
    before: str | Text
    after: str | Text
    undo: bool


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One question of the paper. `state` is a MarkState or UNGRADED, `tone` the ink of its points.

    `points` are words: "–" while the teacher is needed, with what is given so far in `so_far`. `was` are fingerprints
    of what the form's fields show as stored. `problem` is what was
    wrong with what the teacher has just sent; the fields then hold what was typed and not what is stored. `sheets` are
    the parts of the pages that hold the answer; `corrected`: the answer was read otherwise after it was decided.
    """

    id: int
    label: str
    kind: str
    prompt: str
    references: tuple[str, ...]
    most: str
    state: str
    tone: str
    value: float | None
    maximum: float
    points: str
    so_far: str
    proposed: str
    changed: bool
    version: int
    was: str
    answer: tuple[Segment, ...]
    found: bool
    blank: bool
    reason: Json | None
    confidence: int | None
    grader: str
    feedback: str
    criteria: tuple[CriterionView, ...]
    history: tuple[ChangeView, ...]
    outdated: bool
    decided_by: str
    decided_at: datetime | None
    can_accept: bool
    can_reopen: bool
    can_undo: bool
    problem: Text | None = None
    sheets: tuple[Sheet, ...] = ()
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What a teacher typed that was not stored: by criterion points and comments, and the feedback."""

    points: Mapping[int, str] = field(default_factory=dict)
    comments: Mapping[int, str] = field(default_factory=dict)
    feedback: str | None = None
    problem: Text | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """The paper's sum in words. `open` questions have no points yet: then the sum is a lower bound ("32+")."""

    points: str
    most: str
    percent: str
    open: int
    needs: int
    proposed: int
    decided: int
    tone: str


def figure(value: float | None) -> str:
    """Points as a form writes them: 3, 2.5, 0.333; "" for none."""
    return "" if value is None else f"{value:.6g}"


def fingerprint(text: str) -> str:
    """A short name for what a field showed, the same for every way that browsers send line breaks."""
    return f"{zlib.crc32(text.replace(chr(13), '').strip().encode()):08x}"


def _was(entries: Sequence[Mapping[str, Any]], feedback: str) -> str:
    """What the fields of a question's form show, as stored: "name=fingerprint" for each."""
    shown = {"feedback": feedback}
    for position, entry in enumerate(entries):
        shown[f"points-{position}"] = figure(entry.get("points"))
        shown[f"comment-{position}"] = str(entry.get("comment") or "")
    return " ".join(f"{name}={fingerprint(text)}" for name, text in shown.items())


async def questions(
    session: AsyncSession,
    paper: Paper,
    rows: Sequence[Question],
    user_id: int,
    drafts: Mapping[int, Draft] | None = None,
    pictures: Pictures | None = None,
) -> list[QuestionView]:
    """All questions of a paper in the scheme's order, in four queries; `drafts` by question id.

    `pictures` are the paper's, None where it has none or they are not those of its text.
    """
    marks = await store.of_paper(session, paper.id)
    answers = await store.answers(session, paper.id)
    history = await store.history(session, [mark.id for mark in marks.values()])
    names = await store.names(session, (m.decided_by for m in marks.values() if m.decided_by))

    def views() -> list[QuestionView]:
        return [
            question_view(
                row,
                marks.get(row.id),
                answers.get(row.id),
                history.get(marks[row.id].id, []) if row.id in marks else [],
                names,
                user_id,
                (drafts or {}).get(row.id, Draft()),
                pictures,
            )
            for row in rows
        ]

    # Finding the words of a long paper's answers takes a good part of a second.
    return await asyncio.to_thread(views) if pictures is not None else views()


def question_view(
    question: Question,
    mark: Mark | None,
    answer: PaperAnswer | None,
    history: Sequence[tuple[MarkChange, str | None]],
    names: Mapping[int, str],
    user_id: int,
    draft: Draft,
    pictures: Pictures | None = None,
) -> QuestionView:
    """One question with its mark, if there is one."""
    text = answer.text if answer else ""
    entries = list(mark.criteria[: len(question.criteria)]) if mark else []
    entries += [{}] * (len(question.criteria) - len(entries))
    state = UNGRADED if mark is None or (mark.version == 0 and not mark.grader) else mark.state
    places = [place(text, str(e.get("quote") or ""), e.get("start", 0)) for e in entries]
    criteria = tuple(
        _criterion(position, question, entry, places[position], state, draft)
        for position, entry in enumerate(entries)
    )
    given = [entry["points"] for entry in entries if entry.get("points") is not None]
    points = mark.points if mark else None
    proposed = mark.proposed if mark else None
    confidence = mark.confidence if mark else None
    return QuestionView(
        id=question.id,
        label=question.label,
        kind=question.kind,
        prompt=question.prompt,
        references=tuple(str(each) for each in question.references),
        most=figure(question.points),
        state=state,
        tone=_TONES.get(state, ""),
        value=points,
        maximum=question.points,
        points=figure(points) or "–",
        so_far=figure(sum(given)) if given and points is None else "",
        proposed=figure(proposed),
        changed=state == MarkState.DECIDED and proposed is not None and proposed != points,
        version=mark.version if mark else 0,
        was=_was(entries, mark.feedback if mark else ""),
        answer=segments(text, [Span(*at, number) for number, at in enumerate(places, 1) if at]),
        found=answer is not None and answer.found,
        blank=answer is not None and answer.found and not text.strip(),
        reason=mark.reason if mark and state == MarkState.NEEDS_TEACHER else None,
        confidence=None if confidence is None else round(confidence * 100),
        grader=mark.grader if mark else "",
        feedback=draft.feedback if draft.feedback is not None else (mark.feedback if mark else ""),
        criteria=criteria,
        history=tuple(change_view(change, who) for change, who in history),
        outdated=mark is not None and bool(mark.grader) and mark.scheme_version < question.version,
        decided_by=names.get(mark.decided_by or 0, "") if mark else "",
        decided_at=mark.decided_at if mark else None,
        can_accept=mark is not None and state != MarkState.DECIDED and decide.can_accept(mark, question),
        can_reopen=state == MarkState.DECIDED,
        can_undo=bool(decide.last_step([change for change, _ in history], user_id)),
        problem=draft.problem,
        sheets=_sheets(pictures, answer, places),
        corrected=regrade.changed_since_decided(mark, history),
    )


def _sheets(
    pictures: Pictures | None, answer: PaperAnswer | None, places: Sequence[tuple[int, int] | None]
) -> tuple[Sheet, ...]:
    if pictures is None or answer is None:
        return ()
    return pictures.of_answer(answer.spans, _quotes(places))


def _quotes(places: Sequence[tuple[int, int] | None]) -> list[Quote]:
    return [Quote(number, *at) for number, at in enumerate(places, 1) if at]


async def located(session: AsyncSession, paper: Paper, rows: Sequence[Question]) -> list[Located]:
    """What a paper answers and which words carry points, in the scheme's order; for its whole pages."""
    answers, marks = await store.answers(session, paper.id), await store.of_paper(session, paper.id)
    found = []
    for row in rows:
        answer, mark = answers.get(row.id), marks.get(row.id)
        if answer is None:
            continue
        entries = mark.criteria if mark else []
        places = [place(answer.text, str(e.get("quote") or ""), e.get("start", 0)) for e in entries]
        decided = mark is not None and mark.state == MarkState.DECIDED
        found.append(Located(row.label, answer.spans, _quotes(places), decided))
    return found


def _criterion(
    position: int,
    question: Question,
    entry: Mapping[str, Any],
    at: tuple[int, int] | None,
    state: str,
    draft: Draft,
) -> CriterionView:
    most = float(question.criteria[position]["points"])
    points, proposed = entry.get("points"), entry.get("proposed")
    # Before everything is decided, points that the engine did not propose can only be the teacher's.
    red = points is not None and state != MarkState.GRADED
    tone = "red" if red else ("pencil" if points is not None or proposed is not None else "")
    quote = str(entry.get("quote") or "")
    return CriterionView(
        position=position,
        number=position + 1,
        text=str(question.criteria[position]["text"]),
        most=figure(most),
        points=figure(points),
        proposed=figure(proposed),
        tone=tone,
        changed=red and proposed is not None and proposed != points,
        quote=quote,
        quote_lost=bool(quote) and at is None,
        comment=draft.comments.get(position, str(entry.get("comment") or "")),
        typed=draft.points.get(position, figure(points)),
        choices=tuple(
            Choice(figure(value), _choice_tone(value, points, proposed, red))
            for value in choices(most, proposed, points)
        ),
    )


def _choice_tone(value: float, points: float | None, proposed: float | None, red: bool) -> str:
    if points is not None and abs(value - points) < 1e-9:
        return "red" if red else "pencil"
    return "pencil" if proposed is not None and abs(value - proposed) < 1e-9 else ""


def choices(most: float, *others: float | None) -> tuple[float, ...]:
    """The points that get a button: 0 to the most in steps of a half, or of one where that would be too many.

    `others` (what was proposed, what counts) get one as well, wherever they lie.
    """
    step = next((step for step in (0.5, 1.0) if most / step < BUTTONS[step]), most)
    values = {index * step for index in range(int(most / step + 1e-9) + 1)} if most > 0 else {0.0}
    return tuple(sorted(values | {most} | {value for value in others if value is not None}))


def total(views: Sequence[QuestionView]) -> Total:
    """The paper's sum."""
    most = sum(view.maximum for view in views)
    points = sum(view.value for view in views if view.value is not None)
    states = [view.state for view in views]
    open_ = sum(view.value is None for view in views)
    needs, decided = states.count(MarkState.NEEDS_TEACHER), states.count(MarkState.DECIDED)
    return Total(
        points="–" if open_ == len(views) else f"{figure(round(points, 6))}{'+' if open_ else ''}",
        most=figure(most),
        percent="" if open_ or not most else f"{points / most * 100:.0f}%",
        open=open_,
        needs=needs,
        proposed=states.count(MarkState.GRADED),
        decided=decided,
        tone="ask" if open_ else ("red" if decided == len(views) else "pencil"),
    )


def change_view(change: MarkChange, who: str | None) -> ChangeView:
    """One change for reading; `who` None is the engine."""
    undo = change.what.startswith(decide.UNDO)
    what = change.what.removeprefix(decide.UNDO)
    found = _CRITERION.fullmatch(what)
    text = Text(_WHAT[f"criterion {found[2]}"], {"number": int(found[1])}) if found else None
    before, after = _value(what, change.before), _value(what, change.after)
    if what == decide.ANSWER:
        before, after = differing(str(change.before or ""), str(change.after or ""))
    return ChangeView(
        at=change.at,
        who=who,
        what=text or Text(_WHAT.get(what, what)),
        before=before,
        after=after,
        undo=undo,
    )


def _value(what: str, value: str | None) -> str | Text:
    if value is None or value == "":
        return "–"
    return Text(_STATES[value]) if what == "state" and value in _STATES else value

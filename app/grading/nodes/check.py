"""check: nothing reaches the teacher as a mark that does not hold: bounds, steps, sums, quotes, one mark a
question.

`check_mark` looks at one mark and is applied inside the `grade` task, before anyone is told. The node
`check` looks at the whole paper.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from app.grading.engine import Engine
from app.grading.nodes.values import PaperState
from app.grading.packing import pack_mark, unpack_answer, unpack_mark
from app.grading.state import Answer, CriterionMark, MarkState, QuestionMark, needs_teacher
from app.i18n import Text
from app.scheme.types import Question

log = logging.getLogger(__name__)

# Marks are in steps of at least 0.01; this is far below one and far above what adding floats loses.
EPSILON = 1e-6

# Steps tried in this order where a scheme gives points that are no multiple of the usual step.
FINER_STEPS = (0.25, 0.1, 0.05, 0.01)


def check_mark(
    question: Question, answer: Answer, mark: QuestionMark, step: float = 0.5, needs_quotes: bool = True
) -> QuestionMark:
    """The mark if it holds, else the question handed to the teacher with what was wrong.

    A graded mark holds when it is for this question, has one entry for every criterion with points between
    0 and the criterion's in multiples of `step` (finer where the scheme's own points are, and all of a
    criterion's points always), its
    points are their sum, every quote stands in the answer at its offsets, and every entry with points has
    one.

    `needs_quotes=False` lifts the last rule alone, for a computed verdict on an answer that equals the
    reference as a whole. A blank answer has no points and so needs no quote. A confidence outside 0..1 is
    dropped. A needs_teacher mark passes, without points, without entries or quotes that do not hold.
    """
    mark = _tidy(question, mark)
    if mark.state is MarkState.NEEDS_TEACHER:
        return replace(
            mark,
            points=None,
            reason=mark.reason or Text("The grader came to no result."),
            criteria=_holding(question, answer, mark),
        )
    fault = _fault(question, answer, mark, step, needs_quotes)
    if fault is None:
        return replace(mark, reason=None, criteria=tuple(sorted(mark.criteria, key=lambda c: c.position)))
    return replace(
        mark,
        state=MarkState.NEEDS_TEACHER,
        points=None,
        confidence=None,
        reason=fault,
        criteria=_holding(question, answer, mark),
    )


def _tidy(question: Question, mark: QuestionMark) -> QuestionMark:
    """The mark under the question's own kind and maximum, with a confidence that means something or none."""
    confidence = mark.confidence
    if confidence is not None and not 0 <= confidence <= 1:  # also true of NaN
        confidence = None
    return replace(mark, kind=str(question.kind), max=question.points, confidence=confidence)


def _fault(
    question: Question, answer: Answer, mark: QuestionMark, step: float, needs_quotes: bool
) -> Text | None:
    """The first thing that is wrong with a graded mark."""
    if mark.label != question.label:
        return Text("The grader answered for question {other}.", {"other": mark.label})
    if sorted(entry.position for entry in mark.criteria) != list(range(len(question.criteria))):
        return Text("The grader did not give exactly one entry for every criterion.")
    step = grid(question, step)
    for entry in mark.criteria:
        fault = _entry_fault(question, answer, entry, step, needs_quotes)
        if fault is not None:
            return fault
    total = sum(entry.points for entry in mark.criteria)
    if mark.points is None or not abs(mark.points - total) <= EPSILON:
        return Text("The grader's points do not add up.")
    if mark.points > question.points + EPSILON:
        return Text("The grader gave more points than the question has.")
    return None


def _entry_fault(
    question: Question, answer: Answer, entry: CriterionMark, step: float, needs_quotes: bool
) -> Text | None:
    number = {"number": entry.position + 1}
    most = question.criteria[entry.position].points
    if not (math.isfinite(entry.points) and -EPSILON <= entry.points <= most + EPSILON):
        return Text("The points for criterion {number} are out of bounds.", number)
    if abs(entry.points - most) > EPSILON and not _is_multiple(entry.points, step):
        return Text("The points for criterion {number} are not in steps of {step}.", number | {"step": step})
    if not _quote_stands(answer, entry):
        return Text("The words quoted for criterion {number} are not in the answer.", number)
    if needs_quotes and entry.points > EPSILON and not entry.quote.strip():
        return Text("The points for criterion {number} rest on no words of the answer.", number)
    return None


def grid(question: Question, step: float) -> float:
    """The step of a question's marks: `step`, or a finer one where the scheme's own points are finer (1.25, 0.3)."""
    finer = (size for size in (step, *FINER_STEPS) if size <= step)
    fitting = (s for s in finer if all(_is_multiple(c.points, s) for c in question.criteria))
    return next(fitting, min(step, FINER_STEPS[-1]))


def _is_multiple(points: float, step: float) -> bool:
    return abs(points / step - round(points / step)) * step <= EPSILON


def _quote_stands(answer: Answer, entry: CriterionMark) -> bool:
    """Whether the quote is the answer's text at its offsets ("" stands at 0, 0 only)."""
    if not entry.quote:
        return entry.start == 0 and entry.end == 0
    inside = 0 <= entry.start < entry.end <= len(answer.text)
    return inside and answer.text[entry.start : entry.end] == entry.quote


def _holding(question: Question, answer: Answer, mark: QuestionMark) -> tuple[CriterionMark, ...]:
    """The entries of a doubtful mark that can be shown: the first of a criterion, in bounds, false quotes
    removed.
    """
    if mark.label != question.label:
        return ()
    kept: dict[int, CriterionMark] = {}
    for entry in mark.criteria:
        if not 0 <= entry.position < len(question.criteria) or entry.position in kept:
            continue
        most = question.criteria[entry.position].points
        if not (math.isfinite(entry.points) and 0 <= entry.points <= most + EPSILON):
            continue
        good = _quote_stands(answer, entry)
        kept[entry.position] = entry if good else replace(entry, quote="", start=0, end=0)
    return tuple(kept[position] for position in sorted(kept))


def settle(question: Question, marks: list[QuestionMark]) -> QuestionMark:
    """The one mark of a question: the one made, or the teacher's task when there is none or more than one."""
    if len(marks) == 1:
        return marks[0]
    log.error("question %s has %d marks", question.label, len(marks))
    reason = Text("No mark was made.") if not marks else Text("The question was graded more than once.")
    return needs_teacher(question.label, str(question.kind), question.points, reason)


async def check(state: PaperState, runtime: Runtime[Engine]) -> dict[str, Any]:
    """Every question in scope has exactly one mark, and the sink knows it.

    A mark that the sink could not take while it was made is told here; when that fails again the run fails,
    with every mark checkpointed.
    """
    engine = runtime.context
    answers = {data["label"]: data for data in state["located"]["answers"]}
    checked = []
    for label in state["labels"]:
        made = [entry for entry in state.get("made", []) if entry["mark"]["label"] == label]
        mark = settle(engine.questions[label], [unpack_mark(entry["mark"]) for entry in made])
        if len(made) != 1 or not made[0]["told"]:
            await engine.sink.marked(unpack_answer(answers[label]), mark)
        checked.append(pack_mark(mark))
    return {"checked": checked}

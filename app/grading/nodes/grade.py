"""grade: one question of one paper, from its answer to a checked mark that the sink has been told of."""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import replace
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from app.grading.engine import Engine, held, transient
from app.grading.model import GradeOptions, Stopped
from app.grading.nodes.check import check_mark
from app.grading.nodes.values import GradeTask
from app.grading.packing import pack_mark, unpack_answer
from app.grading.state import Answer, CriterionMark, MarkState, QuestionMark, needs_teacher
from app.i18n import N_, ProblemError, Text
from app.scheme.types import Question

log = logging.getLogger(__name__)

NOTHING_WRITTEN = N_("Nothing was written.")
BLANK_COMMENT = N_("blank")
BLANK_GRADER = "nothing-written"

# How often a sink that cannot take a mark is asked again at once, and how long it gets, in seconds.
SINK_PAUSES = (0.2, 1.0)


async def grade(state: GradeTask, runtime: Runtime[Engine]) -> dict[str, Any]:
    """One entry of the state's `made`.

    The gate is asked with the permit in hand: of a thousand waiting questions none starts after a pause.
    Anything that stops this question waits for its siblings (`held`).
    """
    engine = runtime.context
    answer = unpack_answer(state["answer"])
    async with held(), engine.limit:
        await engine.gate.check()
        await _announce(engine, answer.label)
        mark = await propose(engine, engine.questions[answer.label], answer)
    told = await _tell(engine, answer, mark)
    return {"made": [{"mark": pack_mark(mark), "told": told}]}


async def propose(engine: Engine, question: Question, answer: Answer) -> QuestionMark:
    """The checked mark for an answer. Raises only `Stopped`."""
    if not answer.found:
        reason = Text("No answer to question {label} was found in this paper.", {"label": question.label})
        return needs_teacher(question.label, str(question.kind), question.points, reason)
    if answer.blank:
        return blank_mark(question, engine.options)
    graders, options = engine.graders, engine.options
    doubt: QuestionMark | None = None
    checker = graders.computed.get(question.kind)
    if checker is not None:
        mark = await _ask(question, answer, checker.grade(question, answer, options), needs_quotes=False)
        # A verdict was computed, or there is no one else to ask. Otherwise the model is told why there is
        # none.
        if mark.state is MarkState.GRADED or not (options.use_model and graders.model):
            return mark
        doubt = mark
    if options.use_model and graders.model is not None:
        facts = doubt.reason if doubt else None
        mark = await _ask(question, answer, graders.model.grade(question, answer, options, facts=facts))
        return outranked(mark, doubt) if doubt else mark
    return await _ask(question, answer, graders.local.grade(question, answer, options))


def outranked(mark: QuestionMark, doubt: QuestionMark) -> QuestionMark:
    """The model's mark with the criteria that the checker was sure of, before it doubted others, put back."""
    if mark.state is not MarkState.GRADED or not doubt.criteria:
        return mark
    sure = {entry.position: entry for entry in doubt.criteria}
    criteria = tuple(sure.get(entry.position, entry) for entry in mark.criteria)
    return replace(mark, criteria=criteria, points=sum(entry.points for entry in criteria))


def blank_mark(question: Question, options: GradeOptions) -> QuestionMark:
    """No points where nothing was written: a fact, not an estimate.

    It carries no confidence: a reader that misses faint handwriting also finds nothing, and that was not
    measured.
    """
    comment = Text(BLANK_COMMENT).render(options.feedback_language)
    return QuestionMark(
        label=question.label,
        kind=str(question.kind),
        max=question.points,
        state=MarkState.GRADED,
        points=0.0,
        criteria=tuple(
            CriterionMark(position, 0.0, comment=comment) for position in range(len(question.criteria))
        ),
        feedback=Text(NOTHING_WRITTEN).render(options.feedback_language),
        grader=BLANK_GRADER,
    )


async def _ask(question: Question, answer: Answer, proposal: Any, needs_quotes: bool = True) -> QuestionMark:
    """A grader's proposal, checked; a grader that fails hands the question to the teacher."""
    try:
        mark = await proposal
        return check_mark(question, answer, mark, needs_quotes=needs_quotes)
    except (Stopped, GraphBubbleUp):
        raise
    except ProblemError as error:
        reason = error.text
    except Exception as error:
        # The message may repeat the student's words, so neither the log nor the teacher's page gets it.
        kind = type(error).__name__
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "grading question %s (%s) failed: %s in %s:%s",
            question.label, question.kind, kind, place.name, place.lineno,
        )  # fmt: skip
        reason = Text("The grader failed: {error}", {"error": kind})
    return needs_teacher(question.label, str(question.kind), question.points, reason)


async def _announce(engine: Engine, label: str) -> None:
    """Tell that a question is being graded; it is only news, so its loss stops nothing."""
    try:
        await engine.sink.grading(label)
    except (Stopped, GraphBubbleUp):
        raise
    except Exception as error:
        log.warning("the sink did not take that %s is being graded: %s", label, type(error).__name__)


async def _tell(engine: Engine, answer: Answer, mark: QuestionMark) -> bool:
    """Whether the sink took the mark. If not, the mark is kept all the same and told by the `check` node."""
    for pause in (*SINK_PAUSES, None):
        try:
            await engine.sink.marked(answer, mark)
            return True
        except Exception as error:
            log.warning("the sink did not take the mark of %s: %s", answer.label, type(error).__name__)
            if pause is None or not transient(error):
                return False
            await asyncio.sleep(pause)
    return False

"""The model grader: asks a model for one structured marking, believes nothing, asks once more when it is faulty.

What comes out is either points that each stand on a quote found in the answer, or "needs the teacher" with
the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.grading.asking import most_alike, prompts, repair, reply_schema
from app.grading.judging import Judgement, judge, restored
from app.grading.masking import NOBODY, Names
from app.grading.model import ChatModel, ChatReply, GradeOptions, Marks, ModelError
from app.grading.replies import BilledModelError
from app.grading.state import Answer, MarkState, QuestionMark, needs_teacher
from app.i18n import Text
from app.scheme.types import Question

LONGEST_ANSWER = 20_000
"""Characters of an answer that are sent; a longer one is a paper that was split wrongly, not an answer."""

ATTEMPTS = 2
"""Calls for one answer: the first, and one that mends it. Who fails twice tends to fail again, at a price."""


@dataclass(slots=True)
class _Bill:
    """What the calls for one answer have cost together."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    def add(self, reply: ChatReply) -> None:
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.cost += reply.cost

    def facts(self) -> dict[str, Any]:
        return {"tokens_in": self.tokens_in, "tokens_out": self.tokens_out, "cost": self.cost}


class ModelGrader:
    """Marks one answer with a model. Keeps nothing between answers.

    `names` are the people whose names and numbers the model must not see.
    """

    name = "model"

    def __init__(self, chat: ChatModel, marks: Marks, names: Names = NOBODY) -> None:
        self._chat = chat
        self._marks = marks
        self._names = names

    async def grade(
        self, question: Question, answer: Answer, options: GradeOptions, facts: Text | None = None
    ) -> QuestionMark:
        """The proposal for one answer; `facts` is what was computed about it, and the model may not contradict it.

        Never raises for what a student wrote or a model answered: the state is then needs_teacher.
        `confidence` is the model's own word; only calibration makes it worth something.
        """
        bill = _Bill()
        if len(answer.text) > LONGEST_ANSWER:
            return self._to_teacher(
                question, Text("The answer has {count} characters, too many for one question",
                               {"count": len(answer.text)}), bill,
            )  # fmt: skip
        try:
            judgement = await self._ask(question, answer.text, options, facts, bill)
        except BilledModelError as error:
            bill.add(error.reply)
            return self._to_teacher(question, error.text, bill)
        except ModelError as error:
            return self._to_teacher(question, error.text, bill)
        # Suspicion first: an answer that gives orders may well be what broke the reply.
        doubts = [doubt for doubt in (_suspicion(answer.text), *judgement.problems) if doubt is not None]
        if doubts:
            return self._to_teacher(question, doubts[0], bill, judgement)
        return QuestionMark(
            label=question.label,
            kind=question.kind.value,
            max=question.points,
            state=MarkState.GRADED,
            points=sum(mark.points for mark in judgement.criteria),
            confidence=judgement.confidence,
            criteria=judgement.criteria,
            feedback=judgement.feedback,
            grader=self.name,
            **bill.facts(),
        )

    async def _ask(
        self, question: Question, text: str, options: GradeOptions, facts: Text | None, bill: _Bill
    ) -> Judgement:
        """The judgement of the first reply without faults, or of the last one."""
        earlier = most_alike(await self._marks.earlier(question), text)
        masker = self._names.mask(question)
        system, user, fence = prompts(question, text, options, earlier, facts, masker)
        # Judged by what the model saw; the quotes are then cut from what the student wrote.
        seen = masker.hide(text)
        schema, asked = reply_schema(question), user
        said = []
        for attempt in range(1, ATTEMPTS + 1):
            said.append(asked)
            reply = await self._chat.complete(system, asked, schema)
            bill.add(reply)
            judgement = judge(reply.content, question, seen)
            if not judgement.problems or attempt == ATTEMPTS:
                break
            asked = repair(user, reply.content, judgement.problems, fence)
        if judgement.problems:
            # Or the teacher's next run would get the same faulty answers again.
            for words in said:
                await self._chat.distrust(system, words, schema)
        return restored(judgement, text)

    def _to_teacher(
        self, question: Question, reason: Text, bill: _Bill, judgement: Judgement | None = None
    ) -> QuestionMark:
        """Hand over with what was proposed before the doubt."""
        judgement = judgement or Judgement()
        return needs_teacher(
            question.label, question.kind.value, question.points, reason, judgement.criteria,
            feedback=judgement.feedback, confidence=judgement.confidence, grader=self.name, **bill.facts(),
        )  # fmt: skip


def _suspicion(text: str) -> Text | None:
    """Why a text looks as if it spoke to the marker instead of answering; None when it does not."""
    from app.grading.suspicion import suspicious  # here: its patterns are compiled with the first answer only

    return suspicious(text)

"""The local text grader: no model, no network, no key. What the answer shares with the references and the criteria, set
against the marks that the teacher has given to other answers of the same question.

Three rules hold the proposal together:

- The question's total comes first, from `calibration.QuestionModel`. It is rounded to the teacher's own step (half a
  mark until the marks show another) and then falls to the criteria by likeness (`passages.apportion`); their sum is
  the total.
- Points need words. A criterion that no clause of the answer resembles gets nothing, and the total is lowered to what
  the others can hold. Where the teacher's marks speak for half of the points or more and not one clause can be quoted,
  the teacher decides.
- Answers that address the grader, repeat the question or pile up words go to the teacher, whatever they would score.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock

from app.grading.calibration import Prediction, QuestionModel, snap, step_of
from app.grading.likeness import asked, normalise, words
from app.grading.model import EarlierMark, GradeOptions, Marks
from app.grading.passages import Passage, Scent, apportion
from app.grading.state import Answer, CriterionMark, MarkState, QuestionMark, needs_teacher
from app.grading.suspicion import copies_prompt, piles_words, suspicious
from app.i18n import Text
from app.scheme.types import Question

MODELS_KEPT = 32
"""Questions whose features stay in memory; one with 20 marks takes some 2 MB, with 300 some 15 MB."""

STRICTNESS_SHIFT = 0.05
"""Share of the maximum that a strictness of 1 adds and of 3 takes away while the teacher has marked nothing; the
teacher's own marks outweigh it, so with k marks it shrinks by 1 / (1 + k / 5)."""

GOOD_SHARE = 0.8
"""Share of the maximum from which an earlier answer serves to show what carries points."""

MOST_GOOD = 12
"""Such answers that are used."""

MISSED_SHARE = 0.5
"""Share of a criterion's points below which the feedback names it."""

LONGEST_NAME = 60
"""Characters of a criterion's text in the feedback."""

MOST_NAMED = 3
"""Criteria that the feedback names."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is kept for a question and its earlier marks."""

    model: QuestionModel
    scent: Scent
    step: float


class LocalGrader:
    """Implements `Grader` for text and essay. Safe to use from several tasks and threads."""

    name = "local"

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._kept: OrderedDict[tuple[Question, bytes], _Prepared] = OrderedDict()
        self._lock = Lock()

    async def grade(self, question: Question, answer: Answer, options: GradeOptions) -> QuestionMark:
        """The proposal for this answer; the counting happens in a thread, off the event loop."""
        earlier = await self._marks.earlier(question)
        return await asyncio.to_thread(self.mark, question, answer, earlier, options)

    def mark(
        self, question: Question, answer: Answer, earlier: Sequence[EarlierMark], options: GradeOptions
    ) -> QuestionMark:
        """The same, synchronously, from given earlier marks: some milliseconds, more when they are new."""
        reason = suspicious(answer.text) or _empty_show(question, answer.text)
        if reason:
            return self._refuse(question, reason)
        if question.points <= 0:
            return self._refuse(question, Text("The question gives no points."))
        prepared = self._prepared(question, earlier)
        if prepared.model.blind:
            return self._refuse(
                question,
                Text(
                    "There is nothing to compare the answer with: no reference, no criteria, no earlier marks."
                ),
            )
        return self._propose(question, answer, prepared, options)

    def _propose(
        self, question: Question, answer: Answer, prepared: _Prepared, options: GradeOptions
    ) -> QuestionMark:
        prediction = prepared.model.predict(answer.text)
        wanted = _total(question, prediction, prepared.step, options.strictness)
        found = prepared.scent.find(answer.text)
        if _unsupported(question, prediction, wanted, found):
            return self._refuse(
                question,
                Text(
                    "Your earlier marks suggest {points} of {max} points, but no words of this answer carry them.",
                    {"points": f"{wanted:g}", "max": f"{question.points:g}"},
                ),
            )
        criteria = apportion(question, answer.text, wanted, found)
        points = round(sum(mark.points for mark in criteria), 4)
        return QuestionMark(
            label=question.label,
            kind=str(question.kind),
            max=question.points,
            state=MarkState.GRADED,
            points=points,
            confidence=round(prepared.model.confidence(prediction, points), 3),
            criteria=criteria,
            feedback=feedback(question, criteria, options.feedback_language),
            grader=self.name,
        )

    def _refuse(self, question: Question, reason: Text) -> QuestionMark:
        return needs_teacher(question.label, str(question.kind), question.points, reason, grader=self.name)

    def _prepared(self, question: Question, earlier: Sequence[EarlierMark]) -> _Prepared:
        key = (question, fingerprint(earlier))
        with self._lock:
            kept = self._kept.get(key)
            if kept:
                self._kept.move_to_end(key)
                return kept
        # Built outside the lock: two threads may build the same one, which costs time and harms nothing.
        prepared = _prepare(question, earlier)
        with self._lock:
            self._kept[key] = prepared
            while len(self._kept) > MODELS_KEPT:
                self._kept.popitem(last=False)
        return prepared


def fingerprint(earlier: Sequence[EarlierMark]) -> bytes:
    """16 bytes that differ when any answer, mark or their order does."""
    digest = blake2b(digest_size=16)
    for mark in earlier:
        text = mark.answer.encode("utf-8", "surrogatepass")
        digest.update(f"{len(text)}:{mark.points!r};".encode())
        digest.update(text)
    return digest.digest()


def feedback(question: Question, criteria: Sequence[CriterionMark], language: str) -> str:
    """One short sentence for the student: which criteria are missed, in the feedback's language."""
    missed = [
        _name(asked(question.criteria[mark.position]))
        for mark in criteria
        if mark.points < MISSED_SHARE * question.criteria[mark.position].points
    ]
    names = [name for name in missed if name]
    if names:
        listed = Text("; ").render(language).join(names[:MOST_NAMED])
        return Text("Not shown yet, or only in part: {criteria}.", {"criteria": listed}).render(language)
    if missed:
        return Text("Compare your answer with the reference answer.").render(language)
    if sum(mark.points for mark in criteria) >= question.points:
        return Text("All that was asked for is there.").render(language)
    return Text("Much of what was asked for is there; it can be more complete.").render(language)


def _name(text: str) -> str:
    line = " ".join(text.split()).rstrip(".。;；")
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1].rstrip() + "…"


def _prepare(question: Question, earlier: Sequence[EarlierMark]) -> _Prepared:
    model = QuestionModel(question, earlier)
    good = [mark.answer for mark in model.marks if mark.points >= GOOD_SHARE * question.points]
    return _Prepared(model, Scent(question, good[:MOST_GOOD]), step_of(model.marks, question.points))


def _total(question: Question, prediction: Prediction, step: float, strictness: int) -> float:
    shift = STRICTNESS_SHIFT * (2 - min(3, max(1, strictness))) / (1 + prediction.marks / 5)
    return snap((prediction.fraction + shift) * question.points, step, question.points)


def _unsupported(
    question: Question, prediction: Prediction, wanted: float, found: Sequence[Passage | None]
) -> bool:
    return prediction.marks > 0 and 2 * wanted >= question.points and not any(found)


def _empty_show(question: Question, text: str) -> Text | None:
    """Answers that look like much and say nothing."""
    if copies_prompt(text, question.prompt, question.references):
        return Text("The answer only repeats the question.")
    if piles_words(text, question.references):
        return Text("The answer piles up words of the reference without making sentences of them.")
    if not words(normalise(text)):
        return Text("The answer holds no words that can be compared.")
    return None

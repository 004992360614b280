"""Judging a model's reply: what of it can stand before a teacher, and what is wrong with the rest.

Every fault is a sentence that serves twice: the model reads it when it is asked again, and the teacher reads
it when the second reply is no better.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.grading.asking import figure, key
from app.grading.evidence import cuts_word, find_quote, is_copied
from app.grading.masking import MASK
from app.grading.state import CriterionMark
from app.i18n import Text
from app.scheme.types import Question

STEP = 0.5
"""Points are multiples of it, or all that a criterion gives."""

FEEDBACK_CHARACTERS = 2000
REASON_CHARACTERS = 500

_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL | re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_HIDDEN = re.compile(rf"{MASK}[{MASK}\s]*(?<={MASK})")
_EDGES = " \t\n\"'“”‘’.。…,，;；"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A reply as far as it can be used: `criteria` holds the sound marks; no `problems` means all of them are."""

    criteria: tuple[CriterionMark, ...] = ()
    feedback: str = ""
    confidence: float | None = None
    problems: tuple[Text, ...] = ()


def judge(content: str, question: Question, answer: str) -> Judgement:
    """Check a reply against the question and the answer it marks; never raises."""
    try:
        reply = _object(content)
    except ValueError as fault:
        return Judgement(problems=(fault.args[0],))
    rows = reply.get("criteria")
    if not isinstance(rows, dict):
        return Judgement(problems=(Text('The model\'s reply has no object "criteria"'),))
    problems = [*_strangers(rows, question)]
    marks = []
    for position in range(len(question.criteria)):
        mark = _criterion(rows.get(key(position)), question, position, answer)
        if isinstance(mark, Text):
            problems.append(mark)
        else:
            marks.append(mark)
    confidence = _number(reply.get("confidence"))
    if confidence is None or not 0 <= confidence <= 1:
        problems.append(Text("The model's confidence is not a number from 0 to 1"))
        confidence = None
    feedback = _clean(reply.get("feedback"), FEEDBACK_CHARACTERS)
    return Judgement(tuple(marks), feedback, confidence, tuple(problems))


def restored(judgement: Judgement, answer: str) -> Judgement:
    """A judgement of an answer with hidden names, its quotes cut from the answer itself; "…" for names in comments."""
    criteria = tuple(
        replace(mark, quote=answer[mark.start : mark.end], comment=_HIDDEN.sub("…", mark.comment))
        for mark in judgement.criteria
    )
    return replace(judgement, criteria=criteria, feedback=_HIDDEN.sub("…", judgement.feedback))


def _object(content: str) -> dict[str, Any]:
    """The reply's JSON object, without the thoughts and code fence that some models add; ValueError(Text)."""
    content = _THOUGHT.sub("", content)
    fenced = _FENCED.match(content)
    try:
        reply = json.loads(fenced[1] if fenced else content, object_pairs_hook=_unique)
    except _TwiceError as fault:
        raise ValueError(Text('The model\'s reply names "{name}" twice', {"name": str(fault)})) from None
    except (ValueError, RecursionError):
        raise ValueError(Text("The model's reply is not JSON")) from None
    if not isinstance(reply, dict):
        raise ValueError(Text('The model\'s reply has no object "criteria"'))
    return reply


class _TwiceError(Exception):
    """A JSON object names one key twice: which of the two counts is anybody's guess."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(_clean(next(name for name in names if names.count(name) > 1), 40))
    return found


def _strangers(rows: Mapping[str, Any], question: Question) -> list[Text]:
    known = {key(position) for position in range(len(question.criteria))}
    return [
        Text("The model's reply marks {criterion}, which is no criterion", {"criterion": _clean(name, 40)})
        for name in rows
        if name not in known
    ]


def _criterion(row: object, question: Question, position: int, answer: str) -> CriterionMark | Text:
    """The mark for one criterion, or what is wrong with it."""
    name, most = key(position), question.criteria[position].points
    if not isinstance(row, dict):
        return Text("The model's reply leaves out criterion {criterion}", {"criterion": name})
    points = _number(row.get("points"))
    if points is None:
        return Text("The model's points for {criterion} are not a number", {"criterion": name})
    if not 0 <= points <= most:
        return Text(
            "The model gives {points} points for {criterion}, which allows 0 to {most}",
            {"points": figure(points), "criterion": name, "most": figure(most)},
        )
    if points != most and not (points / STEP).is_integer():
        return Text(
            "The model gives {points} points for {criterion}; points go in steps of 0.5",
            {"points": figure(points), "criterion": name},
        )
    comment = _clean(row.get("reason"), REASON_CHARACTERS)
    if points == 0:
        return _without_points(row.get("quote"), position, answer, comment)
    return _with_points(row.get("quote"), question, position, points, answer, comment)


def _without_points(quote: object, position: int, answer: str, comment: str) -> CriterionMark:
    """No points: a quote may show why, but nothing hangs on it, so one that is not there is dropped."""
    start, end = _locate(quote, answer) or (0, 0)
    return CriterionMark(position, 0.0, answer[start:end], start, end, comment)


def _with_points(
    quote: object, question: Question, position: int, points: float, answer: str, comment: str
) -> CriterionMark | Text:
    name = {"criterion": key(position)}
    if not isinstance(quote, str) or not any(character.isalnum() for character in quote):
        return Text("The model gives points for {criterion} without quoting the answer", name)
    span = _locate(quote, answer)
    if span is None:
        return Text("The model's quote for {criterion} is not in the answer", name)
    if cuts_word(answer, span):
        return Text("The model's quote for {criterion} cuts a word in two", name)
    start, end = span
    if is_copied(answer[start:end], question):
        return Text("The model's quote for {criterion} only repeats the question", name)
    return CriterionMark(position, points, answer[start:end], start, end, comment)


def _locate(quote: object, answer: str) -> tuple[int, int] | None:
    """Where the answer holds the quote, or the quote without the marks that models put around it."""
    if not isinstance(quote, str):
        return None
    return find_quote(quote, answer) or find_quote(quote.strip(_EDGES), answer)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _clean(value: object, most: int) -> str:
    """A sentence of the model's as it may be stored: no control characters (PostgreSQL refuses NUL), short."""
    return _UNPRINTABLE.sub("", value).strip()[:most] if isinstance(value, str) else ""

"""The rules that a marking scheme must keep, checked after reading a text and after every edit of the table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from app.i18n import Text
from app.scheme.choices import choice_letters, is_truth
from app.scheme.clean import one_line
from app.scheme.notes import Note, Severity
from app.scheme.numbers import plain_decimal, read_number
from app.scheme.types import Kind, Question, Scheme

MAX_QUESTIONS = 500
MAX_POINTS = 10_000.0  # for one question; more is a slip of the keyboard
MAX_CRITERIA = 100  # of one question
MIN_POINTS = 0.001
MAX_LABEL = 40  # characters
_GAP = re.compile(r"_{2,}|＿+|[(（]\s+[)）]|[(（]_{1,}[)）]|﹍{2,}")
_SLACK = 1e-6  # marks: sums of thirds and tenths are exact to far less


def gaps(prompt: str) -> int:
    """How many gaps a prompt shows: runs of two or more low lines, or brackets around nothing but spaces."""
    return len(_GAP.findall(prompt))


def problems(scheme: Scheme) -> tuple[Note, ...]:
    """Every broken rule. A note's `line` is the question's place in the scheme from 1, 0 for the whole scheme."""
    return tuple(
        Note(position, text, severity) for position, rule in _rules(scheme) for severity, text in rule
    )


def agree(first: float, second: float) -> bool:
    """Whether two sums of points are the same, but for floating point."""
    return abs(first - second) <= _SLACK


_Remark = tuple[Severity, Text]


def _rules(scheme: Scheme) -> Iterator[tuple[int, Iterator[_Remark]]]:
    yield 0, _whole(scheme)
    seen: set[str] = set()
    for position, question in enumerate(scheme.questions, 1):
        yield position, _label(question, seen)
        seen.add(one_line(question.label))
        for rule in (_points, _criteria, _KIND_RULES.get(question.kind, _free), _number_only):
            yield position, rule(question)


def _whole(scheme: Scheme) -> Iterator[_Remark]:
    if not scheme.questions:
        yield "error", Text("No question was found: number them, for example “1. … (4)”.")
    if len(scheme.questions) > MAX_QUESTIONS:
        yield "error", Text("A scheme may have at most {most} questions.", {"most": MAX_QUESTIONS})


def _label(question: Question, seen: set[str]) -> Iterator[_Remark]:
    label = one_line(question.label)
    if not label:
        yield "error", Text("A question has no label: give it a number.")
    elif len(label) > MAX_LABEL:
        yield "error", Text("The label “{label}” is too long: use at most {most} characters.",
                            {"label": label[:MAX_LABEL], "most": MAX_LABEL})  # fmt: skip
    elif label in seen:
        yield (
            "error",
            Text("Two questions have the label {label}: give one of them another.", {"label": label}),
        )


def _points(question: Question) -> Iterator[_Remark]:
    if not math.isfinite(question.points) or question.points > MAX_POINTS or 0 < question.points < MIN_POINTS:
        yield (
            "error",
            Text("Question {label}: the points are not a possible number.", {"label": question.label}),
        )
    elif question.points <= 0:
        yield "error", Text("Question {label} has no points: write them in brackets, for example (4).",
                            {"label": question.label})  # fmt: skip


def _criteria(question: Question) -> Iterator[_Remark]:
    if not question.criteria:
        yield "error", Text("Question {label} has no criterion: say what its points are given for.",
                            {"label": question.label})  # fmt: skip
        return
    if len(question.criteria) > MAX_CRITERIA:
        yield "error", Text("Question {label}: a question may have at most {most} criteria.",
                            {"label": question.label, "most": MAX_CRITERIA})  # fmt: skip
        return
    for place, criterion in enumerate(question.criteria, 1):
        values = {"label": question.label, "place": place}
        if not criterion.text.strip():
            yield "error", Text("Question {label}: criterion {place} has no text.", values)
        if not (math.isfinite(criterion.points) and criterion.points >= MIN_POINTS) and question.points > 0:
            yield "error", Text("Question {label}: criterion {place} has no points.", values)
    total = sum(criterion.points for criterion in question.criteria)
    if question.points > 0 and not agree(total, question.points):
        yield (
            "error",
            Text(
                "Question {label}: its criteria add up to {sum} points, but it gives {points}. Change one of them.",
                {"label": question.label, "sum": _shown(total), "points": _shown(question.points)},
            ),
        )


def _shown(value: float) -> str:
    return plain_decimal(round(value, 3)) if math.isfinite(value) else str(value)


def _choice(question: Question) -> Iterator[_Remark]:
    if not question.references:
        yield (
            "error",
            Text("Question {label} has no right option: write it as “= B”.", {"label": question.label}),
        )
    for reference in question.references:
        if choice_letters(reference) is None and not is_truth(reference):
            yield "error", Text("Question {label}: “{written}” is no option letter. "
                                "Write A, or BD for several, or true or false.",
                                {"label": question.label, "written": reference[:40]})  # fmt: skip


def _blank(question: Question) -> Iterator[_Remark]:
    if not any(reference.strip(" |") for reference in question.references):
        yield "error", Text("Question {label} has no answer: write one line “= answer” for each gap.",
                            {"label": question.label})  # fmt: skip
        return
    shown = gaps(question.prompt)
    if shown > 1 and shown != len(question.references):
        values = {"label": question.label, "gaps": shown, "answers": len(question.references)}
        yield (
            "warning",
            Text(
                "Question {label} shows {gaps} gaps and has {answers} answers: write one “=” line a gap.",
                values,
            ),
        )


def _number(question: Question) -> Iterator[_Remark]:
    if not question.references:
        yield "error", Text("Question {label} has no number to compare with: write it as “= 4.2”.",
                            {"label": question.label})  # fmt: skip
    for reference in question.references:
        if read_number(reference) is None:
            yield "error", Text("Question {label}: “{written}” cannot be read as a number. Write 4.2 or 4.2e3 or 3/4, "
                                "and the unit on its own line.",
                                {"label": question.label, "written": reference[:40]})  # fmt: skip
    tolerance = question.tolerance
    if tolerance is not None and not (tolerance == 0 or 1e-12 <= tolerance <= 1e12):
        yield (
            "error",
            Text("Question {label}: the tolerance is not a possible number.", {"label": question.label}),
        )


def _maths(question: Question) -> Iterator[_Remark]:
    if not question.references:
        yield "error", Text("Question {label} has no expression to compare with: write it as “= x^2 + 1”.",
                            {"label": question.label})  # fmt: skip


def _free(question: Question) -> Iterator[_Remark]:
    """Text with neither a reference nor a prompt gives a reader nothing to go by; an essay's prompt is enough."""
    if question.kind == Kind.TEXT and not question.references and len(question.criteria) <= 1:
        yield "warning", Text("Question {label} has neither a reference answer nor criteria to mark by.",
                              {"label": question.label})  # fmt: skip


def _number_only(question: Question) -> Iterator[_Remark]:
    if question.kind != Kind.NUMBER and (question.tolerance is not None or question.unit):
        yield "warning", Text("Question {label}: only number questions have a tolerance or a unit; it is left out.",
                              {"label": question.label})  # fmt: skip


_KIND_RULES: dict[Kind, Callable[[Question], Iterator[_Remark]]] = {
    Kind.CHOICE: _choice, Kind.BLANK: _blank, Kind.NUMBER: _number, Kind.MATHS: _maths,
}  # fmt: skip

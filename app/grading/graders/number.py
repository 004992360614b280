"""Numbers: the stated result of an answer, with its unit, against the reference and its tolerance."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.grading.graders.computed import (
    NO_REFERENCE,
    Span,
    all_points,
    doubt,
    gives_up,
    graded,
    no_points,
)
from app.grading.graders.quantity import Quantity, decimal_comma, quantities
from app.grading.graders.stated import COMMA, RESULT, SEVERAL, TOO_LARGE, Unclear, names_unit, read_result
from app.grading.graders.units import Unit, convert, read_unit, ready, registry, scale
from app.grading.model import GradeOptions
from app.grading.normalise import Mapped, normalise
from app.grading.state import Answer, QuestionMark
from app.i18n import N_, Text
from app.scheme.types import Criterion, Question

NO_UNIT = N_("The number is right, but its unit ({unit}) is missing")
EXTRA_UNIT = N_("The answer has a unit and the reference has none")
WRONG_UNIT = N_("The number is the reference's, but its unit measures something else")
ROUNDED = N_("The answer agrees with the reference only after rounding, and no tolerance is set")
ELSEWHERE = N_("The reference value stands in the answer, but not as its last result")
STEPS = N_("The result is wrong; the criteria may give points for the work shown")
BAD_REFERENCE = N_("The reference answer of this question could not be read as a number")

EPSILON = 1e-9
"""Relative difference that counts as equal: far above a double's rounding (2e-16) in a few unit conversions,
far below any digit that people write."""

ROUNDING = 0.05
"""Largest relative difference that may pass as rounding when no tolerance is set; such answers go to the
teacher. 9.8 for 9.81 differs by 0.1 %, a third rounded to 0.3 by 10 % (that is a wrong number)."""

_UNIT_CRITERION = re.compile(r"单位|\bunits?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Reference:
    """A reference answer: its quantity (units filled in from the question) and the unit's name as written."""

    quantity: Quantity
    unit_name: str = ""
    opaque: str = ""  # a unit that is only compared as text, such as 个

    @property
    def units(self) -> tuple[Unit, ...]:
        return self.quantity.units


class NumberGrader:
    """Marks a number with its unit.

    The result of an answer is the number after its last "=" or "≈", else its only number, else the only number
    after the last "so", 答 and the like. Units convert ("1 km" is "1000 m", °C and K by their scales).
    Tolerance: absolute in the reference's unit, or relative; without one the values must be equal (1e-9). An
    answer that agrees only after rounding to the decimals written in either, within 5 %, goes to the teacher.

    Right: every criterion in full. Wrong number: 0, but the teacher decides when several criteria beside a unit's
    own might reward work that is shown. Missing unit with the right number: the criterion that names the unit
    (单位, unit) is lost, the others are given; without such a criterion the answer is right where the question itself
    names the unit ("多少℃", "in metres"), and else the teacher decides. The right number with a unit of another
    dimension, a unit where the reference has none, an unknown unit, a range, an alternative, an unevaluated
    expression: the teacher decides. Of several numbers without a word that says which is the result, the only one
    that measures what is asked for is it, when all have units. "I don't know" is 0.
    """

    name = "number"

    async def grade(self, question: Question, answer: Answer, options: GradeOptions) -> QuestionMark:
        """The mark for the result of an answer; see the class for the rules."""
        if not question.references:
            return doubt(question, self.name, Text(NO_REFERENCE))
        if gives_up(question, answer):
            return no_points(question, answer, normalise(answer.text).whole(), self.name)
        # The first build of pint's registry takes half a second: not on the event loop.
        if not ready():
            await asyncio.to_thread(registry)
        references = [_reference(text, question.unit) for text in question.references]
        if any(reference is None for reference in references):
            return doubt(question, self.name, Text(BAD_REFERENCE))
        mapped = normalise(answer.text, fold_case=False)
        try:
            result = _result(mapped, question, answer, [reference for reference in references if reference])
            marks = [
                self._compare(question, answer, mapped, result, reference)
                for reference in references
                if reference is not None
            ]
        except Unclear as unclear:
            return doubt(question, self.name, unclear.reason)
        except (OverflowError, ValueError):
            return doubt(question, self.name, Text(TOO_LARGE))
        # The best of several references; a doubt about one outranks a zero from another.
        return max(marks, key=lambda mark: (mark.points or 0.0, mark.points is None))

    def _compare(
        self, question: Question, answer: Answer, mapped: Mapped, result: Quantity, reference: _Reference
    ) -> QuestionMark:
        span = mapped.span(result.start, result.end)
        plain = float(result.value)
        wanted = float(reference.quantity.value)
        if reference.opaque:
            return self._opaque(question, answer, mapped, result, reference)
        if bool(result.units) and not reference.units:
            return doubt(question, self.name, Text(EXTRA_UNIT))
        if reference.units and not result.units:
            if _agrees(question, plain, result, wanted, reference.quantity) is False:
                return self._wrong(question, answer, mapped, result, reference, None)
            return self._without_unit(question, answer, span, reference)
        if reference.quantity.percent != result.percent:
            return self._percent(question, answer, mapped, result, reference)
        if not reference.units:
            agrees = _agrees(question, plain, result, wanted, reference.quantity)
            return self._verdict(question, answer, mapped, result, reference, agrees)
        target = reference.units[0]
        values = {unit: value for unit in result.units if (value := convert(plain, unit, target)) is not None}
        if not values:
            if _agrees(question, plain, result, wanted, reference.quantity) is not False:
                return doubt(question, self.name, Text(WRONG_UNIT))
            if _elsewhere(mapped, result, reference.quantity):
                return doubt(question, self.name, Text(ELSEWHERE))
            return no_points(question, answer, span, self.name)
        verdicts = [
            _agrees(question, value, result, wanted, reference.quantity, scale(unit, target))
            for unit, value in values.items()
        ]
        agrees = True if True in verdicts else None if None in verdicts else False
        return self._verdict(question, answer, mapped, result, reference, agrees)

    def _verdict(
        self,
        question: Question,
        answer: Answer,
        mapped: Mapped,
        result: Quantity,
        reference: _Reference,
        agrees: bool | None,
    ) -> QuestionMark:
        span = mapped.span(result.start, result.end)
        if agrees is None:
            return doubt(question, self.name, Text(ROUNDED))
        if agrees:
            return all_points(question, answer, span, self.name)
        unit_span = mapped.span(result.unit_start, result.end) if result.units else None
        return self._wrong(question, answer, mapped, result, reference, unit_span)

    def _wrong(
        self,
        question: Question,
        answer: Answer,
        mapped: Mapped,
        result: Quantity,
        reference: _Reference,
        unit_span: Span | None,
    ) -> QuestionMark:
        """A wrong number: 0, unless the reference stands elsewhere, or work or a right unit may earn points."""
        wanted = reference.quantity
        if _elsewhere(mapped, result, wanted):
            return doubt(question, self.name, Text(ELSEWHERE))
        if wanted.value == (decimal_comma(mapped.text) if "," in mapped.text else None):
            said = mapped.text[result.start : result.end]
            return doubt(question, self.name, Text(COMMA, {"said": said}))
        span = mapped.span(result.start, result.end)
        unit_criteria = [bool(_UNIT_CRITERION.search(c.text)) for c in question.criteria]
        others_count = len(question.criteria) - sum(unit_criteria)
        worked = bool(RESULT.search(mapped.text)) and len(quantities(mapped.text) or []) > 1
        if others_count > 1 and worked:
            return doubt(question, self.name, Text(STEPS))
        given = [
            (criterion.points, unit_span) if named and unit_span and others_count else (0.0, span)
            for criterion, named in zip(question.criteria, unit_criteria, strict=True)
        ]
        return graded(question, answer, given, self.name)

    def _without_unit(
        self, question: Question, answer: Answer, span: Span, reference: _Reference
    ) -> QuestionMark:
        named = [bool(_UNIT_CRITERION.search(criterion.text)) for criterion in question.criteria]
        if not any(named) and names_unit(question.prompt, reference.units):
            return all_points(question, answer, span, self.name)
        if not any(named) or all(named):
            return doubt(question, self.name, Text(NO_UNIT, {"unit": reference.unit_name}))
        pairs: list[tuple[Criterion, bool]] = list(zip(question.criteria, named, strict=True))
        given = [(0.0 if lost else criterion.points, span) for criterion, lost in pairs]
        return graded(question, answer, given, self.name)

    def _percent(
        self, question: Question, answer: Answer, mapped: Mapped, result: Quantity, reference: _Reference
    ) -> QuestionMark:
        """A percent sign on one side only: 0.5 is 50 %, and 50 for 50 % has lost its sign."""
        wanted = float(reference.quantity.value)
        agrees = _agrees(question, float(result.value), result, wanted, reference.quantity)
        bare = result.value / 100 if reference.quantity.percent else result.value * 100
        if (
            agrees is False
            and _agrees(question, float(bare), result, wanted, reference.quantity) is not False
        ):
            if not reference.quantity.percent:
                return doubt(question, self.name, Text(EXTRA_UNIT))
            return self._without_unit(question, answer, mapped.span(result.start, result.end), reference)
        return self._verdict(question, answer, mapped, result, reference, agrees)

    def _opaque(
        self, question: Question, answer: Answer, mapped: Mapped, result: Quantity, reference: _Reference
    ) -> QuestionMark:
        """A unit that is only a word (个, apples): the word is not required, another known unit is a doubt."""
        if result.units:
            return doubt(question, self.name, Text(EXTRA_UNIT))
        wanted = float(reference.quantity.value)
        agrees = _agrees(question, float(result.value), result, wanted, reference.quantity)
        return self._verdict(question, answer, mapped, result, reference, agrees)


def _result(mapped: Mapped, question: Question, answer: Answer, references: Sequence[_Reference]) -> Quantity:
    """The stated result; of several numbers that all have units, the only one of the references' dimension.

    Raises Unclear when the result cannot be told: a value that the question gives is none.
    """
    try:
        return read_result(mapped.text)
    except Unclear as unclear:
        if unclear.reason.message == SEVERAL and (result := _before_table(mapped, answer.text)):
            return result
        wanted = {reference.units[0] for reference in references if reference.units}
        found = quantities(mapped.text) or []
        if unclear.reason.message != SEVERAL or len(wanted) != 1 or not all(q.units for q in found):
            raise
        target = next(iter(wanted))
        fitting = [q for q in found if any(convert(1.0, unit, target) is not None for unit in q.units)]
        # The same quantity twice, in the text and in its table, is one result.
        if not fitting or any(not _same_value(fitting[0], other) for other in fitting):
            raise
        given = quantities(normalise(question.prompt, fold_case=False).text) or []
        if any(_same_value(fitting[0], other) for other in given):
            raise
        return fitting[-1]


def _before_table(mapped: Mapped, original: str) -> Quantity | None:
    """The one result that stands before a table ("48 ℃, see below"); None without a table or a result."""
    rows = re.search(r"^(?:[^\t\n]*\t|[ ]*\|)", original, re.MULTILINE)
    length = sum(start < rows.start() for start in mapped.starts) if rows else 0
    try:
        return read_result(mapped.text[:length].rstrip()) if length else None
    except Unclear:
        return None


def _agrees(
    question: Question, value: float, said: Quantity, wanted: float, reference: Quantity, factor: float = 1.0
) -> bool | None:
    """Whether a value (in the reference's unit) is the wanted one: True, False, or None when only rounding helps.

    `factor` turns the answer's last written decimal into the reference's unit.
    """
    distance = abs(value - wanted)
    size = abs(wanted)
    slack = EPSILON * max(size, abs(value))
    if question.tolerance is not None:
        reach = question.tolerance * size if question.relative else question.tolerance
        return distance <= abs(reach) + slack
    if distance <= slack:
        return True
    steps = [float(reference.step)] if reference.step else []
    steps += [float(said.step) * factor] if said.step else []
    rounds = bool(steps) and distance <= max(steps) / 2 * (1 + EPSILON) and distance <= ROUNDING * size
    return None if rounds else False


def _elsewhere(mapped: Mapped, result: Quantity, wanted: Quantity) -> bool:
    """Whether another number of the answer than its result is the wanted one."""
    others = quantities(mapped.text) or []
    return any(_same_value(other, wanted) for other in others if not result.start <= other.start < result.end)


def _same_value(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are equal, units converted; a missing unit on one side is no obstacle."""
    if not one.units or not other.units:
        return one.value == other.value
    values = (convert(float(one.value), unit, other.units[0]) for unit in one.units)
    wanted = float(other.value)
    return any(value is not None and abs(value - wanted) <= EPSILON * abs(wanted) for value in values)


@lru_cache(maxsize=2048)
def _reference(text: str, unit: str | None) -> _Reference | None:
    """A reference answer with the question's unit where it names none itself; None when it is no number."""
    folded = normalise(text, fold_case=False).text
    try:
        quantity = read_result(folded)
        float(quantity.value)
    except (Unclear, OverflowError):
        return None
    if quantity.units or quantity.percent or not unit or not unit.strip():
        name = folded[quantity.unit_start : quantity.end] or ("%" if quantity.percent else "")
        return _Reference(quantity, name)
    spelled = normalise(unit, fold_case=False).text
    if spelled in ("%", "‰"):
        factor = 100 if spelled == "%" else 1000
        step = quantity.step / factor if quantity.step else None
        changed = Quantity(
            quantity.value / factor, step, (), True, quantity.start, quantity.unit_start, quantity.end
        )
        return _Reference(changed, spelled)
    units, end = read_unit(spelled, 0)
    if not units or end != len(spelled):
        return _Reference(quantity, spelled, opaque=spelled)
    filled = Quantity(
        quantity.value, quantity.step, units, False, quantity.start, quantity.unit_start, quantity.end
    )
    return _Reference(filled, spelled)

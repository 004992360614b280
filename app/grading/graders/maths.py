"""Mathematics: equivalent expressions, equations, solution sets and intervals count as the reference.

Reading happens here (pure Python, bounded); comparing happens in a worker process with a time limit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from app.grading.graders.computed import EXACT, NO_REFERENCE, Span, all_points, doubt, gives_up, no_points
from app.grading.graders.maths_meaning import names_in
from app.grading.graders.maths_parser import Node, read_maths
from app.grading.graders.maths_tokens import FUNCTIONS, Unreadable
from app.grading.model import GradeOptions
from app.grading.normalise import Mapped, comparable, normalise
from app.grading.pool import PoolCrash, PoolTimeout, ProcessPool
from app.grading.state import Answer, QuestionMark
from app.i18n import N_, Text
from app.scheme.types import Question

COMPARE = "app.grading.graders.maths_compare:compare"
"""Given to the pool by name: this process need not import sympy."""

UNREADABLE = N_("This answer could not be read as mathematics")
BAD_REFERENCE = N_("The reference answer of this question could not be read as mathematics")
LIMIT = N_("Comparing this answer with the reference took too long")
CRASH = N_("Comparing this answer with the reference failed")
REPEATS = N_("The answer repeats an expression of the question; please look whether it was worked out")
OTHER_UNIT = N_("The unit of the answer is not the reference's, or one of them has none")
ONLY_WORDS = 0.8
"""Confidence that words without any mathematics are wrong where a formula was asked for; chosen, not measured."""

WRONG_ENDS = 0.8
"""Confidence of 0 for an interval with wrong end points, where the scheme has one criterion and so gives all or
nothing; a milder teacher would see it otherwise. Chosen, not measured."""

STEPS = N_("The result is wrong; the criteria may give points for the work shown")

_REASONS = {
    "ends": N_("The interval is right but for its end points"),
    "part": N_("Part of the answer agrees with the reference, and part does not"),
    "approximate": N_("The answer is a decimal close to the exact reference"),
    "unsolved": N_("The answer is not solved for the unknown"),
    "names": N_("The answer uses other letters than the reference"),
    "shape": N_("The answer has another form than the reference and may still mean the same"),
    "reading": N_("The answer can be read in two ways, and one of them is right"),
    "elsewhere": N_("The reference stands in the answer, but not as its last result"),
    "domain": N_("The answer agrees with the reference for some values, or it could not be decided"),
    "large": N_("A number or power in this answer is too large, or it could not be worked out"),
    "bad_reference": BAD_REFERENCE,
}

_LEAD = re.compile(
    r"^(?:\s|:|=|解得?|答案?|所以|因此|故|原式|结果|化简得?|得|即|是|为|∴|∵|the\b|answers?\b|is\b|are\b|solutions?\b|result\b|so\b|"
    r"therefore\b|thus\b|hence\b|\(?\d{1,2}\)(?=\s*\S)|\d{1,2}\.\s+|[fgh]\(x\)\s*(?==))*",
    re.IGNORECASE,
)
_BORDER = re.compile(
    r"\n|∴|∵|所以|因此|故|解得|化简得|得|即|即为|therefore|thus|hence|\bso\b|=>|⇒|\.(?=\s|$)|;\s*(?=[a-z]\s*=.*;)",
    re.IGNORECASE,
)
# Units that are no product of letters; a single m or g might be a name, and pint is not asked here.
_UNIT = re.compile(
    r"(?<=[\dπ)}\]])\s*(?:(?:平方|立方)?(?:厘米|毫米|分米|千米|米|千克|克|升|毫升)|元|个|人|(?:cm|mm|dm|km|kg|mL|ml)(?:\^?[23])?)$"
)
_THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")
# What comes after the result to show that it is right.
_EXAMPLE = re.compile(
    r"[\s,;.]*(?:例如|比如|举例|检验|验算|代入检验|for example|for instance|e\.g\.|\bcheck(?:ing)?\b|test:)",
    re.IGNORECASE,
)
# Between statements that are the steps of one formula.
_STEP = re.compile(r"[,;](?=[^,;]*[=<>≤≥])")
_NO_MATHS = re.compile(r"[^\d=<>≤≥+*/^√±∅∞%|{}\[\]\\_一二三四五六七八九十零两半无任全所都没]*")
_NUMBER_WORDS = re.compile(
    r"\b(?:no|none|never|all|any|every|infinite\w*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"half|third|quarter|twice|double|real|empty|minus|negative|positive|plus|times|over|square\w*|root|pi|equal\w*|"
    r"less|more|greater|between|than|at|null|eins|zwei|drei|vier|fünf|kein\w*|alle)\b",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[\s.;,:。]+$")


class MathsGrader:
    """Marks mathematics by meaning.

    Equal: expressions with equal values, equations up to a constant factor and the order of sides, lists of
    solutions and sets in any order ("x=1或x=2", "{1,2}", "±3"), intervals and the inequalities that say the same.
    Decimals equal fractions only when exact. A bare log is the decimal one; e, i and π are the constants.
    A worked answer counts by its last result.

    Right: every criterion in full. Different: 0, but the teacher decides when several criteria might reward work
    that is shown. Words without any mathematics, "I don't know" and, with a single criterion, an interval with wrong
    end points are 0. The teacher also decides whatever is right in part, approximate, unsolved, written in other
    letters, ambiguous (1/2x), repeats the question, cannot be read, or passes the time limit.
    """

    name = "maths"

    def __init__(self, pool: ProcessPool) -> None:
        self._pool = pool

    async def grade(self, question: Question, answer: Answer, options: GradeOptions) -> QuestionMark:
        """The mark for a mathematical answer; see the class for the rules."""
        if not question.references:
            return doubt(question, self.name, Text(NO_REFERENCE))
        if gives_up(question, answer):
            return no_points(question, answer, normalise(answer.text).whole(), self.name)
        mapped = normalise(answer.text, fold_case=False)
        key = comparable(answer.text)
        if key and any(key == comparable(reference) for reference in question.references):
            return all_points(question, answer, mapped.whole(), self.name)
        if self._other_unit(question, mapped.text):
            return doubt(question, self.name, Text(OTHER_UNIT))
        references = [read for text in question.references if (read := _reference(text))]
        if not references:
            return doubt(question, self.name, Text(BAD_REFERENCE))
        readings = _readings(mapped, steps=all(_is_formula(reference[0]) for reference in references))
        if not readings and _only_words(mapped.text, question.references):
            return no_points(question, answer, mapped.whole(), self.name, ONLY_WORDS)
        if not readings:
            return doubt(question, self.name, Text(UNREADABLE))
        try:
            verdicts = [(await self._pool.run(COMPARE, references, read), span) for read, span in readings]
        except PoolTimeout:
            return doubt(question, self.name, Text(LIMIT))
        except PoolCrash:
            return doubt(question, self.name, Text(CRASH))
        return self._mark(question, answer, mapped, verdicts)

    def _other_unit(self, question: Question, text: str) -> bool:
        """Whether the answer's unit (cm, 元) is none of the references': values alone would not decide then."""
        said = _unit_of(text)
        return all(said != _unit_of(normalise(r, fold_case=False).text) for r in question.references)

    def _mark(
        self, question: Question, answer: Answer, mapped: Mapped, verdicts: Sequence[tuple[str, Span]]
    ) -> QuestionMark:
        for verdict, span in verdicts:
            if verdict == "equal":
                if _repeats(question, answer.text[slice(*span)]):
                    return doubt(question, self.name, Text(REPEATS))
                return all_points(question, answer, span, self.name, EXACT)
        for verdict, _ in verdicts:
            if verdict == "ends" and len(question.criteria) == 1:
                return no_points(question, answer, verdicts[-1][1], self.name, WRONG_ENDS)
            if verdict != "different":
                return doubt(question, self.name, Text(_REASONS[verdict]))
        if any(_THOUSANDS.search(text) for text in (mapped.text, *question.references)):
            return doubt(question, self.name, Text(_REASONS["reading"]))
        if _has_words(answer.text[slice(*verdicts[-1][1])], question):
            return doubt(question, self.name, Text(UNREADABLE))
        if len(question.criteria) > 1 and (len(verdicts) > 1 or mapped.text.count("=") > 1):
            return doubt(question, self.name, Text(STEPS))
        return no_points(question, answer, verdicts[-1][1], self.name)


@lru_cache(maxsize=1024)
def _reference(text: str) -> tuple[Node, ...]:
    """The readings of a reference; () when it cannot be read."""
    mapped = normalise(text, fold_case=False)
    found = next(iter(_readings(mapped)), None)
    return found[0] if found else ()


def _is_formula(node: Node) -> bool:
    """Whether a reference is one equation in several letters: statements before such a result lead to it."""
    return node[0] == "rel" and set(node[2]) == {"="} and len(names_in(node)) > 1


def _only_words(text: str, references: Sequence[str]) -> bool:
    """Whether an answer has no sign, number or number word, nor a letter of a reference standing alone."""
    if not text or not _NO_MATHS.fullmatch(text) or _NUMBER_WORDS.search(text):
        return False
    letters = set(re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", " ".join(references)))
    alone = set(re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", text))
    return letters.isdisjoint(alone - {"a", "I"}) and any(char.isalpha() for char in text)


def _has_words(said: str, question: Question) -> bool:
    """Whether what was read as products of letters holds words ("x is big") that the question does not have."""
    known = " ".join((question.prompt, *question.references)).lower()
    runs = (run.lower() for run in re.findall(r"[A-Za-z]{2,}", said))
    return any(run not in known and run not in FUNCTIONS and run not in ("or", "and", "pi") for run in runs)


def _readings(mapped: Mapped, steps: bool = False) -> list[tuple[tuple[Node, ...], Span]]:
    """What can be read of an answer, with its place: the whole, and the last statement of a longer one.

    `steps`: commas and semicolons part the steps of a formula, of which only the last counts.
    """
    text = mapped.text
    if (example := _EXAMPLE.search(text)) and example.start() > 0:
        text = text[: example.start()]
    borders = [match.span() for match in _BORDER.finditer(text)]
    if steps:
        borders = sorted({*borders, *(match.span() for match in _STEP.finditer(text))})
    starts = [0, *(end for _, end in borders)]
    ends = [*(start for start, _ in borders), len(text)]
    found: list[tuple[tuple[Node, ...], Span]] = []
    whole = [] if steps and len(borders) > 0 else [(0, len(text))]
    for start, end in [*whole, *reversed(list(zip(starts, ends, strict=True)))]:
        begin = start + len(_match_lead(text[start:end]))
        tail = _TAIL.search(text, begin, end)
        end = tail.start() if tail else end
        unit = _UNIT.search(text, begin, end)
        end = unit.start() if unit else end
        if begin >= end or any(mapped.span(begin, end) == span for _, span in found):
            continue
        try:
            found.append((read_maths(text[begin:end]), mapped.span(begin, end)))
        except Unreadable:
            # Words alone after the result say nothing; mathematics that cannot be read might be the result.
            if start > 0 and any(char.isdigit() or char in "=+^√" for char in text[begin:end]):
                break
            continue
        if (start, end) != (0, len(text)) and start > 0:
            break
    return found


def _unit_of(text: str) -> str:
    """The unit that a normalised text ends in, spelled without ^ and spaces; "" for none."""
    body = _TAIL.sub("", text)
    found = _UNIT.search(body)
    return re.sub(r"[\s^]", "", found[0]) if found else ""


def _match_lead(text: str) -> str:
    match = _LEAD.match(text)
    return match[0] if match else ""


def _repeats(question: Question, said: str) -> bool:
    """Whether the answer only copies an expression of the prompt that the reference writes differently."""
    key, prompt = comparable(said).replace(" ", ""), comparable(question.prompt).replace(" ", "")
    return len(key) >= 4 and any(char in key for char in "+-*/^(√×÷") and key in prompt

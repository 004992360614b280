"""Fill in the blank: words or short phrases, one gap or several, compared with the scheme's alternatives."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import lru_cache

from app.grading.graders.blank_sides import NO_SIDES, Sides, interchangeable, stripped, surroundings
from app.grading.graders.computed import (
    EXACT,
    NO_REFERENCE,
    NOWHERE,
    Span,
    all_points,
    criterion_mark,
    doubt,
    gives_up,
    graded,
    no_points,
    splits_evenly,
)
from app.grading.graders.quantity import chinese_quantity
from app.grading.graders.slips import near
from app.grading.model import GradeOptions
from app.grading.normalise import Mapped, comparable, is_cjk, normalise, trim
from app.grading.state import Answer, QuestionMark
from app.i18n import N_, Text
from app.scheme.types import Question

CLOSE = N_("Gap {gap}: “{said}” is close to the reference “{reference}”, please look")
AMONG = N_("Gap {gap}: “{said}” and the reference “{reference}” share words, please look")
PARTS = N_("The answer has {found} parts where {expected} gaps were asked")
SWAPPED = N_("The right words are there, but in other gaps than the scheme has them")
UNEVEN = N_("{right} of {gaps} gaps are right; {points} points do not split evenly over them")
UNTOLD = N_("{right} of {gaps} gaps are right; the criteria do not say which gap each is for")

ANOTHER_WORD = 0.8
"""Confidence that a different word is wrong: a synonym that the scheme does not list looks the same. Chosen
below EXACT so that such zeros are looked at first; not measured."""

FEW_CHARACTERS = 80
"""Characters of an answer with another number of parts than gaps that may be 0 at once; longer ones are sentences."""

MAX_ANSWER = 2000
"""Characters of an answer that are read; a longer text is no answer to a blank and goes to the teacher."""

_LEAD = re.compile(
    r"^(?:(?:the\s+)?(?:answers?|ans)\s*(?:is|are|=|:)\s*:?\s*|(?:答案|答|解|填|应填)\s*[是为:]?\s*:?\s*)"
)
_ARTICLE = re.compile(r"^(?:the|an?)(?= )")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?|[+-]?\.\d+%?")
_FRACTION = re.compile(r"([+-]?\d{1,12})/(\d{1,12})")
_NUMBERING = re.compile(r"(?:^|(?<=[\s;,.]))(?:\((\d{1,2})\)|(\d{1,2})[.):,](?=\s|\D))\s*")
_GLUED_NUMBERING = re.compile(r"\((\d{1,2})\)\s*")
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*|[()\[\]]\d*|\^?\d*[+-])+")
# A comma between a digit and exactly three more is a thousands separator, not the border of two gaps.
_COMMA = re.compile(r"(?<!\d),|,(?!\d{3}(?!\d))")
_SEPARATORS = (
    re.compile(r"\n"),
    re.compile(r";"),
    _COMMA,
    re.compile(r"[;\n/]|" + _COMMA.pattern),
    re.compile(r"[_ ]{2,}|\||_+"),
)
# Digits that readers of images take for letters: ch1orophyll.
_MISREAD = str.maketrans("015", "ols", "")
_SPACE = re.compile(r" ")
_BEGINS_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?=[^\d.,/%])")


class Match(Enum):
    """How a gap's words compare with its alternatives."""

    SAME = "same"
    CLOSE = "close"  # a slip of the pen away
    AMONG = "among"  # one contains the other
    OTHER = "other"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class _Gap:
    """One gap: what was written (normalised), where (original offsets), how it compares, with what."""

    said: str
    span: Span
    match: Match
    reference: str
    numeric: bool = False


class BlankGrader:
    """Marks the words in gaps.

    Equal means: the same after normalising width, case, spaces and outer punctuation, without "the"/"a",
    lead-ins such as 答： and the question's own words around the gap ("100℃" for "____℃") — or the same number
    ("100" and "100.0"). A reference of element symbols (CO, NaCl) differs by case, so that goes to the teacher, as
    does everything one slip away from a reference (one letter of at least four, one Chinese character of at least
    three or a like one of two, two letters exchanged), whatever contains a reference or is contained in one, and the
    same value in another form (1/2 and 0.5). Words that belong to another gap go to the teacher where the gaps'
    order may not matter.

    Several gaps are told apart by numbering, line breaks, semicolons, commas or, when the count agrees, spaces. Fewer
    parts than gaps are 0 when none is near any reference. "I don't know" is 0.
    Points: one criterion a gap when the counts agree. Otherwise everything right is every criterion in full,
    nothing right 0, and in between a single criterion is shared evenly over the gaps if the share is a whole
    number of half marks; what cannot be split or told apart goes to the teacher.
    """

    name = "blank"

    async def grade(self, question: Question, answer: Answer, options: GradeOptions) -> QuestionMark:
        """The mark for the gaps of an answer; see the class for the rules."""
        references = question.references
        if not references or not all(comparable(reference) for reference in references):
            return doubt(question, self.name, Text(NO_REFERENCE))
        if len(answer.text) > MAX_ANSWER:
            return doubt(question, self.name, Text(N_("This is too long for a blank; please read it")))
        if gives_up(question, answer):
            return no_points(question, answer, normalise(answer.text).whole(), self.name)
        mapped = normalise(answer.text, fold_case=False)
        around = surroundings(question.prompt, len(references))
        ways = list(_ways(mapped, len(references)))
        if not ways:
            return self._other_parts(question, answer, mapped)
        pieces, spaced = ways[0]
        gaps = [
            _compare(mapped, piece, reference, sides)
            for piece, reference, sides in zip(pieces, references, around, strict=True)
        ]
        words = not all(is_cjk(char) or not char.isalpha() for char in mapped.text)
        if spaced and words and not any(gap.match is Match.SAME for gap in gaps):
            # "new york" for two gaps may be one answer of two words: spaces alone prove no border.
            return doubt(question, self.name, Text(PARTS, {"found": 1, "expected": len(references)}))
        return self._points(question, answer, mapped, gaps)

    def _other_parts(self, question: Question, answer: Answer, mapped: Mapped) -> QuestionMark:
        """Another number of parts than gaps: 0 for fewer of which none is near any gap's reference, else a doubt."""
        pieces = [
            piece for piece in _cut(mapped.text, 0, _SEPARATORS[3]) if mapped.text[slice(*piece)].strip()
        ]
        strange = all(
            _compare(mapped, piece, reference, NO_SIDES).match is Match.OTHER
            for piece in pieces
            for reference in question.references
        )
        few = 0 < len(pieces) < len(question.references) and len(mapped.text) <= FEW_CHARACTERS
        if strange and few and any(char.isalnum() for char in mapped.text):
            return no_points(question, answer, mapped.whole(), self.name, ANOTHER_WORD)
        return doubt(
            question, self.name, Text(PARTS, {"found": len(pieces), "expected": len(question.references)})
        )

    def _points(self, question: Question, answer: Answer, mapped: Mapped, gaps: list[_Gap]) -> QuestionMark:
        a_gap_each = len(gaps) == len(question.criteria)
        reason = _doubt_about(gaps, question)
        if reason is not None:
            sure = (
                criterion_mark(
                    i, question.criteria[i].points if gap.match is Match.SAME else 0.0, answer, gap.span
                )
                for i, gap in enumerate(gaps)
                if a_gap_each and gap.match in (Match.SAME, Match.OTHER)
            )
            return doubt(question, self.name, reason, tuple(sure))
        right = sum(gap.match is Match.SAME for gap in gaps)
        confidence = min(
            ANOTHER_WORD if gap.match is Match.OTHER and not gap.numeric else EXACT for gap in gaps
        )
        if a_gap_each:
            given = [
                (criterion.points if gap.match is Match.SAME else 0.0, gap.span)
                for criterion, gap in zip(question.criteria, gaps, strict=True)
            ]
            return graded(question, answer, given, self.name, confidence)
        span = mapped.whole()
        if right == len(gaps):
            return all_points(question, answer, span, self.name)
        if right == 0:
            return no_points(question, answer, span, self.name, confidence)
        return self._shared(question, answer, gaps, right, confidence)

    def _shared(
        self, question: Question, answer: Answer, gaps: list[_Gap], right: int, confidence: float
    ) -> QuestionMark:
        facts = {"right": right, "gaps": len(gaps), "points": f"{question.points:g}"}
        if len(question.criteria) > 1:
            return doubt(question, self.name, Text(UNTOLD, facts))
        if not splits_evenly(question.points, len(gaps)):
            return doubt(question, self.name, Text(UNEVEN, facts))
        spans = [gap.span for gap in gaps if gap.match is Match.SAME]
        # The quote runs from the first right gap to the last one.
        span = (min(start for start, _ in spans), max(end for _, end in spans))
        points = question.points / len(gaps) * right
        return graded(question, answer, [(points, span)], self.name, confidence)


def _doubt_about(gaps: list[_Gap], question: Question) -> Text | None:
    """Why the teacher should look at these gaps, or None when each is right, wrong or empty."""
    for number, gap in enumerate(gaps, 1):
        if gap.match in (Match.CLOSE, Match.AMONG):
            facts = {"gap": number, "said": gap.said[:60], "reference": gap.reference[:60]}
            return Text(CLOSE if gap.match is Match.CLOSE else AMONG, facts)
    # Words that are wrong where they stand but right elsewhere: in "____ and ____" their order may not matter.
    if not interchangeable(question.prompt, len(gaps)):
        return None
    wrong = [gap for gap in gaps if gap.match is Match.OTHER]
    for gap in wrong:
        for other, reference in zip(gaps, question.references, strict=True):
            if (
                other is not gap
                and other.match is not Match.SAME
                and comparable(gap.said) in _keys(reference)
            ):
                return Text(SWAPPED)
    return None


def alternatives(reference: str) -> tuple[str, ...]:
    """The acceptable answers of one gap: its reference split at " | "."""
    parts = re.split(r"\s[|｜]\s", reference)
    return tuple(part.strip() for part in parts if part.strip())


@lru_cache(maxsize=4096)
def _keys(reference: str) -> frozenset[str]:
    return frozenset(_key(part) for part in alternatives(reference))


def _key(text: str) -> str:
    """A phrase as it is compared: normalised, without lead-ins and a leading article."""
    folded = normalise(text).text
    bare = _LEAD.sub("", folded) or folded
    return comparable(_ARTICLE.sub("", comparable(bare)) or bare)


def _ways(mapped: Mapped, count: int) -> list[tuple[list[Span], bool]]:
    """The ways to cut the text into `count` pieces (normalised spans), best first, and whether only by spaces."""
    text = mapped.text
    lead = _LEAD.match(text.casefold())
    start = lead.end() if lead and len(text.casefold()) == len(text) else 0
    if count == 1:
        only = _NUMBERING.match(text, start)
        begin = only.end() if only and text[only.end() :].strip() and (only[1] or only[2]) == "1" else start
        return [([(begin, len(text))], False)]
    ways = [(pieces, False) for pieces in [_numbered(text, count)] if pieces]
    for separator in _SEPARATORS:
        pieces = _cut(text, start, separator)
        if len(pieces) == count:
            ways.append((pieces, False))
    if not ways and len(pieces := _cut(text, start, _SPACE)) == count:
        ways.append((pieces, True))
    return ways


def _numbered(text: str, count: int) -> list[Span] | None:
    """Pieces after the numbers 1..count in rising order; a number that is missing leaves its gap empty."""
    for pattern in (_GLUED_NUMBERING, _NUMBERING):
        marks = [(int(m[1] or m[m.lastindex or 1]), m) for m in pattern.finditer(text)]
        numbers = [number for number, _ in marks]
        rising = all(a < b for a, b in itertools.pairwise(numbers))
        if (
            not marks
            or not rising
            or numbers[-1] > count
            or numbers[0] < 1
            or text[: marks[0][1].start()].strip()
        ):
            continue
        if len(marks) == 1:
            continue  # a single number may be an answer
        pieces: list[Span] = [NOWHERE] * count
        ends = [m.start() for _, m in marks[1:]] + [len(text)]
        for (number, mark), end in zip(marks, ends, strict=True):
            pieces[number - 1] = (mark.end(), end)
        return pieces
    return None


def _cut(text: str, start: int, separator: re.Pattern[str]) -> list[Span]:
    pieces, begin = [], start
    for match in separator.finditer(text, start):
        pieces.append((begin, match.start()))
        begin = match.end()
    pieces.append((begin, len(text)))
    if pieces and not text[slice(*pieces[-1])].strip(" ._"):
        pieces.pop()  # a separator at the end closes the last gap, it opens none
    return pieces


def _compare(mapped: Mapped, piece: Span, reference: str, sides: Sides) -> _Gap:
    start, end = trim(mapped.text, *piece)
    said = mapped.text[start:end]
    span = mapped.span(start, end)
    key = _key(said)
    options = alternatives(reference)
    if not key:
        return _Gap("", NOWHERE, Match.EMPTY, options[0])
    if bare := _without_sides(key, options, sides):
        return _Gap(said, span, Match.SAME, bare)
    best, shown = Match.OTHER, options[0]
    for option in options:
        match = _match(said, key, option)
        if match is Match.SAME:
            return _Gap(said, span, match, option)
        if match is not Match.OTHER and best is Match.OTHER:
            best, shown = match, option
    numeric = _number(key) is not None and all(_number(_key(option)) is not None for option in options)
    return _Gap(said, span, best, shown, numeric)


def _without_sides(key: str, options: tuple[str, ...], sides: Sides) -> str:
    """The alternative that is left when the words around the gap, written with it, are taken off; "" for none."""
    for option in options:
        wanted = _key(option)
        if key != wanted and not _is_formula(option) and stripped(key, wanted, sides):
            return option
    return ""


def _match(said: str, key: str, option: str) -> Match:
    """How one gap's words compare with one alternative."""
    wanted = _key(option)
    if key == wanted:
        same = normalise(option, fold_case=False).text.strip()
        # CO is not Co: where case is part of the answer, a difference in case is the teacher's to judge.
        return (
            Match.CLOSE
            if _is_formula(same) and said.replace(" ", "") != same.replace(" ", "")
            else Match.SAME
        )
    ours, theirs = _number(key), _number(wanted)
    if ours is not None and theirs is not None:
        plain = not any(char in key + wanted for char in "/%")
        if ours == theirs:
            return Match.SAME if plain else Match.CLOSE
        # 10 for 10 %: the sign is missing, the number is there.
        return Match.CLOSE if key.rstrip("%") == wanted.rstrip("%") else Match.OTHER
    if theirs is not None and (begun := _BEGINS_NUMBER.match(key)) and _number(begun[0]) == theirs:
        return Match.AMONG  # the number with a unit that the question does not name
    if _same_digits(key, wanted):
        return Match.CLOSE
    if near(key, wanted) or (len(key) > 2 and key.translate(_MISREAD) == wanted.translate(_MISREAD)):
        return Match.CLOSE
    return Match.AMONG if _contains(key, wanted) or _contains(wanted, key) else Match.OTHER


def _is_formula(text: str) -> bool:
    """Whether a reference looks like a chemical formula or a symbol, in which case matters."""
    compact = text.replace(" ", "")
    capitals = sum(char.isupper() for char in compact)
    mixed = any(char.islower() or char.isdigit() for char in compact)
    return bool(_FORMULA.fullmatch(compact)) and (len(compact) <= 2 or (capitals > 1 and mixed))


def _number(text: str) -> Fraction | None:
    """The value of a plain number, percentage or fraction; None for anything else."""
    if len(text) > 40:
        return None
    if fraction := _FRACTION.fullmatch(text):
        return Fraction(int(fraction[1]), int(fraction[2])) if int(fraction[2]) else None
    if not _NUMBER.fullmatch(text) or not text.isascii():
        return None
    value = Fraction(text.rstrip("%").replace(",", ""))
    return value / 100 if text.endswith("%") else value


def _same_digits(said: str, wanted: str) -> bool:
    """Whether the same numbers stand in both with other signs between, or one is in Chinese words (五, 1949.10.1)."""
    if (digits := re.findall(r"\d+", wanted)) and digits == re.findall(r"\d+", said):
        # A letter or character more may be a unit or another word: only dates and ratios are "the same digits".
        return len(digits) > 1
    for words, number in ((said, _number(wanted)), (wanted, _number(said))):
        if number is not None and (read := chinese_quantity(words)) and read.end == len(words):
            return read.value == number and not read.units
    return False


def _contains(whole: str, part: str) -> bool:
    """Whether `part` occurs in `whole`: as whole words, or anywhere in Chinese (where words have no borders)."""
    if part not in whole:
        return False
    if any(is_cjk(char) for char in part):
        return True
    return re.search(rf"(?<![0-9A-Za-zÀ-ɏ]){re.escape(part)}(?![0-9A-Za-zÀ-ɏ])", whole) is not None

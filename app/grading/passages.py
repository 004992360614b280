"""Which words of an answer carry which criterion, and how a question's points fall to its criteria."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from app.grading.evidence import is_copied
from app.grading.likeness import PROMPT_WEIGHT, asked, grams, normalise, words
from app.grading.normalise import is_cjk
from app.grading.state import CriterionMark
from app.scheme.types import Question

MOST_CLAUSES = 120
"""Clauses of an answer that are looked at."""

LONGEST_QUOTE = 300
"""Characters of a quote; a longer clause is cut after a whole word where it has one."""

FAINTEST = 0.12
"""Likeness below which a clause shows nothing. Measured on the evaluation data, with no marks: 95 to 99 % of the
answers with good marks (by file) have a clause above it, of the answers to other questions of the file 16 to 51 %."""

FAINTEST_WITHOUT_WORD = 0.25
"""The same for a clause that shares only pieces of words, as misspelt ones do."""

FEWEST_WORDS = 8
"""Different words from which an answer can be told to be about something else."""

LEAST_KNOWN = 0.1
"""Share of an answer's words that the scheme has too, below which it answers another question. Measured on the
evaluation data, answers of so many words: under it are 0 to 3 % of those with half marks or more (by file), and 41 to
70 % of the answers to other questions of the same file, which share their subject."""

NEAR = 0.1
"""Likeness from which a reference's clause belongs to a criterion."""

_GRAM_WEIGHT = 0.25
# Stems of words that are common in any English or German text, beyond the stop words of `likeness`.
_SMALL = frozenset(
    re.findall(
        r"\S+",
        "him her them who what when where which how why there here also very more most many much some any all no not"
        " only just even still over under after befor about into out up down than too own same other each both few"
        " becaus think tak mak get giv go com us say said see way thing peopl time year day good bad well lot first"
        " last next long new old my our your me may might must let now"
        " aber auch nur noch schon sehr mehr nicht kein was wer wie wo warum weil",
    )
)
_BREAK = re.compile(r"[。！？!?；;，\n]|[.,:](?=\s)")
# A line that was too long for its page goes on in the next: no clause ends there.
_WRAPPED = re.compile(r"[^\W\d_]\n[^\W\d_A-Z]|[,，]\n")
LONG_LINE = {True: 20, False: 50}  # characters of a line from which it was wrapped: Chinese, others


@dataclass(frozen=True, slots=True)
class _Bag:
    """A text's terms with their weights squared, and the sum of those."""

    terms: dict[str, float]
    size: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A clause of an answer, `text[start:end]`, and its likeness 0..1 to what a criterion asks for."""

    start: int
    end: int
    likeness: float


def clauses(text: str) -> list[tuple[int, int]]:
    """The (start, end) offsets of a text's clauses, without surrounding space, at most MOST_CLAUSES."""
    spans: list[tuple[int, int]] = []
    start = 0
    for end in [*(m.end() for m in _BREAK.finditer(text) if not _wrapped(text, m.start())), len(text)]:
        piece = text[start:end]
        lead = len(piece) - len(piece.lstrip())
        if body := piece.strip():
            spans.append(_trim(text, start + lead, start + lead + len(body)))
        start = end
        if len(spans) == MOST_CLAUSES:
            break
    return spans


def _wrapped(text: str, at: int) -> bool:
    """Whether a line break is one of the page and not of the text."""
    if text[at] != "\n" or not _WRAPPED.match(text, at - 1):
        return False
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return len(line) >= LONG_LINE[is_cjk(line[-1])]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    if end - start <= LONGEST_QUOTE:
        return start, end
    cut = text.rfind(" ", start, start + LONGEST_QUOTE)
    return start, cut if cut > start else start + LONGEST_QUOTE


class Scent:
    """What a question's criteria ask for, ready to be looked for in answers.

    A criterion is looked for by its own words and by the reference sentences nearest to it; the only criterion, or
    one that no reference sentence is near to, by all references. `good` are answers that the teacher marked highly:
    they carry any criterion, at half the strength, because which of them they meet is not known.
    """

    def __init__(self, question: Question, good: Sequence[str] = ()) -> None:
        self._question = question
        self._common = frozenset(words(normalise(question.prompt)))
        pieces = [
            self._weigh(reference[start:end])
            for reference in question.references
            for start, end in clauses(reference)
        ]
        whole = [self._weigh(reference) for reference in question.references]
        only = len(question.criteria) == 1
        self._sources = [
            self._of(self._weigh(asked(criterion)), pieces, whole, only) for criterion in question.criteria
        ]
        self._good = [self._weigh(text) for text in good]
        criteria = (asked(criterion) for criterion in question.criteria)
        self._known = _content("\n".join((question.prompt, *question.references, *criteria, *good)))

    def find(self, answer: str) -> list[Passage | None]:
        """For each criterion the clause of the answer most like it; None where none is, or the answer is off topic."""
        if self._elsewhere(answer):
            return [None] * len(self._sources)
        own = [(span, self._weigh(answer[slice(*span)])) for span in clauses(answer)]
        own = [(span, bag) for span, bag in own if not is_copied(answer[slice(*span)], self._question)]
        return [self._best(own, sources) for sources in self._sources]

    def _elsewhere(self, answer: str) -> bool:
        """Whether hardly a word of a longer answer is one of the question, its references or its criteria."""
        said = _content(answer)
        return len(said) >= FEWEST_WORDS and len(said & self._known) < LEAST_KNOWN * len(said)

    def _best(self, own: Sequence[tuple[tuple[int, int], _Bag]], sources: Sequence[_Bag]) -> Passage | None:
        best: Passage | None = None
        for (start, end), bag in own:
            likeness = max((_likeness(bag, source) for source in sources), default=0.0)
            likeness = max(likeness, max((_likeness(bag, text) for text in self._good), default=0.0) / 2)
            if likeness >= FAINTEST and (best is None or likeness > best.likeness):
                best = Passage(start, end, likeness)
        return best

    def _of(
        self,
        criterion: _Bag,
        pieces: Sequence[_Bag],
        whole: Sequence[_Bag],
        only: bool,
    ) -> list[_Bag]:
        if only or not criterion.size:
            return [bag for bag in (criterion, *pieces, *whole) if bag.size]
        near = [piece for piece in pieces if _likeness(criterion, piece) >= NEAR]
        # "Is well organised" has no words of its own in an answer: what carries the references carries it.
        return [criterion, *(near or pieces)]

    def _weigh(self, text: str) -> _Bag:
        """Words, less where the question has them, and 3-grams, which forgive endings and misspellings."""
        clean = normalise(text)
        found = words(clean)
        if not found:
            return _Bag({}, 0.0)
        bag = {f" {word}": PROMPT_WEIGHT if word in self._common else 1.0 for word in found}
        bag.update(dict.fromkeys(grams(clean, (3,)), _GRAM_WEIGHT))
        squares = {term: weight * weight for term, weight in bag.items()}
        return _Bag(squares, sum(squares.values()))


def _content(text: str) -> set[str]:
    return {word for word in words(normalise(text)) if word not in _SMALL}


def _likeness(first: _Bag, second: _Bag) -> float:
    if not first.size or not second.size:
        return 0.0
    shared = first.terms.keys() & second.terms.keys()
    likeness = sum(first.terms[term] for term in shared) / sqrt(first.size * second.size)
    if likeness < FAINTEST_WITHOUT_WORD and not any(term[0] == " " and _tells(term) for term in shared):
        return 0.0
    return likeness


def _tells(word: str) -> bool:
    """Whether a shared word shows anything: not one of the small words that every text has."""
    return word[1:] not in _SMALL


def apportion(
    question: Question, answer: str, total: float, found: Sequence[Passage | None], step: float = 0.5
) -> tuple[CriterionMark, ...]:
    """The criteria's marks, one each in order, that add up to `total`, or to less where no words carry the rest.

    Half a mark after another goes to the criterion whose likeness is furthest ahead of the share of its points that it
    already has, so points follow likeness and full marks fill every criterion. A criterion without a passage gets
    nothing. Only a criterion's last portion may be smaller than a step, when its points are no multiple of one.
    """
    given = [0.0] * len(question.criteria)
    left = total
    while left > 1e-9:
        open_ = [
            (passage.likeness - given[i] / question.criteria[i].points, -i)
            for i, passage in enumerate(found)
            if passage and question.criteria[i].points - given[i] > 1e-9
        ]
        if not open_:
            break
        i = -max(open_)[1]
        portion = min(step, question.criteria[i].points - given[i], left)
        given[i] += portion
        left -= portion
    return tuple(
        CriterionMark(i, round(points, 4), answer[p.start : p.end], p.start, p.end)
        if p and points > 0
        else CriterionMark(i, 0.0)
        for i, (points, p) in enumerate(zip(given, found, strict=True))
    )

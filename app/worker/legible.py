"""How surely an answer was read: a mark does not stand on writing that text recognition guessed.

A character of an exact answer (a number, a letter) that may be another one changes its mark; a sentence bears some.
What is below these goes to the teacher, the proposal beside it. Print has hardly a word below 0.8, handwriting many.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.db import Database
from app.document import PAGE_BREAK, Word
from app.grading.state import Answer, MarkState, QuestionMark
from app.i18n import Text
from app.papers import pages
from app.papers.models import PaperPage
from app.scheme.types import Kind

EXACT = frozenset({Kind.CHOICE.value, Kind.BLANK.value, Kind.NUMBER.value, Kind.MATHS.value})
WEAKEST = 0.7  # of any word of an exact answer
MEAN = 0.85  # over the words of a sentence
SHOWN = 3  # words that are named to the teacher

NOTHING = Text("Nothing was read here, but this paper is a picture: look whether something is written.")


@dataclass(frozen=True, slots=True)
class Legible:
    """How surely the words of an answer were read: the least sure one, the mean, and what was read least surely."""

    weakest: float
    mean: float
    doubtful: str


class Legibility:
    """The readings of one paper's pages, loaded once."""

    def __init__(self, database: Database, paper_id: int) -> None:
        self._database, self._paper_id = database, paper_id
        self._words: list[tuple[int, int, float, str]] | None = None
        self._recognised = False

    async def judged(self, answer: Answer, mark: QuestionMark) -> QuestionMark:
        """The mark, handed to the teacher where it stands on writing that was not read for certain."""
        words = await self._all_words()
        if not self._recognised or mark.state is not MarkState.GRADED:
            return mark
        if answer.blank:
            return _doubted(mark, NOTHING)
        found = legible(words, answer.spans)
        if found is None:
            return mark
        if found.weakest < WEAKEST if mark.kind in EXACT else found.mean < MEAN:
            values = {"read": found.doubtful}
            return _doubted(
                mark,
                Text("The writing was not read for certain here (“{read}”): look at the picture.", values),
            )
        if mark.confidence is None:
            return mark
        return replace(mark, confidence=min(mark.confidence, found.mean))

    async def _all_words(self) -> list[tuple[int, int, float, str]]:
        if self._words is None:
            async with self._database.begin() as db:
                rows = await pages.of_paper(db, self._paper_id)
            self._recognised = any(row.by in pages.RECOGNISED for row in rows)
            self._words = placed(rows)
        return self._words


def placed(rows: Sequence[PaperPage]) -> list[tuple[int, int, float, str]]:
    """The words of pages as (start, end, confidence, text) in the document's offsets, in order."""
    found: list[tuple[int, int, float, str]] = []
    at = 0
    for row in rows:
        for each in row.words:
            word = Word.from_json(each)
            found.append((at + word.start, at + word.end, word.confidence, row.text[word.start : word.end]))
        at += len(row.text) + len(PAGE_BREAK)
    return sorted(found)


def legible(words: Sequence[tuple[int, int, float, str]], spans: Sequence[tuple[int, int]]) -> Legible | None:
    """How surely the words within these spans were read; None where no word is."""
    inside: list[tuple[int, int, float, str]] = []
    for start, end in spans:
        place = max(0, bisect.bisect_left(words, (start,)) - 1)
        while place < len(words) and words[place][0] < end:
            if words[place][1] > start:
                inside.append(words[place])
            place += 1
    if not inside:
        return None
    length = sum(end - start for start, end, _, _ in inside)
    mean = sum((end - start) * confidence for start, end, confidence, _ in inside) / max(1, length)
    least = sorted(inside, key=lambda word: word[2])[:SHOWN]
    return Legible(least[0][2], mean, " ".join(text for *_, text in sorted(least)))


def _doubted(mark: QuestionMark, reason: Text) -> QuestionMark:
    return replace(mark, state=MarkState.NEEDS_TEACHER, points=None, reason=reason, confidence=None)

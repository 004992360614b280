"""Likeness of pages: the printed words that the first pages of papers share, and the other pages do not.

Pages are compared by shingles, runs of SHINGLE characters without blanks (Broder, On the resemblance and containment of
documents, 1997): with two characters of a hundred misread, nine of ten shingles survive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from app.intake.fields import folded

SHINGLE = 3  # characters
MAX_TEXT = 4000  # characters of a page that count
LEAST_PAGES = 3  # pages that tell what is printed on all of them
LEAST_SHINGLES = 8  # fewer shared ones are chance
SHARED = 0.6  # of the pages that have to show a shingle for it to be printed
ELSEWHERE = 0.3  # of the other pages that may show it too
LIKE = 0.5  # share of the printed shingles from which a page is like the others
UNLIKE = 0.3  # and up to which it is not

Shingles = frozenset[str]


def shingles(text: str) -> Shingles:
    """The shingles of a page's text."""
    plain = "".join(folded(text[:MAX_TEXT]).split())
    return frozenset(plain[at : at + SHINGLE] for at in range(len(plain) - SHINGLE + 1))


class Printed:
    """What some pages share and others do not; `known` is False when they share too little to tell."""

    def __init__(self, pages: Sequence[Shingles], others: Sequence[Shingles] = ()) -> None:
        self._settle(_count(pages), len(pages), _count(others), len(others))

    @classmethod
    def by_place(cls, papers: Sequence[Sequence[Shingles]]) -> list[Printed]:
        """What is printed on the first pages of papers, on the second ones, and so on."""
        everywhere = _count(page for paper in papers for page in paper)
        total = sum(map(len, papers))
        found = []
        for place in range(max(map(len, papers), default=0)):
            here = [paper[place] for paper in papers if len(paper) > place]
            count = _count(here)
            printed = cls.__new__(cls)
            printed._settle(count, len(here), everywhere - count, total - len(here))
            found.append(printed)
        return found

    def _settle(self, count: Counter[str], pages: int, elsewhere: Counter[str], others: int) -> None:
        self._shared = frozenset(
            each
            for each, times in count.items()
            if times >= SHARED * pages and elsewhere[each] <= ELSEWHERE * others
        )
        self.known = pages >= LEAST_PAGES and len(self._shared) >= LEAST_SHINGLES

    def share(self, page: Shingles) -> float:
        """How much of what is printed a page shows, 0 to 1; 0 when nothing is known."""
        return len(self._shared & page) / len(self._shared) if self.known else 0.0

    def like(self, page: Shingles) -> bool | None:
        """Whether a page is one of these; None when that cannot be told."""
        share = self.share(page)
        if not self.known or UNLIKE < share < LIKE:
            return None
        return share >= LIKE


def _count(pages: Iterable[Shingles]) -> Counter[str]:
    count: Counter[str] = Counter()
    for page in pages:
        count.update(page)
    return count

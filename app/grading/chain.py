"""The best increasing chain: which of the things that look like labels are the scheme's labels.

A paper is full of numbers at line starts: its questions, the steps of an answer, section heads. Labels come
in the scheme's order, so the most plausible reading is the chain of candidates, increasing in position and
in place in the scheme, with the greatest sum of weights. It is the heaviest increasing subsequence (the
weighted form of Schensted's longest increasing subsequence, 1961), found by dynamic programming over a
Fenwick tree (Fenwick 1994) of prefix maxima: O(n log m) for n candidates and m labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Added when a candidate is written like the one before it in the chain, and when it is the scheme's next
# label.
SAME_STYLE = 2.0
NEXT_LABEL = 2.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of one place: it stands for the scheme's slots `first`..`last` (one slot unless it is a
    range).
    """

    item: int  # which place of the text; several candidates may share it, one of them is chosen
    first: int
    last: int
    weight: float
    style: str


class _Best:
    """Prefix maxima of (value, candidate) by slot."""

    def __init__(self, size: int) -> None:
        self._tree: list[tuple[float, int]] = [(0.0, -1)] * (size + 1)

    def put(self, slot: int, value: float, candidate: int) -> None:
        i = slot + 1
        while i < len(self._tree):
            if value > self._tree[i][0]:
                self._tree[i] = (value, candidate)
            i += i & -i

    def below(self, slot: int) -> tuple[float, int]:
        """The best of all slots before this one; (0, -1) when there is none."""
        best, i = (0.0, -1), slot
        while i > 0:
            if self._tree[i][0] > best[0]:
                best = self._tree[i]
            i -= i & -i
        return best


def best_chain(candidates: Sequence[Candidate], slots: int) -> list[Candidate]:
    """The heaviest chain of candidates, in order. `candidates` are in text order; of equal chains the
    earlier wins.
    """
    overall = _Best(slots)
    by_style: dict[str, _Best] = {}
    at: dict[int, tuple[float, int]] = {}
    before: list[int] = [-1] * len(candidates)
    winner = (0.0, -1)
    for group in _by_item(candidates):
        # All readings of one place are weighed before any is entered: none may follow another of the same
        # place.
        weighed = []
        for index in group:
            candidate = candidates[index]
            options = [overall.below(candidate.first)]
            if (tree := by_style.get(candidate.style)) is not None:
                value, previous = tree.below(candidate.first)
                options.append((value + SAME_STYLE * (previous >= 0), previous))
            if candidate.first - 1 in at:
                value, previous = at[candidate.first - 1]
                same = candidates[previous].style == candidate.style
                options.append((value + NEXT_LABEL + SAME_STYLE * same, previous))
            value, previous = max(options, key=lambda option: option[0])
            before[index] = previous
            weighed.append((value + candidate.weight, index))
        for value, index in weighed:
            candidate = candidates[index]
            overall.put(candidate.last, value, index)
            by_style.setdefault(candidate.style, _Best(slots)).put(candidate.last, value, index)
            if value > at.get(candidate.last, (0.0, -1))[0]:
                at[candidate.last] = (value, index)
            if value > winner[0]:
                winner = (value, index)
    chain = []
    index = winner[1]
    while index >= 0:
        chain.append(candidates[index])
        index = before[index]
    return chain[::-1]


def _by_item(candidates: Sequence[Candidate]) -> list[list[int]]:
    groups: list[list[int]] = []
    for index, candidate in enumerate(candidates):
        if groups and candidates[groups[-1][0]].item == candidate.item:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


@dataclass(slots=True)
class _Run:
    """A list that began with another 1: the questions reached before it, how both are written, its members."""

    reached: int
    foreign: bool  # written in another style than the questions before it
    style: str
    members: list[int]


# A list written unlike the questions is taken for them only if it goes this much further than they had come.
FOREIGN_STEPS = 3
# Fewer numbers than this, complete or not, prove nothing.
WHOLE = 3


def restarts(numbers: Sequence[tuple[int, str]], top: int) -> list[bool | None]:
    """For every numbered place whether it belongs to a list inside an answer.

    `numbers` are (number, style) in text order, `top` is the greatest number of the scheme. A list inside an
    answer begins with another 1 after the first and goes on by ones in the same style. False: not in such a
    list. None: surely only in one. True: in one that goes so far towards the scheme's last number that it may
    be the questions themselves, or with a number that the questions have anyway.
    """
    runs: list[_Run] = []
    run_of: list[_Run | None] = [None] * len(numbers)
    reached, main_style = 0, ""
    current: _Run | None = None
    for index, (number, style) in enumerate(numbers):
        if number == 1 and reached >= 1:
            current = _Run(reached, style != main_style, style, [index])
            runs.append(current)
            run_of[index] = current
        elif current and current.style == style and number == numbers[current.members[-1]][0] + 1:
            current.members.append(index)
            run_of[index] = current
        elif number > reached:
            # Back at the questions: what follows in the list's style is no longer the list.
            reached, main_style, current = number, style, None
    whole = next((run for run in runs if run.foreign and _far(run, numbers) >= max(top, WHOLE)), None)
    if whole is not None:
        # All the scheme's numbers in a row, after a shorter list in another style: that one was instructions.
        return [run_of[index] is not whole for index in range(len(numbers))]
    return [_verdict(number, run, numbers, top) for (number, _), run in zip(numbers, run_of, strict=True)]


def _far(run: _Run, numbers: Sequence[tuple[int, str]]) -> int:
    return numbers[run.members[-1]][0]


def _verdict(number: int, run: _Run | None, numbers: Sequence[tuple[int, str]], top: int) -> bool | None:
    if run is None:
        return False
    far = _far(run, numbers)
    if run.foreign:
        return True if far - run.reached >= min(FOREIGN_STEPS, top - 1) else None
    return True if number <= run.reached or (far - run.reached) * 2 >= top - run.reached else None

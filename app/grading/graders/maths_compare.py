"""Whether two pieces of mathematics mean the same. Runs in a worker process: sympy may take its time on anything.

Expressions are compared by exact structure and then by their values at fixed rational points to 40 digits: two
different elementary expressions agree at all of them with a chance that can be neglected (the idea of Schwartz,
J. ACM 27(4), 1980, and Zippel, 1979, for polynomials), and no simplification can run away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from app.grading.graders import maths_equal as equal
from app.grading.graders.maths_equal import (
    APPROXIMATE,
    BAD_REFERENCE,
    DIFFERENT,
    DOMAIN,
    ELSEWHERE,
    ENDS,
    EQUAL,
    LARGE,
    NAMES,
    PART,
    READING,
    SHAPE,
    UNSOLVED,
)
from app.grading.graders.maths_meaning import Meaning, TooLarge, as_region, meaning_of, names_in
from app.grading.graders.maths_parser import Node

_UNLIKE = ({"values", "region"}, {"assigned", "region"})
"""Kinds that never mean the same: a solution, or several, against an interval."""

_RANK = (EQUAL, PART, ENDS, APPROXIMATE, ELSEWHERE, READING, UNSOLVED, DOMAIN, NAMES, SHAPE, LARGE, DIFFERENT)


def compare(references: Sequence[Sequence[Node]], answers: Sequence[Node]) -> str:
    """Compare the readings of each acceptable reference with the readings of an answer; one of the words above.

    Several references: the best verdict. Several readings: EQUAL only if all agree.
    """
    verdicts = [_over_readings(reference, answers) for reference in references]
    if all(verdict == BAD_REFERENCE for verdict in verdicts):
        return BAD_REFERENCE
    return min((v for v in verdicts if v != BAD_REFERENCE), key=_RANK.index)


def _over_readings(reference: Sequence[Node], answers: Sequence[Node]) -> str:
    try:
        wanted = [meaning_of(reading) for reading in reference]
    except (TooLarge, ValueError, TypeError, RecursionError, OverflowError):
        return BAD_REFERENCE
    found = {_safely(reading, meaning) for reading in answers for meaning in wanted}
    if len(found) == 1:
        return found.pop()
    # The same spelling read the same way on both sides settles it: 1/2x for a reference written 1/2x.
    if len(reference) == len(answers) > 1 and all(
        _safely(a, m) == EQUAL for a, m in zip(answers, wanted, strict=True)
    ):
        return EQUAL
    return READING if EQUAL in found else min(found, key=_RANK.index)


def _safely(answer: Node, wanted: Meaning) -> str:
    try:
        return _compare(wanted, meaning_of(answer), names_in(answer))
    except (TooLarge, ValueError, TypeError, NotImplementedError, AttributeError, OverflowError):
        # sympy refuses in many ways; each means that it could not decide.
        return LARGE


def _compare(wanted: Meaning, said: Meaning, names: frozenset[str]) -> str:
    known = _free(wanted) | wanted.bound
    said = _same_case(said, known)
    unknown = _free(said) - said.bound - known
    verdict = _by_kind(wanted, said)
    if verdict == DIFFERENT and unknown and names and _renamed_equal(wanted, said):
        return NAMES
    return verdict


MOST_RENAMED = 4
"""Names whose 24 orders are tried."""


def _renamed_equal(wanted: Meaning, said: Meaning) -> bool:
    """Whether other names for the answer's letters make it the reference; True also when that is not known."""
    theirs, ours = sorted(_free(said) | said.bound), sorted(_free(wanted) | wanted.bound)
    # x2 beside a known x may be a lost power.
    if any(name.split("_")[0] in ours for name in theirs if name not in ours):
        return True
    # x2 beside a known x may be a lost power.
    if any(name.split("_")[0] in ours for name in theirs if name not in ours):
        return True
    if len(theirs) != len(ours):
        return False
    if len(ours) > MOST_RENAMED:
        return True
    return any(
        _by_kind(wanted, _with_names(said, dict(zip(theirs, order, strict=True)))) == EQUAL
        for order in permutations(ours)
    )


def _free(meaning: Meaning) -> frozenset[str]:
    found: set[str] = set()
    for expression in _expressions(meaning.items):
        found |= {symbol.name for symbol in getattr(expression, "free_symbols", ())}
    return frozenset(found)


def _expressions(items: Any) -> Iterator[Any]:
    for item in items:
        if isinstance(item, tuple):
            yield from _expressions(item)
        elif not isinstance(item, str):
            yield item


def _same_case(said: Meaning, known: frozenset[str]) -> Meaning:
    """X for x, where the reference knows only the other case."""
    swaps = {name: name.swapcase() for name in _free(said) | said.bound if name not in known}
    swaps = {name: other for name, other in swaps.items() if other in known}
    return _with_names(said, swaps) if swaps else said


def _with_names(said: Meaning, names: dict[str, str]) -> Meaning:
    """The meaning with other names for its letters, all at once."""
    import sympy as sp

    symbols = {sp.Symbol(a): sp.Symbol(b) for a, b in names.items()}

    def renamed(item: Any) -> Any:
        if isinstance(item, tuple):
            return tuple(renamed(part) for part in item)
        if isinstance(item, str):
            return names.get(item, item)
        return item.subs(symbols, simultaneous=True) if hasattr(item, "subs") else item

    bound = frozenset(names.get(name, name) for name in said.bound)
    return replace(said, items=renamed(said.items), bound=bound)


def _by_kind(wanted: Meaning, said: Meaning) -> str:
    if said.kind == "chain":
        return _chain(wanted, said)
    if wanted.kind == "chain":
        wanted = Meaning("values", wanted.items[-1])
    if "region" in (wanted.kind, said.kind):
        wanted, said = as_region(wanted), as_region(said)
    if wanted.kind == "assigned" and said.kind == "assigned":
        return _assigned(wanted, said)
    if wanted.kind in ("values", "assigned") and said.kind in ("values", "assigned"):
        return _values_of_either(wanted, said)
    if wanted.kind in ("values", "assigned") and said.kind == "relation":
        if any(value.free_symbols for _, value in _as_named(wanted)):
            return equal.relations(_as_relations(wanted), said.items)
        return UNSOLVED
    if wanted.kind == "relation" and said.kind in ("relation", "assigned"):
        return equal.relations(wanted.items, _as_relations(said))
    if wanted.kind != said.kind:
        return DIFFERENT if {wanted.kind, said.kind} in _UNLIKE else SHAPE
    if wanted.kind == "region":
        verdict = equal.regions(wanted.items[0], said.items[0])
        return UNSOLVED if verdict == EQUAL and wanted.solved and not said.solved else verdict
    return equal.tuples(wanted.items, said.items)


def _as_named(meaning: Meaning) -> tuple[Any, ...]:
    """The (name, value) pairs of an assignment; () for bare values."""
    return meaning.items if meaning.kind == "assigned" else ()


def _as_relations(meaning: Meaning) -> tuple[Any, ...]:
    import sympy as sp

    if meaning.kind == "relation":
        return meaning.items
    return tuple(("=", sp.Symbol(name), value) for name, value in meaning.items)


def _chain(wanted: Meaning, said: Meaning) -> str:
    """A chain states its last side; the reference found further left is for the teacher."""
    last = _by_kind(wanted, Meaning("values", said.items[-1], bound=said.bound))
    if last in (EQUAL, PART, APPROXIMATE):
        return last
    before = [_by_kind(wanted, Meaning("values", side)) for side in said.items[:-1]]
    return ELSEWHERE if EQUAL in before else last


def _values_of_either(wanted: Meaning, said: Meaning) -> str:
    """Bare values against values with a name. A formula that lost its "y =" is a doubt, a solution is not."""
    plain = [
        tuple(item[1] for item in meaning.items) if meaning.kind == "assigned" else meaning.items
        for meaning in (wanted, said)
    ]
    verdict = equal.values(plain[0], plain[1])
    named = {name.split("_")[0] for name in wanted.bound}
    doubtful = len(named) > 1 or any(value.free_symbols for value in plain[0])
    if verdict == EQUAL and wanted.kind == "assigned" and doubtful:
        return SHAPE
    return verdict


def _assigned(wanted: Meaning, said: Meaning) -> str:
    """Named values on both sides: names with an index (x_1, x_2) are solutions in any order."""
    left, right = (_by_name(meaning) for meaning in (wanted, said))
    if len(left) == 1 and len(right) == 1:
        (name, values), (other, others) = *left.items(), *right.items()
        verdict = equal.values(values, others)
        if name != other and verdict != DIFFERENT:
            return NAMES
        if verdict == DIFFERENT and (name != other or any(v.free_symbols for v in (*values, *others))):
            # y = 2x+1 and x = (y-1)/2 are one equation.
            return equal.relations(_as_relations(wanted), _as_relations(said))
        return verdict
    if left.keys() != right.keys():
        return PART if left.keys() & right.keys() else NAMES
    verdicts = [equal.values(left[name], right[name]) for name in left]
    if all(verdict == EQUAL for verdict in verdicts):
        return EQUAL
    if any(verdict == EQUAL for verdict in verdicts):
        return PART
    swapped = any(
        all(equal.values(left[a], right[b]) == EQUAL for a, b in zip(left, order, strict=True))
        for order in permutations(list(left)[:4])
        if len(order) == len(left)
    )
    return PART if swapped else DIFFERENT


def _by_name(meaning: Meaning) -> dict[str, tuple[Any, ...]]:
    names: dict[str, list[Any]] = {}
    for name, value in meaning.items:
        names.setdefault(name.split("_")[0], []).append(value)
    return {name: tuple(values) for name, values in names.items()}

"""Equality of sympy expressions, relations, sets and points; the arithmetic under `maths_compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Verdicts.
EQUAL = "equal"
DIFFERENT = "different"
PART = "part"  # some of the solutions, or right and wrong ones
ENDS = "ends"  # an interval whose end points are wrongly in or out
APPROXIMATE = "approximate"  # a decimal near an exact reference
UNSOLVED = "unsolved"  # equivalent, or may be, but not solved for the unknown
NAMES = "names"  # other letters than the reference
SHAPE = "shape"  # a pair against an equation, and the like
READING = "reading"  # right under one reading of the spelling and wrong under the other
ELSEWHERE = "elsewhere"  # the reference is in a chain of equations, but not at its end
DOMAIN = "domain"  # equal at some points only
LARGE = "large"  # beyond the limits below
BAD_REFERENCE = "bad_reference"

DIGITS = 40
"""Decimal digits of the numeric comparison."""

NEAR = 0.005
"""Relative difference up to which a decimal is taken for an approximation of an exact reference, so that the
teacher looks: three significant digits (3.14 for π differs by 0.05 %, 0.33 for a third by 1 %)."""

_SAMPLES = ((3, 7), (1, 11), (13, 6), (-4, 9), (-17, 5), (29, 12))
"""Numerators and denominators that the sample points grow from: positive and negative, below and above 1."""

_POSITIVE = 4
"""How many further all-positive points are tried, for roots and logarithms that are real only there."""


def _points(symbols: Sequence[Any]) -> list[tuple[bool, dict[Any, Any]]]:
    """Sample points: (all positive?, symbol -> rational). The same for every call."""
    import sympy as sp

    # Off the small fractions, where denominators vanish.
    shift = sp.Rational(1, 997)
    points = []
    for sample, (top, bottom) in enumerate(_SAMPLES):
        # A different step for every name, so that no two names share a value.
        values = {
            s: sp.Rational(top * (2 * i + 3) + sample, bottom + 5 * i) + shift for i, s in enumerate(symbols)
        }
        points.append((all(value > 0 for value in values.values()), values))
    for sample in range(_POSITIVE):
        values = {
            s: sp.Rational(7 * sample + 3 + 4 * i, 3 + sample + 2 * i) + shift for i, s in enumerate(symbols)
        }
        points.append((True, values))
    return points


def _at(expression: Any, point: dict[Any, Any]) -> Any:
    """The value at a point as a sympy number, or None where it has none."""
    import sympy as sp

    value = expression.evalf(DIGITS, subs=point) if point else expression.evalf(DIGITS)
    if (
        not value.is_number
        or value.has(sp.nan, sp.zoo, sp.oo)
        or value.is_finite is False
        or value.has_free(*point)
    ):
        return None
    return value


def _close(a: Any, b: Any) -> bool:
    size = max(abs(a), abs(b), 1)
    return bool(abs(a - b) <= size * 10 ** (12 - DIGITS))


def same(a: Any, b: Any) -> bool | None:
    """Whether two expressions are equal; None when they are at some points only, or cannot be evaluated."""
    import sympy as sp

    if a == b:
        return True
    if sp.oo in (a, b) or -sp.oo in (a, b):
        return False
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    if not symbols:
        left, right = _at(a, {}), _at(b, {})
        return None if left is None or right is None else _close(left, right)
    agreed, split = 0, False
    for positive, point in _points(symbols):
        left, right = _at(a, point), _at(b, point)
        if left is None and right is None:
            continue
        if left is None or right is None or not _close(left, right):
            # Beyond the reals, roots and logarithms have branches that school mathematics does not mean.
            if positive and left is not None and right is not None and left.is_real and right.is_real:
                return False
            split = True
        else:
            agreed += 1
    if split:
        return None if agreed else False
    return True if agreed >= 3 else None


def values(wanted: Sequence[Any], said: Sequence[Any]) -> str:
    """Two lists of solutions, order and repetition aside."""
    wanted, said = _distinct(wanted), _distinct(said)
    table = [[same(a, b) for b in said] for a in wanted]
    found = sum(True in row for row in table)
    extra = sum(not any(row[i] is True for row in table) for i in range(len(said)))
    if found == len(wanted) and not extra:
        return EQUAL
    if any(cell is None for row in table for cell in row):
        return DOMAIN
    if found:
        return PART
    return APPROXIMATE if _approximate(wanted, said) else DIFFERENT


def _distinct(items: Sequence[Any]) -> list[Any]:
    kept: list[Any] = []
    for item in items:
        if not any(same(item, other) is True for other in kept):
            kept.append(item)
    return kept


def _approximate(wanted: Sequence[Any], said: Sequence[Any]) -> bool:
    """Whether a rounded decimal of one side stands where the other is exact."""
    for a in wanted:
        for b in said:
            if a.free_symbols or b.free_symbols or not (b.is_Rational or a.is_Rational):
                continue
            if a.is_Integer and b.is_Integer:
                continue
            left, right = _at(a, {}), _at(b, {})
            if left is None or right is None or left == 0:
                continue
            if abs(left - right) <= NEAR * abs(left):
                return True
    return False


def relations(wanted: Sequence[Any], said: Sequence[Any]) -> str:
    """Equations and inequalities, each up to a constant factor and the order of its sides."""
    if len(wanted) != len(said):
        return PART if any(_relation(a, b) for a in wanted for b in said) else SHAPE
    rest = list(said)
    for relation in wanted:
        hit = next((other for other in rest if _relation(relation, other)), None)
        if hit is None:
            found = len(rest) < len(wanted)
            return PART if found else _unlike(wanted, said)
        rest.remove(hit)
    return EQUAL


def _unlike(wanted: Sequence[Any], said: Sequence[Any]) -> str:
    """Polynomials that are no multiples of each other are different equations; of others that is not known.

    Equations are compared without their denominators, as `_relation` does.
    """
    parts = [_numerator(relation) for relation in (*wanted, *said)]
    return DIFFERENT if all(part.is_polynomial() for part in parts) else DOMAIN


_FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "=": "=", "≠": "≠"}


def _relation(a: Any, b: Any) -> bool:
    """Whether two relations (operator, left, right) say the same up to a constant factor."""
    factor = _factor(_numerator(a), _numerator(b))
    if factor is None:
        return False
    if a[0] in "=≠":
        return bool(a[0] == b[0])
    # A negative factor turns an inequality round.
    return bool(factor.is_real) and b[0] == (a[0] if factor > 0 else _FLIPPED[a[0]])


def _numerator(relation: Any) -> Any:
    """left - right, for an equation without its denominators."""
    import sympy as sp

    difference = relation[1] - relation[2]
    if relation[0] not in "=≠" or difference.count_ops() > 60:
        return difference
    return sp.fraction(sp.together(difference))[0]


def _factor(p: Any, q: Any) -> Any:
    """The constant c with q = c·p, or None."""
    if p.free_symbols != q.free_symbols:
        return None
    for _, point in _points(sorted(p.free_symbols, key=str)):
        left, right = _at(p, point), _at(q, point)
        if left is None or right is None or abs(left) < 1e-20:
            continue
        if abs(right) < 1e-20:
            return None
        ratio = right / left
        return ratio if same(p * ratio, q) is True else None
    return None


def regions(wanted: Any, said: Any) -> str:
    """Sets of real numbers."""
    if wanted == said:
        return EQUAL
    gap = wanted.symmetric_difference(said)
    if gap.is_empty is True:
        return EQUAL
    if gap.is_empty is None:
        return DOMAIN
    import sympy as sp

    if gap.is_finite_set:
        return ENDS
    # One of several intervals: right in part.
    return (
        PART
        if isinstance(wanted, sp.Union) and said.is_empty is False and said.is_subset(wanted)
        else DIFFERENT
    )


def tuples(wanted: Sequence[Any], said: Sequence[Any]) -> str:
    """Lists of points in any order, components in theirs."""
    table = [[_same_point(a, b) for b in said] for a in wanted]
    found = sum(any(row) for row in table)
    extra = sum(not any(row[i] for row in table) for i in range(len(said)))
    if found == len(wanted) and not extra:
        return EQUAL
    return PART if found else DIFFERENT


def _same_point(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(a) == len(b) and all(same(x, y) is True for x, y in zip(a, b, strict=True))

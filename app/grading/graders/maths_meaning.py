"""What a piece of mathematics says, as sympy objects. Runs in a worker process; sympy is imported when needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from app.grading.graders.maths_parser import Node

MAX_POWER = 1000
"""Largest exponent that is built."""

MAX_BITS = 20_000
"""Largest integer power that is worked out, in bits (6000 digits)."""

MAX_FACTORIAL = 200


class TooLarge(Exception):  # noqa: N818 - caught in `maths_compare`
    """A number or power beyond the limits, or something undefined."""


@dataclass(frozen=True)
class Meaning:
    """What a statement says.

    kind: values (items: expressions), chain (items: the sides of equations), assigned (items: (name, expression)),
    relation (items: (operator, left, right)), region (items: one sympy set), tuples (items: tuples of expressions).
    `solved` is False for an inequality that still has to be solved; `bound` are names that the statement solves for.
    """

    kind: str
    items: tuple[Any, ...]
    solved: bool = True
    bound: frozenset[str] = frozenset()


def names_in(node: Node) -> frozenset[str]:
    """The names in a tree."""
    if node[0] == "name":
        return frozenset((node[1],))
    found: frozenset[str] = frozenset()
    for part in node[1:]:
        if isinstance(part, tuple):
            subtrees = (part,) if part and isinstance(part[0], str) else part
            for subtree in subtrees:
                if isinstance(subtree, tuple) and subtree and isinstance(subtree[0], str):
                    found |= names_in(subtree)
    return found


def _build(node: Node, sign: int) -> Any:
    """The sympy expression of a tree; ± takes the sign given."""
    import sympy as sp

    kind = node[0]
    if kind == "num":
        return sp.Rational(node[1])
    if kind == "name":
        return sp.Symbol(node[1])
    if kind == "const":
        return {"pi": sp.pi, "e": sp.E, "i": sp.I, "oo": sp.oo}[node[1]]
    if kind == "call":
        return _call(node[1], _build(node[2], sign))
    parts = [_build(part, sign) for part in node[1:]]
    if kind in ("+", "-", "*", "/", "±", "∓"):
        return _checked(_combine(kind, parts[0], parts[1], sign))
    if kind == "neg":
        return -parts[0]
    if kind == "^":
        return _power(parts[0], parts[1])
    if kind == "root":
        return _power(parts[1], _checked(1 / parts[0]))
    if kind == "log":
        return _checked(sp.log(parts[1]) / sp.log(parts[0]))
    if kind == "°":
        return parts[0] * sp.pi / 180
    if kind == "!":
        if parts[0].is_number and not (parts[0].is_Integer and 0 <= parts[0] <= MAX_FACTORIAL):
            raise TooLarge
        return sp.factorial(parts[0])
    raise TooLarge


def _combine(kind: str, left: Any, right: Any, sign: int) -> Any:
    if kind == "*":
        return left * right
    if kind == "/":
        return left / right
    if kind in ("±", "∓"):
        right = right * (sign if kind == "±" else -sign)
        kind = "+"
    return left + right if kind == "+" else left - right


def _checked(value: Any) -> Any:
    import sympy as sp

    if value.has(sp.zoo, sp.nan):
        raise TooLarge
    return value


def _power(base: Any, exponent: Any) -> Any:
    """base^exponent, refused before sympy works it out when the result is large."""
    if exponent.is_number:
        size = abs(exponent.evalf(15)) if not exponent.is_Rational else abs(exponent)
        if not size.is_finite or size > MAX_POWER:
            raise TooLarge
        if base.is_Rational and max(abs(base.p), base.q).bit_length() * float(size) > MAX_BITS:
            raise TooLarge
        if base.is_Add and size > 50:
            raise TooLarge
    return _checked(base**exponent)


def _call(name: str, argument: Any) -> Any:
    import sympy as sp

    names = {"lg": sp.log, "log": sp.log, "ln": sp.log, "abs": sp.Abs, "arcsin": sp.asin, "arccos": sp.acos}
    names |= {"arctan": sp.atan, "sqrt": sp.sqrt}
    value = (names.get(name) or getattr(sp, name))(argument)
    # A bare log is the decimal one, as lg is: schools that mean ln write ln.
    return _checked(value / sp.log(10) if name in ("lg", "log") else value)


def _both_signs(node: Node) -> list[Any]:
    """A tree as one expression, or two where it holds ±."""
    first, second = _build(node, 1), _build(node, -1)
    return [first] if first == second else [first, second]


# From statements to meanings.


def meaning_of(node: Node) -> Meaning:
    kind = node[0]
    if kind in ("empty", "reals", "union", "inter", "interval"):
        return Meaning("region", (_region(node),)) if not _is_pair(node) else _pair(node)
    if kind == "tuple":
        return Meaning("tuples", (tuple(_build(part, 1) for part in node[1]),))
    if kind == "in":
        return replace(as_region(meaning_of(node[2])), bound=names_in(node[1]))
    if kind == "rel":
        return _relation(node)
    if kind == "set":
        return _merged([meaning_of(part) for part in node[1]], ",")
    if kind == "list":
        return _merged([meaning_of(part) for part in node[2]], node[1])
    if kind == "and":
        return _merged([meaning_of(part) for part in node[1]], "and")
    return Meaning("values", tuple(_both_signs(node)))


def _is_pair(node: Node) -> bool:
    return node[0] == "interval" and (node[1], node[4]) == ("(", ")")


def _pair(node: Node) -> Meaning:
    """(a, b): a point or an open interval; the other side of the comparison decides."""
    return Meaning("tuples", ((_build(node[2], 1), _build(node[3], 1)),))


def _region(node: Node) -> Any:
    import sympy as sp

    if node[0] == "empty":
        return sp.S.EmptySet
    if node[0] == "reals":
        return sp.S.Reals
    if node[0] in ("union", "inter"):
        parts = [_region(part) for part in node[1]]
        return sp.Union(*parts) if node[0] == "union" else sp.Intersection(*parts)
    if node[0] != "interval":
        return sp.FiniteSet(*(value for part in node[1] for value in _both_signs(part)))
    low, high = _build(node[2], 1), _build(node[3], 1)
    if not (low.is_number and high.is_number):
        raise TooLarge
    return sp.Interval(low, high, node[1] == "(", node[4] == ")")


def as_region(meaning: Meaning) -> Meaning:
    import sympy as sp

    if meaning.kind == "tuples" and len(meaning.items) == 1 and len(meaning.items[0]) == 2:
        low, high = meaning.items[0]
        if low.is_number and high.is_number and low.is_real is not False and low < high:
            return replace(meaning, kind="region", items=(sp.Interval.open(low, high),))
    return meaning


def _relation(node: Node) -> Meaning:
    _, sides, ops = node
    if set(ops) == {"="}:
        return _equation(node)
    if "=" in ops or any(side[0] == "empty" for side in sides):
        raise TooLarge
    names = names_in(node)
    built = [_build(side, 1) for side in sides]
    if len(names) != 1:
        return Meaning(
            "relation", tuple((op, *pair) for op, pair in zip(ops, pairwise(built), strict=True)), False
        )
    return _inequality(built, ops, names)


def _equation(node: Node) -> Meaning:
    """x=3 and x=y=3 assign; y=2x+1 assigns too; x^2=4 relates; a=b+c=5 is a chain that ends in its result."""
    sides = node[1]
    if sides[-1][0] == "empty":
        return meaning_of(("empty",))
    left = sides[:-1]
    if len(sides) == 2 and left[0][0] != "name" and sides[1][0] == "name":
        sides, left = (sides[1], sides[0]), (sides[1],)  # 3 = x
    if sides[0][0] == "name" and sides[0][1] not in names_in(sides[-1]):
        names = [side[1] for side in left if side[0] == "name"]
        if len(names) == len(left):
            values = _both_signs(sides[-1])
            return Meaning("assigned", tuple((n, v) for n in names for v in values), bound=frozenset(names))
    built = tuple(tuple(_both_signs(side)) for side in sides)
    # Without letters it is no equation but a calculation: 2+2=4.
    if len(built) == 2 and names_in(node):
        return Meaning("relation", tuple(("=", a, b) for a in built[0] for b in built[1]), False)
    return Meaning("chain", built, False)


def _inequality(built: list[Any], ops: tuple[str, ...], names: frozenset[str]) -> Meaning:
    import sympy as sp

    symbol = sp.Symbol(next(iter(names)))
    real = sp.Symbol(symbol.name, real=True)
    region = sp.S.Reals
    solved = True
    classes = {"<": sp.Lt, ">": sp.Gt, "≤": sp.Le, "≥": sp.Ge, "≠": sp.Ne}
    for op, (left, right) in zip(ops, pairwise(built), strict=True):
        solved = solved and symbol in (left, right) and (left.is_number or right.is_number)
        if left.has(sp.I) or right.has(sp.I):
            raise TooLarge
        condition = classes[op](left.subs(symbol, real), right.subs(symbol, real))
        if condition in (True, False):
            part = sp.S.Reals if condition == True else sp.S.EmptySet  # noqa: E712 - a sympy truth value
        else:
            part = sp.solveset(condition, real, sp.S.Reals)
        region = sp.Intersection(region, part)
    return Meaning("region", (region,), solved, names)


def _merged(parts: list[Meaning], joint: str) -> Meaning:
    """Several statements as one: solutions together, regions joined (or) or met (and)."""
    import sympy as sp

    kinds = {part.kind for part in parts}
    bound = frozenset().union(*(part.bound for part in parts))
    solved = all(part.solved for part in parts)
    if kinds == {"region"}:
        if joint not in ("or", "and"):
            raise TooLarge  # a comma between inequalities may mean either
        made = (sp.Union if joint == "or" else sp.Intersection)(*(part.items[0] for part in parts))
        return Meaning("region", (made,), solved, bound)
    if kinds <= {"values", "assigned"} and "values" in kinds:
        # "x=1, 2": the later values belong to the name before them.
        items = [item[1] if part.kind == "assigned" else item for part in parts for item in part.items]
        return Meaning("values", tuple(items), solved, bound)
    if len(kinds) != 1:
        raise TooLarge
    return Meaning(parts[0].kind, tuple(item for part in parts for item in part.items), solved, bound)

"""Mathematics as people type it, plain or LaTeX, read into plain trees.

The reader knows numbers, names, operators and a list of functions, and nothing else; no text is ever evaluated as
code. Trees are nested tuples (`Node`), so that they travel to a worker process without importing sympy here:

    ("num", "3/2")  ("name", "x_1")  ("const", "pi"|"e"|"i"|"oo")  ("neg", a)  ("+"|"-"|"*"|"/"|"^"|"±"|"∓", a, b)
    ("call", function, argument)  ("log", base, argument)  ("root", index, a)  ("!", a)  ("°", a)
    ("rel", (a, b, ...), ("=", "<", ...))  ("in", a, set)  ("list", separators, items)  ("and", items)
    ("set", items)  ("interval", "(" or "[", a, b, ")" or "]")  ("tuple", items)  ("union"|"inter", items)
    ("empty",)  ("reals",)
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from app.grading.graders.maths_tokens import Token, Unreadable, tokens_of

Node = tuple[Any, ...]

MAX_DEPTH = 40
"""Nested brackets, powers and signs: the reader's own recursion is bounded by it."""

RELATIONS = frozenset("=<>≤≥≠")


def read_maths(text: str) -> tuple[Node, ...]:
    """The readings of a formula: one, or two where spelling leaves open what a power or division covers.

    "1/2x" is (1/2)·x by the rules and 1/(2x) by many hands; likewise e^2x. Raises Unreadable.
    """
    tokens = tokens_of(text)
    first = _Reader(tokens, tight=False).statement()
    try:
        second = _Reader(tokens, tight=True).statement()
    except Unreadable:
        return (first,)
    return (first,) if first == second else (first, second)


def _number(text: str) -> Node:
    return ("num", str(Fraction(text)))


class _Reader:
    """A recursive descent over tokens. `tight`: juxtaposition binds closer than / and goes into powers."""

    def __init__(self, tokens: list[Token], tight: bool) -> None:
        self._tokens = tokens
        self._at = 0
        self._tight = tight
        self._depth = 0
        self._bars = 0

    def _peek(self, ahead: int = 0) -> Token:
        index = self._at + ahead
        return self._tokens[index] if index < len(self._tokens) else ("end", "")

    def _op(self, *values: str) -> str:
        """Consume one of these operators and return it, or return ""."""
        kind, value = self._peek()
        if kind == "op" and value in values:
            self._at += 1
            return value
        return ""

    def _expect(self, value: str) -> None:
        if not self._op(value):
            raise Unreadable

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable

    def statement(self) -> Node:
        """The whole text: items joined by or, commas and semicolons."""
        while self._peek()[1] in (",", ";", ":") and self._peek()[0] == "op":
            self._at += 1
        node = self._items()
        while self._op(",", ";"):
            pass
        if self._peek()[0] != "end":
            raise Unreadable
        return node

    def _items(self) -> Node:
        items, separators = [self._both()], set()
        while True:
            start = self._at
            kind, _ = self._peek()
            if kind == "or":
                self._at += 1
                separators.add("or")
            elif self._op(",", ";"):
                # "x<1, or x>2", and a comma at the end.
                while self._op(",", ";"):
                    pass
                if self._peek()[0] == "or":
                    self._at += 1
                    separators.add("or")
                elif self._peek()[0] == "end" or self._peek() in (("op", "}"), ("op", "⟩")):
                    self._at = start
                    break
                else:
                    separators.add(",")
            else:
                break
            items.append(self._both())
        if len(items) == 1:
            return items[0]
        return ("list", "".join(sorted(separators)), tuple(items))

    def _both(self) -> Node:
        items = [self._item()]
        while self._peek()[0] == "and":
            self._at += 1
            items.append(self._item())
        return items[0] if len(items) == 1 else ("and", tuple(items))

    def _item(self) -> Node:
        self._deeper()
        start, depth, bars = self._at, self._depth, self._bars
        try:
            node = self._union()
            following = self._peek()
            if following[0] in ("end", "or", "and") or following in (
                ("op", ","), ("op", ";"), ("op", "}"), ("op", ")"), ("op", "⟩"),
            ):  # fmt: skip
                self._depth -= 1
                return node
        except Unreadable:
            pass
        self._at, self._depth, self._bars = start, depth, bars
        node = self._relation()
        self._depth -= 1
        return node

    def _union(self) -> Node:
        parts, joint = [self._setlike()], ""
        while op := self._op("∪", "∩"):
            if joint and op != joint:
                raise Unreadable
            joint = op
            parts.append(self._setlike())
        return parts[0] if not joint else ("union" if joint == "∪" else "inter", tuple(parts))

    def _setlike(self) -> Node:
        if self._op("∅"):
            return ("empty",)
        if self._op("ℝ"):
            return ("reals",)
        if self._op("{"):
            return self._braces()
        opening = self._op("(", "[")
        if not opening:
            raise Unreadable
        parts = [self._expression()]
        while self._op(",", ";"):
            parts.append(self._expression())
        closing = self._op(")", "]")
        if len(parts) < 2 or not closing:
            raise Unreadable
        if len(parts) == 2:
            return ("interval", opening, parts[0], parts[1], closing)
        if (opening, closing) != ("(", ")"):
            raise Unreadable
        return ("tuple", tuple(parts))

    def _braces(self) -> Node:
        if self._op("}"):
            return ("empty",)
        if self._peek()[0] == "name" and self._peek(1) in (("op", "|"), ("op", ":")):
            self._at += 2  # {x | condition}: the condition says it all
            node = self._items()
        else:
            inner = self._items()
            node = ("set", inner[2] if inner[0] == "list" else (inner,))
        self._expect("}")
        return node

    def _relation(self) -> Node:
        sides: list[Node] = [self._expression()]
        ops: list[str] = []
        while True:
            if self._op("∈"):
                if ops:
                    raise Unreadable
                return ("in", sides[0], self._union())
            if not (op := self._op(*RELATIONS)):
                break
            ops.append(op)
            sides.append(("empty",) if self._op("∅") else self._expression())
        return sides[0] if not ops else ("rel", tuple(sides), tuple(ops))

    def _expression(self) -> Node:
        self._deeper()
        if sign := self._op("±", "∓"):
            node: Node = (sign, ("num", "0"), self._term())
        else:
            node = self._term()
        while op := self._op("+", "-", "±", "∓"):
            node = (op, node, self._term())
        self._depth -= 1
        return node

    def _term(self) -> Node:
        node = self._joined() if self._tight else self._factor()
        while True:
            if op := self._op("*", "/"):
                node = (op, node, self._joined() if self._tight else self._factor())
            elif not self._tight and self._begins_factor():
                node = ("*", node, self._factor())
            else:
                return node

    def _joined(self) -> Node:
        node = self._factor()
        # "5/9(F-32)" and "1/2(a+b)h": a fraction of numbers stays one before a bracket.
        if self._numbers_before() and self._peek() == ("op", "("):
            return node
        while self._begins_factor():
            node = ("*", node, self._factor())
        return node

    def _numbers_before(self) -> bool:
        """Whether what was just read is a fraction of two numbers, 5/9."""
        if self._at < 3:
            return False
        top, stroke, bottom = self._tokens[self._at - 3 : self._at]
        return top[0].strip() == bottom[0].strip() == "num" and stroke == ("op", "/")

    def _begins_factor(self) -> bool:
        kind, value = self._peek()
        if kind in ("name", "const", "func", "frac", "sqrt"):
            return True
        if kind == "op" and value == "|":
            return self._bars == 0
        # A number after a factor ("x 2") is more likely a lost power or operator than a product.
        return kind == "op" and value in ("(", "√", "⟨", "[")

    def _factor(self) -> Node:
        self._deeper()
        if self._op("-"):
            node: Node = ("neg", self._factor())
        elif self._op("+"):
            node = self._factor()
        else:
            node = self._power()
        self._depth -= 1
        return node

    def _power(self) -> Node:
        base = self._postfix()
        if not self._op("^"):
            return base
        return ("^", base, self._exponent())

    def _exponent(self) -> Node:
        self._deeper()
        if self._op("-"):
            node: Node = ("neg", self._exponent())
        else:
            self._op("+")
            bare = self._peek()[0].strip() == "num"
            node = self._group() or self._postfix()
            while self._tight and bare and self._peek()[0] in ("name", "const"):
                node = ("*", node, self._postfix())
            if self._op("^"):
                node = ("^", node, self._exponent())
        self._depth -= 1
        return node

    def _group(self) -> Node | None:
        """{...} or ⟨...⟩ as brackets, where a set makes no sense."""
        opening = self._op("{", "⟨")
        if not opening:
            return None
        node = self._expression()
        self._expect("}" if opening == "{" else "⟩")
        return node

    def _postfix(self) -> Node:
        node = self._atom()
        while op := self._op("!", "°", "%"):
            node = ("/", node, ("num", "100")) if op == "%" else (op, node)
        return node

    def _atom(self) -> Node:
        self._deeper()
        node = self._atom_inside()
        self._depth -= 1
        return node

    def _atom_inside(self) -> Node:
        kind, value = self._peek()
        if kind.strip() == "num":
            return self._mixed()
        self._at += 1
        if kind == "const":
            return ("const", value)
        if kind == "name":
            return ("name", value + self._subscript())
        if kind == "func":
            return self._call(value)
        if kind == "frac":
            top, bottom = self._latex_argument(), self._latex_argument()
            return ("/", top, bottom)
        if kind == "sqrt" or (kind, value) == ("op", "√"):
            return self._root(kind == "sqrt")
        if kind == "op" and value in ("(", "[", "⟨"):
            node = self._expression()
            self._expect({"(": ")", "[": "]", "⟨": "⟩"}[value])
            return node
        if kind == "op" and value == "|" and not self._bars:
            self._bars += 1
            node = self._expression()
            self._expect("|")
            self._bars -= 1
            return ("call", "abs", node)
        raise Unreadable

    def _mixed(self) -> Node:
        """A number; "3 1/2" is a mixed number."""
        value = self._peek()[1]
        self._at += 1
        (kind, top), stroke, (last, bottom) = self._peek(), self._peek(1), self._peek(2)
        if kind == "num " and value.isdigit() and stroke == ("op", "/") and last.strip() == "num":
            if not (top.isdigit() and bottom.isdigit() and int(bottom)):
                raise Unreadable
            self._at += 3
            return ("num", str(Fraction(value) + Fraction(int(top), int(bottom))))
        return _number(value)

    def _subscript(self) -> str:
        """The index of a name: x_1, x_{12}, x1; "" without one."""
        if self._op("_"):
            opening = self._op("{", "⟨")
            kind, value = self._peek()
            if kind.strip() not in ("num", "name", "const"):
                raise Unreadable
            self._at += 1
            if opening:
                self._expect("}" if opening == "{" else "⟩")
            return "_" + value
        kind, value = self._peek()
        if kind == "num" and value.isdigit():
            self._at += 1
            return "_" + value
        return ""

    def _latex_argument(self) -> Node:
        group = self._group()
        if group is not None:
            return group
        kind, value = self._peek()
        if kind.strip() == "num" and value.isdigit():
            # \frac12 takes one digit at a time.
            self._tokens[self._at : self._at + 1] = [("num", digit) for digit in value]
            self._at += 1
            return _number(value[0])
        return self._atom()

    def _root(self, latex: bool) -> Node:
        index: Node = ("num", "2")
        if latex and self._op("["):
            index = self._expression()
            self._expect("]")
        return ("root", index, self._group() or self._atom())

    def _call(self, name: str) -> Node:
        power = self._exponent() if self._op("^") else None
        base: Node | None = None
        if name == "log":
            if self._op("_"):
                base = self._group() or self._atom()
            elif self._peek()[0] == "num" and self._peek(1) == ("op", "("):
                base = self._mixed()
        argument = self._argument()
        if power == ("neg", ("num", "1")) and name in ("sin", "cos", "tan"):
            return ("call", "arc" + name, argument)
        node: Node = ("log", base, argument) if base else ("call", name, argument)
        return node if power is None else ("^", node, power)

    def _argument(self) -> Node:
        """What a function is taken of: a bracket, or the factors up to the next operator or function."""
        if self._peek() in (("op", "("), ("op", "{"), ("op", "⟨")):
            return self._group() or self._atom()
        node = self._factor()
        while self._peek()[0] in ("name", "const", "frac") or self._peek() == ("op", "√"):
            node = ("*", node, self._power())
        return node

"""Whose page is it that text recognition has read? A wrong character is normal here, a wrong student must not be.

What is counted are edits (insertions, deletions, substitutions, swaps: the optimal string alignment distance) between
what was read and each student's name and number. A page is matched when at most one edit in both together leads to
one student and everybody else is at least MARGIN edits farther; with a name or a number alone hardly any edit is
allowed. Then: two names one character apart, numbers one digit apart, the same name twice, nicknames and initials are
doubtful, the likeliest student first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic

from rapidfuzz.distance import OSA

from app.i18n import Text
from app.intake.lookalikes import lookalike, shape
from app.intake.matching import MAX_CANDIDATES, NEAR_NUMBER, E, Match
from app.intake.nicknames import may_be_called
from app.intake.normal import is_cjk, name_forms, number_key, words
from app.intake.romanise import may_be_pinyin, short_spellings, spellings
from app.intake.said import Said

FAR = 4  # edits: as good as any other name
MARGIN = 2  # edits that the second best is farther, name and number together
BARE = {True: 3, False: 5}  # characters of a name without a label that may be misread: Chinese, others
SEAT = 2  # digits of a number's end that may stand for it: seat 6 or 06 of 20240306
LONG_NAME = 8  # letters of a name that one misread letter does not hide
LONG_MARGIN = 4  # edits that then everybody else's name is farther
MOST_COMPARED = (
    1000  # students of whom each pair's numbers are compared; of larger rosters no number counts alone
)


@dataclass(frozen=True, slots=True)
class _Known(Generic[E]):
    """A student as pages may write them."""

    entry: E
    forms: tuple[str, ...]
    cjk: bool
    number: str


@dataclass(frozen=True, slots=True)
class Likeness(Generic[E]):
    """How far one student is from what a page says, in edits; None: the page says nothing of that kind.

    `hint`: a nickname, an abbreviation or a part of the name stands there. `long`: the name is one misread, long one.
    `shape`: edits of the number when characters that look alike are the same. `reach`: edits up to which the name
    counts as near. `seat`: only the end of a number is there.
    """

    entry: E
    name: int | None
    number: int | None
    hint: bool = False
    long: bool = False
    shape: int = 0
    reach: int = 1
    seat: bool = False

    @property
    def cost(self) -> int:
        """Edits of name and number together."""
        return (self.name or 0) + (self.number or 0)

    @property
    def near(self) -> bool:
        """Whether the page points at this student at all."""
        return (
            self.hint
            or (self.name is not None and self.name <= self.reach)
            or (self.number is not None and self.number <= 1)
        )


@dataclass(frozen=True, slots=True)
class Finding(Generic[E]):
    """Whose page it is, and how far the likeliest student is (`best`).

    `exact` is a student whose name and number, as far as they are there, were read without an edit, while the `rivals`
    are so near that one misreading of theirs would look the same.
    """

    match: Match[E]
    best: Likeness[E] | None = None
    exact: E | None = None
    rivals: tuple[E, ...] = ()


class Class(Generic[E]):
    """A roster, prepared for many pages."""

    def __init__(self, roster: Sequence[E]) -> None:
        self.known = [
            _Known(
                entry, tuple(sorted(name_forms(entry.name))), _chinese(entry.name), number_key(entry.number)
            )
            for entry in roster
        ]
        self._numbers = {known.number: known for known in self.known if known.number}
        self._findings: dict[tuple[Said, bool], Finding[E]] = {}

    def match(self, page: Said, typed: bool = False) -> Match[E]:
        """Whose page it is by what it says; in `typed` text no character is misread. Never raises."""
        return self.find(page, typed).match

    def find(self, page: Said, typed: bool = False) -> Finding[E]:
        """`match`, with what would settle it if the rivals' own pages are found."""
        if (page, typed) not in self._findings:
            self._findings[page, typed] = self._find(page, 0 if typed else 1)
        return self._findings[page, typed]

    def likenesses(self, page: Said) -> list[Likeness[E]]:
        """How far every student is from what a page says, the likeliest first."""
        names = (*page.names, *self._own_names(page))
        numbers = (*page.numbers, *self._own_numbers(page))
        found = [self._likeness(known, names, numbers) for known in self.known]
        return sorted(found, key=lambda each: (each.cost, not each.hint, each.shape))

    def _own_names(self, page: Said) -> tuple[str, ...]:
        """Names without a label that are a student's, longer ones perhaps misread by one character."""
        return tuple(
            value
            for value in page.bare_names
            if any(_name_edits(known, value) <= (len(_key(value)) >= BARE[known.cjk]) for known in self.known)
        )

    def _own_numbers(self, page: Said) -> tuple[str, ...]:
        return tuple(
            value for value in page.loose_numbers if value in self._numbers and value not in page.numbers
        )

    def _likeness(self, known: _Known[E], names: tuple[str, ...], numbers: tuple[str, ...]) -> Likeness[E]:
        name = min((_name_edits(known, value) for value in names), default=None)
        number = min((_number_edits(value, known.number) for value in numbers), default=None)
        return Likeness(
            known.entry,
            name,
            number,
            hint=bool(name) and any(_hints(known, value) for value in names),
            long=name == 1 and any(_misread(known, value) for value in names),
            seat=bool(numbers) and all(_is_seat(value, known.number) for value in numbers),
            reach=2 if len(_key(known.entry.name)) >= LONG_NAME else 1,
            shape=min((_distance(shape(value), shape(known.number)) for value in numbers), default=0),
        )

    def _find(self, page: Said, most: int) -> Finding[E]:
        found = self.likenesses(page)
        if not found or (found[0].name is None and found[0].number is None):
            return Finding(Match("unknown", None, (), Text("No name and no number was read on the page.")))
        near = [each for each in found if each.near]
        if not near:
            values = {"found": (*page.names, *page.numbers)[0]}
            text = Text("The paper says {found}, who is not in the class.", values)
            return Finding(Match("unknown", None, (), text))
        best = near[0]
        others = [each for each in found if each is not best]
        fits, rivals = self._judge(best, others, most)
        if fits and not rivals:
            return Finding(Match("matched", best.entry, (best.entry,), None), best)
        candidates = tuple(each.entry for each in near[:MAX_CANDIDATES])
        match = Match("doubtful", None, candidates, _reason(best, others))
        exact = fits and best.cost == 0 and not any(other.cost == 0 for other in others)
        if not exact:
            return Finding(match, best)
        return Finding(match, best, best.entry, tuple(each.entry for each in rivals))

    def _judge(
        self, best: Likeness[E], others: Sequence[Likeness[E]], most: int
    ) -> tuple[bool, Sequence[Likeness[E]]]:
        """Whether the best student is near enough, and those that are too near as well."""
        if best.name is not None and best.number is not None:
            return _by_both(best, others, most)
        if best.name is not None:
            return _by_name(best, others, most)
        close = [other for other in others if other.number == 0 or self._beside(best.entry, other.entry)]
        return best.number == 0 and not best.seat, close

    def _beside(self, one: E, other: E) -> bool:
        """Whether two students' numbers are one digit apart."""
        return _distance(number_key(one.number), number_key(other.number)) <= 1


def _by_both(
    best: Likeness[E], others: Sequence[Likeness[E]], most: int
) -> tuple[bool, Sequence[Likeness[E]]]:
    if best.number == 0 and best.hint and (best.name or 0) > 1:
        # A nickname beside one's own number: nobody else may be called so or have nearly that name.
        return True, [other for other in others if other.hint or (other.name or 0) <= 1]
    margin = MARGIN
    if best.number == 0 and best.name == 2 and len(_key(best.entry.name)) >= LONG_NAME:
        most, margin = most * 2, MARGIN + 1  # two misread letters of a long name beside the exact number
    # Seat 07 and seat 08 are two people: a short number has to be exact, and of a seat the name as well.
    weak = (best.number and len(best.entry.number) < NEAR_NUMBER) or (best.seat and best.cost)
    fits = best.cost <= most and not weak
    return fits, [other for other in others if other.cost - best.cost < margin or _rivals(best, other)]


def _by_name(
    best: Likeness[E], others: Sequence[Likeness[E]], most: int
) -> tuple[bool, Sequence[Likeness[E]]]:
    if best.name == 0:
        return True, [other for other in others if other.near]
    close = [other for other in others if (other.name or 0) < LONG_MARGIN or other.hint]
    return most > 0 and best.long, close


def _rivals(best: Likeness[E], other: Likeness[E]) -> bool:
    """A contradiction: whether one of name and number is exactly another's, while it is not exactly the best one's."""
    return (other.name == 0 and best.name != 0) or (other.number == 0 and best.number != 0)


def _reason(best: Likeness[E], others: Sequence[Likeness[E]]) -> Text:
    rival = next((other for other in others if other.cost <= best.cost + 1 and other.near), None)
    if best.name is None:
        return Text("Only a number was read, and others of the class are one digit apart.")
    if best.hint and best.name > 1:
        return Text("The page gives a short or other form of the name {name}.", {"name": best.entry.name})
    if rival is not None:
        values = {"name": best.entry.name, "other": rival.entry.name}
        return Text("What was read may be {name} or {other}.", values)
    if best.name == 0:
        values = {"name": best.entry.name}
        return Text("The page says {name}, but the number on it is not that student's.", values)
    return Text("What was read is similar to {name}, but not the same.", {"name": best.entry.name})


@lru_cache(maxsize=65536)
def _key(value: str) -> str:
    """A value's letters and digits, case folded: what a name's forms are compared with."""
    return "".join(mark for mark in value.casefold() if mark.isalnum())


def _chinese(name: str) -> bool:
    return is_cjk("".join(words(name)))


def _name_edits(known: _Known[E], value: str) -> int:
    key = _key(value)
    best = min((_distance(key, _key(form)) for form in known.forms), default=FAR)
    if best and known.cjk and may_be_pinyin(value):
        best = min([best, *(_distance(key, form) for form in spellings(known.entry.name))])
    return best


def _number_edits(value: str, number: str) -> int:
    """Edits between a number that was read and a student's, or its end where only a seat was written."""
    if _is_seat(value, number):
        seat = value.zfill(SEAT)
        return _distance(seat, number[-len(seat) :])
    return _distance(value, number)


def _is_seat(value: str, number: str) -> bool:
    """Whether a number is so short that it can only be the end of a student's."""
    return value.isdigit() and len(value) + SEAT < len(number)


def _misread(known: _Known[E], value: str) -> bool:
    """Whether a long name was read with one letter that looks alike."""
    key = _key(value)
    return len(key) >= LONG_NAME and any(lookalike(key, _key(form)) for form in known.forms)


def _hints(known: _Known[E], value: str) -> bool:
    key = _key(value)
    if known.cjk and may_be_pinyin(value):
        return key in short_spellings(known.entry.name)
    least = 2 if known.cjk else 3
    inside = any(
        min(len(key), len(form)) >= least and (form in key or key in form) and key != form
        for form in known.forms
    )
    return inside or may_be_called(known.entry.name, value)


@lru_cache(maxsize=262144)
def _distance(one: str, other: str, most: int = FAR - 1) -> int:
    """Edits between two texts, at most FAR; an empty one is FAR from everything."""
    if not one or not other:
        return FAR
    return min(FAR, OSA.distance(one, other, score_cutoff=most))

"""Whose page is it that text recognition has read? A wrong character is normal here, a wrong student must not be.

What is counted are edits (insertions, deletions, substitutions, swaps: the optimal string alignment distance) between
what was read and each student's name and number. A page is matched when at most one edit in both together leads to
one student and everybody else is at least MARGIN edits farther; with a name or a number alone hardly any edit is
allowed. Then: two names one character apart, numbers one digit apart, the same name twice, nicknames and initials are
doubtful, the likeliest student first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """

    entry: E
    name: int | None
    number: int | None
    hint: bool = False
    long: bool = False
    shape: int = 0

    @property
    def cost(self) -> int:
        """Edits of name and number together."""
        return (self.name or 0) + (self.number or 0)

    @property
    def near(self) -> bool:
        """Whether the page points at this student at all."""
        return (
            self.hint
            or (self.name is not None and self.name <= 1)
            or (self.number is not None and self.number <= 1)
        )


class Class(Generic[E]):
    """A roster, prepared for many pages."""

    def __init__(self, roster: Sequence[E]) -> None:
        self.known = [
            _Known(
                entry,
                tuple(sorted(name_forms(entry.name))),
                is_cjk("".join(words(entry.name))),
                number_key(entry.number),
            )
            for entry in roster
        ]
        self._numbers = {known.number for known in self.known if known.number}
        self._crowded = (
            {
                id(one.entry)
                for one in self.known
                if any(
                    one is not other and _distance(one.number, other.number, 1) <= 1 for other in self.known
                )
            }
            if len(self.known) <= MOST_COMPARED
            else {id(one.entry) for one in self.known}
        )
        self._matches: dict[tuple[Said, bool], Match[E]] = {}

    def match(self, page: Said, typed: bool = False) -> Match[E]:
        """Whose page it is by what it says; in `typed` text no character is misread. Never raises."""
        if (page, typed) not in self._matches:
            self._matches[page, typed] = self._match(page, 0 if typed else 1)
        return self._matches[page, typed]

    def points_here(self, page: Said) -> bool:
        """Whether anything on the page that has no label points at a student of the class."""
        return bool(self._own_names(page) or self._own_numbers(page))

    def likenesses(self, page: Said) -> list[Likeness[E]]:
        """How far every student is from what a page says, the likeliest first."""
        names = (*page.names, *self._own_names(page))
        numbers = (*page.numbers, *self._own_numbers(page))
        found = [self._likeness(known, names, numbers) for known in self.known]
        return sorted(found, key=lambda each: (each.cost, not each.hint, each.shape))

    def _own_names(self, page: Said) -> tuple[str, ...]:
        """Names without a label that are a student's, perhaps misread by one character."""
        return tuple(
            value for value in page.bare_names if any(_name_edits(known, value) <= 1 for known in self.known)
        )

    def _own_numbers(self, page: Said) -> tuple[str, ...]:
        return tuple(
            value for value in page.loose_numbers if value in self._numbers and value not in page.numbers
        )

    def _likeness(self, known: _Known[E], names: tuple[str, ...], numbers: tuple[str, ...]) -> Likeness[E]:
        name = min((_name_edits(known, value) for value in names), default=None)
        number = (
            min((_distance(value, known.number) for value in numbers), default=None) if known.number else FAR
        )
        if not numbers:
            number = None
        hint = any(_hints(known, value) for value in names) if name else False
        return Likeness(
            known.entry,
            name,
            number,
            hint,
            name == 1 and any(_misread(known, value) for value in names),
            min((_distance(shape(value), shape(known.number)) for value in numbers), default=0),
        )

    def _match(self, page: Said, most: int) -> Match[E]:
        found = self.likenesses(page)
        if not found or (found[0].name is None and found[0].number is None):
            return Match("unknown", None, (), Text("No name and no number was read on the page."))
        near = [each for each in found if each.near]
        if not near:
            said = (*page.names, *page.numbers)[0]
            return Match(
                "unknown", None, (), Text("The paper says {found}, who is not in the class.", {"found": said})
            )
        best = near[0]
        others = [each for each in found if each is not best]
        if best.name is not None and best.number is not None:
            sure = _sure_by_both(best, others, most)
        elif best.name is not None:
            sure = self._sure_by_name(best, others, most)
        else:
            sure = best.number == 0 and id(best.entry) not in self._crowded
        if sure:
            return Match("matched", best.entry, (best.entry,), None)
        return Match(
            "doubtful", None, tuple(each.entry for each in near[:MAX_CANDIDATES]), _reason(best, others)
        )

    def _sure_by_name(self, best: Likeness[E], others: Sequence[Likeness[E]], most: int) -> bool:
        if best.name == 0:
            return not any(other.near or _similar(best.entry.name, other.entry.name) for other in others)
        return (
            most > 0
            and best.long
            and all((other.name or 0) >= min(LONG_MARGIN, FAR) and not other.hint for other in others)
        )


def _sure_by_both(best: Likeness[E], others: Iterable[Likeness[E]], most: int) -> bool:
    if best.number == 0 and best.hint and (best.name or 0) > 1:
        # A nickname beside one's own number: nobody else may be called so or have nearly that name.
        return not any(other.hint or (other.name or 0) <= 1 for other in others)
    if best.number and len(best.entry.number) < NEAR_NUMBER:
        return False  # seat 07 and seat 08 are two people
    return best.cost <= most and all(
        other.cost - best.cost >= MARGIN and not _rivals(best, other) for other in others
    )


def _rivals(best: Likeness[E], other: Likeness[E]) -> bool:
    """Whether one of name and number is exactly another's, while it is not exactly the best one's."""
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
    return "".join(mark for mark in value.casefold() if mark.isalnum() or mark == "·")


def _name_edits(known: _Known[E], value: str) -> int:
    key = _key(value)
    best = min((_distance(key, form) for form in known.forms), default=FAR)
    if best and known.cjk and may_be_pinyin(value):
        best = min([best, *(_distance(key, form) for form in spellings(known.entry.name))])
    return best


def _misread(known: _Known[E], value: str) -> bool:
    """Whether a long name was read with one letter that looks alike."""
    key = _key(value)
    return len(key) >= LONG_NAME and any(lookalike(key, form) for form in known.forms)


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


def _similar(one: str, other: str) -> bool:
    """Whether two students' names are one edit apart, one inside the other, or spelled alike in pinyin."""
    return any(_distance(a, b) <= 1 or a in b or b in a for a in name_forms(one) for b in name_forms(other))


@lru_cache(maxsize=262144)
def _distance(one: str, other: str, most: int = FAR - 1) -> int:
    """Edits between two texts, at most FAR; an empty one is FAR from everything."""
    if not one or not other:
        return FAR
    return min(FAR, OSA.distance(one, other, score_cutoff=most))

"""Whose paper is it? Evidence is weighed, never guessed from: what is not certain goes to the teacher.

The order of strength: a student number that stands there exactly; a name that stands there exactly and resembles no
other student's. Everything that contradicts, or is one character off, is doubtful.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, Literal, TypeVar

from rapidfuzz.distance import OSA

from app.i18n import Text
from app.intake.claims import LOOSE_NUMBER, Claim, file_claims, page_claims, tells_itself
from app.intake.nicknames import may_be_called
from app.intake.normal import is_cjk, name_forms, normal_name, number_key, words
from app.intake.romanise import may_be_pinyin, short_spellings, spellings
from app.intake.roster import Listed

State = Literal["matched", "doubtful", "unknown"]
E = TypeVar("E", bound=Listed)

NEAR_NUMBER = 4  # characters from which one wrong digit is told from another number
MAX_CANDIDATES = 8
SHORT = {True: 2, False: 3}  # letters from which a part of a name counts as one: Chinese, others


@dataclass(frozen=True, slots=True)
class Match(Generic[E]):
    """Whose paper it is. `entry` is set when matched only; `reason` is None then.

    `candidates` are the students that the evidence points at, best first, at most MAX_CANDIDATES; for a matched
    paper the one entry.
    """

    state: State
    entry: E | None
    candidates: tuple[E, ...]
    reason: Text | None


def match_paper(file_name: str, text: str, roster: Sequence[E]) -> Match[E]:
    """The student of a paper, by its file name and its text's first lines.

    Chinese names may have spaces inside, others any order of family and given name; case and full-width letters do
    not matter. Takes no longer than a comparison with every name a claim. Never raises.
    """
    evidence = _Evidence(_Index(roster), [*file_claims(file_name), *page_claims(text)])
    if evidence.by_number:
        return _by_number(evidence)
    return _by_name(evidence)


class _Index(Generic[E]):
    """A roster by number and by name form."""

    def __init__(self, roster: Sequence[E]) -> None:
        self.roster = roster
        self.numbers: dict[str, list[E]] = defaultdict(list)
        self.names: dict[str, list[E]] = defaultdict(list)
        for entry in roster:
            if key := number_key(entry.number):
                self.numbers[key].append(entry)
            for form in name_forms(entry.name):
                self.names[form].append(entry)

    def near_names(self, value: str, parts: bool = True) -> list[E]:
        """Students whose name is one character off, or (`parts`) contains the value or is contained in it."""
        key, cjk = "".join(words(value)), is_cjk(normal_name(value))
        return [
            entry
            for entry in self.roster
            if any(_alike(key, form, cjk, parts) for form in name_forms(entry.name))
        ]

    def near_numbers(self, value: str) -> list[E]:
        """Students whose number is one character off."""
        if len(value) < NEAR_NUMBER:
            return []
        return [
            entry
            for key, entries in self.numbers.items()
            if abs(len(key) - len(value)) <= 1 and OSA.distance(key, value, score_cutoff=1) <= 1
            for entry in entries
        ]


@dataclass
class _Evidence(Generic[E]):
    """The claims of one paper against a roster."""

    index: _Index[E]
    claims: list[Claim]
    names: list[tuple[Claim, list[E]]] = field(init=False)

    def __post_init__(self) -> None:
        self.names = [(claim, self._named(claim)) for claim in self.claims if claim.kind == "name"]

    def _named(self, claim: Claim) -> list[E]:
        found = {
            id(entry): entry for form in _value_forms(claim.value) for entry in self.index.names.get(form, ())
        }
        return list(found.values()) if claim.exact else []

    @cached_property
    def by_name(self) -> list[list[E]]:
        """For every claim that is exactly a student's name: the students of that name."""
        return [entries for _, entries in self.names if entries]

    @cached_property
    def by_number(self) -> list[E]:
        """Students whose number stands there exactly, labelled, long enough, or beside their own name."""
        named = {id(entry) for entries in self.by_name for entry in entries}
        found: dict[int, E] = {}
        for claim in self.claims:
            entries = self.index.numbers.get(claim.value, ()) if claim.kind == "number" else ()
            for entry in entries:
                if claim.labelled or tells_itself(claim.value) or id(entry) in named:
                    found[id(entry)] = entry
        return list(found.values())

    @cached_property
    def strange_numbers(self) -> list[str]:
        """Labelled numbers that no student has."""
        return [
            c.value
            for c in self.claims
            if c.kind == "number" and c.labelled and c.value not in self.index.numbers
        ]

    @cached_property
    def strange_names(self) -> list[str]:
        """Labelled names that no student has."""
        return [claim.value for claim, entries in self.names if claim.labelled and not entries]

    @cached_property
    def near_by_name(self) -> list[E]:
        """Students whose name resembles a claimed one that is nobody's, students that are named exactly excepted.

        "李娜 in June" does not make "李娜" less certain; a labelled name that is nobody's is in `strange_names`.
        """
        named = {id(entry) for entries in self.by_name for entry in entries}
        found: list[E] = []
        for claim, entries in self.names:
            # A line that happens to contain a name is a sentence; a misspelt line may still be a name.
            loose = claim.place == "page" and not claim.labelled
            near = [] if entries else self.index.near_names(claim.value, parts=not loose)
            if claim.labelled or not any(id(entry) in named for entry in near):
                found += near
        return _distinct(found)

    def misspelt(self, entry: E) -> bool:
        """Whether a claimed name that is nobody's is this student's but for one character."""
        return any(
            not entries
            and any(_one_off("".join(words(claim.value)), form) for form in name_forms(entry.name))
            for claim, entries in self.names
        )

    @cached_property
    def near_by_number(self) -> list[E]:
        """Students whose number is one character off a labelled or long one that is nobody's."""
        values = {
            c.value for c in self.claims if c.kind == "number" and (c.labelled or _long_digits(c.value))
        }
        return _distinct(e for v in values - self.index.numbers.keys() for e in self.index.near_numbers(v))


def _by_number(evidence: _Evidence[E]) -> Match[E]:
    found = evidence.by_number
    named = _distinct(entry for entries in evidence.by_name for entry in entries)
    if len(found) > 1:
        return _doubtful([*found, *named], _contradiction([*found, *named]))
    entry = found[0]
    for entries in evidence.by_name:
        if entry not in entries:
            return _doubtful([entry, *entries], _contradiction([entry, *entries]))
    if evidence.strange_numbers:
        values = {"number": evidence.strange_numbers[0], "found": entry.number}
        text = Text("The paper names the number {number}, which is not in the class, and {found}.", values)
        return _doubtful([entry, *evidence.near_by_number], text)
    if evidence.strange_names or evidence.misspelt(entry):
        return _doubtful([entry, *evidence.near_by_name], _other_name(evidence, entry))
    return _matched(entry)


def _by_name(evidence: _Evidence[E]) -> Match[E]:
    named = _distinct(entry for entries in evidence.by_name for entry in entries)
    close = [*named, *evidence.near_by_number, *evidence.near_by_name]
    if not close:
        return _by_spelling(evidence)
    if evidence.strange_numbers or evidence.near_by_number:
        return _doubtful(
            close, Text("The number on the paper is not exactly that of a student of the class.")
        )
    if not named:
        return _doubtful(
            [*_spelled(evidence), *close],
            Text("The name on the paper is only similar to that of a student of the class."),
        )
    common = [entry for entry in named if all(entry in entries for entries in evidence.by_name)]
    if not common:
        return _doubtful(close, _contradiction(named))
    if len(common) > 1:
        text = Text("{count} students are named {name}; only the number can tell them apart.",
                    {"count": len(common), "name": common[0].name})  # fmt: skip
        return _doubtful(common, text)
    entry = common[0]
    if evidence.strange_names:
        return _doubtful(close, _other_name(evidence, entry))
    if len(named) > 1:
        return _doubtful(named, _contradiction(named))
    alike = [other for other in evidence.index.near_names(entry.name) if other is not entry]
    if alike:
        values = {"name": entry.name, "other": alike[0].name}
        text = Text("The paper says {name}, but {other} is so similar that a number is needed.", values)
        return _doubtful([entry, *alike], text)
    return _matched(entry)


def _by_spelling(evidence: _Evidence[E]) -> Match[E]:
    """Pinyin that is one student's whole name matches; nicknames and initials point at somebody, and are doubtful."""
    values = _whole_values(evidence)
    whole = _spelled(evidence)
    if len(whole) == 1 and not evidence.strange_numbers and not _pinyin_rivals(evidence, whole[0]):
        return _matched(whole[0])
    called = [entry for entry in evidence.index.roster if any(_may_be(entry, value) for value in values)]
    found = _distinct([*whole, *called])
    if not found:
        return Match("unknown", None, (), _nobody(evidence))
    text = Text("The paper gives a short or other form of the name {name}.", {"name": found[0].name})
    return _doubtful(found, text)


def _whole_values(evidence: _Evidence[E]) -> list[str]:
    return [claim.value for claim in evidence.claims if claim.kind == "name" and claim.exact]


def _spelled(evidence: _Evidence[E]) -> list[E]:
    """Students whose whole name stands there in pinyin."""
    values = _whole_values(evidence)
    return [entry for entry in evidence.index.roster if any(_in_pinyin(entry, value) for value in values)]


def _in_pinyin(entry: Listed, value: str) -> bool:
    return may_be_pinyin(value) and "".join(words(value)) in spellings(entry.name)


def _pinyin_rivals(evidence: _Evidence[E], entry: E) -> bool:
    """Whether another student's name is spelled like this one's but for one letter."""
    mine = spellings(entry.name)
    return any(
        _one_off(one, other) or one == other
        for rival in evidence.index.roster
        if rival is not entry
        for other in (spellings(rival.name) or name_forms(rival.name))
        for one in mine
    )


def _may_be(entry: Listed, value: str) -> bool:
    if may_be_pinyin(value) and "".join(words(value)) in short_spellings(entry.name):
        return True
    return may_be_called(entry.name, value)


def _matched(entry: E) -> Match[E]:
    return Match("matched", entry, (entry,), None)


def _doubtful(candidates: Iterable[E], reason: Text) -> Match[E]:
    return Match("doubtful", None, tuple(_distinct(candidates)[:MAX_CANDIDATES]), reason)


def _contradiction(entries: Sequence[E]) -> Text:
    names = ", ".join(f"{entry.name} ({entry.number})" for entry in _distinct(entries)[:MAX_CANDIDATES])
    return Text("File name and paper point at different students: {students}.", {"students": names})


def _other_name(evidence: _Evidence[E], entry: E) -> Text:
    if evidence.strange_names:
        values = {"found": evidence.strange_names[0], "name": entry.name}
        return Text("The paper gives the name {found}, but other evidence points at {name}.", values)
    return Text("The file name has a name that is similar to {name}, but not the same.", {"name": entry.name})


def _nobody(evidence: _Evidence[E]) -> Text:
    for claims in (evidence.strange_names, evidence.strange_numbers):
        if claims:
            return Text("The paper says {found}, who is not in the class.", {"found": claims[0]})
    return Text("Neither file name nor paper names a student of the class.")


def _distinct(entries: Iterable[E]) -> list[E]:
    return list({id(entry): entry for entry in entries}.values())


def _long_digits(value: str) -> bool:
    return len(value) > LOOSE_NUMBER and re.fullmatch(r"\d+", value) is not None


def _value_forms(value: str) -> set[str]:
    """How a claimed name may be looked up: as it is read, and with a comma's order turned."""
    plain = "".join(words(value))
    if "," not in value:
        return {plain} if plain else set()
    family, _, given = value.partition(",")
    return {plain, "".join(words(given) + words(family))} - {""}


def _alike(key: str, form: str, cjk: bool, parts: bool) -> bool:
    """One character apart, or (`parts`) one inside the other."""
    if not key or not form:
        return False
    short, long = sorted((key, form), key=len)
    return len(short) >= SHORT[cjk] and ((parts and short in long) or _one_off(key, form))


def _one_off(key: str, form: str) -> bool:
    """One insertion, deletion, substitution or swap apart."""
    return abs(len(key) - len(form)) <= 1 and OSA.distance(key, form, score_cutoff=1) == 1

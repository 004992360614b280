"""A round's answers put together: options with their bars, or groups of like answers for the teacher to pick from."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom import quiz, quiz_store
from app.classroom.models import QuizRound, Verdict
from app.classroom.quiz_options import Option
from app.classroom.quiz_store import Tally
from app.scheme.types import Kind

SMALLEST = 3
"""Answers in a group that may be shown to the room: of fewer, a class would know whose they are."""

EXAMPLES = 6  # different answers of a group that the teacher sees
OTHERS = 60  # different answers without a group that the teacher sees
KEPT = 64  # groupings in memory
MOST_TEXTS = 1_500  # different answers that are put into groups


@dataclass(frozen=True, slots=True)
class Bar:
    """One option: how many chose it, and its share in per cent of those who answered."""

    option: Option
    count: int
    percent: int


@dataclass(frozen=True, slots=True)
class Group:
    """Like answers. `said` is what they share, a first name for the group; `examples` are (answer, how many)."""

    key: str
    said: str
    count: int
    verdicts: Mapping[Verdict, int]
    examples: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups of a round, the largest first, and the answers in none."""

    groups: tuple[Group, ...] = ()
    others: tuple[Tally, ...] = ()

    @property
    def others_count(self) -> int:
        """How many answers are in no group."""
        return sum(each.count for each in self.others)


_kept: OrderedDict[tuple[int, int, int, int], Groups] = OrderedDict()


async def bars(session: AsyncSession, asked: QuizRound) -> tuple[Bar, ...]:
    """The options of a choice round with their counts; who may choose several counts for each."""
    by_key = await quiz_store.option_counts(session, asked.id)
    total = sum(by_key.values())
    found = []
    for option in quiz.choices(asked).options:
        count = sum(number for key, number in by_key.items() if option.key in key)
        found.append(Bar(option, count, round(100 * count / total) if total else 0))
    return tuple(found)


async def groups(session: AsyncSession, asked: QuizRound) -> Groups:
    """The groups of a round that is answered in words, numbers or formulas; computed in a thread, kept while nothing
    changes."""
    count, versions = await quiz_store.state_of_answers(session, asked.id)
    waiting = (await quiz_store.counts(session, [asked.id])).get(asked.id, {}).get(Verdict.WAITING, 0)
    place = (asked.id, count, versions, waiting)
    if place not in _kept:
        tallies = await quiz_store.tallies(session, asked.id)
        _kept[place] = await asyncio.to_thread(_grouped, tallies, asked.kind, asked.prompt)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(place)
    return _kept[place]


def _grouped(tallies: Sequence[Tally], kind: str, prompt: str) -> Groups:
    """Groups by what answers say beyond the question's own words; then, of the rest, by these too: "it is colder" is
    all that some have to say. What is left is a group where enough phones sent the very same."""
    taken: set[int] = set()
    made: dict[str, Group] = {}
    for asked in (prompt, ""):
        for found in _alike(tallies[:MOST_TEXTS], taken, kind, asked):
            made.setdefault(found.key, found)
    by_key: dict[str, list[int]] = {}
    for place, each in enumerate(tallies):
        if place not in taken and each.key:
            by_key.setdefault(each.key, []).append(place)
    for key, same in by_key.items():
        if sum(tallies[place].count for place in same) >= SMALLEST and f"={key}" not in made:
            taken.update(same)
            places = Counter({place: tallies[place].count for place in same})
            made[f"={key}"] = _group(f"={key}", tallies[same[0]].text, places, tallies)
    rest = tuple(each for place, each in enumerate(tallies) if place not in taken)
    return Groups(tuple(sorted(made.values(), key=lambda each: (-each.count, each.key))), rest)


def _alike(tallies: Sequence[Tally], taken: set[int], kind: str, prompt: str) -> list[Group]:
    """Groups of those that are not taken yet; takes them."""
    from app.classroom.groups import group  # numpy comes with it

    # Each as often as it was said: a group's size counts answers, not spellings.
    at = [place for place, each in enumerate(tallies) if place not in taken for _ in range(each.count)]
    found = []
    for each in group([tallies[place].text for place in at], kind, prompt).groups:
        places = Counter(at[member] for member in each.members)
        taken.update(places)
        found.append(_group(each.key, " · ".join(each.words), places, tallies))
    return found


def _group(key: str, said: str, places: Counter[int], tallies: Sequence[Tally]) -> Group:
    verdicts: Counter[Verdict] = Counter()
    for place, number in places.items():
        verdicts[tallies[place].verdict] += number
    examples = tuple((tallies[place].text, number) for place, number in places.most_common(EXAMPLES))
    return Group(key, said, places.total(), dict(verdicts), examples)


def is_choice(asked: QuizRound) -> bool:
    """Whether a round is answered by choosing."""
    return asked.kind == Kind.CHOICE

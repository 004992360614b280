"""Like wrong answers in groups: texts in, groups out, nothing else.

Answers that say the same (a number by its value, letters, a formula, the same words) come together first. Sentences
are then joined by likeness: agglomerative clustering with average linkage on the cosine of character n-grams, down to
one likeness for every question and language. A group is what can be said of its answers: one whose answers share no
words is none. The result depends on the texts only, not on their order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.classroom.group_values import Value, folded, gaps, shown, value_of
from app.classroom.group_words import Asked, denies, features, glued, likeness, shared, tokens
from app.scheme.types import Kind

SMALLEST = 3
"""Answers that make a group: of fewer, a class would know whose they are."""

LIKE = (0.24, 0.15)
"""Average likeness down to which answers are joined, and, of those left over, then once more.

Measured on graded answers in Chinese, English and German; the same for all.
"""

DENIED = 0.15
"""What is left of the likeness of two answers when one denies and the other says, in a single clause each."""

_SAYS = {True: -1, False: 1, None: 0}

MOST_TEXTS = 1_000
"""Different answers that are compared with each other; further ones belong to no group. Bounds time and memory."""

MOST_CHARACTERS = 150_000
"""Characters of all answers that are compared, but of each answer SHORTEST at least. Bounds time and memory."""

SHORTEST = 120
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Group:
    """Answers that are alike. `members` are places in the list of texts, in its order; `words` is what they share.

    `key` is made of these words and names the group when it is computed anew.
    """

    key: str
    words: tuple[str, ...]
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """All groups, the largest first, and the answers in none; empty answers are in neither."""

    groups: tuple[Group, ...]
    others: tuple[int, ...]


def group(
    texts: Sequence[str], kind: str = Kind.TEXT, prompt: str = "", right: Sequence[str] = ()
) -> Grouping:
    """Group answers to one question of this kind (app.scheme.types.Kind). Never fails, whatever they are.

    `right` are the question's references: of a blank with several gaps the wrong ones are grouped, gap by gap, and an
    answer with two may be in two groups.
    """
    same: dict[str, list[tuple[int, Value]]] = defaultdict(list)
    loose: dict[str, list[int]] = defaultdict(list)
    said: list[int] = []
    for place, text in enumerate(texts):
        value = value_of(text, kind)
        if not value.key:
            continue
        said.append(place)
        wrong = gaps(text, right) if kind == Kind.BLANK and len(right) > 1 else None
        for each in (value,) if wrong is None else wrong:
            same[f"{each.exact:d}{each.key}"].append((place, each))
    found: list[Group] = []
    for alike in same.values():
        exact = alike[0][1].exact
        if len(alike) >= SMALLEST and (exact or kind == Kind.BLANK):
            found.append(_same(alike))
        elif not exact:
            loose[alike[0][1].key] = [place for place, _ in alike]
    merged = _merge([*found, *_alike(list(loose.values()), texts, prompt)])
    grouped = {place for each in merged for place in each.members}
    return Grouping(tuple(merged), tuple(place for place in said if place not in grouped))


def _same(alike: Sequence[tuple[int, Value]]) -> Group:
    """A group of one value. What is shown of it stands in SMALLEST answers at least, or is the bare value."""
    values = [value for _, value in alike]
    key, common = values[0].key, shown(values)
    written = common if sum(value.shown == common for value in values) >= SMALLEST else key
    return Group(f"={key}"[:LONGEST_KEY], (written[:LONGEST_KEY],), tuple(place for place, _ in alike))


def _merge(found: Iterable[Group]) -> list[Group]:
    """Groups that share the same words are one to whoever reads them."""
    by_key: dict[str, Group] = {}
    for each in found:
        other = by_key.get(each.key)
        members = each.members if other is None else tuple(sorted((*other.members, *each.members)))
        by_key[each.key] = Group(each.key, each.words, members)
    return sorted(by_key.values(), key=lambda each: (-len(each.members), each.key))


def _alike(loose: Sequence[Sequence[int]], texts: Sequence[str], prompt: str) -> list[Group]:
    """Groups by likeness of texts; each entry of `loose` are the places of one text."""
    asked = Asked(folded(prompt).casefold())
    # The most frequent, then the alphabet: which are compared must not depend on the order of the answers.
    by_text = sorted((-len(places), min(texts[place] for place in places), places) for places in loose)[
        :MOST_TEXTS
    ]
    # Of many answers only the beginning of each is compared.
    longest = max(SHORTEST, MOST_CHARACTERS // max(1, len(by_text)))
    parts = [tokens(folded(text[:longest]).casefold()) for _, text, _ in by_text]
    counts = [-count for count, _, _ in by_text]
    alike = likeness([features(each, asked) for each in parts], counts)
    said = np.array([_SAYS[denies(each)] for each in parts], dtype=int)
    alike[said[:, None] * said[None, :] < 0] *= DENIED
    found: list[Group] = []
    left = np.arange(len(by_text))
    for least in LIKE:
        joined: set[int] = set()
        for cluster in clusters(alike[np.ix_(left, left)], [counts[at] for at in left], least):
            places = [int(left[at]) for at in cluster]
            if sum(counts[at] for at in places) < SMALLEST:
                continue
            words = shared([parts[at] for at in places], [counts[at] for at in places], asked, SMALLEST)
            if not words:
                continue
            mark = "!" if sum(said[at] * counts[at] for at in places) < 0 else ""
            members = sorted(place for at in places for place in by_text[at][2])
            found.append(Group((mark + "|".join(sorted(words)))[:LONGEST_KEY], tuple(words), tuple(members)))
            joined.update(places)
        left = np.array([at for at in left if at not in joined], dtype=int)
    return found


def clusters(alike: NDArray[np.float64], counts: Sequence[int], least: float) -> list[list[int]]:
    """Average-linkage clusters (UPGMA) of points that count `counts` times, joined down to the likeness `least`.

    By chains of nearest neighbours, O(n^2) (Murtagh, "A survey of recent advances in hierarchical clustering
    algorithms", 1983): average linkage is reducible, so the clusters are those of joining the closest pair each time.
    """
    size = len(counts)
    near = np.array(alike, dtype=np.float64)
    np.fill_diagonal(near, -1.0)
    weight = np.array(counts, dtype=np.float64)
    members: list[list[int]] = [[point] for point in range(size)]
    waiting = list(range(size - 1, -1, -1))
    alive = np.ones(size, dtype=bool)
    done: list[list[int]] = []
    chain: list[int] = []
    while True:
        if not chain:
            while waiting and not alive[waiting[-1]]:
                waiting.pop()
            if not waiting:
                return sorted(done)
            chain.append(waiting[-1])
        top = chain[-1]
        row = near[top]
        nearest = int(np.argmax(row))
        if len(chain) > 1 and row[chain[-2]] >= row[nearest]:
            nearest = chain[-2]
        if row[nearest] < least:
            # Joining others cannot bring any nearer than the nearest is: this cluster is complete.
            chain.pop()
            alive[top] = False
            near[top, :] = near[:, top] = -1.0
            done.append(sorted(members[top]))
        elif len(chain) > 1 and nearest == chain[-2]:
            del chain[-2:]
            keep, gone = min(top, nearest), max(top, nearest)
            joined = (near[keep] * weight[keep] + near[gone] * weight[gone]) / (weight[keep] + weight[gone])
            weight[keep] += weight[gone]
            members[keep] += members[gone]
            alive[gone] = False
            near[keep, :] = near[:, keep] = np.where(alive, joined, -1.0)
            near[gone, :] = near[:, gone] = -1.0
            near[keep, keep] = -1.0
        else:
            chain.append(nearest)


def find(keys: Sequence[str], groups: Sequence[Group]) -> dict[str, Group]:
    """The group that each key means now: the one of this key, else the one that shares most of its words.

    A group's shared words change a little when answers come; its key must not be lost for that. Each group is given
    once, to the earlier key; a key whose group is gone is missing.
    """
    by_key = {each.key: each for each in groups}
    found = {key: by_key[key] for key in keys if key in by_key}
    taken = {each.key for each in found.values()}
    for key in keys:
        if key in found:
            continue
        free = [each for each in groups if each.key not in taken]
        best = max(free, key=lambda each: (_close(key, each.key), len(each.members)), default=None)
        if best is not None and _close(key, best.key) >= 0.5:
            found[key] = best
            taken.add(best.key)
    return found


def _close(key: str, other: str) -> float:
    """How much of the smaller of two keys the other holds, by words; 0 for values, and for yes against no."""
    if "=" in (key[:1], other[:1]) or (key[:1] == "!") != (other[:1] == "!"):
        return 0.0
    mine, yours = _pieces(key), _pieces(other)
    return len(mine & yours) / (min(len(mine), len(yours)) or 1)


def _pieces(key: str) -> set[str]:
    """The words of a key, and its Chinese in pairs of characters."""
    found: set[str] = set()
    for phrase in key.removeprefix("!").split("|"):
        parts = tokens(phrase)
        found.update(token for token in parts if not glued(token))
        found.update(first + second for first, second in pairwise(parts) if glued(first) and glued(second))
    return found

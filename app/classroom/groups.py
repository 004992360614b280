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

from app.classroom.group_values import Value, folded, shown, value_of
from app.classroom.group_words import Asked, denies, features, glued, likeness, shared, tokens
from app.scheme.types import Kind

SMALLEST = 3
"""Answers that make a group: of fewer, a class would know whose they are."""

LIKE = 0.2
"""Average likeness down to which groups are joined. Measured on graded answers in three languages; see docs."""

DENIED = 0.15
"""What is left of the likeness of two answers when one denies and the other says, in a single clause each."""

_SAYS = {True: -1, False: 1, None: 0}

MOST_TEXTS = 1_000
"""Different answers that are compared with each other; further ones belong to no group. Bounds time and memory."""

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


def group(texts: Sequence[str], kind: str = Kind.TEXT, prompt: str = "") -> Grouping:
    """Group answers to one question of this kind (app.scheme.types.Kind). Never fails, whatever they are."""
    values = [value_of(text, kind) for text in texts]
    same: dict[str, list[int]] = defaultdict(list)
    for place, value in enumerate(values):
        if value.key:
            same[f"{value.exact:d}{value.key}"].append(place)
    found: list[Group] = []
    loose: list[list[int]] = []
    for places in same.values():
        whole = values[places[0]].exact or kind == Kind.BLANK
        if whole and len(places) >= SMALLEST:
            found.append(_same(places, values))
        elif not values[places[0]].exact:
            loose.append(places)
    found.extend(_alike(loose, texts, prompt))
    merged = _merge(found)
    grouped = {place for each in merged for place in each.members}
    rest = (place for places in same.values() for place in places if place not in grouped)
    return Grouping(tuple(merged), tuple(sorted(rest)))


def _same(places: Sequence[int], values: Sequence[Value]) -> Group:
    """A group of one value. What is shown of it stands in SMALLEST answers at least, or is the bare value."""
    key = values[places[0]].key
    counts: dict[str, int] = defaultdict(int)
    for place in places:
        counts[values[place].shown] += 1
    common = shown([values[place] for place in places])
    written = common if counts[common] >= SMALLEST else key
    return Group(f"={key}"[:LONGEST_KEY], (written[:LONGEST_KEY],), tuple(places))


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
    parts = [tokens(folded(text).casefold()) for _, text, _ in by_text]
    counts = [-count for count, _, _ in by_text]
    found = []
    alike = likeness([features(each, asked) for each in parts], counts)
    said = np.array([_SAYS[denies(each)] for each in parts])
    alike[said[:, None] * said[None, :] < 0] *= DENIED
    for cluster in clusters(alike, counts, LIKE):
        size = sum(counts[at] for at in cluster)
        if size < SMALLEST:
            continue
        words = shared([parts[at] for at in cluster], [counts[at] for at in cluster], asked, SMALLEST)
        if words:
            members = sorted(place for at in cluster for place in by_text[at][2])
            mark = "!" if sum(said[at] * counts[at] for at in cluster) < 0 else ""
            found.append(Group((mark + "|".join(sorted(words)))[:LONGEST_KEY], tuple(words), tuple(members)))
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

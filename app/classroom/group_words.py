"""What answers have in common: their vectors, and the words that most answers of a group share.

Chinese has no word breaks and German glues its words together, so letters (n-grams) carry the likeness; the shared
words are whole words in scripts with spaces, and runs of characters in Chinese and Japanese.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    rf"[{_CJK}]+|\d+(?:[.,]\d+)*|[^\W\d_{_CJK}]+(?:'[^\W\d_]+)?|[+\-*/=<>^%√≤≥≠°]|(?P<stop>[^\w\s]|\n)"
)
# Scans and word processors put spaces between Chinese characters that mean nothing.
_LOOSE = re.compile(rf"(?<=[{_CJK}])[ \t]+(?=[{_CJK}])")
STOP = "|"
"""A token for the end of a clause: no shared words reach over it."""

# Words that say how the language works, not what the answer says. Negations are not among them: they turn it round.
_STOP = frozenset(
    re.findall(
        r"\S+",
        "a an the of to in on at by for with from as and or but is are was were be been being am it its this that"
        " these those there so if then than will would can could should may might must has have had having do does"
        " did i you he she we they me him us them my your his her our their because since when while which who what"
        " how why also just only very more most some any all each into about over up out get gets got go goes going"
        " went thing things lot lots really think thinks"
        " der die das den dem des ein eine einen einem einer eines und oder aber ist sind war wird werden wurde zu im"
        " in am an auf aus mit von vom bei beim für als auch es sie er wir ich man sich dass wenn dann weil da hat"
        " haben kann können soll sollte muss zum zur so wie nur durch um nach über",
    )
)
_NEGATIONS = frozenset(
    ("not", "no", "never", "none", "cannot", "without", "nicht", "kein", "keine", "nie", "ohne")
)
_NOT = frozenset("不没無无未")
# Characters that carry no meaning alone, and that no shared words begin or end with.
_PARTICLES = frozenset(
    "的了是在和与也就都而及或着地得把被对从到为以于之其这那个一些很会能可有会让使它他她我们你所又再还后"
)
_HOLLOW = tuple(
    re.findall(r"\S+", "时候 因为 所以 可以 需要 这个 就是 如果 但是 而且 然后 应该 比较 由于 因此 之间")
)
_EDGES = frozenset("为的了和与也就都而及或着地得之其所又再还是在把被")

LONGEST_PHRASE = 14
"""Length of shared words: characters of Chinese, half as many words of other scripts."""

MOST_FEATURES = 12_000
"""Features that are compared; bounds memory."""

_FIRST_LETTER = 0x10000  # behind all that is hard to handle in strings

SHARE = 0.6
"""The part of a group's answers that must have what is called shared."""

PHRASES = 3
"""How many shared words or phrases describe a group."""

Phrase = tuple[str, ...]


def tokens(text: str) -> list[str]:
    """The words, numbers and signs of a folded text in lower case, Chinese by the character, STOP between clauses."""
    found: list[str] = []
    for match in _TOKEN.finditer(_LOOSE.sub("", text) if " " in text else text):
        piece = match[0]
        if match["stop"]:
            if found and found[-1] != STOP:
                found.append(STOP)
        elif glued(piece):
            found.extend(piece)
        else:
            found.append(piece)
    if found and found[-1] == STOP:
        found.pop()
    return found


def glued(token: str) -> bool:
    """Whether a token is of a script without spaces: Chinese or Japanese."""
    return "\u3040" <= token < "\ua000"


def is_small(token: str) -> bool:
    """Whether a token alone says nothing."""
    if glued(token):
        return token in _PARTICLES
    return token in _STOP or (len(token) == 1 and not token.isalnum())


class Asked:
    """What the question itself says: answers that repeat it are not alike for that."""

    def __init__(self, text: str) -> None:
        parts = tokens(text)
        self.words = frozenset(parts)
        self.pairs = frozenset(pairwise(parts))

    def __contains__(self, phrase: object) -> bool:
        """Whether every word, and every pair of neighbours, stands in the question."""
        assert isinstance(phrase, tuple)
        return self.words.issuperset(phrase) and self.pairs.issuperset(pairwise(phrase))


def features(parts: Sequence[str], asked: Asked) -> Counter[str]:
    """How often each feature of a text occurs, without what the question says.

    Words of scripts with spaces give themselves, their letters in threes and fours (so that forms and misspellings of
    a word are alike) and pairs of neighbouring words that say something; Chinese gives characters and pairs of
    them.
    """
    found: list[str] = []
    last = ""  # the token before this one, where they can be joined
    run = False  # whether `last` is Chinese
    words, pairs = asked.words, asked.pairs
    for token in parts:
        if token == STOP:
            last = ""
        elif not glued(token):
            if is_small(token):
                continue
            if last and not run and (last, token) not in pairs:
                found.append(f"{last} {token}")
            if token not in words:
                found.extend(_letters(token))
            last, run = token, False
        else:
            if token not in words and token not in _PARTICLES:
                found.append(token)
            if not (last and run):
                last = ""
            elif (token not in _PARTICLES or last not in _PARTICLES) and (last, token) not in pairs:
                found.append(last + token)
            last, run = token, True
    return Counter(found)


def _letters(word: str) -> list[str]:
    """A word and its letters in threes and fours, its ends marked."""
    if len(word) < 3 or not word.isalpha() or word in _NEGATIONS:
        return [word]
    padded = f"_{word[:30]}_"
    threes = [padded[at : at + 3] for at in range(len(padded) - 2)]
    return [word, *threes, *(padded[at : at + 4] for at in range(len(padded) - 3))]


def likeness(bags: Sequence[Mapping[str, int]], counts: Sequence[int]) -> NDArray[np.float64]:
    """Cosine likeness 0..1 of texts that occur `counts` times, by their features; shape (texts, texts).

    Weighting: logarithmic frequency times the smoothed inverse document frequency log((1 + n) / (1 + df)) + 1
    (Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988).
    """
    size = len(bags)
    numbers: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    terms = np.array([numbers[feature] for bag in bags for feature in bag], dtype=np.int64)
    rows = np.repeat(np.arange(size), [len(bag) for bag in bags])
    often = np.array([n for bag in bags for n in bag.values()], dtype=np.float64)
    times = np.array(counts, dtype=np.float64)
    frequency = np.bincount(terms, weights=times[rows], minlength=len(numbers))
    weights = np.log1p(often) * (np.log((1 + times.sum()) / (1 + frequency)) + 1)[terms]
    lengths = np.sqrt(np.bincount(rows, weights=weights**2, minlength=size))
    # What stands in one text only makes it longer; it is like nothing, and most features are such.
    texts = np.bincount(terms, minlength=len(numbers))
    common = texts > 1
    if common.sum() > MOST_FEATURES:
        # The rarest of the common ones join two texts each: there are many, and each says little.
        common &= texts > np.sort(texts)[-MOST_FEATURES]
    column = np.cumsum(common) - 1
    kept = common[terms]
    matrix = np.zeros((size, max(1, int(common.sum()))), dtype=np.float32)
    matrix[rows[kept], column[terms[kept]]] = (weights / np.where(lengths, lengths, 1.0)[rows])[kept]
    return np.clip(matrix @ matrix.T, 0.0, 1.0).astype(np.float64)


def shared(texts: Sequence[Sequence[str]], counts: Sequence[int], asked: Asked, least: int) -> list[str]:
    """The longest phrases in at least SHARE of the texts and in `least`, by how much they say; at most PHRASES.

    Texts occur `counts` times. A phrase is left out when it says nothing (only small words, or only what the question
    says), and when one that says more has half of its words.
    """
    need = max(least, int(np.ceil(SHARE * sum(counts) - 1e-9)))
    support = _frequent(texts, counts, need)
    good = [phrase for phrase in support if _says(phrase, asked)]
    good.sort(key=lambda phrase: (-_weight(phrase, asked) * support[phrase], -len(phrase), phrase))
    chosen: list[Phrase] = []
    for phrase in good:
        if len(chosen) == PHRASES:
            break
        if not any(_repeats(phrase, other) for other in chosen):
            chosen.append(phrase)
    return [("" if glued(phrase[0]) else " ").join(phrase) for phrase in chosen]


def _frequent(texts: Sequence[Sequence[str]], counts: Sequence[int], need: int) -> dict[Phrase, int]:
    """The runs of tokens of one script in texts that occur `need` times together, with how often.

    Level by level: a run is looked at where both runs that are shorter by one are frequent (Agrawal and Srikant, "Fast
    algorithms for mining association rules", 1994). Each token is one character meanwhile: slices of strings are quick.
    """
    letters: defaultdict[str, str] = defaultdict(map(chr, itertools.count(_FIRST_LETTER)).__next__)
    lines = ["".join([letters[token] for token in parts]) for parts in texts]
    names = {letter: token for token, letter in letters.items()}
    scripts = {letter: None if token == STOP else glued(token) for token, letter in letters.items()}
    found: dict[Phrase, int] = {}
    level: Counter[str] = Counter()
    for line, count in zip(lines, counts, strict=True):
        for letter in set(line):
            level[letter] += count
    common = {letter for letter, n in level.items() if n >= need and scripts[letter] is not None}
    found.update(((names[letter],), level[letter]) for letter in common)
    places = [[at for at, letter in enumerate(line) if letter in common] for line in lines]
    for size in range(2, LONGEST_PHRASE + 1):
        starts = [_followed(at) for at in places]
        level = Counter()
        runs = [[line[at : at + size] for at in here] for line, here in zip(lines, starts, strict=True)]
        for each, count in zip(runs, counts, strict=True):
            for run in set(each):
                level[run] += count
        frequent = {
            run for run, n in level.items() if n >= need and _is_run(scripts[run[0]], scripts[run[-1]], size)
        }
        if not frequent:
            break
        found.update((tuple(names[letter] for letter in run), level[run]) for run in frequent)
        places = [
            [at for at, run in zip(here, each, strict=True) if run in frequent]
            for here, each in zip(starts, runs, strict=True)
        ]
    return found


def _followed(places: Sequence[int]) -> list[int]:
    """The places, in order, that are followed by the next one."""
    return [at for at, after in pairwise(places) if after == at + 1]


def _is_run(first: bool | None, last: bool | None, size: int) -> bool:
    """Whether tokens stay in one clause (a STOP is None) and one script, and are not too many for it."""
    return last is not None and first == last and (last or size <= LONGEST_PHRASE // 2)


def _says(phrase: Phrase, asked: Asked) -> bool:
    """Whether a phrase can stand for what answers say: no loose ends, not the question, not half a word."""
    if any(end in _EDGES or (is_small(end) and not glued(end)) for end in (phrase[0], phrase[-1])):
        return False
    if phrase in asked or all(map(is_small, phrase)):
        return False
    if glued(phrase[0]):
        # One character of Chinese is hardly ever a word by itself.
        text = "".join(phrase)
        return len(text) > 1 and not text.startswith(_HOLLOW) and not text.endswith(_HOLLOW)
    return any(len(token) > 1 and token not in _NEGATIONS for token in phrase)


def denies(parts: Sequence[str]) -> bool | None:
    """Whether a single clause says that something is not so (an odd number of negating words).

    None for several clauses: what one of them denies may be beside the point.
    """
    if STOP in parts:
        return None
    return sum(token in _NEGATIONS or token in _NOT or token.endswith("n't") for token in parts) % 2 == 1


def _weight(phrase: Phrase, asked: Asked) -> float:
    """How much a phrase says: its words, those of the question and small ones counting little."""
    return sum(0.1 if is_small(token) else 0.4 if token in asked.words else 1.0 for token in phrase)


def _repeats(phrase: Phrase, other: Phrase) -> bool:
    """Whether a phrase says little that another does not: half of its words stand there."""
    return sum(token in other for token in phrase) * 2 >= len(phrase)

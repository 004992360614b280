"""How alike two texts are, without a model: word and character features that serve any language.

Chinese has no word breaks and German glues its words together, so characters (n-grams of 1 to 4) carry the likeness
and words refine it. Everything here is counting; nothing is learned: the weights of these features stand in `prior`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from app.scheme.canonical import DEFAULT_CRITERION, DEFAULT_CRITERION_ZH
from app.scheme.types import Criterion

LONGEST = 6000
"""Characters of a text that are compared; the rest of a longer text is left out, to bound time and memory."""

ORDERS = (1, 2, 3, 4)
"""Lengths of the character n-grams, as in the yardstick of the evaluation data."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]+|\d+(?:[.,/]\d+)*|[^\W\d_{_CJK}]+(?:'[^\W\d_]+)?|[+\-*/=<>^%√≤≥≠]")
_CJK_RUN = re.compile(rf"[{_CJK}]")
_SPACE = re.compile(r"\s+")
_NEGATIONS = re.compile(
    r"\b(?:not|no|never|none|cannot|without|neither|nor|nicht|kein\w*|nie|niemals|ohne|weder)\b|n't\b"
    r"|不|没|無|无|非|未|否"
)
# Words that every answer has: they say how the language works, not what the answer says.
_STOP = frozenset(
    re.findall(
        r"\S+",
        "a an the of to in on at by for with from as and or is are was were be been being it its this that these"
        " those there so if then than will would can could should has have had do does did i you he she we they"
        " their his her der die das den dem des ein eine einen einem einer eines und oder ist sind war wird werden"
        " zu im in am an auf mit von bei für als auch es sie er wir ich man sich dass wenn dann hat haben kann"
        " 的 了 是 在 和 与 也 就 都 而 及 或 一个",
    )
)


def normalise(text: str) -> str:
    """NFKC, case folded, one space for any white space, at most LONGEST characters."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text[: LONGEST * 2]).casefold()).strip()[:LONGEST]


def asked(criterion: Criterion) -> str:
    """A criterion's text; nothing for the sentence that stands in a scheme where no criterion was given."""
    text = criterion.text.strip()
    return "" if text in (DEFAULT_CRITERION, DEFAULT_CRITERION_ZH) else text


def words(text: str) -> list[str]:
    """The words of a normalised text in order: stems of Latin words, numbers, operators, pairs of CJK characters."""
    found: list[str] = []
    for token in _TOKEN.findall(text):
        if _CJK_RUN.match(token):
            found.extend(token[i : i + 2] for i in range(max(1, len(token) - 1)))
        elif token not in _STOP:
            found.append(stem(token))
    return found


def stem(word: str) -> str:
    """A word without its commonest English and German endings: crude, but the same on both sides of a comparison."""
    for ending in ("ing", "ed", "es", "en", "er", "ly", "s", "e"):
        if len(word) - len(ending) >= 3 and word.endswith(ending):
            return word[: -len(ending)]
    return word


def grams(text: str, orders: Iterable[int] = ORDERS) -> Counter[str]:
    """How often each character n-gram occurs in a normalised text, its ends padded by a space."""
    padded = f" {text} "
    counts: Counter[str] = Counter()
    for n in orders:
        counts.update(padded[i : i + n] for i in range(len(padded) - n + 1))
    return counts


def negations(text: str) -> int:
    """How many negating words a normalised text holds (English, German, Chinese)."""
    return len(_NEGATIONS.findall(text))


def phrases(found: Sequence[str]) -> Counter[str]:
    """How often each word, and each pair of neighbouring words, occurs in a list of words."""
    counts = Counter(found)
    counts.update(f"{first} {second}" for first, second in pairwise(found))
    return counts


def in_order(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence of two lists of words.

    Bit-parallel, one big-integer step a word (Crochemore et al., "A fast and practical bit-vector algorithm for the
    longest common subsequence problem", 2001): the plain table would cost 20 ms for two long answers.
    """
    places: dict[str, int] = {}
    for i, word in enumerate(second):
        places[word] = places.get(word, 0) | (1 << i)
    full = (1 << len(second)) - 1
    row = full
    for word in first:
        hit = row & places.get(word, 0)
        row = ((row + hit) | (row - hit)) & full
    return len(second) - row.bit_count()


PROMPT_WEIGHT = 0.3
"""What a word counts that stands in the question itself: repeating the question shows little. Tried: 0.1 to 1."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One text that answers are held against, counted once."""

    words: tuple[str, ...]
    total: float  # weight of its distinct words
    tf: Mapping[str, float]  # log(1 + frequency) of its 3- and 4-grams
    norm: float


FEATURES = (
    "root of recall", "root of cosine", "order", "root of gram recall", "root of line cosine", "criteria recall",
    "known share", "relative length", "length", "new share", "negations", "recall",
)  # fmt: skip
"""Names of the columns of `Ruler.measure`."""


class Ruler:
    """A question's prompt, references and criteria, ready to measure answers against.

    Where there are no references the criteria stand in for them, and the other way round. `blind` says that there is
    neither.
    """

    def __init__(self, prompt: str, references: Sequence[str], criteria: str) -> None:
        self._prompt = frozenset(words(normalise(prompt)))
        sources = [r for r in references if words(normalise(r))] or [criteria]
        lines = [line for text in sources for line in text.splitlines() if line.strip()]
        self._references = [self._side(text) for text in sources]
        self._lines = [self._side(line) for line in lines]
        self._criteria = self._side(criteria)
        self._known = frozenset(w for side in (*self._references, self._criteria) for w in side.words)
        self._length = sum(len(normalise(text)) for text in sources) / len(sources)
        self.blind = not self._known

    def measure(self, answer: str) -> NDArray[np.float64]:
        """One value for each of FEATURES. Shares are 0..1; lengths are logarithms of characters."""
        text = normalise(answer)
        found = words(text)
        distinct = set(found)
        tf, norm = _frequencies(text)
        recall = max(self._recall(distinct, side) for side in self._references)
        gram_recall = max(_gram_recall(tf, side) for side in self._references)
        weight = sum(map(self._weight, distinct))
        return np.array(
            [
                sqrt(recall),
                sqrt(max(_cosine(tf, norm, side) for side in self._references)),
                max(in_order(found, side.words) / max(1, len(side.words)) for side in self._references),
                sqrt(gram_recall),
                sqrt(max((_cosine(tf, norm, line) for line in self._lines), default=0.0)),
                self._recall(distinct, self._criteria) if self._criteria.words else recall,
                sum(map(self._weight, distinct & self._known)) / (weight or 1.0),
                log((len(text) + 5) / (self._length + 5)),
                log1p(len(text)),
                len(distinct - self._prompt) / (len(distinct) + 3),
                min(3, negations(text)),
                recall,
            ]
        )

    def _weight(self, word: str) -> float:
        return PROMPT_WEIGHT if word in self._prompt else 1.0

    def _side(self, text: str) -> _Side:
        clean = normalise(text)
        found = tuple(words(clean))
        return _Side(found, sum(map(self._weight, set(found))), *_frequencies(clean))

    def _recall(self, distinct: set[str], side: _Side) -> float:
        return sum(map(self._weight, distinct.intersection(side.words))) / (side.total or 1.0)


def _frequencies(text: str) -> tuple[dict[str, float], float]:
    if not text:
        return {}, 0.0
    tf = {gram: log1p(count) for gram, count in grams(text, (3, 4)).items()}
    return tf, sqrt(sum(value * value for value in tf.values()))


def _cosine(tf: Mapping[str, float], norm: float, side: _Side) -> float:
    small, large = (tf, side.tf) if len(tf) <= len(side.tf) else (side.tf, tf)
    dot = sum(value * large[gram] for gram, value in small.items() if gram in large)
    return min(1.0, dot / (norm * side.norm)) if dot else 0.0


def _gram_recall(tf: Mapping[str, float], side: _Side) -> float:
    return sum(value for gram, value in side.tf.items() if gram in tf) / (sum(side.tf.values()) or 1.0)


class Index:
    """Cosine likeness (TF-IDF, logarithmic frequency) of a text to a fixed list of texts, by an inverted index.

    Source of the weighting: Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988, with
    the smoothed inverse document frequency log((1 + n) / (1 + df)) + 1. Postings, not a matrix: 300 answers have
    some 50,000 different n-grams, of which a new answer touches few.
    """

    def __init__(self, bags: Sequence[Mapping[str, int]]) -> None:
        self._size = len(bags)
        frequency: Counter[str] = Counter()
        for bag in bags:
            frequency.update(bag.keys())
        self._ids = {term: i for i, term in enumerate(frequency)}
        n = len(bags)
        self._idf = np.array([log((1 + n) / (1 + df)) + 1 for df in frequency.values()] or [1.0])
        self._unseen = log(1 + n) + 1
        terms: list[int] = []
        rows: list[int] = []
        values: list[float] = []
        for row, bag in enumerate(bags):
            ids, weights = self._weigh(bag)
            terms.extend(ids)
            rows.extend([row] * len(ids))
            values.extend(weights)
        order = np.argsort(np.array(terms, dtype=np.int64), kind="stable")
        self._rows = np.array(rows, dtype=np.int64)[order]
        self._values = np.array(values)[order]
        counts = np.bincount(np.array(terms, dtype=np.int64), minlength=len(self._idf))
        self._ends = np.cumsum(counts)
        self._starts = self._ends - counts

    def compare(self, bag: Mapping[str, int]) -> NDArray[np.float64]:
        """Likeness 0..1 of a bag of terms to each text of the index; shape (texts,)."""
        ids, weights = self._weigh(bag)
        if not ids:
            return np.zeros(self._size)
        at = np.array(ids, dtype=np.int64)
        lengths = self._ends[at] - self._starts[at]
        first = np.repeat(self._starts[at] - (np.cumsum(lengths) - lengths), lengths)
        postings = np.arange(lengths.sum()) + first
        product = self._values[postings] * np.repeat(weights, lengths)
        likeness = np.bincount(self._rows[postings], weights=product, minlength=self._size)
        return np.clip(likeness, 0.0, 1.0)

    def _weigh(self, bag: Mapping[str, int]) -> tuple[list[int], NDArray[np.float64]]:
        """The known terms' numbers and their weights, scaled so that the whole bag has length 1."""
        ids: list[int] = []
        counts: list[int] = []
        unseen = 0.0
        for term, count in bag.items():
            number = self._ids.get(term)
            if number is None:
                unseen += (log1p(count) * self._unseen) ** 2
            else:
                ids.append(number)
                counts.append(count)
        if not ids:
            return [], np.zeros(0)
        weights = np.log1p(np.array(counts, dtype=float)) * self._idf[ids]
        return ids, weights / sqrt(float(weights @ weights) + unseen)

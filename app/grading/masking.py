"""Names and numbers of students, hidden in what is sent to a model.

A hidden character becomes `MASK`, one for one, so every offset stays: a quote that is found in the hidden text is cut
from the original at the same place. White space stays as it is.

What is hidden, in answers and in the earlier answers that serve as examples:

- names of scripts without capitals (王小明, 阿依古丽·买买提) as a whole, with spaces, dots or invisible characters
  between the characters; of a dotted name also each part of three characters or more. They may begin or end inside
  another word (a student 高明 hides two characters of 提高明显), for Chinese has no marks between words;
- names of scripts with capitals: every part of two letters or more, as a whole word, written with a capital (Ann, ANN).
  In small letters it is an ordinary word more often than not ("will", "may") and is hidden only beside another part
  of the same name (ann lee), or where a line holds nothing but names and numbers. Little words (He, An, Will) that
  begin a sentence stay, unless they are all of their line;
- numbers of four characters or more, as a whole; from six on with spaces or strokes inside, and beside letters;
- whatever stands behind 姓名：, 学号：, Name:, Student ID: and their like, in the class list or not.

Never hidden is what the question itself says: a word, name or number that occurs in its prompt, references or criteria
may be the very answer (and leaves with the scheme anyway). A label that the prompt uses (Name: ___) is a blank to be
filled, and hides nothing by itself.

What this cannot know: names that are not in the class list and have no label, nicknames, misspelled names, pinyin,
single Western names in small letters within a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from app.scheme.types import Question

MASK = "█"

SHORTEST_PART, SHORTEST_NUMBER, LOOSE_NUMBER = 2, 4, 6
SHORTEST_DOTTED_PART = 3
LONGEST_VALUE = 40  # characters behind a label; more is a sentence

# Words that begin sentences more often than they are somebody's name.
LITTLE = frozenset(
    [
        "a", "an", "and", "any", "are", "art", "as", "at", "be", "but", "by", "can", "do", "for", "from", "go", "has",
        "he", "her", "his", "how", "i", "if", "in", "is", "it", "its", "let", "long", "may", "me", "my", "no", "not",
        "of", "on", "one", "or", "our", "see", "she", "so", "some", "the", "then", "they", "this", "to", "too", "two",
        "up", "us", "was", "we", "what", "when", "who", "why", "will", "with", "you",
    ]
)  # fmt: skip
_UNCASED = (
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\u1100-\u11ff\U00020000-\U000323af"
)
_WORD = re.compile(rf"[^\W\d_{_UNCASED}]+(?:'[^\W\d_{_UNCASED}]+)*")
_CODE = re.compile(r"\w*\d\w*")
_POSSESSIVE = re.compile(r"'s$", re.IGNORECASE)
_BETWEEN_PARTS = re.compile(r"[ \t,.'_·-]{1,3}")
_SENTENCE_END = re.compile(r"(?:^|[\n.!?:;。！？：；])[\s\"'“”‘’(（)）*#>-]*$")
_MORE_ON_LINE = re.compile(r"[ \t]*,?[ \t]*[^\W\d_]")
_NAME_LABELS = r"(?:学生|考生)?姓[ \t]*名|(?:student|full)[ \t_]*name|name[ \t]of[ \t]student|name"
_NUMBER_LABELS = (
    r"(?:学生)?学[ \t]*号|学生编号|准考证号|学籍号|考生?号"
    r"|(?:student|roll|candidate|matriculation)[ \t_]*(?:number|no\.?|nr\.?|id)|id[ \t]number|id"
)
_LABEL = re.compile(
    rf"(?:^|(?<=[\s|,;)。]))(?:(?P<name>{_NAME_LABELS})|(?P<number>{_NUMBER_LABELS}))"
    # A Chinese label may be parted from its value by a space or a rule; "name the capital" is no label.
    r"(?:[ \t]*[:=][ \t_]*|[ \t]*_+[ \t]*|(?<=[名号])[ \t]+)",
    re.IGNORECASE | re.MULTILINE,
)
_VALUE_END = re.compile(r"[\n\t|;,()。]| {2,}|__")
_NUMBER = re.compile(r"[\w./-]*\d[\w./-]*(?: \d[\w./-]*)*")
_CAPITALISED = re.compile(r"(?:[^\W\d_a-z][^\W\d_]*[ \t]?){1,4}")

Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Person:
    """One student as the class list has them."""

    name: str
    number: str = ""


@dataclass(frozen=True)
class _Folded:
    """A text in one spelling: full-width to plain, no accents, no invisible characters; `places` lead back."""

    text: str
    places: list[int]

    @classmethod
    def of(cls, text: str) -> _Folded:
        pieces, places = [], []
        for place, character in enumerate(text):
            piece = _fold(character)
            pieces.append(piece)
            places.extend([place] * len(piece))
        return cls("".join(pieces), places)

    @cached_property
    def words(self) -> list[tuple[str, int, int]]:
        """(word, start, end) of the cased words; of Ann's only Ann."""
        found = ((_POSSESSIVE.sub("", match[0]), match.start()) for match in _WORD.finditer(self.text))
        return [(word, start, start + len(word)) for word, start in found]


@lru_cache(maxsize=8192)
def _fold(character: str) -> str:
    if character in "\n\r":
        return "\n"
    if character in "·•‧∙⋅・･᛫﹒":
        return "·"
    if character in "’‘ʼ＇`´":
        return "'"
    # Korean syllables would fall apart into letters.
    hangul = "\uac00" <= character <= "\ud7af"
    plain = character if hangul else unicodedata.normalize("NFKD", character)
    kept = (" " if part.isspace() else part for part in plain)
    return "".join(part for part in kept if unicodedata.category(part) not in ("Mn", "Me", "Cf", "Cc", "Cs"))


def _compact(text: str) -> str:
    """Letters and digits of a text, folded, in small letters."""
    return "".join(part for part in _Folded.of(text).text.casefold() if part.isalnum())


class Names:
    """The people of a class, ready to be hidden. Immutable; `of` keeps the last ones built."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        parts: dict[str, set[int]] = defaultdict(set)
        wholes: set[str] = set()
        numbers: set[str] = set()
        for index, person in enumerate(people):
            folded = _Folded.of(person.name).text
            for part in _parts(folded):
                parts[part].add(index)
            wholes |= _wholes(folded)
            number = _compact(person.number)
            if len(number) >= SHORTEST_NUMBER:
                numbers.add(number)
        self.parts = {part: frozenset(found) for part, found in parts.items()}
        self.wholes = _alternatives(map(_whole_pattern, sorted(wholes, key=len, reverse=True)))
        self.numbers = _number_patterns(sorted(numbers, key=len, reverse=True))

    @classmethod
    def of(cls, people: Iterable[Person]) -> Names:
        """The names of a roster, built once while it stays the same."""
        return _built(tuple(people))

    def mask(self, question: Question) -> Masker:
        """What hides them in answers to a question."""
        return Masker(self, question)


@lru_cache(maxsize=16)
def _built(people: tuple[Person, ...]) -> Names:
    return Names(people)


def _parts(name: str) -> set[str]:
    """The cased parts of a folded name, in small letters; of Anne-Marie O'Brien: anne, marie, o'brien."""
    return {word.casefold() for word in _WORD.findall(name) if len(word) >= SHORTEST_PART}


def _wholes(name: str) -> set[str]:
    """The uncased names in a folded name, without spaces and dots."""
    found = set()
    for run in re.findall(r"[^\W\d_](?:[ \t·]*[^\W\d_])*", _WORD.sub("|", name) if _cased(name) else name):
        compact = re.sub(r"[ \t·]", "", run)
        if len(compact) >= SHORTEST_PART:
            found.add(compact)
        found |= {part for part in run.split("·") if "·" in run and len(part) >= SHORTEST_DOTTED_PART}
    return found


def _cased(text: str) -> bool:
    return any(part.lower() != part.upper() for part in text)


def _whole_pattern(name: str) -> str:
    # Over the end of a line only for longer names: two characters meet by chance too easily.
    gap = r"[\s·]{0,3}" if len(name) > 2 else r"[ \t·]{0,3}"
    return gap.join(map(re.escape, name))


def _number_patterns(numbers: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """Short numbers as words of their own; longer ones also with spaces inside and beside letters."""
    short = [number for number in numbers if len(number) < LOOSE_NUMBER]
    digits = [number for number in numbers if len(number) >= LOOSE_NUMBER and number[0].isdigit()]
    letters = [number for number in numbers if len(number) >= LOOSE_NUMBER and not number[0].isdigit()]
    kinds = (
        (short, "[._/-]?", r"(?<![0-9A-Za-z])(?<!\d[.,])", r"(?![0-9A-Za-z])(?![.,]\d)"),
        (digits, "[ ._/-]?", r"(?<!\d)", r"(?!\d)"),
        (letters, "[ ._/-]?", r"(?<![^\W_])", r"(?!\d)"),
    )
    made = []
    for these, gap, before, after in kinds:
        found = _alternatives((gap.join(map(re.escape, number)) for number in these), before, after)
        if found is not None:
            made.append(found)
    return tuple(made)


def _alternatives(patterns: Iterable[str], before: str = "", after: str = "") -> re.Pattern[str] | None:
    """One pattern for all, or None for none. The alternatives begin with letters: that lets the engine skip quickly."""
    joined = "|".join(patterns)
    return re.compile(f"{before}(?:{joined}){after}", re.IGNORECASE) if joined else None


@dataclass(frozen=True)
class Masker:
    """Hides names in texts about one question."""

    names: Names
    question: Question

    def hide(self, text: str) -> str:
        """The text with names and numbers hidden; as long as before, and unlike it only where they stand."""
        folded = _Folded.of(text)
        hidden = list(text)
        for start, end in self._spans(folded):
            if start == end:
                continue
            first, last = folded.places[start], folded.places[end - 1] + 1
            while last < len(text) and not _fold(text[last]) and not text[last].isspace():
                last += 1  # the accents and joiners that belong to the last letter
            for place in range(first, last):
                if not text[place].isspace():
                    hidden[place] = MASK
        return "".join(hidden)

    def _spans(self, folded: _Folded) -> Iterator[tuple[int, int]]:
        yield from self._parts(folded)
        for pattern in (*self.names.numbers, *([self.names.wholes] if self.names.wholes else [])):
            found = pattern.finditer(folded.text)
            yield from (match.span() for match in found if not self._says(match[0]))
        yield from self._labelled(folded)

    @cached_property
    def _said(self) -> _Folded:
        """All that the question says."""
        question = self.question
        criteria = (criterion.text for criterion in question.criteria)
        return _Folded.of("\n".join((question.prompt, *question.references, *criteria)))

    @cached_property
    def _said_words(self) -> Collection[str]:
        return {word.casefold() for word, _, _ in self._said.words}

    @cached_property
    def _said_compact(self) -> str:
        return _compact(self._said.text)

    @cached_property
    def _said_together(self) -> Collection[tuple[str, str]]:
        words = [word.casefold() for word, _, _ in self._said.words]
        return set(pairwise(words))

    def _says(self, text: str) -> bool:
        """Whether the question says all of this, spaces and marks aside."""
        words = {word.casefold() for word in _WORD.findall(text)}
        rest = _compact(_WORD.sub(" ", text))
        return words <= set(self._said_words) and rest in self._said_compact

    def _parts(self, folded: _Folded) -> Spans:
        """Words that are parts of a cased name."""
        known = [
            (word.casefold(), word, start, end, self.names.parts[word.casefold()])
            for word, start, end in folded.words
            if word.casefold() in self.names.parts
        ]
        bare = self._bare_lines(folded.text) if known else []
        spans: Spans = []
        for place, (plain, word, start, end, _) in enumerate(known):
            if place and self._belong(known[place - 1], known[place], folded.text):
                spans += [known[place - 1][2:4], (start, end)]
            elif plain not in self._said_words and (
                self._is_name(plain, word, start, end, folded.text) or _within(bare, start)
            ):
                spans.append((start, end))
        return spans

    def _belong(
        self,
        first: tuple[str, str, int, int, frozenset[int]],
        second: tuple[str, str, int, int, frozenset[int]],
        text: str,
    ) -> bool:
        """Whether two words are neighbours and parts of one person's name, and the question does not say them so."""
        return (
            first[0] != second[0]
            and bool(first[4] & second[4])
            and _BETWEEN_PARTS.fullmatch(text, first[3], second[2]) is not None
            and (first[0], second[0]) not in self._said_together
        )

    def _is_name(self, plain: str, word: str, start: int, end: int, text: str) -> bool:
        """Whether one word alone is to be taken for a name: a capital, and no little word that begins a sentence."""
        if not word[0].isupper():
            return False
        if plain not in LITTLE:
            return True
        begins = _SENTENCE_END.search(text, max(0, start - 20), start) is not None or not text[:start].strip()
        return not word.isupper() and not (begins and _MORE_ON_LINE.match(text, end))

    def _bare_lines(self, text: str) -> Spans:
        """The lines that hold nothing but names of the class, numbers and marks, in order."""
        spans, start = [], 0
        for line in text.split("\n"):
            if not any(part.isalpha() for part in _WORD.sub(self._left, _CODE.sub("", line))):
                spans.append((start, start + len(line)))
            start += len(line) + 1
        return spans

    def _left(self, word: re.Match[str]) -> str:
        """What is left of a word when names are taken out."""
        return "" if _POSSESSIVE.sub("", word[0]).casefold() in self.names.parts else word[0]

    def _labelled(self, folded: _Folded) -> Iterator[tuple[int, int]]:
        """What stands behind labels of names and numbers."""
        labels = list(_LABEL.finditer(folded.text))
        if not labels or _LABEL.search(self._said.text):
            return
        for place, label in enumerate(labels):
            limit = labels[place + 1].start() if place + 1 < len(labels) else len(folded.text)
            end = _VALUE_END.search(folded.text, label.end(), limit)
            span = self._value(folded.text, label, end.start() if end else limit)
            value = folded.text[slice(*span)]
            if value.strip(" _-:") and not self._says(value):
                yield span

    def _value(self, text: str, label: re.Match[str], end: int) -> tuple[int, int]:
        """Where a label's value stands: a number; a name, or the capitalised words before a sentence."""
        start = label.end()
        if label["name"] and len(text[start:end].strip()) <= LONGEST_VALUE:
            return start, end
        head = (_NUMBER if label["number"] else _CAPITALISED).match(text, start, end)
        return (start, head.end()) if head else (start, start)


def _within(spans: Spans, place: int) -> bool:
    """Whether a place is inside one of the spans, which are in order."""
    index = bisect_right(spans, place, key=lambda span: span[0]) - 1
    return index >= 0 and place < spans[index][1]


NOBODY = Names()

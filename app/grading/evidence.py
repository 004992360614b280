"""Finding a quote in an answer: is it there, where, and is it the student's own.

Models retype what they quote: other widths, cases, spaces, quotation marks. Both sides are therefore folded,
character by character, to a plain form that remembers where each piece came from; a quote is found where the
folded forms agree, from the beginning of one original character to the end of another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from app.grading.masking import MASK
from app.scheme.types import Question

_LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»「」『』〝〞″", '"'),
        **dict.fromkeys("‘’‚‛`´′ʼ", "'"),
        **dict.fromkeys("‐‑‒–—―−﹣─", "-"),
        **dict.fromkeys("。．｡", "."),
        **dict.fromkeys("、，､", ","),
        **dict.fromkeys("·•・∙⋅", "·"),
        **dict.fromkeys("【〔［", "["),
        **dict.fromkeys("】〕］", "]"),
        **dict.fromkeys("《〈", "<"),
        **dict.fromkeys("》〉", ">"),
        **dict.fromkeys("～〜∼", "~"),
        "⋯": "...",
        "ı": "i",  # its capital is the plain I, whose small letter is the plain i
    }
)
"""Punctuation that people and models take for one another, each with the form it folds to."""

_INVISIBLE = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp"})
"""Unicode categories that leave nothing on paper: formats, controls, spaces."""

_SENTENCE = re.compile(r"[^.!?;。！？；\n]+[.!?;。！？；]?")
_MASKED = re.compile(f"{MASK}+")
PASSAGE_SENTENCES = 5
"""A prompt with more sentences holds a passage, which answers may cite; only its questions ask."""

COPIED_SHARE = 0.5
"""The share of a prompt's sentence from which on repeating it is copying rather than naming its subject."""

COPIED_CHARACTERS = 6
"""Folded characters below which no words count as copied: names and terms have to be repeated."""


@lru_cache(maxsize=8192)
def _fold_character(character: str) -> str:
    """The folded form of one character: several characters, one, or none."""
    folded = unicodedata.normalize("NFKD", character.translate(_LOOK_ALIKES)).casefold()
    folded = unicodedata.normalize("NFKD", folded).translate(_LOOK_ALIKES)
    return "".join(part for part in folded if unicodedata.category(part) not in _INVISIBLE)


def fold(text: str) -> str:
    """A text without the differences of width, case, white space, invisible and look-alike characters.

    Hidden characters side by side are one: models do not count them.
    """
    return _MASKED.sub(MASK, "".join(map(_fold_character, text)))


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Where a text holds a quote: (start, end) offsets in the text, or None.

    `fold(text[start:end]) == fold(quote)` holds for what is found. Of several places the first that cuts no
    word in two is taken, or else the first. A quote that folds to nothing is nowhere.
    """
    wanted = fold(quote)
    if not wanted:
        return None
    first = None
    for span in _places(wanted, text):
        if not cuts_word(text, span):
            return span
        first = first or span
    return first


def _places(wanted: str, text: str) -> Iterator[tuple[int, int]]:
    pieces = [_fold_character(character) for character in text]
    starts: dict[int, int] = {}  # place in the folded text -> the character that begins there
    ends: dict[int, int] = {}  # place in the folded text -> the end of the character that ends there
    length = 0
    last = ""
    for offset, piece in enumerate(pieces):
        if piece == MASK == last:
            pieces[offset] = ""
            ends[length] = offset + 1
        elif piece:
            last = piece
            starts[length] = offset
            length += len(piece)
            ends[length] = offset + 1
    folded = "".join(pieces)
    place = folded.find(wanted)
    while place >= 0:
        start, end = starts.get(place), ends.get(place + len(wanted))
        if start is not None and end is not None:
            yield start, end
        place = folded.find(wanted, place + 1)


def cuts_word(text: str, span: tuple[int, int]) -> bool:
    """Whether a span begins or ends inside a word or a number. Scripts without word breaks have no inside."""
    start, end = span
    return _joined(text[start - 1 : start], text[start : start + 1]) or _joined(
        text[end - 1 : end], text[end : end + 1]
    )


def _joined(left: str, right: str) -> bool:
    if not left or not right:
        return False
    if left.isdigit() and right.isdigit():
        return True
    return _of_a_word(left) and _of_a_word(right)


def _of_a_word(character: str) -> bool:
    """A letter of an alphabet that puts spaces between words (not Han, kana, Thai, Lao, Khmer, Burmese)."""
    return unicodedata.category(character) in ("Ll", "Lu", "Lt")


def is_copied(quote: str, question: Question) -> bool:
    """Whether a quote only repeats the question's prompt and so is no evidence of the student's own.

    Not copied are: short terms; words that a reference answer holds or consists of (a right answer may well
    stand in the prompt); less than half of a sentence; sentences of a passage to read, which answers are
    meant to cite.
    """
    words = _letters(quote)
    if len(words) < COPIED_CHARACTERS or words not in _letters(question.prompt):
        return False
    references = [_letters(reference) for reference in question.references]
    if any(reference and (words in reference or reference in words) for reference in references):
        return False
    return any(_repeats(words, _letters(sentence)) for sentence in _asking(question.prompt))


def _letters(text: str) -> str:
    """The folded letters and digits of a text."""
    return "".join(character for character in fold(text) if character.isalnum())


def _asking(prompt: str) -> list[str]:
    """The sentences that ask: all of a short prompt, the questions and the last sentence of a long one."""
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(prompt) if _letters(sentence)]
    if len(sentences) <= PASSAGE_SENTENCES:
        return sentences
    return [sentence for sentence in sentences if sentence.endswith(("?", "？"))] + sentences[-1:]


def _repeats(words: str, sentence: str) -> bool:
    """Whether words hold a whole sentence, or make up enough of it."""
    return bool(sentence) and (
        sentence in words or (words in sentence and len(words) >= COPIED_SHARE * len(sentence))
    )

"""A vision model's transcription of a page laid over what text recognition read: the better of both, line by line.

A model reads handwriting better and has no idea where it stands; it also invents, corrects and repeats. So the lines of
text recognition are the measure: the model's lines are aligned with them in order, and one is taken only where
recognition was unsure and the two resemble each other. Its words stand where the words stood that they replace. What
the model says beyond that is told to the teacher, and not taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from app.document import Box, Word
from app.i18n import Text
from app.intake.aligning import realign
from app.intake.page import By, PageReading, Struck
from app.intake.pairing import Pair, paired, weight

MOST_LINES, LONGEST_LINE = 300, 400
"""More than a page of paper holds; a model that repeats itself is cut there."""

UNREADABLE = "[?]"
"""What the model writes for what it cannot read; text recognition's characters are kept there."""

SURE = 0.97
"""Confidence of a recognised line that is left as it is. Measured on 336 lines of blurred handwriting-like pages: two
thirds of those above 0.98 had no wrong character, half of 0.96 to 0.98, one in eight of 0.93 to 0.96, few below."""

ALIKE = 0.45  # likeness from which the model's line may replace an unsure one; below it, both are guesses
SAME_PAGE = 0.35  # share of the recognised letters that the model must have read alike to have seen this page
SHORTEST_PAGE = 12  # recognised letters below which that share says nothing
SHORT_EXTRA = 16  # letters of a line of the model's alone that may be taken: a word that was overlooked
AGREED, OWN, ALONE = 0.95, 0.75, 0.3
"""Confidence of a word that both read alike, of one that the model alone read so, and of a line without recognition."""

COVERED = 0.3  # of a word's area under paint: it was not shown; less is a margin that touches its neighbour
SHOWN = 60  # characters of a line that a warning quotes

_STRUCK = re.compile(r"~~(.*?)~~")
_LOST = re.compile(r"\[\s*[?？]+\s*\]")
_BLANKS = re.compile(r"[ \u00a0\u3000]+")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of text recognition: where it stands in the page's text, its words, how sure it is."""

    start: int
    text: str
    words: tuple[Word, ...]
    confidence: float
    hidden: bool  # some of it was painted over

    @property
    def box(self) -> Box | None:
        return Box.around(word.box for word in self.words) if self.words else None


@dataclass(frozen=True, slots=True)
class _Said:
    """A line of the model's: its text without crossed-out words, and those."""

    text: str
    struck: tuple[str, ...]


def cleaned(lines: Sequence[object]) -> list[str]:
    """The lines of a reply as text: MOST_LINES of LONGEST_LINE characters at most, no control characters, none empty.

    What is no string is left out; a line with line breaks becomes several.
    """
    found: list[str] = []
    for line in lines:
        if not isinstance(line, str):
            continue
        for part in line[: LONGEST_LINE * 4].splitlines():
            plain = "".join(
                mark for mark in part if unicodedata.category(mark) not in ("Cc", "Cf", "Cs", "Co", "Cn")
            )
            if text := _BLANKS.sub(" ", plain).strip()[:LONGEST_LINE]:
                found.append(text)
            if len(found) >= MOST_LINES:
                return found
    return found


def merge(ocr: PageReading, lines: Sequence[str], masked: Sequence[Box] = ()) -> PageReading:
    """What text recognition read (`ocr`), with the model's `lines` where they are better.

    `masked` are the boxes that were painted over: the model has not seen what they hold, and lines that have words in
    them stay as recognised. The result is `By.MODEL` when anything came from the model; else it is `ocr` with a
    warning, if there is something to say.
    """
    said = [_said(line) for line in cleaned(lines)]
    own = _lines(ocr, masked)
    pairs = paired([line.text for line in own], [each.text.replace(UNREADABLE, "") for each in said])
    if not said:
        return _warned(ocr, Text("The vision model read nothing on this page."))
    if not _same_page(own, pairs):
        return _warned(
            ocr,
            Text(
                "The vision model's reading has too little in common with text recognition's; it was not used."
            ),
        )
    return _Merger(ocr, own, said).result(pairs)


class _Merger:
    """Puts the text together again, line by line."""

    def __init__(self, ocr: PageReading, own: Sequence[_Line], said: Sequence[_Said]) -> None:
        self._ocr, self._own, self._said = ocr, own, said
        self._text: list[str] = []
        self._length = 0
        self._words: list[Word] = []
        self._struck: list[Struck] = []
        self._taken = self._differ = self._crossed = 0
        self._alone: list[str] = []

    def result(self, pairs: Sequence[Pair]) -> PageReading:
        """The merged reading, with a warning for each kind of thing that the teacher should look at."""
        for pair in pairs:
            if pair.first == pair.last:
                self._extra(self._said[pair.begin], pair.first)
            elif pair.begin == pair.end:
                self._keep(pair)
            else:
                self._choose(pair)
        warnings = self._warnings()
        if not self._taken:
            return _warned(self._ocr, *warnings)
        words = tuple(self._words)
        return replace(
            self._ocr,
            text="".join(self._text),
            by=By.MODEL,
            words=words,
            confidence=mean_confidence(words),
            struck=(*self._ocr.struck, *self._struck),
            warnings=(*self._ocr.warnings, *warnings),
        )

    def _choose(self, pair: Pair) -> None:
        """The model's line where recognition is unsure and the two are alike; else recognition's."""
        lines = self._own[pair.first : pair.last]
        said = self._said[pair.begin : pair.end]
        letters = sum(len(line.text) for line in lines)
        confidence = sum(line.confidence * len(line.text) for line in lines) / max(1, letters)
        if confidence >= SURE or any(line.hidden for line in lines):
            self._keep(pair)
            return
        if pair.likeness < ALIKE:
            self._differ += len(lines)
            self._keep(pair)
            return
        old, words = self._stretch(lines)
        text = _restored(old, _broken_alike(old, " ".join(each.text for each in said)))
        self._separate(pair.first)
        self._add(text, _sure_of(old, words, text, realign(old, words, text)))
        self._taken += 1
        box = Box.around(word.box for word in words) if words else None
        for crossed in (each for one in said for each in one.struck):
            self._crossed += 1
            if box is not None:
                self._struck.append(Struck(crossed, box))

    def _keep(self, pair: Pair) -> None:
        for index in range(pair.first, pair.last):
            line = self._own[index]
            self._separate(index)
            self._add(line.text, [_moved(word, -line.start) for word in line.words])

    def _extra(self, said: _Said, before: int) -> None:
        """A line that only the model has: a short one in a gap between lines is taken, unsurely."""
        if weight(said.text) > SHORT_EXTRA or UNREADABLE in said.text or not said.text:
            if said.text and said.text != UNREADABLE:
                self._alone.append(said.text)
            return
        gap = self._gap(before)
        if self._text and not "".join(self._text[-1:]).endswith("\n"):
            self._add("\n", [])
        words = [] if gap is None else _spread(said.text, gap)
        self._add(said.text, words)
        self._taken += 1
        self._alone.append(said.text)

    def _gap(self, before: int) -> Box | None:
        """The empty stretch above a line, if it is high enough to hold writing."""
        above = self._own[before - 1].box if before else None
        below = self._own[before].box if before < len(self._own) else None
        if above is None or below is None:
            return None
        high = min(above.y1 - above.y0, below.y1 - below.y0)
        if below.y0 - above.y1 < 0.6 * high:
            return None
        return Box(min(above.x0, below.x0), above.y1, max(above.x1, below.x1), below.y0)

    def _stretch(self, lines: Sequence[_Line]) -> tuple[str, list[Word]]:
        """Neighbouring lines as one text with line breaks, and its words, offsets counted in it."""
        text, words = "", list[Word]()
        for line in lines:
            if text:
                text += "\n"
            words += [_moved(word, len(text) - line.start) for word in line.words]
            text += line.text
        return text, words

    def _separate(self, index: int) -> None:
        """The line breaks that stand before a line of recognition, blank lines included."""
        before = self._own[index - 1] if index else None
        begin = before.start + len(before.text) if before else 0
        breaks = self._ocr.text[begin : self._own[index].start]
        if self._text and not breaks:
            breaks = "\n"
        self._add(breaks, [])

    def _add(self, text: str, words: Sequence[Word]) -> None:
        self._words += [_moved(word, self._length) for word in words]
        self._text.append(text)
        self._length += len(text)

    def _warnings(self) -> list[Text]:
        told: list[Text] = []
        if self._differ:
            told.append(
                Text("{count} lines are read quite differently by the vision model.", {"count": self._differ})
            )
        if self._crossed:
            told.append(
                Text("The vision model takes {count} places for crossed out.", {"count": self._crossed})
            )
        if self._alone:
            shown = " / ".join(line[:SHOWN] for line in self._alone[:3])
            told.append(
                Text("Only the vision model read this, look whether it is there: {lines}", {"lines": shown})
            )
        return told


def mean_confidence(words: Sequence[Word]) -> float:
    """The mean of the words' confidence, weighted by their length; 0 for none."""
    letters = sum(word.end - word.start for word in words)
    return sum(word.confidence * (word.end - word.start) for word in words) / letters if letters else 0.0


def covered(words: Sequence[Word], boxes: Sequence[Box]) -> frozenset[int]:
    """The indices of the words that lie under boxes: their letters were not shown."""
    return frozenset(
        index for index, word in enumerate(words) if any(_share(word.box, box) >= COVERED for box in boxes)
    )


def _share(inner: Box, outer: Box) -> float:
    """How much of `inner` lies in `outer`, 0 to 1; a box without area counts by its middle."""
    wide, high = inner.x1 - inner.x0, inner.y1 - inner.y0
    if wide <= 0 or high <= 0:
        x, y = (inner.x0 + inner.x1) / 2, (inner.y0 + inner.y1) / 2
        return float(outer.x0 <= x <= outer.x1 and outer.y0 <= y <= outer.y1)
    common_x = max(0.0, min(inner.x1, outer.x1) - max(inner.x0, outer.x0))
    common_y = max(0.0, min(inner.y1, outer.y1) - max(inner.y0, outer.y0))
    return common_x * common_y / (wide * high)


def _warned(ocr: PageReading, *warnings: Text) -> PageReading:
    return replace(ocr, warnings=(*ocr.warnings, *warnings)) if warnings else ocr


def _said(line: str) -> _Said:
    struck = tuple(found for each in _STRUCK.findall(line) if (found := each.strip()))
    text = _LOST.sub(UNREADABLE, _STRUCK.sub(" ", line)).replace("~~", "")
    return _Said(_BLANKS.sub(" ", text).strip(), struck)


def _lines(ocr: PageReading, masked: Sequence[Box]) -> list[_Line]:
    """The lines of a reading that hold something."""
    under = covered(ocr.words, masked)
    found: list[_Line] = []
    start = 0
    for text in ocr.text.split("\n"):
        end = start + len(text)
        inside = [index for index, word in enumerate(ocr.words) if start <= word.start < end]
        words = tuple(ocr.words[index] for index in inside)
        if text.strip():
            sure = mean_confidence(words) if words else ocr.confidence
            found.append(_Line(start, text, words, sure, any(index in under for index in inside)))
        start = end + 1
    return found


def _same_page(own: Sequence[_Line], pairs: Sequence[Pair]) -> bool:
    """Whether enough of what recognition read is in the transcription for both to be of one page."""
    seen = [line for line in own if not line.hidden]
    letters = sum(weight(line.text) for line in seen)
    if letters < SHORTEST_PAGE:
        return True
    common = sum(
        pair.likeness * sum(weight(line.text) for line in own[pair.first : pair.last] if not line.hidden)
        for pair in pairs
        if pair.begin != pair.end
    )
    return common >= SAME_PAGE * letters


def _broken_alike(old: str, new: str) -> str:
    """The model's text with the line breaks and tabs that recognition has in it, where they belong."""
    breaks = [place for place, mark in enumerate(old) if mark in "\n\t"]
    if not breaks:
        return new
    blocks = Levenshtein.opcodes(old, new)
    marks = list(new)
    for place in reversed(breaks):
        block = next(each for each in blocks if each.src_start <= place < each.src_end)
        at = min(block.dest_start + place - block.src_start, block.dest_end)
        # A break goes where a word ends: at the nearest blank, which it replaces.
        blanks = [index for index in range(max(0, at - 3), min(len(marks), at + 4)) if marks[index] == " "]
        if blanks:
            marks[min(blanks, key=lambda index: abs(index - at))] = old[place]
        else:
            marks.insert(at, old[place])
    return "".join(marks)


def _restored(old: str, new: str) -> str:
    """The model's text with recognition's characters where the model could not read."""
    if UNREADABLE not in new:
        return new
    # One sign for each, so that it is aligned with what stands there as a whole.
    marked = new.replace(UNREADABLE, "\0")
    pieces: list[str] = []
    for block in Levenshtein.opcodes(old, marked):
        piece = marked[block.dest_start : block.dest_end]
        if "\0" in piece:
            piece = old[block.src_start : block.src_end] if block.tag == "replace" else ""
        elif block.tag == "delete" and (
            marked[block.dest_start - 1 : block.dest_start] == "\0" or marked[block.dest_start :][:1] == "\0"
        ):
            piece = old[block.src_start : block.src_end]
        pieces.append(piece)
    return _BLANKS.sub(" ", "".join(pieces)).strip()


def _sure_of(old: str, before: Sequence[Word], new: str, after: Sequence[Word]) -> list[Word]:
    """Words with the confidence that they deserve: both readers agree on one, or the model alone says so."""
    known = {(old[word.start : word.end], word.box): word.confidence for word in before}
    made: list[Word] = []
    for word in after:
        earlier = known.get((new[word.start : word.end], word.box))
        made.append(replace(word, confidence=OWN if earlier is None else max(earlier, AGREED)))
    return made


def _spread(text: str, gap: Box) -> list[Word]:
    """The words of a line that nobody placed, spread over a gap."""
    width = (gap.x1 - gap.x0) / max(1, len(text))
    return [
        Word(
            found.start(),
            found.end(),
            Box(gap.x0 + width * found.start(), gap.y0, gap.x0 + width * found.end(), gap.y1),
            ALONE,
        )
        for found in re.finditer(
            r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+", text
        )
    ]


def _moved(word: Word, by: int) -> Word:
    return replace(word, start=word.start + by, end=word.end + by)

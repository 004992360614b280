"""Questions with parts: (1) (2) or (a) (b) below a numbered question become questions of their own, 3(1), 3(2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.scheme.body import Draft
from app.scheme.labels import Head, Style, read_head
from app.scheme.points import on_question
from app.scheme.split import Raw
from app.scheme.words import Mark, marker, split_inline

_PART_STYLES = (Style.PAREN, Style.ALPHA, Style.CIRCLED)


MAX_STEM = 20_000  # characters: a reading passage is a tenth of it; 500 parts must not multiply a whole book


@dataclass(slots=True)
class Parted:
    """A question's lines with its parts cut out: `stem` stands before all of them."""

    stem: Raw
    parts: list[Raw] = field(default_factory=list)


@dataclass(slots=True)
class _Walk:
    """Where the search for parts stands in a question's lines."""

    style: Style | None = None
    number: int = 0
    block: Mark | None = None
    inner: int = 0

    def part(self, text: str) -> Head | None:
        """The head of the next part when a line begins it."""
        head = read_head(text)
        if head is not None and head.style in _PART_STYLES and self._next(head):
            self.style, self.number, self.block, self.inner = head.style, head.number, None, 0
            self.watch(head.rest)
            return head
        self.watch(text)
        return None

    def _next(self, head: Head) -> bool:
        if self.number == 0:
            return head.number == 1 and self.block is None
        if self.block is not None and head.number == self.inner + 1 and (self.inner or head.number == 1):
            self.inner = head.number
            return False
        return head.style == self.style and head.number == self.number + 1

    def watch(self, text: str) -> None:
        """Remember whether an answer or criteria have begun."""
        for piece in split_inline(text) if text else ():
            mark = marker(piece)
            if mark and mark.mark in (Mark.ANSWER, Mark.CRITERIA):
                self.block, self.inner = mark.mark, 0


def part(raw: Raw) -> Parted:
    """The question cut into its parts; without parts when the numbered lines in it are options or lists."""
    walk = _Walk()
    parted = Parted(Raw(raw.label, raw.line, raw.section, from_key=raw.from_key))
    target = parted.stem
    for line, text in raw.lines:
        head = walk.part(text.strip())
        if head is None:
            target.lines.append((line, text))
            continue
        label = f"{raw.label}({head.label})"
        target = Raw(label, line, raw.section, [(line, head.rest)], raw.from_key)
        parted.parts.append(target)
    if not parted.parts or not _distinct(parted.parts):
        return Parted(raw)
    return parted


def _distinct(parts: list[Raw]) -> bool:
    """Whether the parts carry points or answers of their own; else they are options or a list."""
    if len(parts) > 1 and _shared_answer(parts):
        return True
    answered = sum(any(_answers(text) for _, text in raw.lines) for raw in parts)
    scored = sum(any(on_question(text, head=False) for _, text in raw.lines if text) for raw in parts)
    return scored >= 1 or answered > 1


def _answers(text: str) -> bool:
    return any(
        mark is not None and mark.mark == Mark.ANSWER
        for mark in map(marker, split_inline(text.strip()) if text else ())
    )


def _shared_answer(parts: list[Raw]) -> bool:
    """Give each part its share of one answer at the end: "答案：（1）… （2）…". False when there is no such answer."""
    last = parts[-1]
    start = next(
        (place for place, (_, text) in enumerate(last.lines) if marker(text.strip()) and _answers(text)), None
    )
    if start is None or any(_answers(text) for raw in parts[:-1] for _, text in raw.lines):
        return False
    found = marker(last.lines[start][1].strip())
    assert found is not None
    pieces: list[tuple[int, str]] = []
    for line, text in [(last.lines[start][0], found.rest), *last.lines[start + 1 :]]:
        pieces += [(line, piece.strip()) for piece in re.split(r"(?=[(（](?:\d{1,2}|[a-h])[)）])", text)]
    shares: list[list[tuple[int, str]]] = []
    for line, piece in pieces:
        head = read_head(piece)
        if head and head.style in _PART_STYLES and head.number == len(shares) + 1:
            shares.append([(line, f"Answer: {head.rest}")])
        elif shares:
            shares[-1].append((line, piece))
        elif piece:
            return False
    if len(shares) != len(parts):
        return False
    del last.lines[start:]
    for raw, share in zip(parts, shares, strict=True):
        raw.lines += share
    return True


def adopt_stems(drafts: list[Draft]) -> list[Draft]:
    """Drop a question that only introduces those after it (1. before 1a, 1b), and give them its words."""
    kept: list[Draft] = []
    stem: Draft | None = None
    for place, draft in enumerate(drafts):
        following = drafts[place + 1].label if place + 1 < len(drafts) else ""
        if not draft.references and not draft.criteria and _below(following, draft.label):
            stem = draft
            continue
        if stem is not None and _below(draft.label, stem.label):
            introduce(draft, stem)
        else:
            stem = None
        kept.append(draft)
    return kept


def introduce(draft: Draft, stem: Draft) -> None:
    """Put a stem's words before the words of one of its parts; of a stem beyond MAX_STEM only the beginning."""
    left = MAX_STEM
    for place, line in enumerate(stem.prompt):
        left -= len(line)
        if left < 0:
            draft.prompt[:0] = [*stem.prompt[:place], line[: left + len(line)]]
            return
    draft.prompt[:0] = stem.prompt


def _below(label: str, above: str) -> bool:
    rest = label.removeprefix(above)
    return rest != label and bool(rest) and not rest[0].isdigit()

"""One question's lines -> its draft: what is prompt, answer, criterion, tolerance, unit, points.

Both readers of this package, the strict one of the canonical form and the lenient one, end here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.i18n import Text
from app.scheme.check import MAX_CRITERIA
from app.scheme.clean import one_line
from app.scheme.labels import Style, read_head, split_circled
from app.scheme.notes import Note, error
from app.scheme.numbers import Tolerance, read_tolerance
from app.scheme.points import each_of, on_criterion, on_question, read_codes
from app.scheme.types import Kind
from app.scheme.words import Mark, Marker, explains, kind_named, marker, split_criteria, split_inline

_BULLET = re.compile(r"(?:[-*–—]\s+|[•·●○▪■◆]\s*)")
_STRICT_CRITERION = re.compile(
    r"-\s*[(（]\s?(\d{1,9}(?:\.\d{1,40})?)\s?(?:分|marks?|points?)?\s?[)）]\s*(.*)"
)
_KIND_BRACKET = re.compile(r"[(（\[【]([^()（）\[\]【】]{1,30})[)）\]】]")
_ITEM_STYLES = (Style.PAREN, Style.CIRCLED, Style.ALPHA, Style.PLAIN)


@dataclass(slots=True)
class DraftCriterion:
    """A criterion while it is read; `points` None when none stood on it."""

    line: int
    points: float | None
    lines: list[str]


@dataclass(slots=True)
class DraftReference:
    """A reference answer while it is read; `also` says that it is one more way to answer, not the next gap."""

    line: int
    lines: list[str]
    also: bool = False


@dataclass(slots=True)
class Draft:
    """A question while it is read. `per_gap` is the points of each gap; `codes` mark codes such as 2M+1A."""

    label: str
    line: int
    kind: Kind | None = None
    points: float | None = None
    per_gap: float | None = None
    codes: tuple[tuple[str, float], ...] = ()
    prompt: list[str] = field(default_factory=list)
    references: list[DraftReference] = field(default_factory=list)
    criteria: list[DraftCriterion] = field(default_factory=list)
    tolerance: Tolerance | None = None
    tolerance_bad: bool = False
    unit: str | None = None
    strict: bool = False


class BodyReader:
    """Reads the lines of one question, in order, into `draft`; `totals` gathers (line, points, question label)."""

    def __init__(self, draft: Draft, notes: list[Note], totals: list[tuple[int, float, str]]) -> None:
        self.draft = draft
        self._notes = notes
        self._totals = totals
        self._open: list[str] = draft.prompt  # where a line without a mark goes
        self._state = Mark.PROMPT
        self._each: float | None = None
        self._listed = False  # the answer being read is a list with bullets
        self._by_sign = False  # the answer being read began with "=", not with a word

    def head(self, line: int, text: str) -> None:
        """The rest of the question's first line, lenient form: kind and points in brackets, then as any line."""
        for bracket in _KIND_BRACKET.finditer(text[:400]):
            kind = kind_named(bracket[1])
            if kind:
                self.draft.kind = kind
                text = f"{text[: bracket.start()].rstrip()} {text[bracket.end() :].lstrip()}".strip()
                break
        for part in split_inline(text):
            self._lenient(line, part, head=True)

    def read(self, line: int, text: str) -> None:
        """One further line, without a line break."""
        if self.draft.strict:
            self._strict(line, text)
        elif not text.strip():
            self._open.append("")
        else:
            for part in self._parts(text):
                self._lenient(line, part, head=False)

    def _parts(self, text: str) -> list[str]:
        """A line cut where an answer or criteria begin on it; criteria may speak of "the answer:" themselves."""
        if self._state == Mark.PROMPT:
            return split_inline(text)
        return split_criteria(text) if self._state == Mark.ANSWER else [text]

    def _strict(self, line: int, text: str) -> None:
        if text.startswith("\\"):
            self._open.append(text[1:])
        elif text.startswith("="):
            self._answer(line, text[1:].strip())
        elif text.startswith("-"):
            found = _STRICT_CRITERION.fullmatch(text)
            if found:
                self._criterion(line, float(found[1]), found[2])
            else:
                self._score(line, text[1:].strip())
        else:
            mark = marker(text)
            if mark is None or not self._marked(line, mark):
                # Continuation lines of answers and criteria are indented by two spaces; more belongs to the text.
                indented = self._state != Mark.PROMPT and text.startswith("  ")
                self._open.append(text[2:] if indented else text)

    def _lenient(self, line: int, text: str, *, head: bool) -> None:
        stripped = text.strip()
        if not stripped:
            return
        mark = None if self._goes_on(stripped) else marker(stripped)
        if mark and self._marked(line, mark):
            return
        if stripped.startswith("= ") and (self._state == Mark.PROMPT or self._by_sign):
            self._answer(line, stripped[1:].strip())
            self._by_sign = True
            return
        bullet = _BULLET.match(stripped)
        if not head and explains(stripped):
            # Kept with the question: it helps whoever reads it, and nothing that was written gets lost.
            self._open, self._state = self.draft.prompt, Mark.PROMPT
            self._open.append(stripped)
        elif self._state == Mark.CRITERIA:
            self._in_criteria(line, stripped[bullet.end() :] if bullet else stripped, listed=bool(bullet))
        elif bullet and self._state == Mark.ANSWER and (self._listed or not any(self._open)):
            # "Answer:" and then a list: the list is the answer, its points are sorted out later.
            self._listed = True
            self._open.append(stripped[bullet.end() :])
        elif bullet and not head and on_criterion(stripped[bullet.end() :]):
            self._score(line, stripped[bullet.end() :])
        elif self._state == Mark.PROMPT:
            self._in_prompt(text.rstrip(), head=head)
        else:
            self._open.append(text.rstrip())

    def _goes_on(self, text: str) -> bool:
        """A worked solution ends in "答：…" (so we answer): that is its last line, not another answer."""
        started = self._state == Mark.ANSWER and any(self.draft.references[-1].lines)
        return started and text[:2] in ("答：", "答:", "解：", "解:")

    def _in_prompt(self, text: str, *, head: bool) -> None:
        found = on_question(text.strip(), head=head) if self.draft.points is None else None
        if found and self.draft.per_gap is None:
            if found.per_gap:
                self.draft.per_gap = found.points
            else:
                self.draft.points, self.draft.codes = found.points, found.codes
            text = found.text
        if text or not head:
            self._open.append(text)

    def _in_criteria(self, line: int, text: str, *, listed: bool) -> None:
        for part in split_circled(text):
            item = read_head(part)
            numbered = item is not None and item.style in _ITEM_STYLES and bool(item.rest)
            # "(3) says that ..." gives points, "(3) ... (2分)" is the third item of a list.
            bare = on_criterion(part)
            if (
                item
                and numbered
                and not (item.style == Style.PAREN and on_criterion(item.rest) is None and bare)
            ):
                part = item.rest
            if listed or numbered or bare or not self.draft.criteria:
                self._score(line, part)
            else:
                self._open.append(part)

    def _marked(self, line: int, mark: Marker) -> bool:
        """Take a line that begins with a known word; False when the word means nothing here."""
        if mark.aside and self.draft.points is None and mark.mark in (Mark.ANSWER, Mark.CRITERIA):
            found = on_question(f"({mark.aside})", head=True)
            self.draft.points = found.points if found and not found.per_gap else None
        match mark.mark:
            case Mark.ANSWER | Mark.ALSO:
                return self._answer_word(line, mark)
            case Mark.CRITERIA:
                self._start_criteria(line, mark)
            case Mark.POINTS:
                return self._points(mark.rest)
            case Mark.KIND:
                kind = kind_named(mark.rest)
                self.draft.kind = kind or self.draft.kind
                return kind is not None
            case Mark.TOLERANCE:
                self._tolerance(line, mark.rest)
            case Mark.UNIT:
                self.draft.unit = one_line(mark.rest) or None
            case Mark.TOTAL:
                self._totals.append((line, float(mark.rest), mark.aside))
            case Mark.PROMPT:
                if self._state != Mark.PROMPT or not mark.rest:
                    return False
                self._in_prompt(mark.rest, head=True)
        return True

    def _answer_word(self, line: int, mark: Marker) -> bool:
        if mark.mark == Mark.ALSO:
            if not self.draft.references:
                return False
            self._answer(line, mark.rest, also=True)
            return True
        self._answer(line, mark.rest)
        return True

    def _answer(self, line: int, text: str, *, also: bool = False) -> None:
        reference = DraftReference(line, [text] if text else [], also)
        self.draft.references.append(reference)
        self._open, self._state, self._by_sign = reference.lines, Mark.ANSWER, False
        self._listed = False

    def _start_criteria(self, line: int, mark: Marker) -> None:
        self._state = Mark.CRITERIA
        self._each = each_of(mark.aside) or each_of(mark.rest)
        self._open = self.draft.criteria[-1].lines if self.draft.criteria else []
        if mark.rest and each_of(mark.rest) is None:
            parts = re.split(r"[;；]\s*", mark.rest)
            whole = len(parts) < 2 or any(on_criterion(part) is None for part in parts if part)
            for part in [mark.rest] if whole else parts:
                if part:
                    self._in_criteria(line, part, listed=True)

    def _score(self, line: int, text: str) -> None:
        found = on_criterion(text)
        if found:
            self._criterion(line, found.points, found.text)
        else:
            self._criterion(line, self._each, text)

    def _criterion(self, line: int, points: float | None, text: str) -> None:
        if len(self.draft.criteria) > MAX_CRITERIA:
            # `check` says that these are too many; a broken file must not become a hundred thousand rows.
            self.draft.criteria[-1].lines.append(text)
            return
        criterion = DraftCriterion(line, points, [text])
        self.draft.criteria.append(criterion)
        self._open, self._state, self._by_sign = criterion.lines, Mark.CRITERIA, False

    def _points(self, rest: str) -> bool:
        found = on_question(f"({rest})", head=True)
        codes = read_codes(rest)
        if codes:
            self.draft.points, self.draft.codes = sum(points for _, points in codes), codes
        elif found and not found.per_gap:
            self.draft.points = found.points
        else:
            return False
        return True

    def _tolerance(self, line: int, rest: str) -> None:
        self.draft.tolerance = read_tolerance(rest)
        if self.draft.tolerance is None:
            self.draft.tolerance_bad = True
            self._notes.append(
                error(
                    line,
                    Text(
                        "The tolerance “{written}” cannot be read: write a distance (0.1) or a share (2%).",
                        {"written": rest[:60]},
                    ),
                )
            )

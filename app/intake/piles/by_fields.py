"""Splitting by name and number fields, by likeness to first pages, and by page counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from app.i18n import Text
from app.intake.piles.likeness import Printed, Shingles
from app.intake.piles.sheets import BLANK_BACK, UNREAD, Draft, Heap, Sheet

REPEATED = 0.25  # share of fields that repeat the student before, from which every page carries its header
COUNTS = 20  # pages of a paper, at most, when papers are told by nothing but likeness
ALIKE = 0.25  # resemblance of pages that are the same page of two papers
APART = 1.5  # how many times more alike they have to be than neighbours are

NO_NAME = Text("This looks like the first page of a paper, but no name was read on it.")
NO_FIRST = Text("No page with a name lies before these pages.")
HEADLESS = Text("The pile begins with pages without a name: it may have been scanned back to front.")
TURNED = Text("The pile seems to have been scanned back to front, and its order was turned.")
EMPTY = Text("The field for the name is empty or could not be read.")
UNSURE = Text("The first page's name was not certain; the pages behind it say {name}.")
NOTHING = Text("No name was read on any of these pages.")
ALIKE_ONLY = Text("No name was read; these pages were put together because papers of this pile look alike.")


@dataclass(frozen=True)
class _Style:
    """How the papers of a pile are made: what their first pages look like, and whether every page says the name."""

    first: Printed
    repeated: bool
    labelled: bool
    numbered: bool

    def like_first(self, sheet: Sheet) -> bool | None:
        """Whether a page looks like a first page; None: that cannot be told. Its number outweighs likeness."""
        like = self.first.like(sheet.shingles)
        if self.numbered and like is None and sheet.number is not None:
            return sheet.number.number == 1
        return like


def by_fields(sheets: Sequence[Sheet]) -> Heap:
    """The papers of a run of pages, in their order. Pages before the first field make a paper in doubt.

    Then every paper is in doubt, because all would be wrong if the pile was scanned back to front; it is turned where
    that leaves no such pages.
    """
    heap = _by_fields(sheets)
    if len(heap.drafts) > 1 and _headless(heap):
        turned = _by_fields(sheets[::-1])
        better = len(turned.drafts) > 1 and len(heap.drafts[-1].filled) == 1 and not _headless(turned)
        heap = turned if better else heap
        for draft in heap.drafts:
            draft.doubt = TURNED if better else (draft.doubt or HEADLESS)
    return heap


def _headless(heap: Heap) -> bool:
    """Whether the pages before the first field make a paper."""
    first = heap.drafts[0]
    return first.how == "likeness" and not any(sheet.told for sheet in first.sheets)


def _by_fields(sheets: Sequence[Sheet]) -> Heap:
    filled = [sheet for sheet in sheets if not sheet.empty]
    if not any(sheet.told for sheet in filled):
        return _by_likeness(sheets)
    style = _style(filled)
    heap = Heap()
    for sheet in sheets:
        current = heap.drafts[-1] if heap.drafts else None
        if sheet.empty:
            _lay_blank(heap, current, sheet)
            continue
        begun = _begun(sheet, current, style)
        if begun is None:
            assert current is not None
            _continue(current, sheet, style)
        else:
            if current is not None and begun.doubt is EMPTY and style.repeated:
                begun.behind = current  # the page may be this paper's, whose header could not be read
            heap.drafts.append(begun)
    return heap


def _style(filled: Sequence[Sheet]) -> _Style:
    named = [sheet for sheet in filled if sheet.student is not None]
    changes = [
        sheet
        for before, sheet in zip([None, *named], named, strict=False)
        if before is None or before.student != sheet.student
    ]
    repeated = len(named) - len(changes) >= max(1, REPEATED * len(named))
    # Where only first pages carry fields, those whose name was not read look like them too.
    firsts = changes if repeated else [sheet for sheet in filled if sheet.told]
    known = {sheet.view.id for sheet in firsts}
    others = [sheet for sheet in filled if sheet.view.id not in known]
    ones = sum(sheet.number is not None and sheet.number.number == 1 for sheet in firsts)
    return _Style(
        Printed([sheet.shingles for sheet in firsts], [sheet.shingles for sheet in others]),
        repeated,
        sum(sheet.said.labels for sheet in named) * 2 > len(named),
        ones * 2 > len(firsts),
    )


def _lay_blank(heap: Heap, current: Draft | None, sheet: Sheet) -> None:
    if current is None or sheet.back:
        heap.leave_out(sheet, BLANK_BACK if sheet.back else Text("A blank page before the first paper."))
        if current is not None:
            current.blanks += 1
    else:
        current.add(sheet)


def _begun(sheet: Sheet, current: Draft | None, style: _Style) -> Draft | None:
    """The paper that a page begins; None: it goes on with the current one."""
    if sheet.view.failed:
        return None if current is not None else Draft("field", [sheet], UNREAD)
    like = style.like_first(sheet)
    if not sheet.told or _weak(sheet, style, like):
        if like is True:
            return Draft("likeness", [sheet], NO_NAME)
        return None if current is not None else Draft("likeness", [sheet], NO_FIRST)
    if current is None:
        return Draft("field", [sheet], EMPTY if sheet.match.state == "unknown" else None)
    if sheet.student is not None:
        return None if _goes_on(sheet, current, style, like) else Draft("field", [sheet])
    if like is False or (
        like is None and (_still(sheet, current) or (style.repeated and _echoes(sheet, current)))
    ):
        return None
    return Draft("field", [sheet], EMPTY if sheet.match.state == "unknown" else None)


def _weak(sheet: Sheet, style: _Style, like: bool | None) -> bool:
    """Whether a name stands where it begins nothing: without a label, while papers have one, as an answer may."""
    return style.labelled and not sheet.said.labels and like is not True


def _goes_on(sheet: Sheet, current: Draft, style: _Style, like: bool | None) -> bool:
    """Whether a page that names a student belongs to the current paper."""
    if current.student is None:
        candidates = {each.id for each in current.match.candidates}
        about = sheet.student is not None and sheet.student.id in candidates
        return style.repeated and like is not True and (about or (like is False and not candidates))
    if sheet.student != current.student:
        return False
    return not (like is True and any(style.like_first(each) is True for each in current.filled))


def _still(sheet: Sheet, current: Draft) -> bool:
    """Whether a field that was read badly is most likely the current student's again: no other name stands there."""
    best = sheet.finding.best
    if best is None or current.student is None or best.entry.id != current.student.id:
        return False
    if best.name is None:
        return best.number == 0
    return best.name <= 1 or best.hint


def _echoes(sheet: Sheet, current: Draft) -> bool:
    """Whether a page says of nobody for certain what the last one with a field said, but for one character."""
    last = next((each for each in reversed(current.sheets) if each.said.labels), None)
    if last is None or current.student is not None:
        return False
    names = any(_near(one, other) for one in sheet.said.names for other in last.said.names)
    numbers = any(_near(one, other) for one in sheet.said.numbers for other in last.said.numbers)
    return names and (numbers or not (sheet.said.numbers and last.said.numbers))


def _near(one: str, other: str) -> bool:
    return len(one) > 1 and OSA.distance(one, other, score_cutoff=1) <= 1


def _continue(current: Draft, sheet: Sheet, style: _Style) -> None:
    """One more page of a paper, with what is doubtful about it."""
    doubt = UNREAD if sheet.view.failed else None
    if sheet.student is not None and current.student is None and style.like_first(sheet) is not False:
        current.unsure = Text(UNSURE.message, {"name": sheet.student.name})
    elif sheet.student is not None and current.student is not None and sheet.student != current.student:
        doubt = Text("A page of this paper says {name}.", {"name": sheet.student.name})
    current.add(sheet, doubt)


def _by_likeness(sheets: Sequence[Sheet]) -> Heap:
    """Pages without any name: by their page numbers, else by the distance at which pages look alike, all in doubt."""
    heap = Heap()
    filled = [sheet for sheet in sheets if not sheet.empty]
    starts = _numbered_starts(filled) or _alike_starts(filled)
    for sheet in sheets:
        current = heap.drafts[-1] if heap.drafts else None
        if sheet.empty:
            _lay_blank(heap, current, sheet)
        elif current is None or sheet.view.id in starts:
            heap.drafts.append(
                Draft("likeness" if starts else "count", [sheet], ALIKE_ONLY if starts else NOTHING)
            )
        else:
            current.add(sheet, UNREAD if sheet.view.failed else None)
    return heap


def _numbered_starts(filled: Sequence[Sheet]) -> set[int]:
    ones = {sheet.view.id for sheet in filled if sheet.number is not None and sheet.number.number == 1}
    return ones if len(ones) > 1 and filled[0].view.id in ones else set()


def _alike_starts(filled: Sequence[Sheet]) -> set[int]:
    """The pages that begin papers of `count` pages each, for the count at which pages are most alike."""
    pages = [sheet.shingles for sheet in filled]
    scores = {count: _alike(pages, count) for count in range(1, min(COUNTS, len(pages) - 1) + 1)}
    for count, score in scores.items():
        lower = [scores[other] for other in range(1, count)]
        if len(pages) % count == 0 and score >= ALIKE and all(score >= APART * other for other in lower):
            return {sheet.view.id for sheet in filled[::count]}
    return set()


def _alike(pages: Sequence[Shingles], count: int) -> float:
    """The mean resemblance of pages that lie `count` apart (intersection over union)."""
    pairs = list(zip(pages, pages[count:], strict=False))
    return sum(len(one & two) / max(1, len(one | two)) for one, two in pairs) / max(1, len(pairs))

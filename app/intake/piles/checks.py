"""What is strange about a proposed split: page counts, page numbers, and two papers of one student."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from app.i18n import Text
from app.intake.piles.likeness import Printed
from app.intake.piles.sheets import Draft, Heap, Sheet

MOST = 0.6  # share of papers that have to have the usual number of pages
LEAST_PAPERS = 3  # papers from which there is a usual number
NAMED_NUMBERS = 8  # page numbers that a sentence names

SINGLE = Text("Several papers may lie here: most have 1 page.")
TOGETHER = Text("Several papers may lie here: most have {count} pages.")
JOINED = Text(
    "The first page's name could not be read; its place and the number of pages say that it belongs here."
)


def usual_count(drafts: Sequence[Draft]) -> int | None:
    """The number of pages that most papers have; None where there is none."""
    counts = Counter(len(draft.filled) for draft in drafts)
    if len(drafts) < LEAST_PAPERS:
        return None
    count, papers = counts.most_common(1)[0]
    return count if papers >= MOST * len(drafts) and count > 0 else None


def cut_by_count(heap: Heap) -> None:
    """Papers of fields that are twice or more as long as all others are cut at the usual count, with a doubt."""
    count = usual_count(heap.drafts)
    if count is None:
        return
    cut: list[Draft] = []
    for draft in heap.drafts:
        parts = len(draft.filled) // count
        if draft.how in ("field", "likeness") and parts > 1 and len(draft.filled) % count == 0:
            cut += _parts(draft, count)
        else:
            cut.append(draft)
    heap.drafts = cut


def join_by_count(heap: Heap) -> None:
    """A page whose field could not be read and the paper behind it are one, with a doubt, when that makes it as long
    as most."""
    count = usual_count(heap.drafts)
    joined: list[Draft] = []
    for draft in heap.drafts:
        before = joined[-1] if joined else None
        if before is not None and count is not None and _belong_together(before, draft, count):
            for sheet in draft.sheets:
                before.add(sheet, JOINED)
        else:
            joined.append(draft)
    heap.drafts = joined


def _belong_together(before: Draft, draft: Draft, count: int) -> bool:
    fields = before.how in ("field", "likeness") and draft.how == "field"
    return fields and before.student is None and len(before.filled) + len(draft.filled) == count


def _parts(draft: Draft, count: int) -> list[Draft]:
    doubt = Text(TOGETHER.message, {"count": count}) if count > 1 else SINGLE
    parts = [Draft(draft.how, [], doubt, draft.given)]
    for sheet in draft.sheets:
        if not sheet.empty and len(parts[-1].filled) == count:
            parts.append(Draft("count", [], doubt))
        parts[-1].add(sheet)
    return parts


AFTER = Text("The name on the page behind this paper could not be read; it may belong here.")


def check_counts(drafts: Sequence[Draft]) -> None:
    """A doubt on papers of another length than most, and on those whose first page needs the length as evidence.

    A paper whose last pages were handed in blank is as long as the others: its blank pages count where they make it so.
    """
    usual = usual_count(drafts)
    for draft in drafts:
        count = len(draft.filled)
        if count != usual:
            draft.note(draft.unsure)
        if draft.behind is not None and not (count == usual == len(draft.behind.filled)):
            draft.behind.note(AFTER)
        whole = len(draft.sheets) + draft.blanks
        if usual is not None and not count <= usual <= whole:
            if count == 1:
                draft.note(Text("This paper has 1 page, most have {usual}.", {"usual": usual}))
            else:
                values = {"count": count, "usual": usual}
                draft.note(Text("This paper has {count} pages, most have {usual}.", values))


def check_students(drafts: Sequence[Draft]) -> None:
    """A doubt on every two papers of one student."""
    papers: dict[int, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.student is not None:
            papers[draft.student.id].append(draft)
    for same in papers.values():
        if len(same) > 1 and same[0].student is not None:
            for draft in same:
                draft.note(Text("Several papers of {name} are in this pile.", {"name": same[0].student.name}))


class OrderCheck:
    """The order of a paper's pages: page numbers make it, and what contradicts is doubted.

    What is printed on the pages at one place of most papers tells a misread number from a page in the wrong place, and
    shows a page in the wrong place that has no number.
    """

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self._printed = Printed.by_place([[sheet.shingles for sheet in draft.filled] for draft in drafts])

    def check(self, draft: Draft) -> None:
        """Order the pages of a paper by their numbers; a doubt where the numbers or the print do not run on."""
        filled = draft.filled
        numbers = [sheet.number.number if sheet.number is not None else None for sheet in filled]
        if len(filled) == len(draft.sheets) and None not in numbers and _is_shuffled(numbers):
            order = dict(zip((sheet.view.id for sheet in filled), numbers, strict=True))
            draft.sheets.sort(key=lambda sheet: order[sheet.view.id] or 0)
            return
        likes = [self._like(sheet, at) for at, sheet in enumerate(filled)]
        if any(number not in (None, at + 1) and likes[at] is not True for at, number in enumerate(numbers)):
            said = ", ".join(str(number or "?") for number in numbers[:NAMED_NUMBERS])
            draft.note(Text("The page numbers of this paper do not run on: {numbers}.", {"numbers": said}))
        for at, like in enumerate(likes):
            other = self._place(filled[at]) if like is False else None
            if other is not None:
                values = {"page": at + 1, "other": other + 1}
                draft.note(Text("Page {page} of this paper looks like page {other} of the others.", values))
        self._check_total(draft, filled)

    def _like(self, sheet: Sheet, at: int) -> bool | None:
        """Whether a page looks like those at this place of other papers."""
        return self._printed[at].like(sheet.shingles)

    def _place(self, sheet: Sheet) -> int | None:
        """The place of other papers at which pages look like this one."""
        places = [at for at in range(len(self._printed)) if self._like(sheet, at) is True]
        return places[0] if places else None

    def _check_total(self, draft: Draft, filled: Sequence[Sheet]) -> None:
        totals = Counter(
            sheet.number.total for sheet in filled if sheet.number is not None and sheet.number.total
        )
        if not totals:
            return
        total, times = totals.most_common(1)[0]
        if total != len(filled) and times * 2 > totals.total() and (times > 1 or len(filled) == 1):
            values = {"total": total, "count": len(filled)}
            draft.note(Text("The pages say that they are {total}, but there are {count}.", values))


def _is_shuffled(numbers: Sequence[int | None]) -> bool:
    plain = [number for number in numbers if number is not None]
    return sorted(plain) == list(range(1, len(plain) + 1)) and plain != sorted(plain)

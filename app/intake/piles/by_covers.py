"""Splitting by cover sheets: what lies behind one is its student's, up to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from app.i18n import Text
from app.intake.matching import Match
from app.intake.piles.by_fields import TURNED, by_fields
from app.intake.piles.likeness import Printed
from app.intake.piles.sheets import BLANK_BACK, COVER_SHEET, COVER_TEXT, UNREAD, Draft, Heap, Sheet
from app.intake.roster import Enrolled

BEFORE = Text("These pages lie before the first cover sheet.")
LOST_CODE = Text("The code of this cover sheet could not be read.")
TWO_CODES = Text("Two cover sheets are on one page.")
ONLY_BLANK = Text("Behind the cover sheet there are only blank pages.")


def by_covers(sheets: Sequence[Sheet], students: Mapping[int, Enrolled], assignment_id: int) -> Heap:
    """The papers behind cover sheets. `students` are the class by row id.

    A cover sheet is known by its code, or, where the code cannot be read, by the words that the others share.
    """
    looks, longest = _look(sheets), _longest(sheets)
    begins = {sheet.view.id for sheet in sheets if _begins(sheet, looks, longest)}
    filled = [sheet.view.id for sheet in sheets if not sheet.empty or sheet.view.id in begins]
    if filled[-1] in begins and filled[0] not in begins:
        # The last sheet is a cover with nothing behind it, and the first pages have none before them.
        heap = _behind_covers(sheets[::-1], begins, students, assignment_id)
        for draft in heap.drafts:
            draft.doubt = TURNED
        return heap
    return _behind_covers(sheets, begins, students, assignment_id)


def _behind_covers(
    sheets: Sequence[Sheet], begins: AbstractSet[int], students: Mapping[int, Enrolled], assignment_id: int
) -> Heap:
    """The papers behind cover sheets; `begins` are the ids of the covers' pages."""
    heap = Heap()
    first = next((at for at, sheet in enumerate(sheets) if sheet.view.id in begins), len(sheets))
    if first:
        before = by_fields(sheets[:first])
        for draft in before.drafts:
            draft.doubt = BEFORE
        heap.join(before)
    for sheet in sheets[first:]:
        if sheet.view.id in begins:
            _open(heap, sheet, students, assignment_id)
        else:
            _lay_in(heap, sheet)
    heap.drafts = [draft for draft in heap.drafts if _kept(heap, draft)]
    for draft in heap.drafts:
        _compare(draft)
    return heap


def _look(sheets: Sequence[Sheet]) -> Printed:
    covers = [sheet.shingles for sheet in sheets if sheet.covers]
    return Printed(covers, [sheet.shingles for sheet in sheets if not sheet.covers and not sheet.empty])


def _longest(sheets: Sequence[Sheet]) -> int:
    """How much may stand on a page whose code is lost: half as much again as on the cover sheets that are known.

    The first page of a paper shows the same title, and a number that differs from the cover's in its last digits.
    """
    known = [len(sheet.view.page.text) for sheet in sheets if sheet.covers]
    return min(COVER_TEXT, max(known, default=0) * 3 // 2)


def _begins(sheet: Sheet, looks: Printed, longest: int) -> bool:
    if sheet.covers or sheet.spoilt_code:
        return True
    return not sheet.empty and len(sheet.view.page.text) <= longest and looks.like(sheet.shingles) is True


def _open(heap: Heap, sheet: Sheet, students: Mapping[int, Enrolled], assignment_id: int) -> None:
    """A cover sheet: it begins a paper, and is in none itself unless much more stands on it."""
    draft = _draft(sheet, students, assignment_id)
    last = heap.drafts[-1] if heap.drafts else None
    if last is not None and not last.sheets and last.how == "cover" and _same(last, draft):
        draft = last  # the same cover sheet twice in a row
    else:
        heap.drafts.append(draft)
    if len(sheet.view.page.text) >= COVER_TEXT:
        draft.add(sheet)
    else:
        heap.leave_out(sheet, COVER_SHEET)


def _same(one: Draft, other: Draft) -> bool:
    return one.given is not None and one.student is not None and one.student == other.student


def _draft(sheet: Sheet, students: Mapping[int, Enrolled], assignment_id: int) -> Draft:
    if not sheet.covers:
        return Draft("cover", doubt=LOST_CODE, given=_less(sheet.match))
    if len(sheet.covers) > 1:
        named = [students[each.student_id] for each in sheet.covers if each.student_id in students]
        return Draft("cover", doubt=TWO_CODES, given=Match("doubtful", None, tuple(named), TWO_CODES))
    cover = sheet.covers[0]
    student = students.get(cover.student_id)
    if cover.assignment_id != assignment_id:
        text = Text("The cover sheet is one of another assignment.")
        given = (
            Match("doubtful", None, (student,), text)
            if student is not None
            else Match("unknown", None, (), text)
        )
        return Draft("cover", doubt=text, given=given)
    if student is None:
        text = Text("The cover sheet is of a student who is not in the class.")
        return Draft("cover", doubt=text, given=Match("unknown", None, (), text))
    return Draft("cover", given=Match("matched", student, (student,), None))


def _less(match: Match[Enrolled]) -> Match[Enrolled]:
    """What the words on a cover sheet say, never for certain."""
    if match.entry is None:
        return match
    return Match("doubtful", None, (match.entry,), LOST_CODE)


def _lay_in(heap: Heap, sheet: Sheet) -> None:
    draft = heap.drafts[-1]
    if sheet.view.failed:
        draft.add(sheet, UNREAD)
    elif sheet.empty and (sheet.back or not draft.sheets):
        heap.leave_out(sheet, BLANK_BACK)
        draft.blanks += bool(draft.sheets)  # the cover sheet's own back is none of the paper
    else:
        draft.add(sheet)


def _kept(heap: Heap, draft: Draft) -> bool:
    """Whether anything lies behind a cover sheet; its blank pages are left out when they are all there is."""
    if draft.filled:
        return True
    for sheet in draft.sheets:
        heap.leave_out(sheet, ONLY_BLANK)
    return False


def _compare(draft: Draft) -> None:
    """A doubt where a page names somebody else than the cover sheet does."""
    student = draft.student
    other = next((each for each in draft.named if student is not None and each.id != student.id), None)
    if student is not None and other is not None and draft.how == "cover":
        values = {"name": student.name, "other": other.name}
        draft.note(Text("The cover sheet is {name}'s, but a page behind it says {other}.", values))

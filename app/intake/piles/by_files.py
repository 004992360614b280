"""Splitting by the names of files: 王小明-1.jpg, 王小明-2.jpg, or a student's folder ("张伟 - 1.jpg")."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from app.i18n import Text
from app.intake.matching import Match, match_paper
from app.intake.normal import CJK, name_forms, normal_text, words
from app.intake.piles.sheets import UNREAD, Draft, Sheet
from app.intake.roster import Enrolled

# The counter at a file name's end, behind a mark or a Chinese character: "20240306" ends with none.
COUNTER = re.compile(
    rf"(?:(?<=[{CJK}])|[\s_.\-(（\[]+)(?:第|p|page|pg|part)?\s*(\d{{1,3}})\s*[页张]?\s*[)）\]]?\s*$",
    re.IGNORECASE,
)
# Names that cameras, scanners and chat programs give: a date in one is no student's number.
CAMERA = re.compile(
    r"img|dsc|pxl|photo|pic|scan|screenshot|camera|mmexport|wx_|微信|图片|照片|截图|拍照|扫描", re.IGNORECASE
)


def by_files(sheets: Sequence[Sheet], roster: Sequence[Enrolled]) -> tuple[list[Draft], list[Sheet]]:
    """Papers of files that are named by a student, in the order of their counters, and the pages that are left.

    A file whose pages name several students is a pile, whatever it is called.
    """
    sources: dict[str, list[Sheet]] = defaultdict(list)
    for sheet in sheets:
        sources[sheet.view.source].append(sheet)
    owners = {source: owner for source in sources if (owner := _owner(source, roster)) is not None}
    groups: dict[int, list[tuple[int, int, Sheet]]] = defaultdict(list)
    rest: list[Sheet] = []
    for place, (source, pages) in enumerate(sources.items()):
        owner = owners.get(source)
        if owner is None or len({sheet.student.id for sheet in pages if sheet.student is not None}) > 1:
            rest += pages
        else:
            groups[owner.id] += [(counter_of(source), place, sheet) for sheet in pages]
    by_id = {student.id: student for student in roster}
    return [_draft(by_id[student_id], pages) for student_id, pages in groups.items()], rest


def counter_of(source: str) -> int:
    """The counter at the end of a file's name; 0 without one."""
    match = COUNTER.search(_stem(source))
    return int(match[1]) if match else 0


def _stem(source: str) -> str:
    return re.sub(r"\.[A-Za-z][A-Za-z0-9]{1,4}$", "", normal_text(source))


def _owner(source: str, roster: Sequence[Enrolled]) -> Enrolled | None:
    """The student that a file is named by, for certain."""
    stem = COUNTER.sub("", _stem(source)) or _stem(source)
    match = match_paper(stem, "", roster)
    if match.entry is None:
        return None
    letters = "".join(words(stem))
    named = any(form in letters for form in name_forms(match.entry.name))
    return match.entry if named or not CAMERA.search(stem) else None


def _draft(student: Enrolled, pages: Sequence[tuple[int, int, Sheet]]) -> Draft:
    ordered = [sheet for _, _, sheet in sorted(pages, key=lambda each: each[:2])]
    draft = Draft("file", ordered, given=Match("matched", student, (student,), None))
    other = next((each for each in draft.named if each.id != student.id), None)
    if other is not None:
        values = {"name": student.name, "other": other.name}
        draft.note(Text("The files are named {name}, but a page says {other}.", values))
    if any(sheet.view.failed for sheet in ordered):
        draft.note(UNREAD)
    return draft

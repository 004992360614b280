"""What a teacher does with a proposed split, as pure changes of a list of papers to be.

The page's buttons, keys and drags all come as one word such as "split-17" or "place-17-2-0" (`change`), so that the
page works in the same way with and without its script.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.i18n import N_, ProblemError
from app.papers.models import MatchState, PaperPage, Pile
from app.papers.piles import Arranged

NOBODY = "none"
OUT = "out"  # the row of pages that are left out
NEW = "new"  # a paper that is not there yet
LARGEST = 100_000  # characters of a whole split; a page takes about ten of them


class EditError(ProblemError):
    """Something was asked of a pile's split that makes no sense."""

    status = 400


@dataclass(frozen=True, slots=True)
class Draft:
    """A split: the papers to be, and all page ids of the pile in its order, those left out included."""

    bundles: tuple[Arranged, ...]
    order: tuple[int, ...]

    def at(self, page: int) -> int:
        """The index of the paper that has this page; -1 for one that is left out. Raises EditError."""
        if page not in self.order:
            raise EditError(N_("That page is not in this pile any more. Load the page again."))
        return next((index for index, each in enumerate(self.bundles) if page in each.pages), -1)

    def bundle(self, index: int) -> Arranged:
        """The paper with this index. Raises EditError."""
        if not 0 <= index < len(self.bundles):
            raise EditError(N_("That paper is not in this pile any more. Load the page again."))
        return self.bundles[index]


def draft_of(pile: Pile, rows: Sequence[PaperPage]) -> Draft:
    """The split as it is. What waits for the teacher's word has no student: saying nothing confirms nothing."""
    bundles = []
    for index, entry in enumerate(pile.bundles):
        ids = tuple(row.id for row in rows if row.bundle == index)
        sure = entry["doubt"] is None and entry["match"] in (MatchState.MATCHED, MatchState.CONFIRMED)
        student = entry["student_id"] if sure else None
        bundles.append(Arranged(ids, student, sure and student is None))
    return Draft(tuple(bundles), tuple(row.id for row in rows))


def change(draft: Draft, word: str, chosen: str = "") -> tuple[Arranged, ...]:
    """The split after one action, "name-number-number".

    `split-P` a new paper from page P on; `merge-B` paper B goes to the one before; `out-P`, `back-P` leave a page out
    and take it back; `earlier-P`, `later-P` move it by one place; `previous-P`, `next-P` to the paper before or after;
    `place-P-B-Q` into paper B (or "new", "out") before page Q (0: at its end); `give-B-S` paper B is student S's (or
    "none": nobody's); `pick-B` the same with `chosen`. Raises EditError for anything else.
    """
    name, *given = word.split("-")
    act = ACTS.get(name)
    if act is None or len(given) != act[1]:
        raise EditError(N_("That cannot be done with a pile."))
    return tuple(each for each in act[0](draft, *given, *([chosen] if name == "pick" else [])) if each.pages)


def whole(text: str) -> tuple[Arranged, ...]:
    """A split from JSON, [[student id | "none" | null, page id, ...], ...]: what "undo" sends. Raises EditError."""
    try:
        data: Any = json.loads(text) if len(text) < LARGEST else None
        return tuple(_from_json(each) for each in data)
    except (ValueError, TypeError, RecursionError) as error:
        raise EditError(N_("That cannot be done with a pile.")) from error


def _from_json(entry: Any) -> Arranged:
    student, *pages = entry
    if not pages or not all(type(each) is int and 0 < each < 2**63 for each in pages):
        raise ValueError(entry)
    if student is not None and student != NOBODY and not (type(student) is int and 0 < student < 2**63):
        raise ValueError(entry)
    return Arranged(tuple(pages), student if type(student) is int else None, student == NOBODY)


def _number(text: str) -> int:
    if len(text) > 18 or not (text.isascii() and text.isdigit()):
        raise EditError(N_("That cannot be done with a pile."))
    return int(text)


def _with(draft: Draft, index: int, *bundles: Arranged) -> list[Arranged]:
    return [*draft.bundles[:index], *bundles, *draft.bundles[index + 1 :]]


def _split(draft: Draft, page: str) -> list[Arranged]:
    index = draft.at(_number(page))
    if index < 0:
        return [*draft.bundles]
    old = draft.bundles[index]
    place = old.pages.index(int(page))
    if not place:
        return [*draft.bundles]
    return _with(draft, index, replace(old, pages=old.pages[:place]), Arranged(old.pages[place:]))


def _merge(draft: Draft, bundle: str) -> list[Arranged]:
    index = _number(bundle)
    last = draft.bundle(index)
    if not index:
        return [*draft.bundles]
    first = draft.bundles[index - 1]
    whose = first if first.student_id is not None else last
    joined = replace(whose, pages=first.pages + last.pages)
    return [*draft.bundles[: index - 1], joined, *draft.bundles[index + 1 :]]


def _place(draft: Draft, page: str, bundle: str, before: str) -> list[Arranged]:
    moved, place = _number(page), _number(before)
    draft.at(moved)
    if bundle not in (NEW, OUT):
        draft.bundle(_number(bundle))
    bundles = []
    for index, old in enumerate(draft.bundles):
        pages = [each for each in old.pages if each != moved]
        if str(index) == bundle:
            pages.insert(pages.index(place) if place in pages else len(pages), moved)
        bundles.append(replace(old, pages=tuple(pages)))
    return [*bundles, Arranged((moved,))] if bundle == NEW else bundles


def _out(draft: Draft, page: str) -> list[Arranged]:
    return _place(draft, page, OUT, "0")


def _back(draft: Draft, page: str) -> list[Arranged]:
    """To the paper of the nearest page before it, behind that page."""
    moved = _number(page)
    if draft.at(moved) >= 0:
        return [*draft.bundles]
    for near in reversed(draft.order[: draft.order.index(moved)]):
        index = draft.at(near)
        if index >= 0:
            pages = draft.bundles[index].pages
            after = pages.index(near) + 1
            return _with(
                draft, index, replace(draft.bundles[index], pages=(*pages[:after], moved, *pages[after:]))
            )
    return [Arranged((moved,)), *draft.bundles]


def _earlier(draft: Draft, page: str) -> list[Arranged]:
    index = draft.at(_number(page))
    pages = draft.bundles[index].pages if index >= 0 else ()
    place = pages.index(int(page)) if pages else 0
    if index < 0 or not place:
        return _previous(draft, page)
    return _place(draft, page, str(index), str(pages[place - 1]))


def _later(draft: Draft, page: str) -> list[Arranged]:
    index = draft.at(_number(page))
    pages = draft.bundles[index].pages if index >= 0 else ()
    place = pages.index(int(page)) if pages else 0
    if index < 0 or place + 1 == len(pages):
        return _next(draft, page)
    after = pages[place + 2] if place + 2 < len(pages) else 0
    return _place(draft, page, str(index), str(after))


def _previous(draft: Draft, page: str) -> list[Arranged]:
    index = draft.at(_number(page))
    return _place(draft, page, str(index - 1), "0") if index > 0 else [*draft.bundles]


def _next(draft: Draft, page: str) -> list[Arranged]:
    index = draft.at(_number(page))
    if index < 0:
        return [*draft.bundles]
    if index + 1 < len(draft.bundles):
        return _place(draft, page, str(index + 1), str(draft.bundles[index + 1].pages[0]))
    alone = len(draft.bundles[index].pages) == 1
    return [*draft.bundles] if alone else _place(draft, page, NEW, "0")


def _give(draft: Draft, bundle: str, student: str) -> list[Arranged]:
    index = _number(bundle)
    old = draft.bundle(index)
    if student == NOBODY:
        return _with(draft, index, Arranged(old.pages, None, nobody=True))
    if not student:
        raise EditError(N_("Choose a student, or “none of them”."))
    return _with(draft, index, Arranged(old.pages, _number(student)))


ACTS: dict[str, tuple[Callable[..., list[Arranged]], int]] = {
    "split": (_split, 1),
    "merge": (_merge, 1),
    "out": (_out, 1),
    "back": (_back, 1),
    "earlier": (_earlier, 1),
    "later": (_later, 1),
    "previous": (_previous, 1),
    "next": (_next, 1),
    "place": (_place, 3),
    "give": (_give, 2),
    "pick": (_give, 1),
}

"""The groups of like wrong answers that the teacher picked. Shared words and counts; no name, no whole answer.

`Board.picked` holds [{"question", "key", "label", "shown"}]: what the teacher said of groups, of every question that
was on the board, so that going back to a question finds it as it was left. Groups are computed anew from the answers
and found by their keys (groups.find); a pick whose group is gone counts 0 and is kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Question
from app.classroom import answers
from app.classroom.group_values import value_of
from app.classroom.groups import SMALLEST, Group, Grouping, find, group
from app.classroom.models import Board
from app.scheme.types import Kind

LONGEST_LABEL = 80  # characters: what fits a line across a room
LONGEST_KEY = 200
MOST_PICKS = 60  # of one question
KEPT = 64  # groupings of a process
SHOWN_AT_ONCE = 8  # rows that a screen holds

_kept: OrderedDict[tuple[object, ...], Grouping] = OrderedDict()
_making: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[object, ...], asyncio.Future[Grouping]]] = (
    WeakKeyDictionary()
)
# One at a time: several would only share the interpreter, and hold the loop more often.
_thread = ThreadPoolExecutor(1, thread_name_prefix="groups")


@dataclass(frozen=True, slots=True)
class Pick:
    """What the teacher said of a group: its own name for it ("" for the shared words), and whether screens show it."""

    question_id: int
    key: str
    label: str = ""
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One group on a screen.

    `label` is the teacher's name for it, `words` what its answers share, `share` the part of all wrong answers in per
    cent. `right` says that the value itself is right: it is its unit or form that costs points.
    """

    label: str
    words: tuple[str, ...]
    count: int
    share: int
    right: bool = False


@dataclass(frozen=True, slots=True)
class MisconceptionsBoard:
    """Values for `partials/board_misconceptions.html`.

    `question` None: none was chosen, or it is gone. `total` are all wrong answers, `others` those in no group of
    `smallest`, 0 when they are fewer than that.
    """

    question: Question | None = None
    rows: tuple[Row, ...] = field(default_factory=tuple)
    total: int = 0
    others: int = 0
    smallest: int = SMALLEST


async def board(session: AsyncSession, board: Board) -> MisconceptionsBoard:
    """The board as it is now."""
    question = await session.get(Question, board.question_id) if board.question_id is not None else None
    # A question that was moved away from this assignment is not for its screens.
    if question is None or question.assignment_id != board.assignment_id:
        return MisconceptionsBoard()
    stamp = await answers.stamp(session, question.id)
    made = _kept.get(_place(question, stamp))
    if made is None:
        texts = await answers.wrong(session, question.id)
        made, stamp = await grouping(question, texts), answers.stamp_of(texts)
    picks = [pick for pick in picks_of(board) if pick.question_id == question.id and pick.shown]
    return board_values(question, picks[:SHOWN_AT_ONCE], made, stamp.count)


def board_values(
    question: Question, picks: Sequence[Pick], made: Grouping, total: int
) -> MisconceptionsBoard:
    """What screens show of the picked groups: counts and shared words only."""
    found = find([pick.key for pick in picks], made.groups)
    rows = tuple(_row(pick, found.get(pick.key), total, question) for pick in picks)
    others = len(made.others)
    return MisconceptionsBoard(question, rows, total, others if others >= SMALLEST else 0)


def _row(pick: Pick, found: Group | None, total: int, question: Question) -> Row:
    words = found.words if found else words_of(pick.key)
    count = len(found.members) if found else 0
    share = round(100 * count / total) if total else 0
    return Row(pick.label, words, count, share, is_right(question, found.key if found else pick.key))


def is_right(question: Question, key: str) -> bool:
    """Whether a group's answers have the right number: then their unit or form is what is wrong with them."""
    if question.kind != Kind.NUMBER or not key.startswith("="):
        return False
    return any(value_of(right, Kind.NUMBER).key == key[1:] for right in question.references)


def words_of(key: str) -> tuple[str, ...]:
    """The shared words that a key was made of: of a group that was once there."""
    return tuple(word for word in key.removeprefix("!").removeprefix("=").split("|") if word)


async def grouping(question: Question, texts: list[str]) -> Grouping:
    """The groups of a question's wrong answers: computed once for the same answers, off the loop."""
    place = _place(question, answers.stamp_of(texts))
    if place in _kept:
        _kept.move_to_end(place)
        return _kept[place]
    loop = asyncio.get_running_loop()
    making = _making.setdefault(loop, {})
    if place not in making:
        making[place] = loop.run_in_executor(
            _thread, group, texts, question.kind, question.prompt, tuple(question.references)
        )
        making[place].add_done_callback(lambda done: _keep(making, place, done))
    # Several wait for one; who leaves does not end it.
    return await asyncio.shield(making[place])


def _place(question: Question, stamp: answers.Stamp) -> tuple[object, ...]:
    """What a grouping depends on, and nothing else."""
    return (question.kind, question.prompt, tuple(question.references), stamp.count, stamp.digest)


def _keep(
    making: dict[tuple[object, ...], asyncio.Future[Grouping]],
    place: tuple[object, ...],
    done: asyncio.Future[Grouping],
) -> None:
    making.pop(place, None)
    if done.cancelled() or done.exception() is not None:
        return
    _kept[place] = done.result()
    while len(_kept) > KEPT:
        _kept.popitem(last=False)


def picks_of(board: Board) -> list[Pick]:
    """What the teacher said, in order; entries that cannot be understood are left out."""
    found = []
    for entry in board.picked or []:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("key"), str) or not entry["key"]:
            continue
        question_id = entry.get("question", board.question_id)
        if isinstance(question_id, int):
            label = entry.get("label")
            found.append(
                Pick(
                    question_id,
                    entry["key"],
                    label if isinstance(label, str) else "",
                    entry.get("shown", True) is True,
                )
            )
    return found


def change(board: Board, question_id: int, picks: Sequence[Pick]) -> bool:
    """Show a question with these picks; what was said of other questions stays. Whether that changed anything.

    Picks that say nothing (no label, not shown) are dropped; labels and keys are cut, doubles left out.
    """
    said: dict[str, Pick] = {}
    for pick in picks:
        key = pick.key[:LONGEST_KEY]
        label = " ".join(pick.label.split())[:LONGEST_LABEL]
        if key and (pick.shown or label) and key not in said and len(said) < MOST_PICKS:
            said[key] = replace(pick, question_id=question_id, key=key, label=label)
    others = [pick for pick in picks_of(board) if pick.question_id != question_id]
    picked = [
        {"question": pick.question_id, "key": pick.key, "label": pick.label, "shown": pick.shown}
        for pick in (*said.values(), *others)
    ]
    if board.question_id == question_id and picked == board.picked:
        return False
    board.question_id, board.picked = question_id, picked
    board.version += 1
    return True


def moved(picks: Sequence[Pick], key: str, step: int) -> list[Pick]:
    """Picks with the shown one of this key moved among those shown: -1 up, 1 down; unchanged at an end."""
    shown = [pick for pick in picks if pick.shown]
    at = next((place for place, pick in enumerate(shown) if pick.key == key), None)
    if at is not None and 0 <= at + step < len(shown):
        shown[at], shown[at + step] = shown[at + step], shown[at]
    return [*shown, *(pick for pick in picks if not pick.shown)]

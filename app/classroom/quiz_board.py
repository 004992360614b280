"""What a screen shows of the quiz: the question, where to answer, how many did, and what the teacher revealed.

Of texts nothing is here but the groups that the teacher picked, under the teacher's names for them, and only those that
SMALLEST answers are in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.classroom import quiz, quiz_groups, quiz_store
from app.classroom.models import Board, QuizRound, Verdict
from app.classroom.quiz_groups import SMALLEST
from app.classroom.quiz_options import Option
from app.scheme.types import Kind

ANSWER_TOLD = frozenset((Kind.NUMBER, Kind.BLANK, Kind.MATHS))  # whose reference answer fits a line
LONGEST_TOLD = 80
SIZES = (("large", 6.0), ("middle", 12.5), ("small", 18.0))  # and how many lines they have room for, on 16:9
PROMPT_LINE = 1.6  # a prompt's line is so much taller than an option's


@dataclass(frozen=True, slots=True)
class Clock:
    """A countdown: seconds left when this was made, of how many, and when it ends in Unix milliseconds."""

    left: float
    total: float
    ends: int

    @property
    def percent(self) -> int:
        """How much of the time is left, 0 to 100."""
        return round(100 * self.left / self.total) if self.total > 0 else 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A bar that the room sees: an option, or a group under the teacher's name for it."""

    count: int
    percent: int
    label: str = ""
    option: Option | None = None


@dataclass(frozen=True, slots=True)
class QuizBoard:
    """Values for `partials/board_quiz.html`. `asked` is False before the first round.

    `options` are a choice's; `bars`, `verdicts` and `told` (the reference answer) are there when `revealed`.
    `verdicts` is empty where nothing is right or wrong. `link` is what the QR code says.
    """

    asked: bool = False
    prompt: str = ""
    several: bool = False
    code: str = ""
    address: str = ""
    link: str = ""
    answered: int = 0
    open: bool = False
    revealed: bool = False
    clock: Clock | None = None
    options: tuple[Option, ...] = ()
    bars: tuple[Shown, ...] = ()
    verdicts: Mapping[Verdict, int] | None = None
    told: str = ""
    choice: bool = False
    smallest: int = SMALLEST

    @property
    def size(self) -> str:
        """How large it may be written, "large" to "tiny": by about how many lines it takes, see css/quiz.css."""
        texts = [bar.label or _named(bar.option) for bar in self.bars] or [
            _named(each) for each in self.options
        ]
        lines = PROMPT_LINE * _lines(self.prompt, 40) + sum(_lines(text, 58) for text in texts)
        # A revealed answer has a bar of its own.
        lines += 0.7 * len(self.bars) + bool(self.told) + bool(self.verdicts)
        return next((name for name, most in SIZES if lines <= most), "tiny")


async def board(session: AsyncSession, board: Board) -> QuizBoard:
    """The board as it is now: the assignment's newest round."""
    asked = await quiz_store.current(session, board.assignment_id)
    if asked is None:
        return QuizBoard()
    by_verdict = (await quiz_store.counts(session, [asked.id])).get(asked.id, {})
    answered = sum(by_verdict.values())
    choice = quiz_groups.is_choice(asked)
    choices = quiz.choices(asked) if choice else None
    moment = await quiz_store.now(session)
    clock = clock_of(asked, moment)
    is_open = asked.closed_at is None and (clock is None or clock.left > 0)
    revealed = asked.revealed_at is not None
    return QuizBoard(
        asked=True,
        prompt=choices.stem if choices else asked.prompt,
        several=bool(choices and choices.several),
        code=asked.code,
        address=address_of(asked),
        link=link_of(asked),
        answered=answered,
        open=is_open,
        revealed=revealed,
        clock=clock if is_open else None,
        options=choices.options if choices else (),
        bars=await _bars(session, asked, answered) if revealed else (),
        verdicts=_verdicts(by_verdict) if revealed and asked.references and answered >= SMALLEST else None,
        told=_told(asked) if revealed else "",
        choice=choice,
    )


async def _bars(session: AsyncSession, asked: QuizRound, answered: int) -> tuple[Shown, ...]:
    if quiz_groups.is_choice(asked):
        found = await quiz_groups.bars(session, asked)
        return tuple(Shown(each.count, each.percent, option=each.option) for each in found)
    if not asked.picked:
        return ()
    sizes = {each.key: each.count for each in (await quiz_groups.groups(session, asked)).groups}
    picked = [(str(each["label"]), sizes.get(each["key"], 0)) for each in asked.picked]
    return tuple(
        Shown(count, round(100 * count / answered), label) for label, count in picked if count >= SMALLEST
    )


def clock_of(asked: QuizRound, moment: datetime) -> Clock | None:
    """A round's countdown at a moment of the database's clock; None where there is none."""
    if asked.ends_at is None:
        return None
    total = (asked.ends_at - asked.created_at).total_seconds()
    left = min(total, max(0.0, (asked.ends_at - moment).total_seconds()))
    return Clock(round(left, 1), round(total, 1), round(asked.ends_at.timestamp() * 1000))


def address_of(asked: QuizRound) -> str:
    """What a person types: host and path, without the scheme."""
    return f"{asked.origin.partition('://')[2]}/q"


def link_of(asked: QuizRound) -> str:
    """The address of the round, for the QR code."""
    return f"{asked.origin}/q/{asked.code}"


def _named(option: Option | None) -> str:
    return option.text if option else ""


def _lines(text: str, width: int) -> int:
    """About how many lines of `width` letters a text takes; a Chinese character is two letters wide."""
    return sum(
        max(1, -(-sum(2 if character > "\u2e7f" else 1 for character in line) // width))
        for line in text.split("\n")
    )


def _verdicts(counted: Mapping[Verdict, int]) -> Mapping[Verdict, int]:
    return {verdict: counted.get(verdict, 0) for verdict in Verdict}


def _told(asked: QuizRound) -> str:
    if asked.kind not in ANSWER_TOLD or not asked.references:
        return ""
    told = " · ".join(str(each).partition(" | ")[0] for each in asked.references)
    if asked.kind != Kind.BLANK:
        told = str(asked.references[0])
    if asked.unit and not told.endswith(asked.unit):
        told = f"{told} {asked.unit}"
    return told if len(told) <= LONGEST_TOLD else ""

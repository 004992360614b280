"""The quiz: one question at a time put to the room, answered on phones without an account, shown when the teacher says.

An answer is stored before anything else happens to it; grading follows (see quiz_live). Nothing of a text is shown to
the room before the teacher picks its group. Answers belong to a round and carry no student.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.assignments.models import Assignment, Question
from app.classroom import quiz_options, quiz_store
from app.classroom.group_values import value_of
from app.classroom.models import QuizRound
from app.classroom.pairing import ALPHABET
from app.i18n import N_, ProblemError
from app.scheme.numbers import read_number, read_quantity
from app.scheme.types import Criterion, Kind
from app.scheme.types import Question as SchemeQuestion

CODE_LENGTH = 5  # 21^5 = 4 million: typed in seconds; who guesses one may answer a question, no more
CODE_TRIES = 20
COUNTDOWNS = (30, 60, 90)  # seconds that a teacher may set
LONGEST_ANSWER = 500  # characters
LONGEST_PROMPT = 2_000
LONGEST_OPTION = 200
LONGEST_LABEL = 120
MOST_PICKED = 12  # groups on a board: more cannot be read across a room
FREE_KINDS = (Kind.CHOICE, Kind.TEXT, Kind.BLANK, Kind.NUMBER)


class ClosedError(ProblemError):
    """The round takes no answers any more."""

    status = 409

    def __init__(self) -> None:
        super().__init__(N_("This question is closed: it takes no answers any more."))


class FullError(ProblemError):
    """The round has as many answers as it takes."""

    status = 409

    def __init__(self) -> None:
        super().__init__(N_("This question has as many answers as it takes. Tell your teacher."))


@dataclass(frozen=True, slots=True)
class Typed:
    """A question typed on the spot: kind, prompt, options of a choice one a line, what is right ("" for an opinion)."""

    kind: str
    prompt: str
    options: Sequence[str] = field(default_factory=tuple)
    reference: str = ""


async def begin(
    session: AsyncSession,
    assignment: Assignment,
    question: Question | Typed,
    *,
    by: int,
    language: str,
    origin: str,
    seconds: int | None = None,
) -> QuizRound:
    """Put a question to the room; a round that is still open is closed. The code stays that of the last round today.

    `origin` is where phones come to ("https://school.example"), `seconds` the countdown, None for none. Raises
    ProblemError for a question that cannot be asked.
    """
    asked = _of_scheme(question) if isinstance(question, Question) else _typed(question)
    if seconds is not None and seconds not in COUNTDOWNS:
        raise ProblemError(N_("A countdown lasts 30, 60 or 90 seconds."))
    await quiz_store.hold(session, assignment.id)
    await quiz_store.close_open(session, assignment.id)
    values = {
        "assignment_id": assignment.id,
        "question_id": question.id if isinstance(question, Question) else None,
        "created_by": by,
        "language": language,
        "origin": origin,
        "kind": asked.kind.value,
        "prompt": asked.prompt,
        "points": asked.points,
        "references": list(asked.references),
        "criteria": [{"text": each.text, "points": each.points} for each in asked.criteria],
        "tolerance": asked.tolerance,
        "relative": asked.relative,
        "unit": asked.unit,
        "ends_at": await quiz_store.now(session) + timedelta(seconds=seconds) if seconds else None,
    }
    last = await quiz_store.current(session, assignment.id)
    code = last.code if last is not None and await _leads_to(session, last) else _made()
    for _ in range(CODE_TRIES):
        made = await quiz_store.add(session, {**values, "code": code})
        if made is not None:
            found = await quiz_store.by_id(session, made)
            assert found is not None
            return found
        code = _made()
    raise ProblemError(N_("Somebody else asked a question in this moment. Look at it, then try again."))


async def answer(
    session: AsyncSession, asked: QuizRound, device: str, sent: Sequence[str]
) -> tuple[int, str]:
    """Store what a phone sent, instead of what it sent before; the answer's id and its words as they are stored.

    `device` is the phone's hash. Raises ProblemError for an empty answer, ClosedError and FullError.
    """
    said = cleaned(asked, sent)
    stored = await quiz_store.keep(session, asked.id, device, said, value_of(said, asked.kind).key[:200])
    if stored is not None:
        return stored, said
    now = await quiz_store.by_id(session, asked.id)
    over = now is None or now.closed_at is not None
    if now is not None and now.ends_at is not None:
        over = over or now.ends_at <= await quiz_store.now(session)
    raise ClosedError if over else FullError


def cleaned(asked: QuizRound, sent: Sequence[str]) -> str:
    """An answer as it is stored. Raises ProblemError when nothing is left of it."""
    if asked.kind == Kind.CHOICE:
        letters = quiz_options.chosen(sent, choices(asked))
        if not letters:
            raise ProblemError(N_("Choose one of the options first."))
        return letters
    said = _printable(" ".join(sent) if len(sent) > 1 else "".join(sent)).strip()[:LONGEST_ANSWER].strip()
    if not any(unicodedata.category(character)[0] in "LNSP" for character in said):
        raise ProblemError(N_("Write an answer first, then send it."))
    # The unit stands beside the field of a phone, whose keyboard has digits only.
    bare = asked.kind == Kind.NUMBER and asked.unit and read_number(said) is not None
    return f"{said} {asked.unit}" if bare else said


def choices(asked: QuizRound) -> quiz_options.Choices:
    """The stem and the options of a choice round."""
    return quiz_options.read(asked.prompt, asked.references)


def question_of(asked: QuizRound) -> SchemeQuestion:
    """A round's question as the graders take it."""
    criteria = tuple(Criterion(each["text"], float(each["points"])) for each in asked.criteria)
    return SchemeQuestion(
        label=f"quiz {asked.id}",
        kind=Kind(asked.kind),
        prompt=asked.prompt,
        points=asked.points,
        references=tuple(asked.references),
        criteria=criteria,
        tolerance=asked.tolerance,
        relative=asked.relative,
        unit=asked.unit,
    )


async def close(session: AsyncSession, asked: QuizRound) -> None:
    """Take no more answers; nothing happens to a round that is closed."""
    if asked.closed_at is None:
        asked.closed_at = await quiz_store.now(session)


async def reveal(session: AsyncSession, asked: QuizRound, shown: bool) -> None:
    """Show the answers to the room, which ends the round: or cover them again."""
    if shown:
        await close(session, asked)
        asked.revealed_at = asked.revealed_at or await quiz_store.now(session)
    else:
        asked.revealed_at = None


def pick(asked: QuizRound, key: str, label: str | None) -> None:
    """Show a group under a label of the teacher's, or, with None, do not show it. Raises ProblemError."""
    others = [each for each in asked.picked if each["key"] != key]
    if label is None:
        asked.picked = others
        return
    said = " ".join(_printable(label).split())[:LONGEST_LABEL]
    if not said:
        raise ProblemError(N_("Give the group a name that the room may read."))
    if len(others) == len(asked.picked) >= MOST_PICKED:
        raise ProblemError(N_("More than {most} groups cannot be read across a room."), most=MOST_PICKED)
    entry = {"key": key, "label": said}
    # A group that was picked keeps its place.
    asked.picked = (
        [entry if each["key"] == key else each for each in asked.picked]
        if len(others) < len(asked.picked)
        else [*others, entry]
    )


def following(questions: Sequence[Question], last: QuizRound | None) -> Question | None:
    """The question that comes next in the scheme: behind the last round's; the first where there was none."""
    places = {question.id: place for place, question in enumerate(questions)}
    place = places.get(last.question_id, -1) + 1 if last is not None and last.question_id else 0
    return next((each for each in questions[place:] if each.prompt.strip() or each.references), None)


def _made() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


async def _leads_to(session: AsyncSession, last: QuizRound) -> bool:
    """Whether phones that have a round's code may be led to the next one: it was today, and nobody else has it."""
    found = await quiz_store.by_code(session, last.code)
    return found is not None and found.id == last.id


def _of_scheme(question: Question) -> SchemeQuestion:
    """A question of the scheme, as it is; one without points yet is worth one, so that graders can speak."""
    if not question.prompt.strip() and question.kind != Kind.CHOICE:
        raise ProblemError(
            N_("This question has no text that a phone could show. Add it in the marking scheme.")
        )
    whole = question.points > 0 and bool(question.criteria)
    return SchemeQuestion(
        label=question.label,
        kind=Kind(question.kind),
        prompt=question.prompt,
        points=question.points if whole else 1.0,
        references=tuple(question.references),
        criteria=tuple(Criterion(each["text"], float(each["points"])) for each in question.criteria)
        if whole
        else (Criterion(" ".join(question.references), 1.0),),
        tolerance=question.tolerance,
        relative=question.relative,
        unit=question.unit,
    )


def _typed(typed: Typed) -> SchemeQuestion:
    """A question typed on the spot, worth one point. Raises ProblemError with what is missing."""
    if typed.kind not in FREE_KINDS:
        raise ProblemError(N_("Choose how the question is to be answered."))
    kind = Kind(typed.kind)
    prompt, reference = _printable(typed.prompt).strip()[:LONGEST_PROMPT], _printable(typed.reference).strip()
    if not prompt:
        raise ProblemError(N_("Write the question first."))
    if kind is Kind.CHOICE:
        options = [
            text[:LONGEST_OPTION] for text in (_printable(each).strip() for each in typed.options) if text
        ]
        if not 2 <= len(options) <= len(quiz_options.LETTERS):
            raise ProblemError(N_("Give two to eight options, one a line."))
        prompt = quiz_options.composed(prompt, options)
        known = quiz_options.read(prompt, [reference] if reference else [])
        if reference and not any(each.right for each in known.options):
            letters = "".join(sorted(known.letters))
            raise ProblemError(N_("The right answer must be one of the letters {letters}."), letters=letters)
    quantity = read_quantity(reference) if kind is Kind.NUMBER and reference else None
    if kind is Kind.NUMBER and reference and quantity is None:
        raise ProblemError(N_("The right answer of a number question must be a number."))
    references = (reference,) if reference else ()
    unit = quantity.unit or None if quantity else None
    return SchemeQuestion("", kind, prompt, 1.0, references, (Criterion(reference, 1.0),), unit=unit)


def _printable(text: str) -> str:
    """A text without control characters; line breaks and tabs become spaces, what cannot be stored goes."""
    spaced = re.sub(r"[\r\n\t]+", " ", text)
    kept = "".join(each for each in spaced if unicodedata.category(each) not in ("Cc", "Cs", "Co", "Cn"))
    # Marks that turn the direction of what follows them would turn the rest of a page's line as well.
    return kept.translate(dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")))

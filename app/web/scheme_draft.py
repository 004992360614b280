"""A question as it stands in the form: strings as typed, read into a value with a sentence for each that is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.i18n import N_, Text
from app.scheme.check import MAX_LABEL, MAX_POINTS
from app.scheme.clean import block, half_width, one_line
from app.scheme.numbers import Tolerance, plain_decimal, read_tolerance, show_tolerance
from app.scheme.types import Criterion, Kind, Question
from app.web.forms import Form, text_of

LONGEST_TEXT = 20_000  # characters of a prompt, an answer, a criterion
MAX_CRITERIA = 100
_POINTS = re.compile(r"\d{1,9}(?:[.,]\d{1,6})?|[.,]\d{1,6}")
_GOES_ON = "  "  # begins a line that belongs to the answer above, as in the canonical form


@dataclass(frozen=True, slots=True)
class Draft:
    """What a question's form holds. `criteria` are (text, points)."""

    label: str
    kind: str
    points: str
    prompt: str
    references: str
    criteria: tuple[tuple[str, str], ...]
    tolerance: str = ""
    unit: str = ""


def draft_of(question: Question) -> Draft:
    """A question's value as its form shows it."""
    tolerance = question.tolerance
    return Draft(
        label=question.label,
        kind=question.kind.value,
        points=_shown(question.points),
        prompt=question.prompt,
        references="\n".join(reference.replace("\n", "\n" + _GOES_ON) for reference in question.references),
        criteria=tuple((criterion.text, _shown(criterion.points)) for criterion in question.criteria),
        tolerance="" if tolerance is None else show_tolerance(tolerance, question.relative),
        unit=question.unit or "",
    )


def draft_from(form: Form) -> Draft:
    """What was sent. The buttons `add` (one more criterion) and `remove` (its index) are carried out here."""
    texts, points = _all(form, "criterion_text"), _all(form, "criterion_points")
    criteria = list(zip(texts, points, strict=False))[:MAX_CRITERIA]
    remove = text_of(form, "remove", 10)
    if remove.isascii() and remove.isdigit() and int(remove) < len(criteria):
        del criteria[int(remove)]
    draft = Draft(
        label=text_of(form, "label", 1000),
        kind=text_of(form, "kind", 20),
        points=text_of(form, "points", 100),
        prompt=_lines(text_of(form, "prompt", LONGEST_TEXT + 1)),
        references=_lines(text_of(form, "references", LONGEST_TEXT + 1)),
        criteria=tuple(criteria),
        tolerance=text_of(form, "tolerance", 100),
        unit=text_of(form, "unit", 100),
    )
    if form.get("add") and len(criteria) < MAX_CRITERIA:
        draft = replace(draft, criteria=(*draft.criteria, ("", _left_over(draft))))
    return draft


def value_of(draft: Draft) -> tuple[Question | None, tuple[Text, ...]]:
    """The question that a draft means, None with one sentence for each field that cannot be read."""
    wrong: list[Text] = []
    label = one_line(draft.label)
    if not label:
        wrong.append(Text(N_("Give the question a label, for example its number.")))
    elif len(label) > MAX_LABEL:
        wrong.append(Text(N_("The label is too long: use at most {most} characters."), {"most": MAX_LABEL}))
    if draft.kind not in set(Kind):
        wrong.append(Text(N_("Choose what kind of question it is.")))
    points = _read(draft.points, Text(N_("Points")), wrong)
    criteria = tuple(
        Criterion(block(text), _read(given, Text(N_("Points of criterion {place}"), {"place": place}), wrong))
        for place, (text, given) in enumerate(draft.criteria, 1)
    )
    for text in (draft.prompt, draft.references, *(text for text, _ in draft.criteria)):
        if len(text) > LONGEST_TEXT:
            wrong.append(
                Text(N_("A text is too long: use at most {most} characters."), {"most": LONGEST_TEXT})
            )
    number = draft.kind == Kind.NUMBER
    tolerance = _tolerance(draft.tolerance, wrong) if number else None
    if wrong:
        return None, tuple(wrong)
    question = Question(
        label=label,
        kind=Kind(draft.kind),
        prompt=block(draft.prompt),
        points=points,
        references=_references(draft.references),
        criteria=criteria,
        tolerance=tolerance.value if tolerance else None,
        relative=bool(tolerance and tolerance.relative),
        unit=(one_line(draft.unit) or None) if number else None,
    )
    return question, ()


def points_of(written: str) -> float | None:
    """Points as people type them: 4, 2.5, 2,5, full-width digits; nothing is 0. None for anything else."""
    plain = half_width(written).strip()
    if not plain:
        return 0.0
    if not _POINTS.fullmatch(plain) or not plain.isascii():
        return None
    value = float(plain.replace(",", "."))
    return value if value <= MAX_POINTS else None


def _read(written: str, what: Text, wrong: list[Text]) -> float:
    value = points_of(written)
    if value is None:
        values = {"what": str(what), "written": one_line(written)[:40], "most": round(MAX_POINTS)}
        wrong.append(
            Text(
                N_("{what}: “{written}” is no number of points. Write one from 0 to {most}, such as 2.5."),
                values,
            )
        )
        return 0.0
    return value


def _tolerance(written: str, wrong: list[Text]) -> Tolerance | None:
    if not written.strip():
        return None
    read = read_tolerance(written.replace("，", "."))
    if read is None or not math.isfinite(read.value):
        values = {"written": one_line(written)[:40]}
        wrong.append(
            Text(N_("The tolerance “{written}” cannot be read. Write a distance such as 0.1, or 2%."), values)
        )
        return None
    return read


def _references(written: str) -> tuple[str, ...]:
    """One answer a line; a line that begins with two spaces, and blank lines before it, belong to the answer above."""
    found: list[list[str]] = []
    for line in _lines(written).replace("\t", "    ").split("\n"):
        if found and (line.startswith((_GOES_ON, "\u3000")) or not line.strip()):
            found[-1].append(line.removeprefix(_GOES_ON))
        else:
            found.append([line])
    answers = (block("\n".join(lines)) for lines in found)
    return tuple(answer for answer in answers if answer)


def _left_over(draft: Draft) -> str:
    """The points that the criteria leave over, for one more; empty when there are none."""
    given = [points_of(points) or 0.0 for _, points in draft.criteria]
    left = round((points_of(draft.points) or 0.0) - sum(given), 6)
    return _shown(left) if left > 0 else ""


def _shown(points: float) -> str:
    return plain_decimal(round(points, 6)) if points else ""


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _all(form: Form, name: str) -> list[str]:
    values: Iterable[object] = form.getall(name, [])
    return [_lines(value.replace("\0", ""))[: LONGEST_TEXT + 1] for value in values if isinstance(value, str)]

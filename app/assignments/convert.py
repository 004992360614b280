"""Between the scheme's values (app.scheme.types) and the rows that keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.assignments import models
from app.scheme.types import Criterion, Kind, Question, Scheme


def to_value(row: models.Question) -> Question:
    """A stored question as the scheme's value."""
    return Question(
        label=row.label,
        kind=Kind(row.kind),
        prompt=row.prompt,
        points=row.points,
        references=tuple(row.references),
        criteria=tuple(Criterion(entry["text"], float(entry["points"])) for entry in row.criteria),
        tolerance=row.tolerance,
        relative=row.relative,
        unit=row.unit,
    )


def to_scheme(title: str, rows: Sequence[models.Question]) -> Scheme:
    """An assignment's stored questions as a scheme."""
    return Scheme(title, tuple(to_value(row) for row in rows))


def fill(row: models.Question, question: Question, position: int) -> None:
    """Write a question's value into its row."""
    row.position = position
    row.label = question.label
    row.kind = question.kind.value
    row.prompt = question.prompt
    row.points = question.points
    row.references = list(question.references)
    row.criteria = [{"text": c.text, "points": c.points} for c in question.criteria]
    row.tolerance = question.tolerance
    row.relative = question.relative
    row.unit = question.unit


def to_json(question: Question) -> dict[str, Any]:
    """A question as a JSON object with its fields' names."""
    return {
        **{
            name: getattr(question, name)
            for name in ("label", "prompt", "points", "relative", "unit", "tolerance")
        },
        "kind": question.kind.value,
        "references": list(question.references),
        "criteria": [{"text": c.text, "points": c.points} for c in question.criteria],
    }


def from_json(data: Mapping[str, Any]) -> Question:
    """The inverse of `to_json`."""
    return Question(
        label=data["label"],
        kind=Kind(data["kind"]),
        prompt=data["prompt"],
        points=float(data["points"]),
        references=tuple(data["references"]),
        criteria=tuple(Criterion(entry["text"], float(entry["points"])) for entry in data["criteria"]),
        tolerance=data["tolerance"],
        relative=data["relative"],
        unit=data["unit"],
    )

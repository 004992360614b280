"""Engine values as plain JSON objects and back.

The graph's state holds nothing but these: a checkpoint then needs no list of trusted classes, can be read
without this code, and survives a renamed module. (LangGraph's serializer warns of, or refuses, classes it
was not told of.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.grading.state import Answer, CriterionMark, Located, MarkState, QuestionMark
from app.i18n import Text

Packed = dict[str, Any]


def pack_answer(answer: Answer) -> Packed:
    """An answer as JSON: {"label", "text", "spans": [[start, end]], "found"}."""
    return {
        "label": answer.label,
        "text": answer.text,
        "spans": [list(span) for span in answer.spans],
        "found": answer.found,
    }


def unpack_answer(data: Mapping[str, Any]) -> Answer:
    """The inverse of `pack_answer`."""
    spans = tuple((int(start), int(end)) for start, end in data["spans"])
    return Answer(str(data["label"]), str(data["text"]), spans, bool(data["found"]))


def pack_located(located: Located) -> Packed:
    """What was located, as JSON: {"answers": [...], "unmatched": [[start, end]]}."""
    return {
        "answers": [pack_answer(answer) for answer in located.answers],
        "unmatched": [list(span) for span in located.unmatched],
    }


def unpack_located(data: Mapping[str, Any]) -> Located:
    """The inverse of `pack_located`."""
    return Located(
        tuple(unpack_answer(answer) for answer in data["answers"]),
        tuple((int(start), int(end)) for start, end in data["unmatched"]),
    )


def located_rows(located: Located, ids: Mapping[str, int]) -> tuple[list[Packed], list[list[int]]]:
    """What was located, by question id: [{"question_id", "text", "spans", "found"}], and the spans of no question.

    `ids` are the questions' by label.
    """
    packed = pack_located(located)
    rows = [
        {"question_id": ids[each["label"]], **{name: each[name] for name in ("text", "spans", "found")}}
        for each in packed["answers"]
    ]
    return rows, packed["unmatched"]


def pack_mark(mark: QuestionMark) -> Packed:
    """A mark as JSON: its fields by name, the state as its value, the reason as `Text.to_json`."""
    return {
        "label": mark.label,
        "kind": str(mark.kind),
        "max": mark.max,
        "state": mark.state.value,
        "points": mark.points,
        "reason": mark.reason.to_json() if mark.reason else None,
        "confidence": mark.confidence,
        "criteria": [_pack_criterion(entry) for entry in mark.criteria],
        "feedback": mark.feedback,
        "grader": mark.grader,
        "tokens_in": mark.tokens_in,
        "tokens_out": mark.tokens_out,
        "cost": mark.cost,
    }


def unpack_mark(data: Mapping[str, Any]) -> QuestionMark:
    """The inverse of `pack_mark`."""
    fields = dict(data)
    fields["state"] = MarkState(data["state"])
    fields["reason"] = Text.from_json(data["reason"]) if data["reason"] else None
    fields["criteria"] = tuple(CriterionMark(**entry) for entry in data["criteria"])
    return QuestionMark(**fields)


def _pack_criterion(entry: CriterionMark) -> Packed:
    return {
        "position": entry.position,
        "points": entry.points,
        "quote": entry.quote,
        "start": entry.start,
        "end": entry.end,
        "comment": entry.comment,
    }

"""Engine values survive JSON."""

from __future__ import annotations

import json

from app.grading.packing import pack_located, pack_mark, unpack_located, unpack_mark
from app.grading.state import Answer, CriterionMark, Located, MarkState, QuestionMark, needs_teacher
from app.i18n import Text


def test_marks_come_back_whole() -> None:
    graded = QuestionMark(
        "1", "text", 2, MarkState.GRADED, 1.5, None, 0.5, (CriterionMark(0, 1.5, "水", 0, 1, "good"),),
        "fb", "model", 3, 4, 0.1,
    )  # fmt: skip
    doubt = needs_teacher("2", "maths", 1, Text("No {thing}", {"thing": 3}))
    for mark in (graded, doubt):
        assert unpack_mark(json.loads(json.dumps(pack_mark(mark)))) == mark


def test_located_comes_back_whole() -> None:
    located = Located((Answer("1", "a", ((0, 1),)), Answer("2", "", found=False)), ((3, 4),))
    assert unpack_located(json.loads(json.dumps(pack_located(located)))) == located

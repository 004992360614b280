"""What docs/marking-scheme.md shows as the canonical form is the canonical form."""

from __future__ import annotations

import re
from pathlib import Path

from app.scheme.canonical import to_text
from app.scheme.parse import parse_scheme
from app.scheme.types import Kind

PAGE = Path(__file__).parents[3] / "docs" / "marking-scheme.md"


def test_the_example_reads_without_a_remark_and_is_written_back_the_same() -> None:
    example = re.findall(r"^```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[0]
    parsed = parse_scheme(example)
    assert parsed.notes == ()
    assert to_text(parsed.scheme) == example
    assert {question.kind for question in parsed.scheme.questions} == set(Kind)

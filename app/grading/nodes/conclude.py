"""conclude: the paper's marks in the order of its scheme."""

from __future__ import annotations

from typing import Any

from app.grading.nodes.values import PaperState


async def conclude(state: PaperState) -> dict[str, Any]:
    """One mark a label of the run, ordered; `grade_paper` makes the PaperResult of it."""
    by_label = {mark["label"]: mark for mark in state["checked"]}
    return {"result": [by_label[label] for label in state["labels"]]}

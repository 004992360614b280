"""read: from the paper's file to its text."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from app.grading.engine import Engine, held
from app.grading.nodes.values import PaperState


async def read(state: PaperState, runtime: Runtime[Engine]) -> dict[str, Any]:
    """The paper's pages. A paused run does not begin to read; ProblemError means the file cannot be read."""
    engine = runtime.context
    async with held():
        await engine.gate.check()
    document = await engine.read()
    return {"pages": document.to_json()}

"""locate: which words answer which question, and the questions of this run."""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.runtime import Runtime

from app.document import Document
from app.grading.engine import Engine
from app.grading.locate import locate as find_answers
from app.grading.nodes.values import PaperState
from app.grading.packing import pack_located

# Longer texts are located in a thread: beyond this the loop would be held for more than a few milliseconds.
LONG_TEXT = 20_000


async def locate(state: PaperState, runtime: Runtime[Engine]) -> dict[str, Any]:
    """The answers found, told to the sink."""
    engine = runtime.context
    document = Document.from_json(state["pages"])
    if sum(len(page.text) for page in document.pages) > LONG_TEXT:
        located = await asyncio.to_thread(find_answers, document, engine.scheme)
    else:
        located = find_answers(document, engine.scheme)
    await engine.sink.located(document, located)
    return {"located": pack_located(located), "labels": engine.labels}

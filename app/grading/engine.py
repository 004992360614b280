"""The engine's context, and the one call that grades a paper.

Facts read in LangGraph 1.2's sources (pregel/_runner.py, _loop.py, _retry.py) that this module rests on:

- A task that raises an ordinary exception makes the runner cancel its siblings (`_should_stop_others`). An
  exception derived from `GraphBubbleUp` does not: the siblings run to their end, their writes are stored,
  and only then is it raised. So whatever stops one question travels as `Held`, and a pause never throws
  away an answer being graded.
- A finished task's writes are stored at once, with the checkpoint that the step began from.
  `durability="sync"` waits for that checkpoint before the step's tasks start; with "async" a killed process
  may leave writes whose checkpoint was never written, and a paid model call would be made again; "exit"
  stores nothing until the run is over.
- Called with input None, a thread goes on: tasks with stored writes are not run again. A stored error
  counts as not run.
- The default retry policy leaves out OSError (and so TimeoutError and ConnectionError), ValueError and
  TypeError.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.graph.state import CompiledStateGraph
from langsmith.run_helpers import tracing_context

from app.document import Document
from app.grading.graders import Graders
from app.grading.model import Gate, GradeOptions, Sink, Stopped
from app.grading.packing import unpack_located, unpack_mark
from app.grading.state import PaperResult
from app.i18n import ProblemError
from app.scheme.types import Question, Scheme

PaperGraph = CompiledStateGraph[Any, Any, Any, Any]

# What no second attempt mends: a person's problem, a wish to stop, a fault of the program.
_FINAL = (
    ProblemError, Stopped, GraphBubbleUp, ArithmeticError, AssertionError, AttributeError, ImportError,
    LookupError, NameError, NotImplementedError, TypeError, ValueError,
)  # fmt: skip


class Held(GraphBubbleUp):
    """Carries what stopped one question past its siblings; `grade_paper` raises its `cause` in the end."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(type(cause).__name__)
        self.cause = cause


@dataclass
class Engine:
    """What grading one paper needs and a checkpoint cannot hold.

    `read` gives the paper's text (it may raise ProblemError). `limit` is shared by all papers of a process:
    one permit a question being graded. `gate` is asked when a question has its permit, so a pause takes
    effect with the next question and not after all those that wait.
    """

    read: Callable[[], Awaitable[Document]]
    scheme: Scheme
    graders: Graders
    sink: Sink
    gate: Gate
    options: GradeOptions
    limit: asyncio.Semaphore
    questions: dict[str, Question] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.questions = {question.label: question for question in self.scheme.questions}

    @property
    def labels(self) -> list[str]:
        """The labels to grade, in the scheme's order: all, or those of the scope that the scheme has."""
        scope = self.options.scope
        return [label for label in self.questions if scope is None or label in scope]

    @property
    def fingerprint(self) -> str:
        """A digest of the scheme and the scope: a run that began with others cannot be continued."""
        return hashlib.sha256(repr((self.scheme, self.labels)).encode()).hexdigest()


@asynccontextmanager
async def held() -> AsyncIterator[None]:
    """Turn whatever stops this question into `Held`, so that its siblings finish first."""
    try:
        yield
    except GraphBubbleUp:
        raise
    except Exception as error:
        raise Held(error) from error


def transient(error: Exception) -> bool:
    """Whether a second attempt may succeed: a lost connection, a timeout, a busy database."""
    return not isinstance(error, _FINAL)


async def grade_paper(graph: PaperGraph, engine: Engine, thread_id: str | None) -> PaperResult:
    """Grade one paper, or go on with one: read, locate, grade every question in scope, check, conclude.

    `graph` comes from `build_graph`. With a checkpointer, `thread_id` names this paper in this run: an
    unfinished thread goes on without repeating finished questions, a finished one gives its result again
    without any work; to grade a paper anew use a new thread. Without a checkpointer it is ignored.

    Raises `Stopped` when the gate stopped the run (finished questions are stored), ProblemError when the
    paper cannot be read or the thread belongs to another scheme, and whatever `sink.located` or
    `sink.marked` raise when they keep failing (marks made by then are stored and will be told on the next
    call).
    """
    if graph.checkpointer and thread_id is None:
        raise ValueError("a graph with a checkpointer needs a thread_id")
    stored = bool(graph.checkpointer)
    config: RunnableConfig = {"configurable": {"thread_id": thread_id}} if stored else {}
    start: dict[str, Any] | None = {"fingerprint": engine.fingerprint}
    if stored:
        snapshot = await graph.aget_state(config)
        if snapshot.values:
            _refuse_other_scheme(snapshot.values, engine)
            if not snapshot.next:
                return _result(snapshot.values)
            start = None
    try:
        # Tracing would send students' answers to whoever an environment variable names: it stays off.
        with tracing_context(enabled=False):
            values = await graph.ainvoke(
                start,
                config,
                context=engine,
                durability="sync" if stored else None,
            )
    except Held as stop:
        raise stop.cause from None
    return _result(values)


def _refuse_other_scheme(values: dict[str, Any], engine: Engine) -> None:
    if values.get("fingerprint") != engine.fingerprint:
        raise ProblemError("The marking scheme was changed after this run began. Start a new run.")


def _result(values: dict[str, Any]) -> PaperResult:
    return PaperResult(
        unpack_located(values["located"]), tuple(unpack_mark(mark) for mark in values["result"])
    )

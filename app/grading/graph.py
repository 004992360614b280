"""The workflow of one paper: read -> locate -> grade (one task a question) -> check -> conclude.

The state is plain JSON (see `packing`); everything else a node needs comes with the `Engine` as context.
"""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy, Send

from app.grading.engine import Engine, PaperGraph, transient
from app.grading.nodes.check import check
from app.grading.nodes.conclude import conclude
from app.grading.nodes.grade import grade
from app.grading.nodes.locate import locate
from app.grading.nodes.read import read
from app.grading.nodes.values import PaperState

RETRIES = RetryPolicy(max_attempts=3, initial_interval=0.2, max_interval=2.0, retry_on=transient)


def build_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> PaperGraph:
    """The compiled workflow; once a process is enough, any number of papers may use it at the same time.

    `grade` has no retry policy on purpose: repeating the node would pay for its model call again. It
    repeats only what may be repeated (see `nodes.grade`).
    """
    builder = StateGraph(PaperState, context_schema=Engine)
    builder.add_node("read", read, retry_policy=RETRIES)
    builder.add_node("locate", locate, retry_policy=RETRIES)
    builder.add_node("grade", grade)
    builder.add_node("check", check, retry_policy=RETRIES)
    builder.add_node("conclude", conclude)
    builder.add_edge(START, "read")
    builder.add_edge("read", "locate")
    builder.add_conditional_edges("locate", fan_out, ["grade", "check"])
    builder.add_edge("grade", "check")
    builder.add_edge("check", "conclude")
    builder.add_edge("conclude", END)
    return builder.compile(checkpointer=checkpointer)


def fan_out(state: PaperState) -> list[Send] | str:
    """One `grade` task for every question in scope, each with its answer only; straight to `check`
    without any.
    """
    wanted = set(state["labels"])
    answers = [answer for answer in state["located"]["answers"] if answer["label"] in wanted]
    return [Send("grade", {"answer": answer}) for answer in answers] or "check"

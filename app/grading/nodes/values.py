"""What the nodes hand on: the state of one paper's run, JSON values only."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict


class PaperState(TypedDict, total=False):
    """One paper's run so far.

    `fingerprint` names the scheme it began with, `pages` is `Document.to_json`, `located` is `pack_located`,
    `labels` are the questions in scope. Every `grade` task adds one entry to `made`: {"mark": `pack_mark`,
    "told": whether the sink took it}. `checked` is one mark a label after the paper-wide check, `result`
    the same in the scheme's order.
    """

    fingerprint: str
    pages: list[dict[str, Any]]
    located: dict[str, Any]
    labels: list[str]
    made: Annotated[list[dict[str, Any]], operator.add]
    checked: list[dict[str, Any]]
    result: list[dict[str, Any]]


class GradeTask(TypedDict):
    """What one `grade` task is sent: the packed answer."""

    answer: dict[str, Any]

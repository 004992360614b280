"""The engine's ports: what it asks of the world. Implemented outside (worker, cli) and by fakes in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.document import Document
from app.grading.state import Answer, Located, QuestionMark
from app.i18n import ProblemError
from app.scheme.types import Question


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a model answered: the text, the tokens it was billed for, the cost in US dollars (0.0 when unknown)."""

    content: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


class ModelError(ProblemError):
    """The model gave no usable answer (timeout, refusal, limit, dead host); `text` says why to the teacher."""


class ChatModel(Protocol):
    """One chat completion with a JSON-Schema-constrained answer."""

    @property
    def name(self) -> str:
        """The model's name as its provider calls it."""
        ...

    async def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> ChatReply:
        """Ask once. Retries for rate limits and server faults happen inside. Raises ModelError."""
        ...

    async def distrust(self, system: str, user: str, schema: Mapping[str, Any]) -> None:
        """The answer to these words was of no use: who keeps answers must not give it to another run."""
        return


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture that a model is shown: the file's bytes, and what they are ("image/webp")."""

    data: bytes = field(repr=False)
    media_type: str


class SeeingModel(Protocol):
    """A chat model that is shown a picture with what it is asked."""

    @property
    def name(self) -> str:
        """The model's name as its provider calls it."""
        ...

    async def see(
        self, system: str, user: str, picture: ShownPicture, schema: Mapping[str, Any]
    ) -> ChatReply:
        """Ask once about a picture, as `ChatModel.complete` does without one. Raises ModelError."""
        ...


@dataclass(frozen=True, slots=True)
class EarlierMark:
    """A mark that the teacher gave to another answer of the same question."""

    answer: str
    points: float


class Marks(Protocol):
    """The teacher's decided marks, by question."""

    async def earlier(self, question: Question) -> Sequence[EarlierMark]:
        """The teacher's decided marks for this question, newest first, at most a few hundred."""
        ...


class Sink(Protocol):
    """Where progress goes. Every call may come twice with the same content (resume): it must be idempotent."""

    async def located(self, document: Document, located: Located) -> None:
        """The paper has been read and its answers found."""
        ...

    async def grading(self, label: str) -> None:
        """One question is being graded from now on."""
        ...

    async def marked(self, answer: Answer, mark: QuestionMark) -> None:
        """One question has its mark."""
        ...


class Gate(Protocol):
    """Lets a run be paused or cancelled between questions, and stops it at its cost cap."""

    async def check(self) -> None:
        """Return when grading may go on; raise `Stopped` when the run was paused or cancelled."""
        ...


class Stopped(Exception):  # noqa: N818 - not an error: the teacher asked for it
    """The run was paused or cancelled; finished questions are checkpointed, the rest waits."""


@dataclass(frozen=True, slots=True)
class GradeOptions:
    """How an assignment wants its answers graded. `feedback_language` is "zh" or "en"; strictness 1 (mild) to 3."""

    strictness: int = 2
    feedback_language: str = "en"
    use_model: bool = False
    scope: frozenset[str] | None = None  # labels to grade; None is all


class Grader(Protocol):
    """Marks one answer to one question. Never raises for a strange answer: it says needs_teacher."""

    async def grade(self, question: Question, answer: Answer, options: GradeOptions) -> QuestionMark:
        """The proposal for this answer. The answer is found and not blank."""
        ...

"""The graders, one module a kind of answer, and the set of them that an engine works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.grading.masking import NOBODY, Names
from app.grading.model import ChatModel, GradeOptions, Grader, Marks
from app.grading.state import Answer, QuestionMark
from app.i18n import Text
from app.scheme.types import Kind, Question

if TYPE_CHECKING:
    from app.grading.pool import ProcessPool


class FactGrader(Protocol):
    """A grader that can be told what was computed about an answer before it was asked."""

    async def grade(
        self, question: Question, answer: Answer, options: GradeOptions, facts: Text | None = None
    ) -> QuestionMark:
        """The proposal for this answer; `facts` is what a checker found out, in a sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Graders:
    """Every grader of a process.

    `computed` holds the checkers (choice, blank, number, maths): their verdict is final. `local` marks
    sentences without a model. `model` is None when no model is configured.
    """

    computed: Mapping[Kind, Grader]
    local: Grader
    model: FactGrader | None = None


def make_graders(chat: ChatModel | None, marks: Marks, pool: ProcessPool, names: Names = NOBODY) -> Graders:
    """The graders of one process; `pool` runs the heavy mathematics outside it, `names` are hidden from the model.

    The modules are imported here, not above: they bring numpy and more, and whoever only reads types needs
    none.
    """
    from app.grading.graders.blank import BlankGrader
    from app.grading.graders.choice import ChoiceGrader
    from app.grading.graders.local import LocalGrader
    from app.grading.graders.maths import MathsGrader
    from app.grading.graders.model import ModelGrader
    from app.grading.graders.number import NumberGrader

    return Graders(
        computed={
            Kind.CHOICE: ChoiceGrader(),
            Kind.BLANK: BlankGrader(),
            Kind.NUMBER: NumberGrader(),
            Kind.MATHS: MathsGrader(pool),
        },
        local=LocalGrader(marks),
        model=ModelGrader(chat, marks, names) if chat is not None else None,
    )

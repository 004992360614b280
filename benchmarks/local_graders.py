"""How fast the computed graders are: choice, blank and number, on one core, without a network."""

from __future__ import annotations

import asyncio
import time

from app.grading.graders.blank import BlankGrader
from app.grading.graders.choice import ChoiceGrader
from app.grading.graders.number import NumberGrader
from app.grading.model import GradeOptions, Grader
from app.grading.state import Answer
from app.scheme.types import Criterion, Kind, Question

ROUNDS = 200
"""Times that every answer is graded: about a second of work in all."""

_PROMPT = "下列物理量中，单位是牛顿的是\nA. 功\nB. 力\nC. 功率\nD. 压强"


def _question(kind: Kind, *references: str, points: float = 2.0) -> Question:
    prompt = _PROMPT if kind is Kind.CHOICE else ""
    return Question("1", kind, prompt, points, references, (Criterion("right", points),))


def _work() -> list[tuple[Grader, Question, Answer]]:
    """Ordinary answers, right and wrong, clean and worded, in both languages."""
    choice, blank, number = ChoiceGrader(), BlankGrader(), NumberGrader()
    work: list[tuple[Grader, Question, Answer]] = []
    for text in ("B", "选B", "Answer: C", "因为力的单位是牛顿，故选B", "力", "A→B"):
        work.append((choice, _question(Kind.CHOICE, "B"), Answer("1", text)))
    for text in ("光合作用；叶绿体", "(1) 光合作用 (2) 叶绿体", "呼吸作用，线粒体", "光和作用;叶绿体"):
        work.append((blank, _question(Kind.BLANK, "光合作用", "叶绿体 | chloroplast"), Answer("1", text)))
    for text in ("F=ma=2kg×3m/s²=6N", "6 N", "0.006 kN", "约7牛", "x=4.2×10^3 J", "不知道"):
        work.append((number, _question(Kind.NUMBER, "6 N"), Answer("1", text)))
    return work


async def _grade(work: list[tuple[Grader, Question, Answer]], rounds: int) -> int:
    options = GradeOptions()
    for _ in range(rounds):
        for grader, question, answer in work:
            await grader.grade(question, answer, options)
    return rounds * len(work)


def measure() -> float:
    """Questions a second a core, over a fixed mixture of answers; start-up costs (pint) are not counted."""
    work = _work()
    asyncio.run(_grade(work, 1))
    begun = time.process_time()
    graded = asyncio.run(_grade(work, ROUNDS))
    return graded / (time.process_time() - begun)


if __name__ == "__main__":
    print(f"{measure():.0f} questions a second a core")

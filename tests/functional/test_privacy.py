"""A real run with a model over HTTP: no name or number of the class is in what arrives there."""

from __future__ import annotations

import json

from sqlalchemy import select

from app.db import Database
from app.marks.models import MarkState
from app.papers.models import PaperAnswer
from app.settings import Settings
from tests import factories, graded
from tests.conftest import World
from tests.functional.test_worker import begin, with_model
from tests.functional.worker_help import working
from tests.stubs.processes import ModelServer

ROSTER = (("Ann Lee", "20240101"), ("王小明", "20240102"), ("Zoltan Quill", "20240103"))


async def test_no_name_of_the_class_reaches_the_model(db: Database, world: World, settings: Settings) -> None:
    cause = graded.REFERENCES[1]
    text = (
        f"1. Ann Lee told me: {cause} Zoltan and 王小明 say so, 20240103 too.\n"
        "姓名：李雷\nann lee ２０２４０１０１"
    )
    async with db.begin() as session:
        for name, number in ROSTER:
            await factories.student(session, world.klass, name, number)
        assignment = await factories.assignment(session, world.klass, graded.scheme(1))
        assignment.grader = "model"
        question = assignment.questions[0]
        await graded.paper(session, assignment, "Ann Lee.txt", text)
        # A decided mark, whose answer serves as an example.
        other = await factories.paper(session, assignment, text="1. x", file_name="other.txt")
        example = "Zoltan Quill (20240103): warm air rises"
        await factories.answers(session, other, {question: example})
        await factories.mark(session, other, question, [2, 1], MarkState.DECIDED)
    with ModelServer(latency=0.0) as model:
        async with working(with_model(settings, model), db):
            run = await begin(db, assignment, world)
            await graded.finished(db, run.id)
        bodies = model.counters()["bodies"]
    assert bodies
    for body in bodies:
        said = json.dumps(body, ensure_ascii=False)
        assert cause in said and "warm air rises" in said
        for secret in ("Ann", "Lee", "ann lee", "Zoltan", "Quill", "小明", "李雷", "2024", "２０２４"):
            assert secret not in said
    async with db.begin() as session:
        stored = await session.scalar(select(PaperAnswer.text).where(PaperAnswer.paper_id != other.id))
    mark = next(each for each in await graded.marks_of(db, assignment) if each.paper_id != other.id)
    assert stored is not None and "Ann Lee told me" in stored
    for row in mark.criteria:
        assert row["quote"] == stored[row["start"] : row["end"]] and "█" not in row["quote"]
    assert mark.state == MarkState.GRADED and any(row["quote"] for row in mark.criteria)


async def test_a_student_who_comes_while_a_run_is_paused_is_hidden_too(
    db: Database, world: World, settings: Settings
) -> None:
    async with db.begin() as session:
        assignment = await factories.assignment(session, world.klass, graded.scheme(1))
        assignment.grader = "model"
        for place in range(2):
            words = f"1. {graded.REFERENCES[1]} Zoltan said it {place} times."
            await graded.paper(session, assignment, f"{place}.txt", words)
    with ModelServer(latency=0.0) as model:
        async with working(with_model(settings, model), db):
            run = await begin(db, assignment, world, papers=[1])
            await graded.finished(db, run.id)
            assert "Zoltan" in json.dumps(model.counters()["bodies"])  # nobody of that name yet
            async with db.begin() as session:
                await factories.student(session, world.klass, "Zoltan Quill")
            model.control(reset=True)
            run = await begin(db, assignment, world)
            await graded.finished(db, run.id)
        bodies = model.counters()["bodies"]
    assert bodies and "Zoltan" not in json.dumps(bodies)

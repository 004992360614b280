"""Which grader an answer goes to, and that no grader can do harm."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
from langgraph.runtime import Runtime

from app.grading.engine import Held
from app.grading.model import GradeOptions, ModelError, Stopped
from app.grading.nodes.grade import BLANK_GRADER, blank_mark, grade, outranked, propose
from app.grading.packing import pack_answer, unpack_mark
from app.grading.state import Answer, CriterionMark, MarkState, QuestionMark
from app.i18n import Text
from app.scheme.types import Criterion, Kind, Question, Scheme
from tests.unit.grading.engine_fakes import FakeGate, FakeGrader, FakeSink, doubtful, engine, question, right

ANSWER = Answer("1", "Water is wet")


def raising(error: BaseException) -> FakeGrader:
    def act(label: str) -> None:
        raise error

    return FakeGrader(act)


@pytest.mark.parametrize("kind", [Kind.CHOICE, Kind.BLANK, Kind.NUMBER, Kind.MATHS])
async def test_a_verdict_that_was_computed_is_final(kind: Kind) -> None:
    checker, model, local = FakeGrader(), FakeGrader(), FakeGrader()
    made = engine(computed={kind: checker}, model=model, local=local)
    mark = await propose(made, question("1", kind), ANSWER)
    assert (mark.state, mark.points) == (MarkState.GRADED, 2)
    assert (checker.calls, model.calls, local.calls) == (["1"], [], [])


async def test_the_model_is_asked_when_a_checker_doubts_and_told_why() -> None:
    checker, model = FakeGrader(mark=doubtful), FakeGrader()
    made = engine(computed={Kind.MATHS: checker}, model=model)
    mark = await propose(made, question("1", Kind.MATHS), ANSWER)
    assert mark.points == 2
    assert model.facts == [Text("Cannot tell.")]


@pytest.mark.parametrize("use_model", [True, False])
async def test_without_a_model_the_doubt_stays(use_model: bool) -> None:
    local = FakeGrader()
    made = engine(
        computed={Kind.MATHS: FakeGrader(mark=doubtful)},
        local=local,
        model=None if use_model else FakeGrader(),
        options=GradeOptions(use_model=use_model),
    )
    mark = await propose(made, question("1", Kind.MATHS), ANSWER)
    assert (mark.state, mark.reason) == (MarkState.NEEDS_TEACHER, Text("Cannot tell."))
    assert local.calls == []


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.ESSAY])
@pytest.mark.parametrize(("use_model", "there"), [(True, True), (True, False), (False, True)])
async def test_sentences_go_to_the_model_or_stay_here(kind: Kind, use_model: bool, there: bool) -> None:
    local, model = FakeGrader(), FakeGrader()
    made = engine(local=local, model=model if there else None, options=GradeOptions(use_model=use_model))
    await propose(made, question("1", kind), ANSWER)
    to_model = use_model and there
    assert (model.calls, local.calls) == ((["1"], []) if to_model else ([], ["1"]))
    assert model.facts == ([None] if to_model else [])


async def test_what_a_checker_was_sure_of_outranks_the_model() -> None:
    asked = Question("1", Kind.BLANK, "", 2, ("x", "y"), (Criterion("gap 1", 1), Criterion("gap 2", 1)))
    sure = CriterionMark(0, 0.0, "Water", 0, 5)
    model = right(question("1", points=1), ANSWER)
    proposal = replace(
        model,
        points=2.0,
        criteria=(CriterionMark(0, 1.0, "Water", 0, 5), CriterionMark(1, 1.0, "wet", 9, 12)),
    )
    made = engine(
        asked=Scheme("", (asked,)),
        computed={Kind.BLANK: FakeGrader(mark=lambda q, a: replace(doubtful(q, a), criteria=(sure,)))},
        model=FakeGrader(mark=lambda q, a: proposal),
    )
    mark = await propose(made, asked, ANSWER)
    assert (mark.points, mark.criteria[0], mark.criteria[1].points) == (1.0, sure, 1.0)
    doubt = doubtful(asked, ANSWER)
    assert outranked(doubt, replace(doubt, criteria=(sure,))) is doubt


async def test_no_grader_is_asked_about_nothing() -> None:
    local = FakeGrader()
    made = engine(local=local, options=GradeOptions(feedback_language="zh"))
    blank = await propose(made, question("1"), Answer("1", " \n"))
    missing = await propose(made, question("1"), Answer("1", "", found=False))
    assert local.calls == []
    assert (blank.state, blank.points, blank.grader) == (MarkState.GRADED, 0, BLANK_GRADER)
    assert (blank.feedback, blank.criteria[0].comment) == ("未作答。", "空白")
    assert (blank.reason, blank.confidence) == (None, None)
    assert (missing.state, missing.points) == (MarkState.NEEDS_TEACHER, None)


def test_a_blank_has_an_entry_for_every_criterion() -> None:
    asked = replace(question("1"), criteria=(Criterion("a", 1), Criterion("b", 1)))
    mark = blank_mark(asked, GradeOptions())
    assert [(entry.position, entry.points) for entry in mark.criteria] == [(0, 0), (1, 0)]


async def test_a_grader_that_fails_leaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    secret = "my name is Alice"
    for grader in (
        raising(ValueError(secret)),
        raising(RecursionError(secret)),
        raising(TimeoutError(secret)),
    ):
        with caplog.at_level(logging.DEBUG):
            mark = await propose(engine(local=grader), question("1"), Answer("1", secret))
        assert mark.state is MarkState.NEEDS_TEACHER
        assert mark.reason is not None and "failed" in mark.reason.render("en")
        assert secret not in mark.reason.render("en") + mark.reason.render("zh")
    assert "failed" in caplog.text
    assert secret not in caplog.text


async def test_a_grader_that_returns_nonsense_is_a_failure_too() -> None:
    nothing = FakeGrader(mark=lambda q, a: None)  # type: ignore[arg-type,return-value]
    assert (await propose(engine(local=nothing), question("1"), ANSWER)).state is MarkState.NEEDS_TEACHER
    twice = FakeGrader(mark=lambda q, a: replace(right(q, a), points=9.0))
    assert (await propose(engine(local=twice), question("1"), ANSWER)).state is MarkState.NEEDS_TEACHER


async def test_a_models_problem_is_told_in_its_words() -> None:
    model = raising(ModelError("The model did not answer in time."))
    mark = await propose(engine(model=model), question("1"), ANSWER)
    assert mark.reason == Text("The model did not answer in time.")


@pytest.mark.parametrize("error", [asyncio.CancelledError(), Stopped("cap")])
async def test_cancelling_and_stopping_pass(error: BaseException) -> None:
    with pytest.raises(type(error)):
        await propose(engine(local=raising(error)), question("1"), ANSWER)


async def test_points_of_a_model_need_quotes_where_a_checkers_need_none() -> None:
    def bare(asked: Question, answer: Answer) -> QuestionMark:
        return replace(right(asked, answer), criteria=(CriterionMark(0, asked.points),))

    checked = engine(computed={Kind.CHOICE: FakeGrader(mark=bare)})
    assert (await propose(checked, question("1", Kind.CHOICE), ANSWER)).points == 2
    modelled = engine(model=FakeGrader(mark=bare))
    assert (await propose(modelled, question("1"), ANSWER)).state is MarkState.NEEDS_TEACHER


async def test_the_sink_hears_the_checked_mark() -> None:
    sink = FakeSink()
    made = engine(local=FakeGrader(mark=lambda q, a: replace(right(q, a), points=9.0)), sink=sink)
    written = await grade({"answer": pack_answer(ANSWER)}, Runtime(context=made))
    assert [mark.state for mark in sink.marks] == [MarkState.NEEDS_TEACHER]
    assert unpack_mark(written["made"][0]["mark"]) == sink.marks[0]
    assert written["made"][0]["told"] is True


async def test_a_sink_that_misses_the_news_stops_nothing() -> None:
    class Deaf(FakeSink):
        async def grading(self, label: str) -> None:
            raise ConnectionError

    written = await grade({"answer": pack_answer(ANSWER)}, Runtime(context=engine(sink=Deaf())))
    assert written["made"][0]["mark"]["points"] == 2


async def test_the_gate_is_asked_with_the_permit_in_hand() -> None:
    gate = FakeGate()
    made = engine(gate=gate, limit=1)
    await made.limit.acquire()
    waiting = asyncio.create_task(grade({"answer": pack_answer(ANSWER)}, Runtime(context=made)))
    await asyncio.sleep(0.01)
    gate.passes = 0
    made.limit.release()
    with pytest.raises(Held) as stop:
        await waiting
    assert isinstance(stop.value.cause, Stopped)
    assert not made.limit.locked()

"""A paper through the whole workflow: results, pauses, resumes, failures. Checkpoints in memory."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from app.document import Document
from app.grading.engine import Engine, grade_paper, transient
from app.grading.graph import build_graph
from app.grading.model import GradeOptions, Stopped
from app.grading.state import MarkState
from app.i18n import ProblemError
from tests.unit.grading.engine_fakes import FakeGate, FakeGrader, FakeSink, engine, paper, scheme

GRAPH = build_graph()


async def test_a_paper_is_graded_in_the_order_of_its_scheme() -> None:
    async def slow_first(label: str) -> None:
        await asyncio.sleep(0.02 if label == "1" else 0)

    sink = FakeSink()
    result = await grade_paper(GRAPH, engine(sink=sink, local=FakeGrader(slow_first)), None)
    assert [mark.label for mark in result.marks] == ["1", "2", "3", "4"]
    assert result.total == 8
    assert [answer.text for answer in result.located.answers] == [f"answer {i}" for i in range(1, 5)]
    assert sink.events[0] == "located"
    assert sink.events[-1] == "marked 1"
    assert sorted(sink.events[1:]) == sorted([f"{w} {i}" for w in ("grading", "marked") for i in range(1, 5)])


async def test_only_the_scope_is_graded() -> None:
    grader = FakeGrader()
    result = await grade_paper(GRAPH, engine(local=grader, scope=["3", "1", "99"]), None)
    assert [mark.label for mark in result.marks] == ["1", "3"]
    assert sorted(grader.calls) == ["1", "3"]
    assert len(result.located.answers) == 4


async def test_an_empty_scope_gives_no_marks() -> None:
    assert (await grade_paper(GRAPH, engine(scope=[]), None)).marks == ()


async def test_a_missing_and_a_blank_answer() -> None:
    doc = Document.from_json([{"number": 1, "text": "1. a\n2.\n4. d"}])
    result = await grade_paper(GRAPH, engine(document=doc), None)
    states = {mark.label: (mark.state, mark.points) for mark in result.marks}
    assert states["2"] == (MarkState.GRADED, 0)
    assert states["3"] == (MarkState.NEEDS_TEACHER, None)
    reason = result.marks[2].reason
    assert reason is not None
    assert "question 3" in reason.render("en")
    assert "3" in reason.render("zh") and "第" in reason.render("zh")


async def test_the_limit_bounds_what_is_graded_at_once() -> None:
    running, most = 0, 0

    async def act(label: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    limit = asyncio.Semaphore(3)
    engines = [engine(local=FakeGrader(act)) for _ in range(4)]
    for one in engines:
        one.limit = limit
    await asyncio.gather(*(grade_paper(GRAPH, one, None) for one in engines))
    assert most == 3


async def test_a_pause_lets_running_questions_finish_and_a_resume_repeats_none() -> None:
    graph = build_graph(InMemorySaver())
    began, go_on = asyncio.Event(), asyncio.Event()

    async def act(label: str) -> None:
        began.set()
        await go_on.wait()

    # One check before reading and two questions pass; the third is stopped while the two are at work.
    first, sink = FakeGrader(act), FakeSink()
    run = asyncio.create_task(
        grade_paper(graph, engine(local=first, sink=sink, gate=FakeGate(3), limit=4), "t")
    )
    await began.wait()
    await asyncio.sleep(0.02)
    assert not run.done()
    go_on.set()
    with pytest.raises(Stopped):
        await run
    done = sorted(mark.label for mark in sink.marks)
    assert len(done) == 2

    second = FakeGrader()
    again = engine(local=second, sink=sink)
    result = await grade_paper(graph, again, "t")
    assert result.total == 8
    assert sorted(second.calls + done) == ["1", "2", "3", "4"]
    assert again.reads == []  # type: ignore[attr-defined]
    assert sorted(mark.label for mark in sink.marks) == ["1", "2", "3", "4"]


async def test_a_single_question_can_be_paused_too() -> None:
    graph = build_graph(InMemorySaver())
    with pytest.raises(Stopped):
        await grade_paper(graph, engine(scope=["2"], gate=FakeGate(1)), "t")
    assert (await grade_paper(graph, engine(scope=["2"]), "t")).total == 2


async def test_a_pause_before_reading_reads_nothing() -> None:
    graph = build_graph(InMemorySaver())
    stopped = engine(gate=FakeGate(0))
    with pytest.raises(Stopped):
        await grade_paper(graph, stopped, "t")
    assert stopped.reads == []  # type: ignore[attr-defined]
    assert (await grade_paper(graph, engine(), "t")).total == 8


async def test_stopped_by_a_grader_is_a_pause() -> None:
    def cap(label: str) -> None:
        if label == "3":
            raise Stopped("cost cap")

    graph = build_graph(InMemorySaver())
    with pytest.raises(Stopped, match="cost cap"):
        await grade_paper(graph, engine(local=FakeGrader(cap)), "t")
    after = FakeGrader()
    assert (await grade_paper(graph, engine(local=after), "t")).total == 8
    assert after.calls == ["3"]


async def test_a_cancelled_run_goes_on_where_it_was() -> None:
    graph = build_graph(InMemorySaver())
    cancelled: list[str] = []

    async def act(label: str) -> None:
        if label in "34":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(label)
                raise

    run = asyncio.create_task(grade_paper(graph, engine(local=FakeGrader(act)), "t"))
    await asyncio.sleep(0.1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert sorted(cancelled) == ["3", "4"]
    after = FakeGrader()
    assert (await grade_paper(graph, engine(local=after), "t")).total == 8
    assert sorted(after.calls) == ["3", "4"]


async def test_a_finished_thread_gives_its_result_without_work() -> None:
    graph = build_graph(InMemorySaver())
    first = await grade_paper(graph, engine(), "t")
    idle, sink = FakeGrader(), FakeSink()
    again = engine(local=idle, sink=sink)
    assert await grade_paper(graph, again, "t") == first
    assert (idle.calls, sink.events, again.reads) == ([], [], [])  # type: ignore[attr-defined]
    assert (await grade_paper(graph, engine(), "other")).total == 8


async def test_threads_do_not_mix() -> None:
    graph = build_graph(InMemorySaver())
    papers = [
        Document.from_json([{"number": 1, "text": f"1. p{i}\n2. q{i}\n3. r{i}\n4. s{i}"}]) for i in range(5)
    ]
    results = await asyncio.gather(
        *(grade_paper(graph, engine(document=doc), f"t{i}") for i, doc in enumerate(papers))
    )
    assert [r.located.answers[0].text for r in results] == [f"p{i}" for i in range(5)]
    assert all(r.total == 8 for r in results)


async def test_a_changed_scheme_is_refused_and_not_mixed() -> None:
    graph = build_graph(InMemorySaver())
    with pytest.raises(Stopped):
        await grade_paper(graph, engine(gate=FakeGate(2)), "t")
    with pytest.raises(ProblemError, match="scheme was changed"):
        await grade_paper(graph, engine(asked=scheme(3)), "t")
    with pytest.raises(ProblemError, match="scheme was changed"):
        await grade_paper(graph, engine(scope=["1"]), "t")


async def test_a_checkpointer_needs_a_thread() -> None:
    with pytest.raises(ValueError, match="thread_id"):
        await grade_paper(build_graph(InMemorySaver()), engine(), None)


async def test_an_unreadable_paper_is_the_callers_problem_and_is_not_retried() -> None:
    tries = 0

    async def read() -> Document:
        nonlocal tries
        tries += 1
        raise ProblemError("“{name}” is empty", name="a.pdf")

    broken = engine()
    broken.read = read
    graph = build_graph(InMemorySaver())
    with pytest.raises(ProblemError, match=r"a\.pdf"):
        await grade_paper(graph, broken, "t")
    assert tries == 1
    # The file was replaced: the same thread goes on.
    assert (await grade_paper(graph, engine(), "t")).total == 8


async def test_reading_is_tried_again_after_a_lost_connection() -> None:
    tries = 0

    async def read() -> Document:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("storage away") if tries == 1 else TimeoutError()
        return paper()

    shaky = engine()
    shaky.read = read
    assert (await grade_paper(GRAPH, shaky, None)).total == 8
    assert tries == 3


async def test_a_sink_that_fails_for_a_while_gets_every_mark() -> None:
    sink = FakeSink(refusals=2)
    grader = FakeGrader()
    result = await grade_paper(GRAPH, engine(sink=sink, local=grader, scope=["1", "2"]), None)
    assert result.total == 4
    assert sorted(mark.label for mark in sink.marks) == ["1", "2"]
    assert sorted(grader.calls) == ["1", "2"]


async def test_marks_survive_a_sink_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.grading.nodes.grade.SINK_PAUSES", ())
    graph = build_graph(InMemorySaver())
    grader = FakeGrader()
    with pytest.raises(ConnectionError):
        await grade_paper(graph, engine(sink=FakeSink(refusals=10**6), local=grader), "t")
    assert sorted(grader.calls) == ["1", "2", "3", "4"]
    idle, sink = FakeGrader(), FakeSink()
    result = await grade_paper(graph, engine(sink=sink, local=idle), "t")
    assert result.total == 8
    assert idle.calls == []
    assert sorted(mark.label for mark in sink.marks) == ["1", "2", "3", "4"]


async def test_a_gate_that_fails_does_not_cancel_siblings() -> None:
    class Broken(FakeGate):
        checks = 0

        async def check(self) -> None:
            self.checks += 1
            if self.checks == 3:
                raise ConnectionError("database away")

    graph = build_graph(InMemorySaver())
    sink = FakeSink()
    with pytest.raises(ConnectionError):
        await grade_paper(graph, engine(gate=Broken(), sink=sink), "t")
    assert len(sink.marks) == 3


async def test_checkpoints_bring_no_warnings(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        graph = build_graph(InMemorySaver())
        with pytest.raises(Stopped):
            await grade_paper(graph, engine(gate=FakeGate(3)), "t")
        await grade_paper(graph, engine(), "t")
        await grade_paper(graph, engine(), "t")
        await grade_paper(build_graph(), engine(), None)
    assert caplog.records == []


async def test_nothing_is_traced_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from langsmith import utils

    # langsmith keeps what it read from the environment.
    clear = utils.get_env_var.cache_clear  # type: ignore[attr-defined]
    seen: list[bool] = []
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "key")
    clear()
    try:
        assert utils.tracing_is_enabled()
        grader = FakeGrader(lambda label: seen.append(bool(utils.tracing_is_enabled())))
        await grade_paper(GRAPH, engine(local=grader), None)
    finally:
        monkeypatch.undo()
        clear()
    assert seen == [False] * 4


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (RuntimeError(), True),
        (ProblemError("x"), False),
        (Stopped(), False),
        (TypeError(), False),
        (KeyError(), False),
    ],
)
def test_what_is_worth_a_second_attempt(error: Exception, again: bool) -> None:
    assert transient(error) is again


async def test_the_workflow_itself_costs_little() -> None:
    def make() -> Engine:
        return engine(asked=scheme(10), document=paper(10), options=GradeOptions())

    await grade_paper(GRAPH, make(), None)
    start = time.process_time()
    await asyncio.gather(*(grade_paper(GRAPH, make(), None) for _ in range(30)))
    a_question = (time.process_time() - start) / 300
    # The target is 1 ms on a quiet machine; this bound catches a change of kind.
    assert a_question < 0.004

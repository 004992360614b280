"""The workflow's shape and its fan-out."""

from __future__ import annotations

from langgraph.types import Send

from app.grading.graph import RETRIES, build_graph, fan_out


def test_the_nodes_and_the_way_between_them() -> None:
    drawn = build_graph().get_graph()
    assert set(drawn.nodes) == {"__start__", "read", "locate", "grade", "check", "conclude", "__end__"}
    assert {(edge.source, edge.target) for edge in drawn.edges} == {
        ("__start__", "read"),
        ("read", "locate"),
        ("locate", "grade"),
        ("locate", "check"),
        ("grade", "check"),
        ("check", "conclude"),
        ("conclude", "__end__"),
    }


def test_one_task_for_each_question_in_scope_with_its_answer_only() -> None:
    answers = [{"label": label, "text": label * 2, "spans": [], "found": True} for label in "abc"]
    sent = fan_out({"labels": ["c", "a"], "located": {"answers": answers, "unmatched": []}})
    assert sent == [Send("grade", {"answer": answers[0]}), Send("grade", {"answer": answers[2]})]


def test_without_questions_it_goes_straight_to_the_check() -> None:
    assert fan_out({"labels": [], "located": {"answers": [], "unmatched": []}}) == "check"


def test_timeouts_are_retried_though_the_default_would_not() -> None:
    assert callable(RETRIES.retry_on)
    assert RETRIES.retry_on(TimeoutError())
    assert RETRIES.retry_on(OSError())

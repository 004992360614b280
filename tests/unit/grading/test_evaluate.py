"""The evaluation reads graded files, scores as it says, and names what it cannot read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.grading.evaluate import (
    KResult,
    evaluate_file,
    kappa,
    pearson,
    read_graded,
    to_json,
)
from app.grading.graders.local import LocalGrader
from app.grading.model import EarlierMark, GradeOptions
from app.grading.state import Answer
from app.i18n import ProblemError
from app.scheme.types import Question

QUESTIONS: dict[str, tuple[str, str, list[str], list[str]]] = {
    "zh": (
        "为什么冰浮在水面上？",
        "冰的密度比水小，所以浮在水面上",
        ["因为冰的密度小于水", "冰的密度比水小", "水的密度更大，冰较轻", "密度小的冰会浮起来"],
        ["因为冰很冷", "水会流动", "冰是透明的固体", "天气寒冷的缘故"],
    ),
    "en": (
        "Why does ice float?",
        "Ice is less dense than water, so it floats.",
        [
            "ice has a lower density",
            "its density is less than that of water",
            "less dense than water",
            "lower density",
        ],
        ["because it is cold", "water can flow", "ice is see-through", "the weather is cold"],
    ),
    "de": (
        "Warum schwimmt Eis?",
        "Eis hat eine geringere Dichte als Wasser.",
        [
            "die Dichte ist geringer",
            "Eis ist weniger dicht",
            "geringere Dichte als das Wasser",
            "kleinere Dichte",
        ],
        ["weil es kalt ist", "Wasser kann fließen", "Eis ist durchsichtig", "das Wetter ist kalt"],
    ),
}


class NoMarks:
    """The port `Marks`; the test hands the marks over itself."""

    async def earlier(self, question: Question) -> Sequence[EarlierMark]:
        return ()


def row(**changes: Any) -> dict[str, Any]:
    base = {
        "id": "1", "question_id": "q", "question": "Why?", "references": ["because"], "criteria": "",
        "answer": "because", "score": 1.0, "max_score": 1.0, "language": "en",
    }  # fmt: skip
    return {**base, **changes}


def write(path: Path, rows: list[Any]) -> Path:
    lines = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sample(path: Path) -> Path:
    rows = []
    for label, (prompt, reference, good, bad) in QUESTIONS.items():
        for right, wrong in zip(good, bad, strict=True):
            for answer, score in ((right, 2.0), (wrong, 0.0)):
                rows.append(
                    row(question_id=label, question=prompt, references=[reference], answer=answer, score=score,
                        max_score=2.0)
                )  # fmt: skip
    return write(path, rows)


def test_separates_right_from_wrong_in_three_languages(tmp_path: Path) -> None:
    results = evaluate_file(sample(tmp_path / "a.jsonl"), [0, 4])
    assert [(result.k, result.n) for result in results] == [(0, 24), (4, 12)]
    assert all(result.r > 0.6 for result in results)
    assert results[1].accuracy >= 0.75


def test_a_question_with_k_answers_adds_nothing(tmp_path: Path) -> None:
    path = sample(tmp_path / "a.jsonl")
    assert evaluate_file(path, [7])[0].n == 3
    assert evaluate_file(path, [8]) == [KResult(8, 0, 0.0, 0.0, 0.0, 0.0)]


def test_marks_come_in_file_order(tmp_path: Path) -> None:
    """The first answers teach that the words of the reference are worth nothing; the last are scored."""
    rows = [row(answer=f"because of reason {i}", score=0.0) for i in range(10)]
    path = write(tmp_path / "a.jsonl", [*rows, row(answer="because of reason 99")])
    reverse = write(tmp_path / "b.jsonl", [row(answer="because of reason 99"), *rows])
    assert evaluate_file(path, [10])[0].rmse > 0.6
    assert evaluate_file(reverse, [10])[0].rmse < 0.6


def test_seeds_are_repeatable_and_counted_once(tmp_path: Path) -> None:
    path = sample(tmp_path / "a.jsonl")
    first, again = evaluate_file(path, [3], seeds=3), evaluate_file(path, [3], seeds=3)
    assert first == again
    assert first[0].n == 15


def test_progress_reaches_its_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    evaluate_file(
        sample(tmp_path / "a.jsonl"), [0, 2], progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(i, 6) for i in range(1, 7)]


def test_it_is_the_graders_own_prediction(tmp_path: Path) -> None:
    """With steps of half a mark on 100 points, the grader's mark is the evaluation's figure, rounded."""
    rows = [
        row(question_id="q", answer=a, score=s, max_score=100.0) for a, s in (("because", 90.0), ("so", 12.5))
    ]
    graded = read_graded(
        write(tmp_path / "a.jsonl", [*rows, row(answer="because because", score=100.0, max_score=100.0)])
    )
    [one] = graded
    mark = LocalGrader(NoMarks()).mark(
        one.question, Answer("q", one.answers[2].answer), one.answers[:2], GradeOptions()
    )
    [result] = evaluate_file(tmp_path / "a.jsonl", [2])
    assert mark.points is not None
    assert abs(abs(1 - mark.points / 100) - result.rmse) < 0.003


def test_json_form() -> None:
    assert to_json([KResult(5, 10, 0.5, 0.4, 0.3, 0.8)]) == {
        "results": [{"k": 5, "n": 10, "r": 0.5, "qwk": 0.4, "rmse": 0.3, "accuracy": 0.8}]
    }


def test_scores_are_the_textbook_ones() -> None:
    human = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    assert pearson(human, human) == pytest.approx(1.0)
    assert pearson(human, 1 - human) == pytest.approx(-1.0)
    assert pearson(human, np.full(5, 0.3)) == 0.0
    assert kappa(human, human) == pytest.approx(1.0)
    assert kappa(human, 1 - human) == pytest.approx(-1.0)
    assert kappa(np.full(5, 0.5), np.full(5, 0.5)) == 0.0
    # By hand: levels (0,4), (4,4), (0,0): observed 16, expected (2*1*16 + ... ) / 3 -> 1 - 16 / 24.
    assert kappa(np.array([0.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0])) == pytest.approx(1 - 16 / (5 * 16 / 3))


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        ("{", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("[1]", "not a JSON object"),
        (row(answer=None), "question_id and answer"),
        (row(question_id=""), "question_id and answer"),
        (row(references="because"), "references"),
        (row(references=[1]), "references"),
        (row(criteria=["x"]), "criteria"),
        (row(score="1"), "score"),
        (row(score=True), "score"),
        (row(score=2.0), "score"),
        (row(score=-1), "score"),
        (row(max_score=0), "score"),
        ('{"question_id": "q", "answer": "a", "score": NaN, "max_score": 1}', "score"),
        ('{"question_id": "q", "answer": "a", "score": 1' + "0" * 400 + ', "max_score": 1}', "score"),
        (row(score=None), "score"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, bad: Any, part: str) -> None:
    path = write(tmp_path / "a.jsonl", [row(), "", bad])
    with pytest.raises(ProblemError) as caught:
        evaluate_file(path, [0])
    assert "3: " in str(caught.value)
    assert part in str(caught.value)
    assert "1: " not in str(caught.value)


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ["{", row(), "[]"])
    with pytest.raises(ProblemError, match=r"1: not JSON; 3: not a JSON object"):
        evaluate_file(path, [0])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", "题目".encode("gb18030")])
def test_files_of_another_kind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(ProblemError):
        evaluate_file(path, [0])


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(ProblemError):
            evaluate_file(path, [0])


@pytest.mark.parametrize(("ks", "seeds"), [([-1], 1), ([0], 0)])
def test_bad_numbers(tmp_path: Path, ks: list[int], seeds: int) -> None:
    with pytest.raises(ProblemError):
        evaluate_file(sample(tmp_path / "a.jsonl"), ks, seeds=seeds)


def test_odd_but_right_lines(tmp_path: Path) -> None:
    """A number as question_id, no references, CR line ends, other maximum in a later line, extra keys."""
    lines = [
        json.dumps({"question_id": 7, "answer": "a b", "score": 1, "max_score": 2}) + "\r",
        json.dumps({"question_id": 7, "answer": "", "score": 5, "max_score": 10, "extra": {}}) + "\r",
    ]
    [one] = read_graded(write(tmp_path / "a.jsonl", lines))
    assert one.question.label == "7"
    assert [mark.points for mark in one.answers] == [1.0, 1.0]
    assert evaluate_file(tmp_path / "a.jsonl", [0])[0].n == 2


def test_problem_in_chinese(tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as caught:
        evaluate_file(write(tmp_path / "a.jsonl", ["{"]), [0])
    assert "无法读取" in caught.value.text.render("zh")

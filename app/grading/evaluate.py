"""How near the local text grader comes to a human's marks, measured on a file of graded answers.

A file is JSON lines: `question_id, question, references (list), criteria (text, may be empty), answer, score,
max_score` (further keys are ignored). Of each question the first k answers serve as the teacher's earlier marks and
the rest are predicted with `QuestionModel.predict`, the very function that `LocalGrader` calls; what is scored is its
prediction before it is rounded to steps of half a mark, because the files differ in their steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.grading.calibration import QuestionModel
from app.grading.model import EarlierMark
from app.grading.prior import FITTED, Prior
from app.i18n import N_, ProblemError, Text
from app.scheme.types import Criterion, Kind, Question

LEVELS = 5
"""Levels of the quadratic weighted kappa: score / max * 4, rounded."""

MOST_PROBLEMS = 20
"""Bad lines that are named; a file of another kind would name every line."""


@dataclass(frozen=True, slots=True)
class KResult:
    """Agreement with the human after k marks a question, over `n` predicted answers of all questions together.

    `r` is Pearson's correlation and `qwk` Cohen's kappa with quadratic weights on five levels (both 0.0 where one side
    does not vary); `rmse` is on score / max; `accuracy` is the share on the human's side of one half. With several
    seeds each figure but `n` is the mean over them; `n` counts one of them.
    """

    k: int
    n: int
    r: float
    qwk: float
    rmse: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class GradedQuestion:
    """A question and its graded answers, in file order."""

    question: Question
    answers: tuple[EarlierMark, ...]


Progress = Callable[[int, int], None]
"""Called with the number of (question, k, seed) parts done and their total."""


def evaluate_file(
    path: Path,
    ks: Sequence[int],
    *,
    seeds: int = 1,
    progress: Progress | None = None,
    prior: Prior = FITTED,
) -> list[KResult]:
    """One result for each k, in the order given; a question with k answers or fewer adds nothing to that k.

    seeds 1: the first k answers in file order are the marks. More seeds: that many random orders of each question's
    answers instead, the same ones at every call, for files that are sorted by score. Raises ProblemError for a file
    that cannot be read, naming its bad lines, and for a negative k or fewer than one seed.
    """
    if seeds < 1 or any(k < 0 for k in ks):
        raise ProblemError("The number of marks cannot be negative, and at least one round is needed.")
    return evaluate(read_graded(path), ks, seeds=seeds, progress=progress, prior=prior)


def evaluate(
    questions: Sequence[GradedQuestion],
    ks: Sequence[int],
    *,
    seeds: int = 1,
    progress: Progress | None = None,
    prior: Prior = FITTED,
) -> list[KResult]:
    """`evaluate_file` for questions already read."""
    results = []
    done, total = 0, len(ks) * seeds * len(questions)
    for k in ks:
        rounds = []
        for seed in range(seeds):
            pairs: list[tuple[float, float]] = []
            for number, graded in enumerate(questions):
                pairs.extend(predictions(graded, k, _order(len(graded.answers), number, seed, seeds), prior))
                done += 1
                if progress:
                    progress(done, total)
            rounds.append(_score(k, pairs))
        results.append(_mean(rounds))
    return results


def predictions(
    graded: GradedQuestion, k: int, order: Sequence[int], prior: Prior = FITTED
) -> Iterator[tuple[float, float]]:
    """(predicted, human) as shares of the maximum for the answers after the first k of `order`."""
    if len(order) <= k:
        return
    model = QuestionModel(graded.question, [graded.answers[i] for i in order[:k]], prior)
    for i in order[k:]:
        yield (
            model.predict(graded.answers[i].answer).fraction,
            graded.answers[i].points / graded.question.points,
        )


def to_json(results: Sequence[KResult]) -> dict[str, Any]:
    """{"results": [{"k", "n", "r", "qwk", "rmse", "accuracy"}]}."""
    return {"results": [asdict(result) for result in results]}


def read_graded(path: Path) -> list[GradedQuestion]:
    """The questions of a file in order of first appearance; ProblemError names the lines that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError("{name} cannot be read as UTF-8 text.", name=path.name) from error
    questions: dict[str, Question] = {}
    answers: dict[str, list[EarlierMark]] = {}
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _row(line)
        if isinstance(row, str):
            problems.append((number, row))
            continue
        label, question, mark = row
        questions.setdefault(label, question)
        # Later lines may state another maximum; each mark is kept as the same share of the first.
        share = mark.points / question.points
        answers.setdefault(label, []).append(EarlierMark(mark.answer, share * questions[label].points))
    if problems:
        raise _bad_lines(path, problems)
    if not questions:
        raise ProblemError("{name} holds no graded answers.", name=path.name)
    return [GradedQuestion(question, tuple(answers[label])) for label, question in questions.items()]


def _bad_lines(path: Path, problems: Sequence[tuple[int, str]]) -> ProblemError:
    listed = "; ".join(f"{number}: {Text(what)}" for number, what in problems[:MOST_PROBLEMS])
    return ProblemError(
        "Lines of {name} that cannot be read ({count}): {lines}",
        name=path.name,
        count=len(problems),
        lines=listed,
    )


def _row(line: str) -> tuple[str, Question, EarlierMark] | str:
    """The label, question and mark of one line, or the English message that says what is wrong with it."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return N_("not JSON")
    if not isinstance(data, dict):
        return N_("not a JSON object")
    texts = [
        data.get("question_id"),
        data.get("question", ""),
        data.get("answer"),
        data.get("criteria") or "",
    ]
    if isinstance(texts[0], int):
        texts[0] = str(texts[0])
    label, prompt, answer, criteria = texts
    if not (isinstance(label, str) and isinstance(answer, str) and label):
        return N_("question_id and answer must be text")
    references = data.get("references", [])
    if not isinstance(prompt, str) or not isinstance(criteria, str) or not _is_texts(references):
        return N_("question and criteria must be text, references a list of texts")
    score, maximum = _number(data.get("score")), _number(data.get("max_score"))
    if score is None or maximum is None or maximum <= 0 or not 0 <= score <= maximum:
        return N_("score and max_score must be numbers with 0 <= score <= max_score")
    question = Question(label, Kind.TEXT, prompt, maximum, tuple(references), (Criterion(criteria, maximum),))
    return label, question, EarlierMark(answer, score)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def _order(count: int, number: int, seed: int, seeds: int) -> list[int]:
    if seeds == 1:
        return list(range(count))
    return [int(i) for i in np.random.default_rng((seed, number)).permutation(count)]


def _score(k: int, pairs: Sequence[tuple[float, float]]) -> KResult:
    if not pairs:
        return KResult(k, 0, 0.0, 0.0, 0.0, 0.0)
    predicted, human = np.array(pairs).T
    rmse = float(np.sqrt(np.mean((predicted - human) ** 2)))
    accuracy = float(np.mean((predicted >= 0.5) == (human >= 0.5)))
    return KResult(k, len(pairs), pearson(predicted, human), kappa(predicted, human), rmse, accuracy)


def _mean(rounds: Sequence[KResult]) -> KResult:
    figures = {
        name: round(float(np.mean([getattr(one, name) for one in rounds])), 4)
        for name in ("r", "qwk", "rmse", "accuracy")
    }
    return KResult(rounds[0].k, rounds[0].n, **figures)


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Pearson's correlation; 0.0 where one side does not vary."""
    a, b = first - first.mean(), second - second.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-12 else 0.0


def kappa(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Cohen's kappa with quadratic weights on LEVELS levels of shares 0..1; 0.0 where chance alone explains all.

    Source: Cohen, "Weighted kappa", 1968.
    """
    a, b = (np.floor(side * (LEVELS - 1) + 0.5).astype(int) for side in (first, second))
    counts = np.zeros((LEVELS, LEVELS))
    np.add.at(counts, (a, b), 1)
    weights = (np.arange(LEVELS)[:, None] - np.arange(LEVELS)) ** 2
    chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    expected = float((weights * chance).sum())
    return 1 - float((weights * counts).sum()) / expected if expected > 1e-12 else 0.0

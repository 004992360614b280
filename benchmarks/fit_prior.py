"""Fit the numbers of `app/grading/prior.py` on files of graded answers, and score each file with the others' numbers.

    python benchmarks/fit_prior.py FILE.jsonl ... [--seeds 3] [--skip-evidence]

Prints a table in which each file is scored with numbers fitted on the other files only, then the numbers fitted on
all files. A file counts as much as any other, whatever its size. The kernel's weights (bias, grams, phrases, shape,
reach, line, noise, reference_pull) are not fitted here: they are round values near the optimum of a coordinate search
over the same files, done by hand. So the table is optimistic: what a fifth file would give was not measured, and no
figure is kept here of how much each weight matters. Marks are drawn in random orders, because khan and part of beetle
are sorted by score: the first ten answers have one mark in 15 of 20 and in 5 of 47 questions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.grading.calibration import QuestionModel, snap, step_of, tolerance
from app.grading.evaluate import GradedQuestion, evaluate, read_graded
from app.grading.likeness import FEATURES, Ruler
from app.grading.prior import FITTED, GUESS_FEATURES, KERNEL_FEATURES, Prior, confidence_inputs, logit

KS = (0, 5, 10, 20)
RIDGE = 30.0
Array = NDArray[np.float64]
Files = dict[str, list[GradedQuestion]]


@dataclass(frozen=True)
class Outcome:
    """One proposal: what confidence reads, whether the teacher agreed, its squared error in expected variances."""

    chance: float
    hits: float | None
    marks: int
    agreed: bool
    ratio: float
    weight: float = 1.0


def features(files: Files) -> tuple[Array, Array, Array]:
    """Features, shares of the maximum and weights of all answers; the weights of each file add up to the same."""
    rows, marks, weights = [], [], []
    for questions in files.values():
        count = sum(len(graded.answers) for graded in questions)
        for graded in questions:
            question = graded.question
            criteria = "\n".join(criterion.text for criterion in question.criteria)
            ruler = Ruler(question.prompt, question.references, criteria)
            for mark in graded.answers:
                rows.append(ruler.measure(mark.answer))
                marks.append(mark.points / question.points)
                weights.append(1 / count)
    scale = np.array(weights) * len(rows) / sum(weights)
    return np.array(rows), np.array(marks), scale


def fit_guess(values: Array, marks: Array, weights: Array) -> tuple[float, ...]:
    """Constant and weights of the first guess: a weighted ridge on standardised features, turned back."""
    chosen = values[:, list(GUESS_FEATURES)]
    mean, deviation = chosen.mean(axis=0), chosen.std(axis=0)
    columns = np.column_stack([np.ones(len(chosen)), (chosen - mean) / deviation])
    penalty = np.diag([0.0] + [RIDGE] * len(GUESS_FEATURES))
    line = np.linalg.solve((columns.T * weights) @ columns + penalty, (columns.T * weights) @ marks)
    slopes = line[1:] / deviation
    return tuple(round(float(value), 4) for value in (line[0] - slopes @ mean, *slopes))


def outcomes(files: Files, prior: Prior, ks: Sequence[int], seed: int = 0) -> list[Outcome]:
    """Every proposal after k marks in a random order; the weights of each file add up to the same."""
    found: list[Outcome] = []
    for questions in files.values():
        part = file_outcomes(questions, prior, ks, seed)
        found.extend(replace(one, weight=1000 / len(part)) for one in part)
    return found


def file_outcomes(
    questions: Sequence[GradedQuestion], prior: Prior, ks: Sequence[int], seed: int
) -> list[Outcome]:
    """The same for one file, unweighted."""
    found = []
    for number, graded in enumerate(questions):
        order = np.random.default_rng((seed, number)).permutation(len(graded.answers))
        for k in ks:
            found.extend(question_outcomes(graded, [int(i) for i in order], k, prior))
    return found


def question_outcomes(graded: GradedQuestion, order: Sequence[int], k: int, prior: Prior) -> list[Outcome]:
    """The proposals for one question."""
    maximum = graded.question.points
    model = QuestionModel(graded.question, [graded.answers[i] for i in order[:k]], prior)
    found = []
    for i in order[k:]:
        prediction, human = model.predict(graded.answers[i].answer), graded.answers[i].points
        points = snap(prediction.fraction * maximum, step_of(model.marks, maximum), maximum)
        agreed = abs(points - human) <= tolerance(maximum) + 1e-9
        ratio = ((human / maximum - prediction.fraction) / prediction.spread) ** 2
        chance = model.chance(prediction, points)
        found.append(Outcome(chance, prediction.hits, prediction.marks, agreed, ratio))
    return found


def logistic(rows: Array, found: Sequence[Outcome]) -> tuple[float, ...]:
    """Weights of a logistic line by Newton's method with a light ridge."""
    weights = np.zeros(rows.shape[1])
    agreed = np.array([one.agreed for one in found], dtype=float)
    counts = np.array([one.weight for one in found])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (counts * (agreed - chance)) - weights
        curve = (rows.T * (counts * chance * (1 - chance))) @ rows + np.eye(len(weights))
        weights = weights + np.linalg.solve(curve, slope)
    return tuple(round(float(value), 3) for value in weights)


def fit(files: Files) -> Prior:
    """All fitted numbers, from these files."""
    values, marks, weights = features(files)
    kernel = values[:, KERNEL_FEATURES]
    prior = replace(
        FITTED,
        line_guess=fit_guess(values, marks, weights),
        means=tuple(round(float(value), 3) for value in np.average(kernel, axis=0, weights=weights)),
        deviations=tuple(round(float(value), 3) for value in kernel.std(axis=0)),
        middle=round(float(np.average(marks, weights=weights)), 3),
        spread_unseen=1.0,
        spread_seen=1.0,
    )
    unseen = outcomes(files, prior, (0,))
    seen = outcomes(files, replace(prior, spread_weight=1e6), (5, 10, 20))
    prior = replace(
        prior,
        spread_unseen=mean_ratio(unseen),
        spread_seen=mean_ratio(seen),
    )
    return fit_confidence(files, prior)


def mean_ratio(found: Sequence[Outcome]) -> float:
    """The weighted mean of squared errors in expected variances: what the variance has to be multiplied by."""
    ratios, weights = [one.ratio for one in found], [one.weight for one in found]
    return round(float(np.average(ratios, weights=weights)), 3)


def fit_confidence(files: Files, prior: Prior) -> Prior:
    """The two lines from chances to confidences."""
    unseen = outcomes(files, prior, (0,), seed=1)
    seen = outcomes(files, prior, (1, 2, 5, 10, 20, 40), seed=1)
    rows = np.array([(1.0, logit(one.chance)) for one in unseen])
    taught = np.array([confidence_inputs(one.chance, one.hits or 0.0, one.marks) for one in seen])
    return replace(
        prior,
        chance_unseen=logistic(rows, unseen),
        chance_seen=logistic(taught, seen),
    )


def reliability(found: Sequence[Outcome], prior: Prior) -> str:
    """Promised confidence / share that agreed / proposals, in bands."""
    said = np.array([prior.confidence(one.chance, one.hits, one.marks) for one in found])
    agreed = np.array([one.agreed for one in found], dtype=float)
    bands = []
    for low, high in ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 0.95), (0.95, 1.01)):
        inside = (said >= low) & (said < high)
        if inside.any():
            bands.append(f"{said[inside].mean():.2f}/{agreed[inside].mean():.2f}/{inside.sum()}")
    return "  ".join(bands)


def evidence(files: Files, seeds: int) -> None:
    """Each file scored with numbers from the others."""
    for name, questions in files.items():
        prior = fit({other: value for other, value in files.items() if other != name})
        for result in evaluate(questions, KS, seeds=seeds, prior=prior):
            print(
                f"{name:8} k={result.k:<3} n={result.n:<5} r {result.r:.3f}  qwk {result.qwk:.3f}"
                f"  rmse {result.rmse:.3f}  acc {result.accuracy:.3f}",
                flush=True,
            )
        for k in KS:
            print(
                f"{name:8} k={k:<3} confidence {reliability(outcomes({name: questions}, prior, (k,), 2), prior)}"
            )


def main() -> None:
    """Read the files, print the evidence and the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--skip-evidence", action="store_true")
    arguments = parser.parse_args()
    files = {path.stem: read_graded(path) for path in arguments.files}
    if not arguments.skip_evidence:
        evidence(files, arguments.seeds)
    print(", ".join(FEATURES))
    print(fit(files))


if __name__ == "__main__":
    main()

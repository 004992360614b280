"""The few numbers of the local grader that were fitted once, on public graded answers in Chinese, English and German.

`benchmarks/fit_prior.py` makes them, and scores each of the four files with numbers fitted on the other three. That
table is optimistic for a fifth file: the kernel's weights were searched by hand on the same four. They hold no word of
any question: a line over three features, the features' means and deviations, the weights of a kernel, and the line
that turns a chance into a confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

GUESS_FEATURES = (0, 11, 7)
"""Columns of `likeness.FEATURES` in the first guess: root of recall, recall, relative length."""

KERNEL_FEATURES = slice(0, 11)
"""Columns that the kernel compares; recall is left out, its root is there."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed about any question before its own marks are seen. Marks are shares of the maximum, 0..1."""

    line_guess: tuple[float, ...]  # constant, then one weight for each of GUESS_FEATURES
    means: tuple[float, ...]  # of each kernel feature
    deviations: tuple[float, ...]
    chance_unseen: tuple[float, ...]  # logistic line without marks: constant, log odds of the normal chance
    chance_seen: tuple[float, ...]  # with marks: constant, log odds, log odds of the hits, log(1 + marks)
    spread_unseen: float  # factor from the model's variance to the real one, without marks
    spread_seen: float  # and with marks, before this question's own errors are known
    spread_weight: float = 5.0  # how many marks the factor above is worth
    middle: float = 0.65  # mean mark, where nothing else is known
    bias: float = 0.03  # kernel: this question is marked higher or lower than others
    grams: float = 0.15  # kernel: likeness of character n-grams
    phrases: float = 0.15  # kernel: likeness of words and pairs of words
    shape: float = 0.25  # kernel: nearness of the features
    reach: float = 0.8  # its squared length scale, in deviations a feature
    line: float = 0.05  # kernel: a straight line over the features
    noise: float = 0.03  # what a mark varies by for the same answer
    reference_pull: float = 2.0  # see `pull`

    def guess(self, values: Vector) -> float:
        """The mark expected from the features alone, within 0.02..0.98."""
        constant, *weights = self.line_guess
        value = constant + sum(w * float(values[i]) for w, i in zip(weights, GUESS_FEATURES, strict=True))
        return min(0.98, max(0.02, value))

    def pull(self, marks: int) -> float:
        """How many times what it is short of full marks a reference deserves.

        More than once, so that what resembles it gains; less with the teacher's marks, who may see it otherwise.
        """
        return self.reference_pull / (1 + marks / 10)

    def scale(self, values: Vector) -> Vector:
        """The kernel's features in deviations from their mean, within 3."""
        scaled = (values[KERNEL_FEATURES] - np.array(self.means)) / np.array(self.deviations)
        return np.clip(scaled, -3.0, 3.0)

    def confidence(self, chance: float, hits: float | None, marks: int) -> float:
        """A confidence, 0..1, from the chance that the model itself gives and what it hit among `marks` marks.

        Without marks (hits None) it is at most MOST_UNSEEN.
        """
        if hits is None:
            constant, slope = self.chance_unseen
            return min(MOST_UNSEEN, _logistic(constant + slope * logit(chance)))
        return _logistic(
            sum(w * x for w, x in zip(self.chance_seen, confidence_inputs(chance, hits, marks), strict=True))
        )


MOST_UNSEEN = 0.5
"""The most confidence that a proposal gets before the teacher has marked any answer of the question."""


def confidence_inputs(chance: float, hits: float, marks: int) -> tuple[float, float, float, float]:
    """What the logistic line with marks reads; the hits are drawn towards one half by two imagined marks."""
    return 1.0, logit(chance), logit((hits * marks + 1) / (marks + 2)), log1p(marks)


def logit(chance: float) -> float:
    """Log odds of a chance, kept finite at 0 and 1."""
    bounded = min(0.999, max(0.001, chance))
    return log(bounded / (1 - bounded))


def _logistic(odds: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, odds))))


FITTED = Prior(
    line_guess=(0.262, 1.2397, -0.7178, 0.0443),
    means=(0.442, 0.494, 0.233, 0.442, 0.5, 0.241, 0.38, -0.644, 4.223, 0.558, 0.539),
    deviations=(0.282, 0.219, 0.249, 0.238, 0.219, 0.274, 0.288, 0.97, 1.041, 0.208, 0.791),
    chance_unseen=(0.095, 0.393),
    chance_seen=(0.151, 0.671, 0.428, 0.254),
    spread_unseen=0.304,
    spread_seen=0.328,
    middle=0.591,
)
"""The numbers in use, made by `benchmarks/fit_prior.py` on the four public files together."""

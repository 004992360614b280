"""What the teacher would give: a guess for an answer, calibrated on the teacher's earlier marks of the same question.

The guess starts from how much of the references the answer covers (a straight line, fitted once on other people's
questions: `prior`). The earlier marks bend it by kernel ridge regression, in its Gaussian process form because that
also says how sure it is (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1
and, for leaving one out, equations 5.10-5.12). References count as answers that deserve more than full marks.

Everything here is synchronous. A prediction takes about a millisecond, building a model from some hundred marks
tenths of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from app.grading.likeness import Index, Ruler, asked, grams, normalise, phrases, words
from app.grading.model import EarlierMark
from app.grading.prior import FITTED, Prior
from app.scheme.types import Question

MOST_MARKS = 300
"""Earlier marks that are used, newest first: time grows with the cube of it."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A guess at the teacher's mark, as shares of the maximum.

    `fraction` is 0..1. `spread` is the standard deviation expected between it and the teacher's mark. `marks` is the
    number of earlier marks behind it, and `hits` the share of them (0..1, None without marks) that the model came
    within the tolerance of when it had not seen them.
    """

    fraction: float
    spread: float
    marks: int
    hits: float | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """One text as the kernel sees it."""

    features: Vector
    guess: float
    grams: dict[str, int]
    phrases: dict[str, int]


def tolerance(maximum: float) -> float:
    """How far, in marks, a proposal may be from the teacher's mark and still count as the same.

    A tenth of the maximum, but at least a quarter of a mark: below that, steps of half a mark cannot agree.
    """
    return max(0.25, maximum / 10)


class QuestionModel:
    """Predicts the teacher's marks for one question. Immutable once built, so threads may share it."""

    def __init__(self, question: Question, earlier: Sequence[EarlierMark], prior: Prior = FITTED) -> None:
        self._prior = prior
        self._maximum = question.points
        criteria = "\n".join(map(asked, question.criteria))
        self._ruler = Ruler(question.prompt, question.references, criteria)
        self.marks = usable(earlier, question.points)
        taught = [self._see(mark.answer) for mark in self.marks]
        models = [self._see(text) for text in question.references if words(normalise(text))]
        texts = taught + models
        backdrop = [self._see(criteria)] if criteria.strip() else []
        self._grams = Index([text.grams for text in texts + backdrop])
        self._phrases = Index([text.phrases for text in texts + backdrop])
        self._texts = texts
        self._features = np.array([text.features for text in texts]).reshape(len(texts), len(prior.means))
        self._fit([mark.points / question.points for mark in self.marks], len(models))

    @property
    def blind(self) -> bool:
        """There is neither a reference nor a criterion with words in it, nor an earlier mark."""
        return self._ruler.blind and not self.marks

    def predict(self, answer: str) -> Prediction:
        """The guess for one answer: the only way to a figure, for the grader and for the evaluation alike."""
        seen = self._see(answer)
        prior = self._prior
        here = self._kernel(seen)
        mean = seen.guess + float(here @ self._weights)
        left = float(here @ self._inverse @ here) if len(here) else 0.0
        own = (
            prior.grams
            + prior.phrases
            + prior.shape
            + prior.bias
            + prior.line * float(np.mean(seen.features**2))
        )
        variance = max(own - left, 0.0) + prior.noise
        spread = sqrt(variance * self._scale)
        return Prediction(min(1.0, max(0.0, mean)), spread, len(self.marks), self._hits)

    def confidence(self, prediction: Prediction, points: float) -> float:
        """The chance, 0..1, that the teacher's mark is within `tolerance` of `points`.

        A normal curve around the prediction gives a first figure; a logistic line fitted on the evaluation data
        (`prior`) corrects it by what the model reached on this question's own marks. Without marks it is never above
        one half.
        """
        return self._prior.confidence(self.chance(prediction, points), prediction.hits, prediction.marks)

    def chance(self, prediction: Prediction, points: float) -> float:
        """The same chance by the normal curve alone, uncorrected."""
        room = tolerance(self._maximum) / self._maximum
        offset = points / self._maximum - prediction.fraction
        return _normal((offset + room) / prediction.spread) - _normal((offset - room) / prediction.spread)

    def _see(self, text: str) -> _Seen:
        values = self._ruler.measure(text)
        clean = normalise(text)
        guess = self._prior.middle if self._ruler.blind else self._prior.guess(values)
        return _Seen(self._prior.scale(values), guess, dict(grams(clean)), dict(phrases(words(clean))))

    def _kernel(self, seen: _Seen) -> Vector:
        """How alike this text is to each text the model was built on."""
        count = len(self._texts)
        if not count:
            return np.zeros(0)
        prior = self._prior
        apart = np.mean((self._features - seen.features) ** 2, axis=1)
        return np.asarray(
            prior.bias
            + prior.grams * self._grams.compare(seen.grams)[:count]
            + prior.phrases * self._phrases.compare(seen.phrases)[:count]
            + prior.shape * np.exp(-apart / (2 * prior.reach))
            + prior.line * (self._features @ seen.features) / len(seen.features)
        )

    def _fit(self, fractions: Sequence[float], models: int) -> None:
        count, taught = len(self._texts), len(fractions)
        guesses = np.array([text.guess for text in self._texts])
        rest = np.concatenate([np.array(fractions), np.ones(models)]) - guesses
        rest[taught:] *= self._prior.pull(taught)
        kernel = np.array([self._kernel(text) for text in self._texts]).reshape(count, count)
        # Symmetric by definition; rounding must not make it less than that.
        self._inverse = np.linalg.inv((kernel + kernel.T) / 2 + np.eye(count) * self._prior.noise)
        self._weights = self._inverse @ rest
        self._scale, self._hits = self._left_out(guesses, np.array(fractions), rest)

    def _left_out(self, guesses: Vector, fractions: Vector, rest: Vector) -> tuple[float, float | None]:
        """The factor from the model's variance to the real one, and the share of marks hit, each mark left out."""
        prior = self._prior
        taught = len(fractions)
        if not taught:
            return prior.spread_unseen, None
        own = np.diag(self._inverse)[:taught]
        missed = self._weights[:taught] / own
        guessed = np.clip(guesses[:taught] + rest[:taught] - missed, 0.0, 1.0)
        errors = fractions - guessed
        ratio = float(np.sum(errors**2 * own))
        scale = (prior.spread_weight * prior.spread_seen + ratio) / (prior.spread_weight + taught)
        step = step_of(self.marks, self._maximum)
        proposed = np.array([snap(value * self._maximum, step, self._maximum) for value in guessed])
        hit = np.abs(proposed - fractions * self._maximum) <= tolerance(self._maximum) + 1e-9
        return scale, float(np.mean(hit))


def usable(earlier: Sequence[EarlierMark], maximum: float) -> tuple[EarlierMark, ...]:
    """The newest MOST_MARKS marks that have an answer and a finite number of points, brought within 0..maximum."""
    good = (
        EarlierMark(mark.answer, min(maximum, max(0.0, mark.points)))
        for mark in earlier
        if mark.answer.strip() and isfinite(mark.points)
    )
    return tuple(mark for mark, _ in zip(good, range(MOST_MARKS), strict=False))


FEWEST_FOR_STEP = 5
"""Earlier marks from which the teacher's step is believed."""


def step_of(earlier: Sequence[EarlierMark], maximum: float) -> float:
    """The step of marks: half a mark, or what the teacher's marks show: whole marks, or all or nothing.

    All or nothing (the step is the maximum) is believed when both have been given and nothing else.
    """
    points = {mark.points for mark in earlier}
    if len(earlier) < FEWEST_FOR_STEP:
        return 0.5
    if points == {0.0, maximum}:
        return maximum
    return 1.0 if all(value == int(value) for value in points) and maximum > 1 else 0.5


def snap(points: float, step: float, maximum: float) -> float:
    """The nearest multiple of the step within 0..maximum; the maximum itself is always allowed."""
    lower = min(maximum, max(0.0, int(points / step) * step))
    upper = min(maximum, lower + step)
    return upper if points - lower >= (upper - lower) / 2 and upper > lower else lower


def _normal(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))

"""A question's form on the review page: what was pressed, and what was typed that its page had not shown already.

The form always sends all its fields. Those that are as the page showed them say nothing: they must neither undo what a
colleague wrote meanwhile nor come back as if they had been typed. `was` holds what was shown, as fingerprints.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from app.i18n import N_, Text
from app.marks import decide, review
from app.web.forms import Form, text_of, to_int

LONGEST_FIELD = decide.LONGEST_TEXT * 3  # a field a little too long is answered with a sentence, not cut
ACTIONS = ("save", "points", "accept", "reopen", "undo")


@dataclass(frozen=True, slots=True)
class Sent:
    """One form: the action with its argument ("points", "0:2.5"), the version shown, and the changed fields."""

    action: str
    argument: str
    version: int
    points: dict[int, str]
    comments: dict[int, str]
    feedback: str | None

    def change(self) -> decide.Change:
        """What to write; a pressed button counts before its number field. Raises PointsError for no number."""
        points = dict(self.points)
        if self.action == "points":
            place, _, value = self.argument.partition(":")
            position = to_int(place)
            if position is None:
                raise web.HTTPBadRequest
            points[position] = value
        return decide.Change(
            {position: _number(value) for position, value in points.items() if value.strip()},
            self.comments,
            self.feedback,
        )

    def draft(self, problem: Text | None = None) -> review.Draft:
        """What was typed, to be shown again in its fields."""
        return review.Draft(self.points, self.comments, self.feedback, problem)


def sent(form: Form, criteria: int) -> Sent:
    """Read the form of a question with so many criteria; 400 for one that no page of ours sends."""
    action, _, argument = text_of(form, "do", 60).partition(":")
    version = to_int(text_of(form, "version", 20))
    if version is None or (action or "save") not in ACTIONS:
        raise web.HTTPBadRequest
    shown = dict(part.split("=", 1) for part in text_of(form, "was", 10_000).split() if "=" in part)

    def typed(name: str, longest: int) -> str | None:
        if name not in form:
            return None
        text = text_of(form, name, longest)
        return None if shown.get(name) == review.fingerprint(text) else text

    places = range(criteria)
    points = {place: typed(f"points-{place}", 40) for place in places}
    comments = {place: typed(f"comment-{place}", LONGEST_FIELD) for place in places}
    return Sent(
        action=action or "save",
        argument=argument,
        version=version,
        points={place: text for place, text in points.items() if text is not None},
        comments={place: text for place, text in comments.items() if text is not None},
        feedback=typed("feedback", LONGEST_FIELD),
    )


def _number(value: str) -> float:
    number = _float(value)
    if number is None:
        raise decide.PointsError(N_("Points are a number, such as 2 or 1.5."))
    return number


def _float(value: str) -> float | None:
    """A finite number, comma or point; None for something else."""
    try:
        number = float(value.strip().replace(",", "."))
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None

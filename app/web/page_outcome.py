"""What a correction of a page did, as sentences and as events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.assignments.models import Assignment
from app.events.schema import Event, MarkChanged, PaperChanged, PileChanged, RunChanged
from app.i18n import N_, Text
from app.marks.regrade import Again, Touched
from app.papers.models import Paper, PaperPage


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a correction did: the questions whose answers changed, what became of their marks, and the run."""

    changed: tuple[int, ...] = ()
    touched: Touched = field(default_factory=Touched)
    again: Again = field(default_factory=Again)


def said(assignment: Assignment, outcome: Outcome) -> list[tuple[Text, str]]:
    """What happened, in sentences with their tone."""

    def named(questions: Sequence[int]) -> str:
        return ", ".join(each.label for each in assignment.questions if each.id in questions)

    told = []
    touched, again = outcome.touched, outcome.again
    if again.run is not None:
        text = N_("The text is saved. Graded again with it: {labels}.")
        told.append((Text(text, {"labels": named(touched.open)}), "good"))
    elif again.why is not None:
        text = N_("The text is saved. Its answers to {labels} changed and cannot be graded again yet: {why}")
        told.append((Text(text, {"labels": named(touched.open), "why": str(again.why)}), "ask"))
    elif not touched.decided:
        told.append((Text(N_("The text is saved. No mark rests on what changed.")), "good"))
    if touched.decided:
        text = N_(
            "The answers to {labels} changed after a teacher marked them. Those marks stay; look at them again."
        )
        told.append((Text(text, {"labels": named(touched.decided)}), "ask"))
    return told


def events(assignment_id: int, of: PaperPage | Paper, outcome: Outcome) -> list[Event]:
    """What open pages are told."""
    told: list[Event] = []
    paper_id = of.id if isinstance(of, Paper) else of.paper_id
    if paper_id is not None:
        marked = (*outcome.touched.open, *outcome.touched.decided)
        told += [MarkChanged(assignment_id, paper_id, each) for each in marked]
        told.append(PaperChanged(assignment_id, paper_id))
    if isinstance(of, PaperPage) and of.pile_id is not None:
        told.append(PileChanged(assignment_id, of.pile_id))
    if outcome.again.run is not None:
        told.append(RunChanged(assignment_id, outcome.again.run.id))
    return told

"""What the whole pile says about whose one paper is: two students that one misreading confuses have two papers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from app.intake.matching import Match
from app.intake.piles.sheets import Draft
from app.intake.read_matching import Finding
from app.intake.roster import Enrolled


def settle(drafts: Sequence[Draft]) -> None:
    """Match doubtful papers whose student was read exactly, where every rival's own paper was read exactly as well.

    A paper that says 张伟 in a class with a 张伦 is in doubt alone: one misread character could have made it. Where
    exactly one paper says 张伟 and exactly one 张伦, two characters would have to be misread into each other.
    """
    claims = [(draft, _exact(draft)) for draft in drafts]
    papers: dict[int, int] = defaultdict(int)
    for draft, finding in claims:
        student = draft.student or (finding.exact if finding is not None else None)
        if student is not None:
            papers[student.id] += 1
    for draft, finding in claims:
        if finding is None or finding.exact is None or papers[finding.exact.id] != 1:
            continue
        if all(papers[rival.id] == 1 for rival in finding.rivals):
            draft.given = Match("matched", finding.exact, (finding.exact,), None)


def _exact(draft: Draft) -> Finding[Enrolled] | None:
    """The one student that a doubtful paper's fields say exactly; None for other papers, and where pages contradict."""
    if draft.given is not None or draft.match.state != "doubtful" or draft.named:
        return None
    found = [sheet.finding for sheet in draft.sheets if sheet.told]
    exact = [finding for finding in found if finding.exact is not None]
    if not exact or len({finding.exact.id for finding in exact if finding.exact is not None}) > 1:
        return None
    student = exact[0].exact
    assert student is not None
    about = all(student in finding.match.candidates for finding in found if finding.match.candidates)
    rivals = {rival.id: rival for finding in exact for rival in finding.rivals}
    return Finding(exact[0].match, None, student, tuple(rivals.values())) if about else None

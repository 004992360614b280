"""What the model is asked: one question, its criteria, and the student's answer as fenced data.

What stays the same from paper to paper (rules, question, references, criteria) comes first and what differs
last, so that providers can serve the beginning from their prompt caches. The fences are the exception: the
rules name them, so they are derived from the question and not from the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.grading.masking import Masker
from app.grading.model import EarlierMark, GradeOptions
from app.grading.prompts import MARKING, fill
from app.i18n import Text
from app.scheme.types import Question

MOST_EARLIER = 5
"""The teacher's earlier marks that a prompt shows: few enough to stay cheap, enough to show a habit."""

EARLIER_CHARACTERS = 600
"""Characters of an earlier answer that a prompt shows; the rest is cut."""

REPLY_CHARACTERS = 6000
"""Characters of the first, unusable reply that the repair prompt shows again."""

LONGEST_QUOTE, LONGEST_REASON, LONGEST_FEEDBACK = 500, 400, 1000
"""Characters that a reply's schema allows: far more than asked for, so that only endless ones are cut."""

MOST_LISTED = 20
"""Points up to which a schema lists every half; more would be a long list for a rare case."""

STRICTNESS: Mapping[int, str] = {
    1: "mild. When in doubt, give the points; a sound idea in clumsy words counts fully.",
    2: "as the criteria say. When in doubt, give half of what is in doubt.",
    3: "strict. Give points only for what is stated completely and precisely; when in doubt, none.",
}

LANGUAGES: Mapping[str, str] = {"zh": "Chinese (简体中文)", "en": "English"}


def key(position: int) -> str:
    """The name of a criterion in prompt and reply: c1 for the first."""
    return f"c{position + 1}"


def reply_schema(question: Question) -> dict[str, Any]:
    """The JSON schema of a reply, strict: an object of criteria, so that each comes exactly once.

    `maxLength` and `enum` hold a small model to an end: left alone, one that repeats itself fills its whole window.
    Several providers refuse them; the client leaves them out there. Bounds stand in the prompt and are checked
    afterwards in any case.
    """
    criteria = _object(
        {key(position): _mark(criterion.points) for position, criterion in enumerate(question.criteria)}
    )
    # The criteria first: feedback and confidence then rest on marks that have been made.
    confidence = {"type": "number", "enum": [tenth / 10 for tenth in range(11)]}
    return _object({"criteria": criteria, "feedback": _string(LONGEST_FEEDBACK), "confidence": confidence})


def _mark(most: float) -> dict[str, Any]:
    """The schema of one criterion's mark."""
    points: dict[str, Any] = {"type": "number"}
    if most <= MOST_LISTED:
        points["enum"] = sorted({half / 2 for half in range(int(most * 2) + 1)} | {most})
    return _object({"quote": _string(LONGEST_QUOTE), "reason": _string(LONGEST_REASON), "points": points})


def _string(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def boundary(question: Question, data: Iterable[str]) -> str:
    """The fence's name: 16 hexadecimal digits that look random, are the same for a question, and stand in no data.

    A student does not know the whole scheme and so cannot compute it; should the digits stand in an answer
    all the same, the next ones are taken.
    """
    texts = tuple(data)
    seed = repr((question.label, question.prompt, question.references, question.criteria))
    while True:
        seed = hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()
        if not any(seed[:16] in text for text in texts):
            return seed[:16]


def most_alike(earlier: Sequence[EarlierMark], answer: str) -> list[EarlierMark]:
    """At most MOST_EARLIER marks, of the answers most like this one, the likest first; ties as they came."""
    if not earlier:
        return []
    from rapidfuzz import process, utils
    from rapidfuzz.fuzz import ratio

    answers = [mark.answer for mark in earlier]
    found = process.extract(
        answer, answers, scorer=ratio, processor=utils.default_process, limit=MOST_EARLIER
    )
    return [earlier[place] for _, _, place in found]


def prompts(
    question: Question,
    answer: str,
    options: GradeOptions,
    earlier: Sequence[EarlierMark],
    facts: Text | None,
    masker: Masker,
) -> tuple[str, str, str]:
    """The system text, the user text, and the boundary that both name. What students wrote is hidden by `masker`."""
    answer = masker.hide(answer)
    # Cut with room to spare: a name cut in two would not be known.
    earlier = [
        EarlierMark(masker.hide(mark.answer[: 2 * EARLIER_CHARACTERS]), mark.points) for mark in earlier
    ]
    fence = boundary(question, [answer, *(mark.answer for mark in earlier)])
    user = fill(
        MARKING,
        "user",
        label=question.label,
        points=counted(question.points),
        prompt=question.prompt.strip() or "(not given)",
        references="\n".join(f"- {reference}" for reference in question.references) or "(none)",
        criteria=_criteria(question),
        strictness=STRICTNESS.get(options.strictness, STRICTNESS[2]),
        language=LANGUAGES.get(options.feedback_language, LANGUAGES["en"]),
        facts=_facts(facts, masker),
        earlier=_earlier(earlier, question.points, fence),
        answer=answer,
        boundary=fence,
    )
    return fill(MARKING, "system", boundary=fence), user, fence


def repair(user: str, reply: str, problems: Sequence[Text], fence: str) -> str:
    """The user text of the second attempt: all of the first, what was wrong with the reply, and the reply."""
    listed = "\n".join(f"- {problem.render('en')}" for problem in problems)
    shown = reply[:REPLY_CHARACTERS].replace(fence, "")
    return user + fill(MARKING, "repair", problems=listed, reply=shown, boundary=fence)


def figure(points: float) -> str:
    """Points as people write them: 2, 0.5."""
    return f"{points:g}"


def counted(points: float) -> str:
    """Points with their noun: 1 point, 2.5 points."""
    return f"{figure(points)} point" + ("" if points == 1 else "s")


def _criteria(question: Question) -> str:
    return "\n".join(
        f"{key(position)} (at most {counted(criterion.points)}): {' '.join(criterion.text.split())}"
        for position, criterion in enumerate(question.criteria)
    )


def _facts(facts: Text | None, masker: Masker) -> str:
    # A checker may repeat what it could not read.
    return f"\nComputed about this answer: {masker.hide(facts.render('en'))}\n" if facts is not None else ""


def _earlier(earlier: Sequence[EarlierMark], most: float, fence: str) -> str:
    if not earlier:
        return ""
    shown = "\n".join(
        f"<<<EARLIER {fence}>>>\n{mark.answer[:EARLIER_CHARACTERS]}\n<<<END EARLIER {fence}>>>\n"
        f"The teacher gave {figure(mark.points)} of {figure(most)}."
        for mark in earlier
    )
    return f"\nHow this teacher marked other answers to this question:\n{shown}\n"

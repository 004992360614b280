"""Which words of a paper answer which question. Nothing is lost: what belongs to no answer is returned as
unmatched.

Labels are read by `labels` and `rows`, and the plausible ones are chosen by `chain`. Around that:

- Before the first label, in page heads and feet, and under section heads ("二、填空题") stands what is no answer.
- A question's prompt repeated before its answer is left out of the answer.
- "6 (continued)", "续第6题", or label 6 again after an answer that says "see back", go on with answer 6.
- A label out of order (question 3 answered before question 1) is taken when it is the only one of its kind.
- Without any label nothing is guessed, but a scheme of one question: then the whole text is its answer.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from app.document import PAGE_BREAK, Document
from app.grading.chain import best_chain
from app.grading.labels import ANSWER_WORD, narrow
from app.grading.places import CHOICE, Place, Slots, candidates, find_places, paper_furniture
from app.grading.repeated_prompt import prompt_end
from app.grading.state import Answer, Located
from app.scheme.types import Kind, Question, Scheme

Span = tuple[int, int]

# A paper with labels on fewer than half of its questions may have written them as bare numbers.
ENOUGH = 0.5
# How rarely rows of a table that `_with_tables` takes are anything but answers, see labels.Mark.
IN_TABLE = 8
# Tables that are looked at; each costs a chain of its own.
MOST_TABLES = 20
# The form's empty line or brackets are no answer.
_NOTHING = re.compile(r"[\s_…]*(?:\.{3,}|_+|…+|\(\s*\))[\s_.…]*")
# With one question in the scheme, this much text before its label shows that it is a list item in the answer.
LONG_BEFORE_ONLY_LABEL = 80
_SEE_BACK = re.compile(
    r"see\s+(?:the\s+)?(?:back|over|next\s+page|reverse)|over\s*leaf|turn\s+over|\bp\.?t\.?o\.?\b|continued|cont'?d"
    r"|背面|反面|见后|下页|转下|未完|后面",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Cut:
    """From here on (`end`, after the label that begins at `start`) the text belongs to a question.

    `question` is its index in the scheme, None for text of no question. `stop` limits a short answer in a
    row.
    """

    start: int
    end: int
    question: int | None
    stop: int | None = None


def locate(document: Document, scheme: Scheme) -> Located:
    """The answer to every question of the scheme, in its order, and the spans that belong to none.

    Offsets are characters in `document.text`; all spans are within it, disjoint, in reading order, and
    begin and end with a visible character. Every visible character outside labels is in exactly one span.
    Never raises.
    """
    return locate_with_cuts(document, scheme)[0]


def locate_with_cuts(document: Document, scheme: Scheme) -> tuple[Located, list[Cut]]:
    """`locate`, and the labels that it cut the text at."""
    text = document.text
    plain = narrow(text)
    holes = paper_furniture(plain, _page_spans(document))
    slots = Slots.of(scheme)
    cuts = _choose(plain, scheme, slots, find_places(plain, slots, holes))
    if len(scheme.questions) == 1 and _is_all_answer(plain, cuts, holes):
        cuts = [Cut(0, 0, 0)]
    return _fill(text, plain, scheme, cuts, holes), cuts


def _page_spans(document: Document) -> list[Span]:
    spans, at = [], 0
    for page in document.pages:
        spans.append((at, at + len(page.text)))
        at += len(page.text) + len(PAGE_BREAK)
    return spans


def _choose(text: str, scheme: Scheme, slots: Slots, places: list[Place]) -> list[Cut]:
    """The cuts that the best chain makes, with continuations and labels out of order."""
    firm = [place for place in places if not place.bare]
    chosen = _chain(text, scheme, slots, firm)
    firm, chosen = _with_tables(text, scheme, slots, places, firm, chosen)
    if len(firm) < len(places) and len(chosen) < ENOUGH * len(scheme.questions):
        with_bare = _chain(text, scheme, slots, places)
        # Bare numbers are believed only when they make a long sequence of their own.
        if len(with_bare) >= max(2, 2 * len(chosen), ENOUGH * len(scheme.questions)):
            chosen, firm = _without_dashes(text, with_bare), places
    cuts = [cut for place, slot in chosen for cut in _cuts_of(place, slot, slots)]
    cuts += _continuations(firm, slots, cuts, text)
    cuts += _out_of_order(text, scheme, firm, slots, cuts, chosen)
    return sorted(cuts, key=lambda cut: cut.start)


def _chain(text: str, scheme: Scheme, slots: Slots, places: list[Place]) -> list[tuple[Place, int]]:
    chain = best_chain(candidates(text, scheme, slots, places), len(slots.questions))
    return [(places[candidate.item], candidate.first) for candidate in chain]


def _with_tables(
    text: str,
    scheme: Scheme,
    slots: Slots,
    places: list[Place],
    firm: list[Place],
    chosen: list[tuple[Place, int]],
) -> tuple[list[Place], list[tuple[Place, int]]]:
    """The places and the chain with the rows of tables that answer questions not found otherwise.

    Rows count together: two or more whose numbers go on by ones, none of which has a label elsewhere. So a table of
    measurements inside an answer is none.
    """
    have = {slot for _, slot in chosen}
    for rows in itertools.islice(_tables(places), MOST_TABLES):
        numbers = [place.slots[0] for place in rows]
        if len(rows) < 2 or not have.isdisjoint(numbers):
            continue
        wider = sorted(
            [*firm, *(replace(place, strength=IN_TABLE, bare=False) for place in rows)], key=_start
        )
        longer = _chain(text, scheme, slots, wider)
        reached = {slot for _, slot in longer}
        if reached >= {*have, *numbers}:
            firm, chosen, have = wider, longer, reached
    return firm, chosen


def _tables(places: list[Place]) -> Iterator[list[Place]]:
    """Rows of tables, one after the other with nothing between that looks like a label, numbers going on by ones."""
    rows: list[Place] = []
    for place in places:
        goes_on = bool(rows) and place.slots == (rows[-1].slots[0] + 1,)
        if rows and not (place.in_table and goes_on):
            yield rows
            rows = []
        if place.in_table and len(place.slots) == 1:
            rows.append(place)
    if rows:
        yield rows


def _start(place: Place) -> int:
    return place.start


def _without_dashes(text: str, chosen: list[tuple[Place, int]]) -> list[tuple[Place, int]]:
    """A dash after a bare number belongs to the label where most labels have one; else it may be a minus sign."""
    bare = [place for place, _ in chosen if place.bare]
    if 2 * sum(place.style == "n-" for place in bare) > len(bare):
        return chosen
    return [
        (replace(place, end=place.start + len(text[place.start : place.end].rstrip(" -–—"))), slot)
        if place.style == "n-"
        else (place, slot)
        for place, slot in chosen
    ]


def _cuts_of(place: Place, slot: int, slots: Slots) -> list[Cut]:
    """One cut, or one for every answer of a range; the first carries the range's label."""
    if not place.answers:
        return [Cut(place.start, place.end, slots.questions[slot], stop=place.stop)]
    cuts = []
    for offset, (start, end) in enumerate(place.answers):
        begin = place.start if offset == 0 else start
        cuts.append(Cut(begin, start, slots.questions[slot + offset], stop=end))
    return cuts


def _continuations(places: list[Place], slots: Slots, cuts: list[Cut], text: str) -> list[Cut]:
    """Later places that go on with an answer: marked as such, or after an answer that points to the back."""
    taken = {cut.start for cut in cuts}
    begun: dict[int, Cut] = {}
    ordered = sorted(cuts, key=lambda cut: cut.start)
    for cut in ordered:
        if cut.question is not None:
            begun.setdefault(cut.question, cut)
    following = {cut.start: after.start for cut, after in itertools.pairwise(ordered)}
    found = []
    for place in places:
        question = slots.only_question(place)
        if place.start in taken or question is None:
            continue
        first = begun.get(question)
        if place.continued:
            found.append(Cut(place.start, place.end, question))
            continue
        if first is None or not place.at_line_start or following.get(first.start, len(text)) > place.start:
            continue
        # The pointer to the back ends what was written there.
        if _SEE_BACK.search(text[first.end : following[first.start]][-200:]):
            found.append(Cut(place.start, place.end, question))
    return found


def _out_of_order(
    text: str,
    scheme: Scheme,
    places: list[Place],
    slots: Slots,
    cuts: list[Cut],
    chosen: list[tuple[Place, int]],
) -> list[Cut]:
    """Labels that break the order but are the only ones for their question and written like the others."""
    have = {cut.question for cut in cuts}
    styles = {place.style for place, _ in chosen}
    before = _answered_last(text, scheme, slots, places, chosen)
    lonely: dict[int, list[Place]] = {}
    for place in places:
        question = slots.only_question(place)
        if question is not None and question not in have and place.at_line_start and not place.continued:
            lonely.setdefault(question, []).append(place)
    return [
        Cut(group[0].start, group[0].end, question)
        for question, group in lonely.items()
        if len(group) == 1
        and group[0].style in styles
        and (group[0].in_list is False or group[0].start in before)
    ]


def _answered_last(
    text: str, scheme: Scheme, slots: Slots, places: list[Place], chosen: list[tuple[Place, int]]
) -> set[int]:
    """Where the labels of the first questions stand when a paper answers them after the later ones (4, 5, 6, 1, 2, 3).

    They look like a list inside the last answer: all of them must be there, in order and as far left as the others,
    after the last label, and option letters where those are asked for.
    """
    if not chosen:
        return set()
    last = max(chosen, key=lambda one: one[0].start)[0]
    first = min(slot for _, slot in chosen)
    tail = [p for p in places if p.start > last.start and p.at_line_start and p.style == last.style]
    if first == 0 or [place.slots for place in tail] != [(slot,) for slot in range(first)]:
        return set()
    for place in tail:
        question = slots.only_question(place)
        choice = question is not None and scheme.questions[question].kind is Kind.CHOICE
        if place.indent > last.indent or (choice and not CHOICE.match(text, place.end)):
            return set()
    return {place.start for place in tail}


def _is_all_answer(text: str, cuts: list[Cut], holes: Sequence[Span]) -> bool:
    """With one question: there is no label, or only one deep in the text, where it numbers a list."""
    if not cuts:
        return True
    before = sum(len(text[start:end]) for start, end in _without(0, cuts[0].start, holes, text))
    return before > LONG_BEFORE_ONLY_LABEL


def _fill(text: str, plain: str, scheme: Scheme, cuts: list[Cut], holes: Sequence[Span]) -> Located:
    """Hand every stretch between the cuts to its question, or to nobody."""
    spans: dict[int, list[Span]] = {cut.question: [] for cut in cuts if cut.question is not None}
    unmatched: list[Span] = list(_without(0, cuts[0].start if cuts else len(text), holes, plain))
    unmatched += [span for hole in holes for span in _trim(plain, *hole)]
    for number, cut in enumerate(cuts):
        end = cuts[number + 1].start if number + 1 < len(cuts) else len(text)
        if cut.question is None:
            unmatched += _without(cut.end, end, holes, plain)
            continue
        begin, stop = cut.end, end if cut.stop is None else cut.stop
        if not spans[cut.question]:
            begin = _skip_prompt(plain, cut.end, stop, scheme.questions[cut.question], unmatched)
        spans[cut.question] += _without(begin, stop, holes, plain)
        if stop < end:
            unmatched += _without(stop, end, holes, plain)
    for index, found in spans.items():
        if _NOTHING.fullmatch("".join(plain[start:end] for start, end in found)):
            unmatched += found
            spans[index] = []
    answers = tuple(
        _answer(text, question.label, spans.get(index)) for index, question in enumerate(scheme.questions)
    )
    return Located(answers, tuple(sorted(unmatched)))


def _skip_prompt(plain: str, begin: int, end: int, question: Question, unmatched: list[Span]) -> int:
    """Where the answer begins after a repeated prompt and an "Answer:"; the prompt becomes unmatched."""
    after = prompt_end(plain, begin, end, question.prompt)
    if after is not None:
        unmatched += _trim(plain, begin, after)
        begin = after
    word = ANSWER_WORD.match(plain, begin, end)
    return word.end() if word else begin


def _answer(text: str, label: str, spans: list[Span] | None) -> Answer:
    if spans is None:
        return Answer(label, "", found=False)
    return Answer(label, "\n".join(text[start:end] for start, end in spans), tuple(spans))


def _without(start: int, end: int, holes: Sequence[Span], text: str) -> Iterable[Span]:
    """The visible parts of a stretch outside the holes (sorted, disjoint)."""
    at = start
    first = bisect.bisect_left(holes, (start, start))
    for hole_start, hole_end in holes[first:]:
        if hole_start >= end:
            break
        yield from _trim(text, at, hole_start)
        at = hole_end
    yield from _trim(text, at, end)


def _trim(text: str, start: int, end: int) -> list[Span]:
    """The stretch without blank edges, as a list of one; empty when nothing is visible."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    return [(start + left, start + right)] if right > left else []

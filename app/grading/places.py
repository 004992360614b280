"""The places of a paper that may be labels, weighed; and what on its pages is furniture: heads, feet,
sections.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.grading.chain import Candidate, restarts
from app.grading.labels import BARE, TIGHT, Key, Known, Mark, key_of, line_marks, mark_at, narrow
from app.grading.repeated_prompt import may_begin, prompt_end
from app.grading.rows import Range, ranges, row_numbers
from app.grading.tables import grids
from app.scheme.types import Kind, Scheme

Span = tuple[int, int]

# Weights beside a label's own strength (0..10, see labels.Mark).
IN_A_LIST = -5.0  # its number belongs to a list inside an answer
INDENTED = -2.0  # it stands further right than others written so
CHOICE_FOLLOWS = 2.0  # an option letter follows where one is asked for
PROMPT_FOLLOWS = 4.0  # the question's own prompt follows
EACH_OF_RANGE = 10.0  # "1-5 BCADA" can hardly be anything else
LEAST = 0.5
# Partial labels, "(a)", stand for every question with that part; more of them than this are not weighed one
# by one.
MOST_READINGS = 200_000
# A paper has a few hundred places that look like labels; a file made of nothing else is not read to its end.
MOST_PLACES = 20_000
# Labels such as "1.C" from which "3.100" is believed to be one.
FEWEST_TIGHT = 2

CHOICE = re.compile(r"\s*[A-Ha-h]{1,6}(?![A-Za-z])")
_PAGE_NUMBER = re.compile(
    r"\s{0,4}(?:-+\s{0,4}\d{1,3}\s{0,4}-+|page\s{0,4}\d{1,3}(?:\s{0,4}(?:of|/)\s{0,4}\d{1,3})?"
    r"|第\s{0,4}\d{1,3}\s{0,4}页(?:\s{0,4}[,，、/]?\s{0,4}共\s{0,4}\d{1,3}\s{0,4}页)?)\s{0,4}",
    re.I,
)
_HEADER = re.compile(
    r"\s{0,4}(姓\s{0,4}名|学\s{0,4}号|班\s{0,4}级|日\s{0,4}期|考\s{0,4}号|座\s{0,4}号|准考证号|学\s{0,4}校|科\s{0,4}目|得\s{0,4}分"
    r"|name|student(?:\s+(?:id|no\.?|name|number))?|id|class|date|score|school|subject"
    r"|vorname|nachname|klasse|datum)\s{0,4}[:_ ]",
    re.I,
)
_SECTION = re.compile(
    r"\s{0,4}(?:第?\s{0,4}[一二三四五六七八九十]{1,2}\s{0,4}(?:部分|大题)?\s{0,4}[、.:)]?\s{0,4}"
    r"|(?:part|section)\s+\w{1,4}\b\s{0,4}[.:]?\s{0,4})"
    r"(?:[^\n]{0,6}(?:选择|填空|判断|解答|简答|计算|论述|问答|材料|阅读|作文|写作|名词解释|应用|证明|实验|听力|翻译)"
    r"[^\n]{0,40}|(?:multiple|short|long|essay|true|reading|writing|choice|problems?)[^\n]{0,60})",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Slots:
    """The scheme's labels in order, with a slot for every number that only heads a group ("2" before 2a, 2b).

    `questions[slot]` is the question's index, None for a head. `by_key` and `by_tail` find slots by a
    label's key and by the last part of one of several parts, `literals` by a label that is a word.
    `numbers` gives the number of a slot whose label is one.
    """

    known: Known
    questions: tuple[int | None, ...]
    by_key: dict[Key, tuple[int, ...]]
    by_tail: dict[str, tuple[int, ...]]
    literals: dict[str, int]
    numbers: dict[int, int]
    han_heads: bool

    @classmethod
    def of(cls, scheme: Scheme) -> Slots:
        """The slots of a scheme."""
        keys = [key_of(question.label) for question in scheme.questions]
        known = Known.of(keys)
        # "一、1": the heads are in Chinese numerals, the parts are not, so "1." is a part and never a head.
        han_heads = any(
            len(key) > 1
            and key[0].isdigit()
            and not re.match(r"\D*\d", narrow(question.label).split("、")[0])
            for key, question in zip(keys, scheme.questions, strict=True)
        )
        questions: list[int | None] = []
        by_key: dict[Key, tuple[int, ...]] = {}
        by_tail: dict[str, tuple[int, ...]] = {}
        literals: dict[str, int] = {}
        numbers: dict[int, int] = {}
        for index, (question, key) in enumerate(zip(scheme.questions, keys, strict=True)):
            head = key[:1]
            if len(key) > 1 and head in known.heads and (index == 0 or keys[index - 1][:1] != head):
                by_key[head] = (*by_key.get(head, ()), len(questions))
                questions.append(None)
            slot = len(questions)
            if not any(part.isdigit() or len(part) == 1 for part in key):
                literals[narrow(question.label).strip().lower()] = slot
            if len(key) == 1 and key[0].isdigit():
                numbers[slot] = int(key[0])
            if key:
                by_key[key] = (*by_key.get(key, ()), slot)
            if len(key) > 1:
                by_tail[key[-1]] = (*by_tail.get(key[-1], ()), slot)
            questions.append(index)
        return cls(known, tuple(questions), by_key, by_tail, literals, numbers, han_heads)

    def of_mark(self, mark: Mark) -> tuple[int, ...]:
        """Every slot that a mark may stand for."""
        whole = () if mark.partial else self.by_key.get(mark.key, ())
        tail = self.by_tail.get(mark.key[0], ()) if len(mark.key) == 1 else ()
        if self.han_heads and tail:
            return whole if mark.style.startswith(("han", "di")) else tail
        written_so = mark.partial or mark.style.startswith(("br", "circ"))
        return tuple(sorted({*whole, *(tail if written_so else ())}))

    def only_question(self, place: Place) -> int | None:
        """The question a place can only stand for; None for a head or when there are several."""
        return self.questions[place.slots[0]] if len(place.slots) == 1 and not place.answers else None


@dataclass(frozen=True, slots=True)
class Place:
    """A place that may be a label: `start`..`end` is the label, `slots` what it may stand for.

    `answers` holds the short answers' spans when it is a range; slot `slots[0]` is then the first one's.
    `in_list` is what `chain.restarts` says. `bare` is a number without any sign. `stop` ends the answer where it is
    known: at the end of a table's row.
    """

    start: int
    end: int
    slots: tuple[int, ...]
    style: str
    strength: int
    at_line_start: bool = True
    indent: int = 0
    continued: bool = False
    bare: bool = False
    in_list: bool | None = False
    answers: tuple[Span, ...] = ()
    stop: int | None = None

    @property
    def in_table(self) -> bool:
        """Its number fills the first cell of a table's row."""
        return self.style.endswith("\t")


def paper_furniture(text: str, pages: Sequence[Span]) -> list[Span]:
    """Lines that are no answer wherever they stand: page numbers at page edges, the first page's header
    repeated.
    """
    found: list[Span] = []
    header: set[str] = set()
    for number, (start, end) in enumerate(pages):
        lines = [span for span in _lines(text, start, end) if text[slice(*span)].strip()]
        edges = {*lines[:1], *lines[-1:]}
        top = True
        for span in lines:
            line = text[slice(*span)].strip()
            head = _HEADER.match(line)
            word = re.sub(r"\s", "", head[1]).lower() if head else ""
            top = top and head is not None and len(line) < 120
            if (top and (number == 0 or word in header)) or (span in edges and _PAGE_NUMBER.fullmatch(line)):
                found.append(span)
            if top and number == 0:
                header.add(word)
    return found


def _lines(text: str, start: int, end: int) -> list[Span]:
    spans = []
    while start <= end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        if stop > start:
            spans.append((start, stop))
        start = stop + 1
    return spans


def find_places(text: str, slots: Slots, holes: list[Span]) -> list[Place]:
    """Every place that may be a label, in order. Section headings found on the way are added to `holes`,
    sorted.
    """
    taken = set(holes)
    lines = [span for span in _lines(text, 0, len(text)) if span not in taken]
    sections = {span for span in lines if span[1] - span[0] < 80 and _SECTION.fullmatch(text, *span)}
    places = _first_places(text, [span for span in lines if span not in sections], slots)
    if not slots.han_heads and len([place for place in places if not place.bare]) >= len(sections):
        holes += sorted(sections)
        holes.sort()
    else:
        # The paper has no other labels than these: 一、 名词解释 is then question 一 and not a heading.
        places = _first_places(text, lines, slots)
    return _with_lists(places, slots)


def _first_places(text: str, lines: Sequence[Span], slots: Slots) -> list[Place]:
    tables: dict[Span, list[Place]] = {}
    for run, rows in grids(text, lines):
        if place := _range_place(run, slots):
            tables |= {rows[0]: [place]} | {row: [] for row in rows[1:]}
    every = (
        place
        for span in lines
        for place in (tables[span] if span in tables else _places_of_line(text, span, slots))
    )
    return _without_decimals(text, list(itertools.islice(every, MOST_PLACES)))


def _without_decimals(text: str, places: list[Place]) -> list[Place]:
    """Takes "3.100" for a label only where most labels with a dot are touched by their answers ("1.C")."""
    if not any(place.strength == TIGHT for place in places):
        return places
    dotted = [p for p in places if p.style == "n." and p.strength > TIGHT and p.at_line_start]
    touched = sum(text[p.end : p.end + 1].strip() != "" for p in dotted)
    if touched >= FEWEST_TIGHT and 2 * touched > len(dotted):
        return places
    return [place for place in places if place.strength != TIGHT]


def _places_of_line(text: str, span: Span, slots: Slots) -> list[Place]:
    start, end = span
    if slots.literals and (literal := _literal(text, start, end, slots)):
        return [literal]
    if runs := [place for run in ranges(text, start, end) if (place := _range_place(run, slots))]:
        return runs
    if numbers := row_numbers(text, start, end):
        marks = [mark_at(text, at, end, slots.known, at_line_start=True) for at in numbers]
        return [
            # The comma between two short answers belongs to neither.
            replace(place, start=start + len(text[start : place.start].rstrip(" \t,;")))
            for mark in marks
            if mark and (place := _place(mark, slots))
        ]
    found = [place for mark in line_marks(text, start, end, slots.known) if (place := _place(mark, slots))]
    if (
        len(found) == 1
        and text[start:end].lstrip().startswith("|")
        and text[start:end].rstrip().endswith("|")
    ):
        # | 1 | C |: the last stroke is no part of the answer.
        return [replace(found[0], stop=start + len(text[start:end].rstrip()) - 1)]
    return found


def _place(mark: Mark, slots: Slots) -> Place | None:
    readings = slots.of_mark(mark)
    if not readings:
        return None
    return Place(
        mark.start, mark.end, readings, mark.style, mark.strength, mark.at_line_start, mark.indent,
        continued=mark.continued, bare=mark.strength <= BARE,
    )  # fmt: skip


def _range_place(run: Range, slots: Slots) -> Place | None:
    """A range whose numbers are consecutive labels of the scheme."""
    first = slots.by_key.get((str(run.first),))
    last = slots.by_key.get((str(run.last),))
    if not first or not last or last[0] - first[0] != run.last - run.first:
        return None
    if any(question is None for question in slots.questions[first[0] : last[0] + 1]):
        return None
    return Place(run.start, run.end, (first[0],), "range", 10, answers=run.answers)


def _literal(text: str, start: int, end: int, slots: Slots) -> Place | None:
    """A label that is a word (作文, Essay), at the start of a line and set off from what follows."""
    line = text[start:end].lower()
    indent = len(line) - len(line.lstrip())
    for label, slot in slots.literals.items():
        rest = line[indent + len(label) :]
        if label and line.startswith(label, indent) and re.match(r"\s*(?:[:.、)]|$)|\s{2,}", rest):
            sign = re.match(r"\s*[:.、)]?", rest)
            stop = start + indent + len(label) + (sign.end() if sign else 0)
            # Lower case may be longer than the text it came from.
            return Place(start + indent, min(stop, end), (slot,), "word", 10)
    return None


def _with_lists(places: list[Place], slots: Slots) -> list[Place]:
    """The places with `in_list` found out, for those that are plain numbers and not parts such as (1) of
    2(1).
    """
    numbered = [
        (index, number)
        for index, place in enumerate(places)
        if (number := _number_of(place, slots)) is not None
    ]
    if any(places[index].style[:3] != "han" for index, _ in numbered):
        # Where both occur, 一、 heads a section and does not count the questions.
        numbered = [(index, number) for index, number in numbered if places[index].style[:3] != "han"]
    top = max((number for _, number in numbered), default=0)
    tops = [int(key[0]) for key in slots.by_key if len(key) == 1 and key[0].isdigit()]
    verdicts = restarts([(n, places[i].style) for i, n in numbered], max(tops, default=top))
    result = list(places)
    for (index, _), verdict in zip(numbered, verdicts, strict=True):
        result[index] = replace(places[index], in_list=verdict)
    return result


def _number_of(place: Place, slots: Slots) -> int | None:
    if place.answers or place.continued or len(place.slots) != 1:
        return None
    return slots.numbers.get(place.slots[0])


def candidates(text: str, scheme: Scheme, slots: Slots, places: Sequence[Place]) -> list[Candidate]:
    """Every reading of every place with its weight, for the chain."""
    least_indent: dict[str, int] = {}
    for place in places:
        if place.at_line_start:
            least_indent[place.style] = min(place.indent, least_indent.get(place.style, place.indent))
    found: list[Candidate] = []
    begun: set[int] = set()
    for item, place in enumerate(places):
        if place.in_list is None or (place.continued and not begun.isdisjoint(place.slots)):
            continue
        begun.update(place.slots)
        for slot in place.slots:
            if len(found) > MOST_READINGS and len(place.slots) > 1:
                break
            if place.answers:
                count = len(place.answers)
                found.append(Candidate(item, slot, slot + count - 1, EACH_OF_RANGE * count, place.style))
                continue
            weight = place.strength + (IN_A_LIST if place.in_list else 0.0)
            if place.indent >= least_indent.get(place.style, 0) + 2:
                weight += INDENTED
            weight += _what_follows(text, scheme, slots.questions[slot], place)
            found.append(Candidate(item, slot, slot, max(weight, LEAST), place.style))
    return found


def _what_follows(text: str, scheme: Scheme, question: int | None, place: Place) -> float:
    if question is None:
        return 0.0
    asked = scheme.questions[question]
    bonus = 0.0
    if asked.kind is Kind.CHOICE and CHOICE.match(text, place.end):
        bonus += CHOICE_FOLLOWS
    prompt = asked.prompt
    if may_begin(text, place.end, prompt) and prompt_end(text, place.end, len(text), prompt) is not None:
        bonus += PROMPT_FOLLOWS
    return bonus

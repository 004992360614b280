"""Where a student's name and number stand on a page: to match the page, and to paint over before its picture leaves.

Better too much than too little: a field is painted from its label to the next one or to the page's edge, whatever was
read in it, and names and numbers of the class wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import OSA

from app.document import Box, Page, Word
from app.intake.claims import tells_itself
from app.intake.fields import CLASS, NAME, NUMBER, Field, fields, folded
from app.intake.normal import is_cjk, name_forms, number_key
from app.intake.romanise import spellings
from app.intake.roster import Listed
from app.intake.said import said

MARGIN = 0.5  # of the line's height, on each side
WHOLE_HEAD = Box(0.0, 0.0, 1.0, 0.25)  # of a page of which no word's place is known
TOP = 0.35  # of the page's height: the part where a misread name is looked for
SHORTEST = {True: 2, False: 4}  # characters of a name that is looked for everywhere: Chinese, others
FUZZY = {True: 3, False: 6}  # characters from which one may be misread
UPRIGHT = 2.0  # height by width, in parts of the page, from which a line runs upwards
SEPARATORS = " \t\n·.,，、'’_-"


def region_text(page: Page) -> str:
    """What stands in the name and number fields, one a line behind "Name:" or "Number:", and lines that are a name.

    Labels are in the spelling that `app.intake.matching.match_paper` knows, whatever was read; "" when there is
    nothing.
    """
    found = said(page.text)
    lines = [f"Name: {value}" for value in found.names] + [f"Number: {value}" for value in found.numbers]
    return "\n".join([*lines, *found.bare_names])


def name_boxes(page: Page, roster: Sequence[Listed] = ()) -> list[Box]:
    """The parts of a page's picture that show who wrote it, with a margin; they may overlap.

    Fields for name, number, class and seat; names and numbers of the `roster` anywhere, exactly, and in the page's
    head with one character misread; what was read in the name field, anywhere else on the page. A page of which no
    word's place is known gives its head.
    """
    if not page.words:
        return [WHOLE_HEAD]
    found = fields(page.text)
    boxes = [_field_box(page, field, found) for field in found if field.kind in (NAME, NUMBER, CLASS)]
    boxes += [_value_box(page, field) for field in found if field.below]
    spans = _spans(page, roster)
    boxes += [box for start, end in spans for box in _boxes_of(_words(page, start, end))]
    return list(dict.fromkeys(_grown(box, page) for box in boxes if box is not None))


def _words(page: Page, start: int, end: int) -> list[Word]:
    return [word for word in page.words if word.start < end and word.end > start]


def _line(page: Page, at: int) -> list[Word]:
    """The words of the line of text around an offset."""
    start, end = page.text.rfind("\n", 0, at) + 1, page.text.find("\n", at)
    return _words(page, start, end if end >= 0 else len(page.text))


def _field_box(page: Page, field: Field, others: Sequence[Field]) -> Box | None:
    """From a label's end to the next label of the line, or to the page's edge, as high as the line's words.

    Without a word of the label (its place is not known) the whole line is painted.
    """
    line = _line(page, field.label_start)
    if not line:
        return None
    label = _words(page, field.label_start, field.label_end)
    value = [] if field.below else _words(page, field.start, field.end)
    after = next(
        (each for each in others if each.line == field.line and each.label_start > field.label_start), None
    )
    following = _words(page, after.label_start, after.label_end) if after is not None else []
    around = Box.around(word.box for word in (label + value or line))
    if _upright(around):
        return Box(around.x0, 0.0, around.x1, 1.0)  # a binding line's fields, written along the page's edge
    # A word that runs from the label into its value ("Name:Ann" as one) is painted whole.
    glued = any(word.end > field.start for word in label) and field.start < field.end
    left = around.x0 if not label or glued else max(word.box.x1 for word in label)
    right = min((word.box.x0 for word in following), default=1.0)
    if right <= left:  # the next label stands in another line of the picture
        right = 1.0
    right = max([right, *(word.box.x1 for word in value)])
    return Box(left, around.y0, right, around.y1)


def _upright(box: Box) -> bool:
    """Whether a line of text runs up or down the page."""
    return box.y1 - box.y0 > UPRIGHT * (box.x1 - box.x0)


def _value_box(page: Page, field: Field) -> Box | None:
    words = _words(page, field.start, field.end)
    return Box.around(word.box for word in words) if words else None


def _boxes_of(words: Sequence[Word]) -> list[Box]:
    """One box for each line of the picture that these words stand in."""
    rows: list[list[Word]] = []
    for word in words:
        middle = (word.box.y0 + word.box.y1) / 2
        if rows and rows[-1][-1].box.y0 <= middle <= rows[-1][-1].box.y1:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [Box.around(word.box for word in row) for row in rows]


def _grown(box: Box, page: Page) -> Box:
    """A box with its margin: half its own height, or of a usual line where it is lower."""
    heights = sorted(word.box.y1 - word.box.y0 for word in page.words)
    margin = MARGIN * max(box.y1 - box.y0, heights[len(heights) // 2])
    return Box(
        max(0.0, box.x0 - margin / 2),
        max(0.0, box.y0 - margin),
        min(1.0, box.x1 + margin),
        min(1.0, box.y1 + margin),
    )


def _spans(page: Page, roster: Sequence[Listed]) -> list[tuple[int, int]]:
    """Where names and numbers stand in the text, fields or not."""
    letters, places = _squeezed(page.text)
    claims = said(page.text)
    names = {form for student in roster for form in name_forms(student.name)}
    own = {_squeezed(value)[0] for value in (*claims.names, *_own_forms(claims.names, roster))}
    numbers = {key for student in roster if tells_itself(key := number_key(student.number))}
    numbers |= {value for value in claims.numbers if tells_itself(value)}
    found = [span for form in names | own for span in _found(letters, form)]
    found += [span for number in numbers for span in _found_number(letters, _squeezed(number)[0])]
    head = _head_end(page, places)
    for form in names | own:
        found += _misread(letters if form in own else letters[:head], form)
    return [(places[start], places[end - 1] + 1) for start, end in found]


def _own_forms(values: Iterable[str], roster: Sequence[Listed]) -> set[str]:
    """The names of the students that the name field may mean."""
    keys = {_squeezed(value)[0] for value in values} - {""}
    found: set[str] = set()
    for student in roster:
        forms = name_forms(student.name) | spellings(student.name)
        if any(OSA.distance(key, form, score_cutoff=1) <= 1 for key in keys for form in forms):
            found |= forms
    return found


def _squeezed(text: str) -> tuple[str, list[int]]:
    """A text in plain letters without blanks and marks, and the offset of each of them."""
    plain = folded(text)
    places = [at for at, mark in enumerate(plain) if mark not in SEPARATORS and not mark.isspace()]
    return "".join(plain[at] for at in places), places


def _head_end(page: Page, places: Sequence[int]) -> int:
    last = max((word.end for word in page.words if word.box.y0 <= TOP), default=0)
    return sum(at < last for at in places)


def _found(text: str, form: str) -> list[tuple[int, int]]:
    form = _squeezed(form)[0]
    if len(form) < SHORTEST[is_cjk(form)]:
        return []
    return [match.span() for match in re.finditer(re.escape(form), text)]


def _found_number(text: str, number: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(re.escape(number), text)] if number else []


def _misread(text: str, form: str) -> list[tuple[int, int]]:
    """Where a name stands with one character wrong: one of its halves is right then, and finds it."""
    form = _squeezed(form)[0]
    size, half = len(form), len(form) // 2
    if size < FUZZY[is_cjk(form)]:
        return []
    starts = {match.start() for match in re.finditer(re.escape(form[:half]), text)}
    starts |= {match.start() - half for match in re.finditer(re.escape(form[half:]), text)}
    return [(at, at + size) for at in starts if at >= 0 and _one_wrong(text[at : at + size], form)]


def _one_wrong(one: str, other: str) -> bool:
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) <= 1

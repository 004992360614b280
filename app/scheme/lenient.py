"""The reader of every other form: sections, numbering, answers and points as teachers write them."""

from __future__ import annotations

import re
from dataclasses import replace

from app.i18n import Text
from app.scheme.body import BodyReader, Draft
from app.scheme.build import Around, answer_in_head, build
from app.scheme.check import MAX_QUESTIONS
from app.scheme.clean import has_han, one_line
from app.scheme.notes import Note, warning
from app.scheme.numbers import plain_decimal
from app.scheme.parts import adopt_stems, introduce, part
from app.scheme.points import on_question, on_section
from app.scheme.read import Reading
from app.scheme.sections import Section
from app.scheme.split import Pieces, Raw, split
from app.scheme.words import Mark, marker, split_inline

_KEY_TITLE = re.compile(r"答案|answer|mark(?:ing)? scheme|key|solution", re.IGNORECASE)
_TITLE_TOTAL = re.compile(r"[(（\[][^()（）\[\]]{0,30}\d[^()（）\[\]]{0,30}[)）\]]\s*$")


def read_lenient(lines: list[str], notes: list[Note]) -> Reading:
    """The questions of a text in any accepted form, given as its cleaned lines."""
    pieces = split(lines, notes)
    reading = Reading(totals=pieces.totals)
    if not pieces.raws:
        _unnumbered(pieces, lines, notes)
    reading.title = _title(pieces, reading, notes)
    del pieces.raws[MAX_QUESTIONS + 1 :]
    _tell_sections_apart(pieces, notes)
    key = bool(_KEY_TITLE.search(reading.title))
    chinese = any(has_han(line) for line in lines)
    drafts: list[tuple[Draft, Section | None]] = []
    for raw in pieces.raws:
        drafts += [(draft, raw.section) for draft in _drafts(raw, notes, reading)]
    sections = {id(draft): section for draft, section in drafts}
    _read_as_key([draft for draft, _ in drafts], key)
    kept = adopt_stems([draft for draft, _ in drafts])
    shares = _shares(kept, sections, notes)
    for draft in kept:
        section = sections[id(draft)]
        around = _around(reading.title, chinese, section, shares)
        reading.add(build(draft, around, notes), draft.line, section)
    return reading


def _around(title: str, chinese: bool, section: Section | None, shares: dict[int, float]) -> Around:
    if section is None:
        return Around(title, chinese)
    points = section.points
    each = points.each if points.each is not None else shares.get(id(section))
    return Around(title, chinese, section.kind, each, points.each_gap)


def _shares(kept: list[Draft], sections: dict[int, Section | None], notes: list[Note]) -> dict[int, float]:
    """Points for each question of a section that states only its total, where they divide into halves."""
    shares: dict[int, float] = {}
    for section in {id(found): found for found in sections.values() if found}.values():
        inside = [draft for draft in kept if sections[id(draft)] is section]
        total, points = section.points.total, section.points
        if total is None or points.each or points.each_gap or not inside:
            continue
        bare = [
            draft for draft in inside if draft.points is None and draft.per_gap is None and not draft.criteria
        ]
        if len(bare) != len(inside) or (total / len(bare) * 2) % 1:
            continue
        shares[id(section)] = total / len(bare)
        notes.append(
            warning(
                section.line,
                Text(
                    "Only the {total} points of the whole section are stated: each of its {count} questions was given "
                    "{share}. Correct them in the table if they differ.",
                    {
                        "total": plain_decimal(total),
                        "count": len(bare),
                        "share": plain_decimal(total / len(bare)),
                    },
                ),
            )
        )
    return shares


def _drafts(raw: Raw, notes: list[Note], reading: Reading) -> list[Draft]:
    """The drafts of one question: itself, or its parts with the stem's words before each."""
    parted = part(raw)
    stem = _draft(parted.stem, notes, reading)
    if not parted.parts:
        return [stem]
    drafts = [_draft(piece, notes, reading) for piece in parted.parts]
    for draft in drafts:
        introduce(draft, stem)
        draft.kind = draft.kind or stem.kind
        draft.per_gap = draft.per_gap or stem.per_gap
    if stem.points is not None:
        reading.totals.append((stem.line, stem.points, stem.label))
    return drafts


def _read_as_key(drafts: list[Draft], key: bool) -> None:
    """Take what stands behind the numbers as answers: in a text that calls itself a key, or where most are answers."""
    announced = any(draft.references for draft in drafts)
    # "Test and answers" in the title is no key when the answers are announced: a prompt without one stays a prompt.
    taken = sum(answer_in_head(draft, key and not announced) for draft in drafts)
    if not announced and taken * 2 >= len(drafts):
        for draft in drafts:
            answer_in_head(draft, True)


def _draft(raw: Raw, notes: list[Note], reading: Reading) -> Draft:
    reader = BodyReader(Draft(raw.label, raw.line), notes, reading.totals)
    for place, (number, text) in enumerate(raw.lines):
        if place == 0:
            reader.head(number, text)
        else:
            reader.read(number, text)
    return reader.draft


def _title(pieces: Pieces, reading: Reading, notes: list[Note]) -> str:
    """The title: the first heading, else the first line before all questions; its "(40 marks)" is the total."""
    lines = [found for found in pieces.preamble if found[1].strip("-=*_ ")]
    if not lines:
        return ""
    number, text, _ = next((found for found in lines if found[2]), lines[0])
    left = [found for found, _, _ in lines if found != number]
    if left and pieces.raws:
        notes.append(
            warning(
                left[0],
                Text("Lines before the first question that were left out: {count}.", {"count": len(left)}),
            )
        )
    end = _TITLE_TOTAL.search(text[-80:])
    points = (on_section(end[0]).total if end else None) or None
    if end and points is not None:
        reading.totals.append((number, points, ""))
        text = text[: len(text) - len(end[0])]
    return one_line(text)[:200]


def _unnumbered(pieces: Pieces, lines: list[str], notes: list[Note]) -> None:
    """A text without numbers that still has an answer or points is one question, called 1."""
    speaking = [
        number
        for number, text, _ in pieces.preamble
        if on_question(text, head=False)
        or any(mark and mark.mark in (Mark.ANSWER, Mark.CRITERIA) for mark in map(marker, split_inline(text)))
    ]
    if not speaking:
        return
    titled = pieces.preamble[0][2] and pieces.preamble[0][0] not in speaking
    body = pieces.preamble[1:] if titled else pieces.preamble
    first, last = body[0][0], body[-1][0]
    # Taken from the text itself, so that blank lines and indentation stay.
    raw = Raw(
        "1", first, None, [(number, lines[number - 1].strip("#* ")) for number in range(first, last + 1)]
    )
    pieces.raws.append(raw)
    pieces.preamble[:] = pieces.preamble[:1] if titled else []
    notes.append(
        warning(first, Text("No numbered question was found: the text was read as one question, called 1."))
    )


def _tell_sections_apart(pieces: Pieces, notes: list[Note]) -> None:
    """Where every section numbers from 1 again, labels get their section's number: 二.1."""
    where: dict[str, set[int]] = {}
    for raw in pieces.raws:
        where.setdefault(raw.label, set()).add(id(raw.section))
    labels = [section.label for section in pieces.sections]
    if all(len(found) < 2 for found in where.values()) or "" in labels or len(set(labels)) < len(labels):
        return
    if any(raw.section is None for raw in pieces.raws):
        return
    for place, raw in enumerate(pieces.raws):
        assert raw.section is not None
        pieces.raws[place] = replace(raw, label=f"{raw.section.label}.{raw.label}")
    notes.append(
        warning(
            pieces.sections[0].line,
            Text(
                "The sections number their questions from 1 again: they are called {label} and so on.",
                {"label": pieces.raws[0].label},
            ),
        )
    )

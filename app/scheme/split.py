"""A whole text in the forms that people write -> its questions' lines. The hard part is what is NOT a question:
the numbered list inside an answer, the (1) (2) that are criteria, the 一、 that is a section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.i18n import Text
from app.scheme.clean import heading, without_bold
from app.scheme.labels import Head, Style, read_head
from app.scheme.notes import Note, error
from app.scheme.points import on_question, on_section
from app.scheme.sections import Section, read_section
from app.scheme.tables import Key, is_table_line, read_key_line, read_table
from app.scheme.words import Mark, marker, split_inline

_KEY_TITLE = re.compile(
    r"(?:参考)?答案(?:与解析|及解析|及评分标准|与评分标准|及评分参考)?"
    r"|answer key|answers|mark(?:ing)? scheme|key|solutions",
    re.IGNORECASE,
)
_SUB_LABEL = re.compile(r"(.+)\((\d{1,2}|[a-h])\)")
_SYNTHETIC = {
    Mark.PROMPT: "", Mark.KIND: "Kind: ", Mark.POINTS: "Points: ", Mark.ANSWER: "Answer: ",
    Mark.TOLERANCE: "Tolerance: ", Mark.UNIT: "Unit: ", Mark.CRITERIA: "Criteria: ",
}  # fmt: skip


@dataclass(slots=True)
class Raw:
    """One question's lines: (line number, text). The first is what follows the label, `""` when nothing does."""

    label: str
    line: int
    section: Section | None = None
    lines: list[tuple[int, str]] = field(default_factory=list)
    from_key: bool = False


@dataclass(slots=True)
class Pieces:
    """What `split` found: questions, sections, (line, points, question label) totals, and the lines before all."""

    raws: list[Raw] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    totals: list[tuple[int, float, str]] = field(default_factory=list)
    preamble: list[tuple[int, str, bool]] = field(default_factory=list)  # line, text, is a heading


@dataclass(slots=True)
class _Line:
    number: int
    raw: str
    text: str
    heading: bool
    head: Head | None


def split(lines: list[str], notes: list[Note]) -> Pieces:
    """The questions of a cleaned text, given as its lines."""
    return _Splitter([_line(number, raw) for number, raw in enumerate(lines, 1)], notes).run()


def _line(number: int, raw: str) -> _Line:
    raw = without_bold(raw.rstrip())
    text = raw.strip()
    if text.startswith("> "):
        raw = text = text.lstrip("> ")
    under = heading(text)
    if under is not None:
        raw = text = under.strip()
    return _Line(number, raw, text, under is not None, read_head(text))


def _primary(lines: list[_Line]) -> frozenset[Style]:
    """The styles that number questions in this text; the others number parts, sections and lists."""
    heads = [line for line in _outside_answers(lines) if line.head and not _section_of(line)]
    styles = [line.head.style for line in heads if line.head]
    counted = frozenset({Style.PLAIN, Style.DECIMAL, Style.LETTERED})
    first = next((style for style in styles if style == Style.WORD or style in counted), None)
    if first == Style.WORD:
        # "1. 2." below "Question 1" are lists, "1a" still is a question.
        return frozenset({Style.WORD, Style.LETTERED})
    scored = [line.head.style for line in heads if line.head and on_question(line.head.rest, head=True)]
    if Style.HAN in scored and not any(style in counted for style in styles):
        return frozenset({Style.HAN})
    if first is not None:
        return counted | {Style.WORD, Style.BARE}
    for style in (Style.PAREN, Style.CIRCLED, Style.HAN):
        if style in styles:
            return frozenset({style})
    return frozenset()


def _outside_answers(lines: list[_Line]) -> Iterator[_Line]:
    """The lines that stand in no list below "答案：" or "Criteria:"."""
    inside = False
    for line in lines:
        if line.head and line.head.style in (Style.HAN, Style.WORD):
            inside = False
        if not inside:
            yield line
        mark = marker(line.text)
        if mark and mark.mark in (Mark.ANSWER, Mark.CRITERIA):
            inside = not mark.rest


def _section_of(line: _Line) -> Section | None:
    if line.head and line.head.style not in (Style.HAN, Style.WORD):
        return None
    return read_section(line.text, line.number, heading=line.heading) if line.text else None


class _Splitter:
    def __init__(self, lines: list[_Line], notes: list[Note]) -> None:
        self._lines = lines
        self._notes = notes
        self._styles = _primary(lines)
        self._pieces = Pieces()
        self._known: dict[str, Raw] = {}  # the first question of each label
        self._section: Section | None = None
        self._current: Raw | None = None
        self._last = 0  # number of the last question
        self._restart = True  # a section has begun: numbers may start again
        self._block: Mark | None = None  # the answer or criteria that lines now belong to
        self._inner = 0  # last number of a list inside that block
        self._listing = (
            False  # that block is one that lists may follow in: criteria, or "答案：" and nothing behind it
        )
        self._answered = False  # an answer has been seen
        self._key = False  # below a heading "answers" that closes the questions
        self._blank = True  # the line before was blank

    def run(self) -> Pieces:
        index = 0
        while index < len(self._lines):
            index = self._take(index)
        return self._pieces

    def _take(self, index: int) -> int:
        """Deal with the line at an index; the index of the next."""
        line = self._lines[index]
        if not line.text:
            self._keep(line)
            self._blank = True
            return index + 1
        if is_table_line(line.text):
            return self._table(index)
        if not (
            self._key_title(index) or self._key_line(line) or self._open_section(line) or self._question(line)
        ):
            self._ordinary(line)
        self._blank = False
        return index + 1

    def _keep(self, line: _Line) -> None:
        if self._current is not None:
            self._current.lines.append((line.number, line.raw))
        elif line.text:
            self._pieces.preamble.append((line.number, line.text, line.heading))

    def _ordinary(self, line: _Line) -> None:
        mark = marker(line.text)
        if mark and mark.mark == Mark.TOTAL:
            self._pieces.totals.append((line.number, float(mark.rest), mark.aside))
            return
        if mark and mark.mark == Mark.ANSWER and self._shared_key(mark.rest, line.number):
            return
        self._watch(line.text)
        self._keep(line)

    def _shared_key(self, text: str, line: int) -> bool:
        """Take "答案：1.A 2.B" below several questions as the key to all of them."""
        key = read_key_line(text)
        if key is None or any(entry.label not in self._known for entry in key.entries):
            return False
        self._fill(key, line, self._section)
        return True

    def _watch(self, text: str) -> None:
        """Remember whether the lines that follow belong to an answer or to criteria."""
        for part in split_inline(text):
            mark = marker(part)
            if mark and mark.mark in (Mark.ANSWER, Mark.CRITERIA):
                self._block, self._inner = mark.mark, 0
                self._listing = mark.mark == Mark.CRITERIA or not mark.rest
                self._answered = self._answered or mark.mark == Mark.ANSWER

    def _key_title(self, index: int) -> bool:
        """A heading "answers" below the questions: what follows fills in their answers."""
        text = self._lines[index].text.strip(" :：-—【】[]=*")
        if len(self._pieces.raws) < 2 or self._answered or not _KEY_TITLE.fullmatch(text):
            return False
        after = next((line for line in self._lines[index + 1 :] if line.text), None)
        if after is None:
            return False
        head = after.head
        again = head is not None and head.style in self._styles and head.label == self._pieces.raws[0].label
        if not (again or is_table_line(after.text) or read_key_line(after.text) or _section_of(after)):
            return False
        self._key, self._restart, self._current, self._section = True, True, None, None
        self._block = None
        return True

    def _key_line(self, line: _Line) -> bool:
        key = read_key_line(line.text) if line.head or line.text[0] in "第123456789" else None
        if key is None or self._block == Mark.CRITERIA:
            return False
        if key.missing:
            self._notes.append(
                error(
                    line.number,
                    Text(
                        "This key has answers missing or too many ({difference}): write one letter for each question.",
                        {"difference": abs(key.missing)},
                    ),
                )
            )
        each = on_section(key.rest) if key.rest else None
        section = Section("", line.number, None, each) if each and each.each else self._section
        self._fill(key, line.number, section)
        return True

    def _table(self, index: int) -> int:
        end = index
        while end < len(self._lines) and is_table_line(self._lines[end].text):
            end += 1
        rows = self._lines[index:end]
        key = read_table([row.text for row in rows]) if len(rows) < 2000 else None
        if key is None or not key.entries:
            for row in rows:
                self._keep(row)
        else:
            self._fill(key, rows[0].number, self._section)
        self._blank = True
        return end

    def _fill(self, key: Key, line: int, section: Section | None) -> None:
        """Answers of a key go to their questions when those stand above, and make questions otherwise."""
        for entry in key.entries:
            raw = self._known.get(entry.label)
            if raw is None or raw.from_key:
                raw = Raw(entry.label, line, section, [(line, "")], from_key=True)
                self._add(raw)
            for mark, value in entry.fields:
                first, *others = value.split("\n")
                raw.lines.append((line, _SYNTHETIC[mark] + first))
                raw.lines += [(line, other) for other in others]
            self._last = int(entry.label) if entry.label.isdigit() else self._last
        self._answered = True
        self._current, self._block, self._restart = None, None, False

    def _open_section(self, line: _Line) -> bool:
        section = _section_of(line)
        if section is None or (line.head and line.head.style == Style.WORD):
            return False
        if self._block is not None and not (section.label or line.heading or section.points.each):
            return False
        if (
            line.head
            and line.head.style in self._styles
            and Style.HAN in self._styles
            and section.kind is None
        ):
            return False
        self._section = section
        self._pieces.sections.append(section)
        self._current, self._block, self._restart = None, None, True
        return True

    def _question(self, line: _Line) -> bool:
        head = line.head
        if head is None:
            return False
        sibling = self._sibling(head)
        if sibling is None and not self._accepts(head, line):
            return False
        label = sibling or head.label
        if sibling is None:
            self._last = head.number
        self._restart = self._listing = False
        self._block, self._inner = None, 0
        if self._key:
            self._current = self._known.get(label)
            if self._current is not None:
                own = marker(head.rest) is not None
                self._current.lines.append(
                    (line.number, head.rest if own or not head.rest else f"Answer: {head.rest}")
                )
                self._block = Mark.ANSWER
                return True
        self._current = Raw(label, line.number, self._section, [(line.number, head.rest)])
        self._add(self._current)
        self._watch(head.rest)
        return True

    def _add(self, raw: Raw) -> None:
        self._pieces.raws.append(raw)
        self._known.setdefault(raw.label, raw)

    def _sibling(self, head: Head) -> str | None:
        """The label of "(2)" after a question "1(1)": "1(2)"; None when it is no such line."""
        if (
            self._current is None
            or head.style not in (Style.PAREN, Style.ALPHA)
            or self._block == Mark.CRITERIA
        ):
            return None
        found = _SUB_LABEL.fullmatch(self._current.label)
        if not found:
            return None
        before = int(found[2]) if found[2].isdigit() else ord(found[2]) - ord("a") + 1
        same = found[2].isdigit() == (head.style == Style.PAREN)
        return f"{found[1]}({head.label})" if same and head.number == before + 1 else None

    def _accepts(self, head: Head, line: _Line) -> bool:
        """Whether a numbered line begins a question here, and is no item of a list inside one."""
        if head.style not in self._styles:
            return False
        if head.style == Style.WORD or line.heading or self._restart:
            return True
        pointed = on_question(head.rest, head=True) is not None
        if head.style == Style.BARE:
            return (pointed or (self._blank and not head.rest)) and head.number == self._last + 1
        scored = pointed and (not self._listing or self._answer_follows(line))
        if self._block is not None and head.number == self._inner + 1 and not scored:
            # The list inside an answer counts from 1; the next question may bear the same number.
            next_question = head.number == self._last + 1 and (self._inner == 0 or self._blank)
            if not next_question and (self._inner or head.number == 1):
                self._inner = head.number
                return False
        if head.sub:
            return self._sub_accepts(head) or scored
        if head.number == self._last + 1:
            return True
        if head.number > self._last:
            return scored or self._blank or self._block is None
        return scored or len(split_inline(head.rest)) > 1 or (self._blank and head.number == self._last)

    def _answer_follows(self, line: _Line) -> bool:
        """Whether an answer is announced below a line before the next numbered one: criteria have none."""
        for below in self._lines[line.number : line.number + 15]:
            if below.head and below.head.style in self._styles:
                return False
            mark = marker(below.text)
            if mark and mark.mark == Mark.ANSWER:
                return True
        return False

    def _sub_accepts(self, head: Head) -> bool:
        """1.2 follows 1.1 or 1; 1b follows 1a: anything else is a number in the text (3.5 J, 2a)."""
        if self._current is None:
            return True
        if head.number == self._last + 1:
            return head.sub.strip("()") in ("1", "a", "i")
        before = self._current.label.removeprefix(str(head.number)).strip(".()")
        if head.number != self._last:
            return False
        if head.sub.strip("()").isdigit():
            return int(head.sub.strip("()")) == (int(before) if before.isdigit() else 0) + 1
        return not before or head.sub.strip("()") > before

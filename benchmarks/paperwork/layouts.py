"""Sheets as teachers set them and pupils fill them in: one column, two columns, few lines, a continued answer."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator
from PIL.ImageFont import FreeTypeFont

from benchmarks.paperwork import fonts, texts
from benchmarks.paperwork.sheet import BLUE, HEIGHT, INK, LIGHT, MARGIN, PENCIL, WIDTH, Sheet, wrapped
from benchmarks.paperwork.texts import Pupil

TITLES = {"zh": "八年级物理 热学单元测验", "en": "Year 8 Science: forces and energy"}
BACK = {"zh": "（见背面）", "en": "(see back)"}
CROSSED = {"zh": "水蒸气遇热升华", "en": "because it is heavy"}
PLAIN = str.maketrans({"℃": "度", "Δ": "d", "①": "1", "é": "e", "Ü": "U"})


@dataclass(frozen=True, slots=True)
class Style:
    """How one sheet is written: language, the answers' face and size in pixels, ink, line height, label style."""

    language: str
    face: fonts.Face
    size: int
    leading: float
    label: int
    ink: tuple[int, int, int] = INK
    ruled: bool = False

    @property
    def font(self) -> FreeTypeFont:
        """The answers' font."""
        return self.face.at(self.size)

    @property
    def step(self) -> float:
        """Pixels from one line to the next."""
        return self.size * self.leading


def printed(language: str, rng: Generator) -> Style:
    """A printed style at 12 to 16 points."""
    faces = fonts.printed(language)
    labels = texts.STYLES[language]
    return Style(
        language,
        faces[int(rng.integers(min(2, len(faces))))],
        int(rng.integers(26, 35)),
        float(rng.uniform(1.5, 1.75)),
        labels[int(rng.integers(len(labels)))],
    )


def handwritten(language: str, rng: Generator) -> Style:
    """A handwriting-like style, in ink or pencil; IndexError without such a font."""
    faces = fonts.handwriting(language)
    face = faces[int(rng.integers(len(faces)))]
    size = int(rng.integers(40, 50)) if language == "zh" else int(rng.integers(46, 56))
    ink = (INK, BLUE, PENCIL)[int(rng.integers(3))]
    return Style(language, face, size, float(rng.uniform(1.4, 1.6)), 0, ink, bool(rng.integers(2)))


def page(style: Style, pupil: Pupil, rng: Generator, *, most: int = 40, crossed: bool = False) -> Sheet:
    """A page with title, name and number, and answers below one another until it is full (or `most` lines)."""
    sheet = Sheet()
    y = _rules(sheet, style)
    y = header(sheet, style, pupil, y)
    _answers(sheet, style, rng, (MARGIN, y), WIDTH - 2 * MARGIN, most, crossed)
    return sheet


def header(sheet: Sheet, style: Style, pupil: Pupil, y: float, title: str = "") -> float:
    """The printed title and the fields for name and number, filled in; where the answers begin."""
    language = style.language
    face = fonts.printed(language)[0]
    big, small = face.at(36), face.at(28)
    title = title or TITLES[language]
    sheet.write(((WIDTH - big.getlength(title)) / 2, y), title, big)
    y += 74
    names = ("姓名：", "学号：") if language == "zh" else ("Name:", "No.:")
    x = field_of(sheet, (MARGIN, y), names[0], pupil.name, style, goes_on=False)
    field_of(sheet, (max(x + 80, WIDTH / 2), y), names[1], pupil.number, style, goes_on=True)
    return y + max(70, small.size * 2.2)


def field_of(
    sheet: Sheet, place: tuple[float, float], name: str, value: str, style: Style, *, goes_on: bool
) -> float:
    """A printed label and what is written behind it on a line; where it ends on the right."""
    x, y = place
    small = fonts.printed(style.language)[0].at(28)
    writer = style.face if style.face.writes(value) else fonts.printed("zh")[0]
    hand = writer.at(max(28, min(style.size, 36)))
    x = sheet.write((x, y), name, small, goes_on=goes_on) + 10
    end = x + max(220.0, hand.getlength(value) + 20)
    sheet.draw.line((x, y + 40, end, y + 40), LIGHT, 2)
    if value:
        # Written on the line: both fonts' lower edges stand where the printed label's does.
        drop = small.getbbox("国x")[3] - hand.getbbox("国x")[3]
        sheet.write((x + 8, y + drop), value, hand, style.ink, goes_on=True)
    return end


def fill(sheet: Sheet, style: Style, rng: Generator, y: float, most: int) -> None:
    """Answers from `y` on down, at most `most` lines."""
    _answers(sheet, style, rng, (MARGIN, y), WIDTH - 2 * MARGIN, most)


def two_columns(style: Style, pupil: Pupil, rng: Generator) -> Sheet:
    """Answers in two columns with a clear gap, to be read one after the other."""
    sheet = Sheet()
    y = header(sheet, style, pupil, MARGIN)
    gap = 90
    width = (WIDTH - 2 * MARGIN - gap) / 2
    number = _answers(sheet, style, rng, (MARGIN, y), width)
    _answers(sheet, style, rng, (MARGIN + width + gap, y), width, first=number)
    return sheet


def continued(style: Style, pupil: Pupil, rng: Generator) -> Sheet:
    """A page whose last answer goes on elsewhere, and says so."""
    sheet = page(style, pupil, rng, most=9)
    y = max(word.box[3] for word in sheet.words) + style.step * 0.6
    sheet.write((MARGIN, y), BACK[style.language], style.font, style.ink)
    return sheet


def sparse(style: Style, pupil: Pupil, rng: Generator) -> Sheet:
    """A page of a few lines."""
    return page(style, pupil, rng, most=int(rng.integers(3, 7)))


def quotes(sheet: Sheet, rng: Generator, count: int = 5) -> tuple[tuple[int, int], ...]:
    """Parts of answers as a grader would quote them, each within one line: offsets in the sheet's text."""
    found: list[tuple[int, int]] = []
    starts = [0]
    for line in sheet.lines:
        starts.append(starts[-1] + len(line) + 1)
    lines = [number for number, line in enumerate(sheet.lines) if number > 1 and len(line) >= 12]
    for number in sorted(rng.permutation(lines)[:count].tolist()):
        words = [word for word in sheet.words if word.line == number]
        chinese = sum(word.end - word.start == 1 for word in words) > len(words) / 2
        length = min(len(words), int(rng.integers(4, 13)) if chinese else int(rng.integers(2, 7)))
        first = int(rng.integers(len(words) - length + 1))
        part = words[first : first + length]
        found.append((starts[number] + part[0].start, starts[number] + part[-1].end))
    return tuple(found)


def _rules(sheet: Sheet, style: Style) -> float:
    """Ruled lines over the sheet where the style has them; where the header begins."""
    if style.ruled:
        y = MARGIN + 74.0 + 70
        while y < HEIGHT - MARGIN:
            y += style.step
            sheet.draw.line((MARGIN - 30, y, WIDTH - MARGIN + 30, y), LIGHT, 2)
    return MARGIN


def _answers(
    sheet: Sheet,
    style: Style,
    rng: Generator,
    place: tuple[float, float],
    width: float,
    most: int = 60,
    crossed: bool = False,
    first: int = 1,
) -> int:
    """Answers with labels from `first` on, until the sheet or `most` is reached; the next label's number."""
    (x, y), number, written = place, first, 0
    choices = texts.answers(style.language)
    order = rng.permutation(len(choices)).tolist()
    while order and written < most:
        answer = _fitting(choices[order.pop()], style)
        if answer is None:
            continue
        label = texts.label(style.label, number)
        label = label if style.face.writes(label) else f"{number}."
        for line in wrapped(f"{label} {answer}", style.font, width):
            if y + style.step > HEIGHT - MARGIN or written >= most:
                return number + 1
            sheet.write((x, y), line, style.font, style.ink)
            y, written = y + style.step, written + 1
        if crossed and number % 2:
            sheet.cross_out((x + 60, y), CROSSED[style.language], style.font, style.ink)
            y += style.step
        number, y = number + 1, y + style.step * 0.35
    return number


def _fitting(answer: str, style: Style) -> str | None:
    """The answer as this face can write it; None when it cannot."""
    for text in (answer, answer.translate(PLAIN)):
        if style.face.writes(text):
            return text
    return None

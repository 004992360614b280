"""Write the demo classes' .docx and .pdf papers from the texts in `demo/sources/`.

A source is named after its paper: `sources/en-science/8A08.pdf.txt` becomes `en-science/papers/8A08.pdf`.
The .txt and .md papers need no building; they are kept in `papers/` as they are.

A source is plain text, one paragraph a line. `# ` begins a heading. In a .docx source, neighbouring lines of
the form `| a | b |` become one table. Nothing else is markup.

Building twice gives the same bytes: dates, ids and the order of archive members are fixed, so that a rebuilt
paper differs in git only when its text does, or when another release of a writing library sets it anew.

Run: python demo/build.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from io import BytesIO
from itertools import groupby
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from docx import Document
from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from docx.shared import Pt
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

DEMO = Path(__file__).resolve().parent
SOURCES = DEMO / "sources"
WRITTEN = datetime(2024, 6, 12, 8, 0, 0)  # noqa: DTZ001 - python-docx takes a naive UTC time
ARCHIVE_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip archive can hold

LATIN_FONT = "Helvetica"
CHINESE_FONT = "STSong-Light"  # one of the fonts a PDF viewer brings itself: nothing is embedded
MARGIN = 64.0  # points, on every side
BODY = 12.0  # points
HEADING = 15.0  # points
LEADING = 2.0  # line height as a multiple of the font size
NEVER_FIRST = frozenset("，。；：、！？）”》")  # Chinese typesetting: these do not begin a line


class SourceError(ValueError):
    """A source that cannot become a paper; the message names it and says why."""


def is_chinese(text: str) -> bool:
    """Whether the text holds a Chinese character or full-width sign (U+2E80 and up); Helvetica has none."""
    return any(ord(char) >= 0x2E80 for char in text)


def wrap(text: str, font: str, size: float, width: float) -> Iterator[str]:
    """The text as lines of at most `width` points: broken at spaces, in Chinese between any two characters.

    A Chinese line may be one punctuation mark wider, so that the mark does not begin the next line. A single
    word that is wider than the line stays whole.
    """
    pieces = list(text) if font == CHINESE_FONT else [word + " " for word in text.split(" ")]
    line = ""
    for piece in pieces:
        fits = pdfmetrics.stringWidth((line + piece).rstrip(), font, size) <= width
        if line and not fits and piece not in NEVER_FIRST:
            yield line.rstrip()
            line = ""
        line += piece
    yield line.rstrip()


def pdf(text: str) -> bytes:
    """A4 pages with a text layer: in Helvetica, whose characters are Windows-1252's, or in the Chinese font.

    Raises SourceError for a character that the font lacks: it would be lost from the paper without a word.
    """
    font = CHINESE_FONT if is_chinese(text) else LATIN_FONT
    _check_characters(text, font)
    if font == CHINESE_FONT:
        pdfmetrics.registerFont(UnicodeCIDFont(CHINESE_FONT))
    buffer = BytesIO()
    # Uncompressed: another zlib would give other bytes. `invariant` fixes the dates and the file's id.
    canvas = Canvas(buffer, pagesize=A4, invariant=1, pageCompression=0)
    canvas.setTitle("")
    width, height = A4
    y = height - MARGIN
    for paragraph in text.splitlines():
        size = HEADING if paragraph.startswith("# ") else BODY
        for line in wrap(paragraph.removeprefix("# "), font, size, width - 2 * MARGIN):
            if y < MARGIN:
                canvas.showPage()
                y = height - MARGIN
            # Drawn one line after the other from the top: the text layer is then in reading order.
            canvas.setFont(font, size)
            canvas.drawString(MARGIN, y, line)
            y -= size * LEADING
    canvas.save()
    return buffer.getvalue()


def _check_characters(text: str, font: str) -> None:
    """Raise SourceError when the font's encoding lacks a character of the text."""
    # STSong-Light writes Adobe-GB1, whose repertoire is that of GB 18030's two-byte part, GBK.
    encoding = "gbk" if font == CHINESE_FONT else "cp1252"
    lacking = {char for char in text if not char.isspace() and not _encodes(char, encoding)}
    if lacking:
        raise SourceError(f"{font} cannot write {' '.join(sorted(lacking))}")


def _encodes(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def docx(text: str) -> bytes:
    """A word processor's file: headings, paragraphs and tables in the order of the source."""
    document = Document()
    style = document.styles["Normal"]
    style.font.name, style.font.size = "Arial", Pt(BODY)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), "SimSun")
    lines = [line for line in text.splitlines() if line.strip()]
    for is_table, block in groupby(lines, key=lambda line: line.startswith("|")):
        if is_table:
            _add_table(document, list(block))
            continue
        for line in block:
            if line.startswith("# "):
                document.add_heading(line.removeprefix("# "), level=1)
            else:
                document.add_paragraph(line)
    properties = document.core_properties
    properties.author = properties.last_modified_by = properties.comments = properties.title = ""
    properties.created = properties.modified = WRITTEN
    properties.revision = 1
    buffer = BytesIO()
    document.save(buffer)
    return _settled(buffer.getvalue())


def _add_table(document: WordDocument, lines: list[str]) -> None:
    """Append one table; rows shorter than the longest end in empty cells."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    table = document.add_table(rows=0, cols=max(len(row) for row in rows), style="Table Grid")
    for row in rows:
        for cell, content in zip(table.add_row().cells, row, strict=False):
            cell.text = content


def _settled(archive: bytes) -> bytes:
    """The same archive with fixed member dates."""
    buffer = BytesIO()
    with ZipFile(BytesIO(archive)) as old, ZipFile(buffer, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            member = ZipInfo(name, ARCHIVE_DATE)
            member.compress_type = ZIP_DEFLATED
            member.create_system = 3  # else it depends on the system that builds
            new.writestr(member, old.read(name), compresslevel=9)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[str], bytes]] = {".pdf": pdf, ".docx": docx}


def sources() -> list[Path]:
    """Every source, in a fixed order."""
    return sorted(SOURCES.glob("*/*.txt"))


def paper_of(source: Path) -> Path:
    """Where the paper of a source is written."""
    return DEMO / source.parent.name / "papers" / source.stem


def built(source: Path) -> bytes:
    """The paper's bytes. Raises SourceError when the source's name or text does not allow a paper."""
    writer = WRITERS.get(Path(source.stem).suffix)
    if writer is None:
        raise SourceError(f"{source.name}: the name must end in .pdf.txt or .docx.txt")
    try:
        return writer(source.read_text(encoding="utf-8"))
    except SourceError as error:
        raise SourceError(f"{source.name}: {error}") from error


def main() -> int:
    """Build every paper; the exit code is 1 when a source could not be built."""
    failures = 0
    for source in sources():
        try:
            content = built(source)
        except SourceError as error:
            failures += 1
            print(error, file=sys.stderr)
            continue
        paper_of(source).parent.mkdir(parents=True, exist_ok=True)
        paper_of(source).write_bytes(content)
        print(f"{paper_of(source).relative_to(DEMO)}  {len(content)} bytes")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

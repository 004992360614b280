"""Word documents: everything a reader would see as text, in the order of the page.

python-docx opens the package; its own paragraph view leaves out text boxes, content controls, tracked insertions,
formulas and automatic numbers, and answers stand in all of them, so the body's XML is walked here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.formats import ooxml, picture
from app.intake.formats.numbering import Numbering
from app.intake.formats.text import check_length, clean
from app.intake.inspection import no_recognition, no_such_page, recognises
from app.intake.limits import Limits
from app.intake.opened import opened
from app.intake.page import By, PageReading

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
# What shows a picture, and the attribute that names it.
PICTURES = {
    "{http://schemas.openxmlformats.org/drawingml/2006/main}blip": R + "embed",
    "{urn:schemas-microsoft-com:vml}imagedata": R + "id",
}
PICTURE_SIDE = 200  # pixels; smaller pictures are logos and lines and hold no writing

# Deleted text, field codes, and the second copy of a drawing that old programs get.
SKIPPED = frozenset(
    {W + "del", W + "moveFrom", W + "delText", W + "instrText", W + "pPr", W + "rPr", MC + "Fallback"}
)
SIGNS = {
    W + "tab": "\t", W + "br": "\n", W + "cr": "\n", W + "noBreakHyphen": "-", W + "ptab": "\t",
}  # fmt: skip
CELL = "\t"
NOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


@dataclass(frozen=True, slots=True)
class DocxFile:
    """A DOCX as read: its text, and the bytes of the pictures in its body that may hold writing, in their order."""

    text: str
    pictures: tuple[bytes, ...]

    @property
    def pages(self) -> int:
        """The text's page, and one a picture where pictures can be read."""
        return bool(self.text) + (len(self.pictures) if recognises() else 0)

    def close(self) -> None:
        """Nothing is held open."""


def count_pages(path: Path, name: str, limits: Limits) -> int:
    """1 for the text (Word decides on pages only when it prints) and one for each picture that may hold writing.

    Raises UnreadableError: "broken", "encrypted", "too_big", "too_long", "too_many_pages", "empty", "needs_ocr".
    """
    file = opened(path, name, limits, _open)
    if not file.text and not file.pictures:
        raise UnreadableError("empty", Text("“{name}” holds no text.", {"name": name}))
    if not file.pages:
        raise no_recognition(name)
    return file.pages


def read_text(path: Path, name: str, number: int, limits: Limits) -> list[PageReading] | None:
    """The page of the text, or None for one of a picture (`read_picture`). Raises UnreadableError as `count_pages`."""
    file = _file(path, name, number, limits)
    return [PageReading(file.text, By.TEXT)] if number == 1 and file.text else None


def read_picture(
    path: Path, name: str, number: int, limits: Limits, careful: bool = False
) -> list[PageReading]:
    """A page that is a picture. Raises UnreadableError as `count_pages`, and as `picture.read`."""
    file = _file(path, name, number, limits)
    return picture.read(file.pictures[number - 1 - bool(file.text)], name, limits, careful)


def _file(path: Path, name: str, number: int, limits: Limits) -> DocxFile:
    if not 1 <= number <= count_pages(path, name, limits):
        raise no_such_page(name, number)
    return opened(path, name, limits, _open)


def _open(path: Path, name: str, limits: Limits) -> DocxFile:
    """First the header of the first section (names stand there), then the body with its tables, a row a line and cells
    parted by tabs, then foot- and endnotes. Nothing outside the file is fetched."""
    ooxml.check(path, name, limits)
    try:
        file = _read(path)
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # the library throws whatever a damaged package causes
        raise ooxml.broken(name) from error
    check_length(len(file.text), name, limits)
    if len(file.pictures) >= limits.pages:
        raise UnreadableError(
            "too_many_pages",
            Text(
                "“{name}” holds {count} pictures; at most {limit} are read.",
                {"name": name, "count": len(file.pictures), "limit": limits.pages - 1},
            ),
        )
    return file


def _read(path: Path) -> DocxFile:
    import docx

    document = docx.Document(str(path))
    body = document.element.body
    numbering = Numbering(_numbering_root(document), _styles(document))
    blocks = [*_header(document), *_blocks(body, numbering), *_notes(document)]
    text = clean("\n".join(blocks))
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip("\n")
    return DocxFile(text, tuple(_pictures(document)))


def _pictures(document: Any) -> Iterator[bytes]:
    """The pictures of the body that are large enough to hold writing, each once."""
    seen: set[str] = set()
    for element in document.element.body.iter(*PICTURES):
        if any(parent.tag in (W + "del", MC + "Fallback") for parent in element.iterancestors()):
            continue
        relation = document.part.rels.get(element.get(PICTURES[element.tag]))
        if relation is None or relation.is_external or str(relation.target_part.partname) in seen:
            continue
        seen.add(str(relation.target_part.partname))
        if _may_hold_writing(data := relation.target_part.blob):
            yield data


def _may_hold_writing(data: bytes) -> bool:
    """By the size that a picture's header gives; one in a format that is not known here (EMF) is a drawing."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as opened_picture:
            return min(opened_picture.size) >= PICTURE_SIDE
    except Image.DecompressionBombError:
        return True  # said when it is read
    except Exception:  # whatever a damaged header causes
        return False


def _header(document: Any) -> list[str]:
    header = document.sections[0].header if len(document.sections) else None
    if header is None or header.is_linked_to_previous:
        return []
    return [block for block in _blocks(header._element, None) if block.strip()]


def _notes(document: Any) -> list[str]:
    from docx.oxml.parser import parse_xml

    found: list[str] = []
    for relation in document.part.rels.values():
        if relation.is_external or relation.reltype not in (NOTES + "footnotes", NOTES + "endnotes"):
            continue
        for block in _blocks(parse_xml(relation.target_part.blob), None):
            if block.strip():
                found.append(block)
    return found


def _numbering_root(document: Any) -> Any:
    for relation in document.part.rels.values():
        if not relation.is_external and relation.reltype == NOTES + "numbering":
            return relation.target_part.element
    return None


def _styles(document: Any) -> Any:
    return document.styles.element


def _blocks(parent: Any, numbering: Numbering | None) -> Iterator[str]:
    """Paragraphs and table rows below an element, in document order, whatever wraps them."""
    for element in parent:
        if element.tag == W + "p":
            yield from _paragraph(element, numbering)
        elif element.tag == W + "tbl":
            yield from _rows(element, numbering)
        elif isinstance(element.tag, str) and element.tag not in SKIPPED:
            yield from _blocks(element, numbering)


def _rows(table: Any, numbering: Numbering | None) -> Iterator[str]:
    for row in table.iterchildren(W + "tr"):
        cells = [
            "\n".join(_blocks(cell, numbering)).strip("\n")
            for cell in row.iter(W + "tc")
            if _owner(cell) is row
        ]
        yield CELL.join(cells)


def _owner(cell: Any) -> Any:
    """The row that a cell belongs to: content controls may stand between them, tables in cells have their own rows."""
    return next(cell.iterancestors(W + "tr"), None)


def _paragraph(element: Any, numbering: Numbering | None) -> Iterator[str]:
    """A paragraph's line, then the text boxes that are anchored in it."""
    boxes: list[Any] = []
    label = numbering.label(element) if numbering else ""
    yield label + "".join(_inline(element, boxes))
    for box in boxes:
        yield from _blocks(box, numbering)


def _inline(parent: Any, boxes: list[Any]) -> Iterator[str]:
    for element in parent:
        tag = element.tag
        if tag in (W + "t", M + "t"):
            yield element.text or ""
        elif tag in SIGNS:
            yield SIGNS[tag]
        elif tag == W + "sym":
            yield _symbol(element)
        elif tag == M + "f":
            yield f"({''.join(_part(element, 'num'))})/({''.join(_part(element, 'den'))})"
        elif tag == M + "sSup":
            yield f"{''.join(_part(element, 'e'))}^({''.join(_part(element, 'sup'))})"
        elif tag == M + "sSub":
            yield f"{''.join(_part(element, 'e'))}_({''.join(_part(element, 'sub'))})"
        elif tag == M + "rad":
            yield f"sqrt({''.join(_part(element, 'e'))})"
        elif tag == W + "txbxContent":
            boxes.append(element)
        elif isinstance(tag, str) and tag not in SKIPPED:
            yield from _inline(element, boxes)


def _part(formula: Any, name: str) -> Iterator[str]:
    for part in formula.iterchildren(M + name):
        yield from _inline(part, [])


def _symbol(element: Any) -> str:
    """A character of a symbol font; Word shifts those into the private use area (F000), where they mean nothing."""
    code = int(element.get(W + "char") or "0", 16)
    return chr(code) if 0x20 <= code < 0xE000 else "\ufffd"

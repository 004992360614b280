"""Word documents: everything a reader would see as text, in the order of the page.

python-docx opens the package; its own paragraph view leaves out text boxes, content controls, tracked insertions,
formulas and automatic numbers, and answers stand in all of them, so the body's XML is walked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.document import Document, Page
from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.formats import ooxml
from app.intake.formats.numbering import Numbering
from app.intake.formats.text import check_length, clean
from app.intake.limits import Limits

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
PICTURES = (
    "{http://schemas.openxmlformats.org/drawingml/2006/main}blip",
    "{urn:schemas-microsoft-com:vml}imagedata",
)

# Deleted text, field codes, and the second copy of a drawing that old programs get.
SKIPPED = frozenset(
    {W + "del", W + "moveFrom", W + "delText", W + "instrText", W + "pPr", W + "rPr", MC + "Fallback"}
)
SIGNS = {
    W + "tab": "\t", W + "br": "\n", W + "cr": "\n", W + "noBreakHyphen": "-", W + "ptab": "\t",
}  # fmt: skip
CELL = "\t"
NOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def read(path: Path, name: str, limits: Limits) -> Document:
    """A DOCX file as one page (Word decides on pages only when it prints).

    First the header of the first section (names stand there), then the body with its tables, a row a line and cells
    parted by tabs, then foot- and endnotes. Nothing outside the file is fetched.
    Raises UnreadableError: "broken", "encrypted", "too_big", "too_long", "empty", "needs_ocr".
    """
    ooxml.check(path, name, limits)
    try:
        text, pictures = _read(path)
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # the library throws whatever a damaged package causes
        raise ooxml.broken(name) from error
    check_length(len(text), name, limits)
    if text:
        return Document((Page(1, text),))
    if pictures:
        raise UnreadableError(
            "needs_ocr",
            Text(
                "“{name}” holds pictures without text: it has to be read by text recognition.", {"name": name}
            ),
        )
    raise UnreadableError("empty", Text("“{name}” holds no text.", {"name": name}))


def _read(path: Path) -> tuple[str, bool]:
    """The text, and whether the body shows pictures."""
    import docx

    document = docx.Document(str(path))
    body = document.element.body
    numbering = Numbering(_numbering_root(document), _styles(document))
    blocks = [*_header(document), *_blocks(body, numbering), *_notes(document)]
    text = clean("\n".join(blocks))
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip("\n")
    return text, any(True for _ in body.iter(*PICTURES))


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

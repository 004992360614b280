"""Word documents: everything that reads as text, in order; and packages that mean harm."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from PIL import Image

from app.intake.errors import UnreadableError
from app.intake.formats.numbering import write
from app.intake.limits import Limits
from app.intake.page import By
from app.intake.readers import inspect, read_file, read_page

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def saved(path: Path, document: docx.document.Document) -> Path:
    document.save(str(path / "upload"))
    return path / "upload"


def repacked(
    path: Path, change: Callable[[str, bytes], bytes], extra: dict[str, bytes] | None = None
) -> Path:
    """A DOCX whose parts went through a change, with further parts."""
    document = docx.Document()
    document.add_paragraph("1. Paris")
    document.save(buffer := io.BytesIO())
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path / "upload", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, data in (extra or {}).items():
            new.writestr(name, data)
    return path / "upload"


def kind_of(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(UnreadableError) as caught:
        read_file(path, "paper.docx", limits)
    assert "{" not in str(caught.value)
    return caught.value.kind


def test_paragraphs_and_tables_in_order(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("姓名：张伟")
    table = document.add_table(2, 2)
    for cell, text in zip((c for row in table.rows for c in row.cells), "ABCD", strict=True):
        cell.text = text
    table.cell(1, 1).add_table(1, 1).cell(0, 0).text = "inner"
    document.add_paragraph("1.\tParis\nand Rome")
    assert (
        read_file(saved(tmp_path, document), "a.docx").text
        == "姓名：张伟\nA\tB\nC\tD\ninner\n1.\tParis\nand Rome"
    )


def test_merged_cells_come_once(tmp_path: Path) -> None:
    document = docx.Document()
    table = document.add_table(1, 3)
    table.cell(0, 0).merge(table.cell(0, 2)).text = "once"
    assert read_file(saved(tmp_path, document), "a.docx").text == "once"


def test_header_content_controls_insertions_and_text_boxes(tmp_path: Path) -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "姓名：李娜"
    document.add_paragraph("start")
    body = document.element.body
    for xml in (
        f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>control</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        f"<w:p {W}><w:ins><w:r><w:t>kept</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>",
        f"<w:p {W}><w:r><w:t>anchor</w:t><w:pict><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p>"
        "</w:txbxContent></w:pict></w:r></w:p>",
        f'<w:p {W} xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><m:oMath><m:f>'
        "<m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath></w:p>",
    ):
        body.insert(len(body) - 1, parse_xml(xml))
    text = read_file(saved(tmp_path, document), "a.docx").text
    assert text == "姓名：李娜\nstart\ncontrol\nkept\nanchor\nboxed\n(1)/(2)"


def test_automatic_numbers_are_text(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Paris", style="List Number")
    document.add_paragraph("a remark")
    document.add_paragraph("Rome", style="List Number")
    document.add_paragraph("dot", style="List Bullet")
    assert read_file(saved(tmp_path, document), "a.docx").text == "1. Paris\na remark\n2. Rome\ndot"


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (3, "decimal", "3"), (27, "lowerLetter", "aa"), (2, "upperLetter", "B"), (14, "lowerRoman", "xiv"),
        (1, "chineseCounting", "一"), (10, "chineseCountingThousand", "十"), (21, "japaneseCounting", "二十一"),
        (3, "decimalEnclosedCircle", "③"), (5, "decimalZero", "05"), (7, "somethingNew", "7"), (0, "upperRoman", "0"),
    ],
)  # fmt: skip
def test_number_formats(value: int, form: str, text: str) -> None:
    assert write(value, form) == text


def with_picture(document: docx.document.Document, side: int) -> docx.document.Document:
    Image.new("RGB", (side, side), "white").save(picture := io.BytesIO(), "PNG")
    document.add_picture(picture)
    return document


def test_empty_and_pictures(tmp_path: Path) -> None:
    document = docx.Document()
    assert kind_of(saved(tmp_path, document)) == "empty"
    assert kind_of(saved(tmp_path, with_picture(document, 300))) == "empty"  # of a picture of nothing, too


@pytest.mark.usefixtures("without_recognition")
def test_pictures_alone_need_text_recognition(tmp_path: Path) -> None:
    assert kind_of(saved(tmp_path, with_picture(docx.Document(), 300))) == "needs_ocr"
    document = with_picture(docx.Document(), 300)
    document.add_paragraph("1. Paris")
    assert read_file(saved(tmp_path, document), "a.docx").text == "1. Paris"
    assert inspect(tmp_path / "upload", "a.docx").pages == 1


def test_large_pictures_are_pages(tmp_path: Path) -> None:
    document = with_picture(with_picture(docx.Document(), 300), 100)
    document.add_paragraph("1. Paris")
    found = inspect(saved(tmp_path, document), "a.docx")
    assert (found.pages, found.kind) == (2, "docx")
    (text,) = read_page(tmp_path / "upload", "a.docx", 1)
    assert (text.text, text.by, text.picture) == ("1. Paris", By.TEXT, None)
    (picture,) = read_page(tmp_path / "upload", "a.docx", 2)
    assert picture.blank
    assert picture.picture is not None
    with pytest.raises(UnreadableError, match="no page 3"):
        read_page(tmp_path / "upload", "a.docx", 3)


def test_an_external_entity_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")

    def attack(name: str, data: bytes) -> bytes:
        if name != "word/document.xml":
            return data
        entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'.encode()
        head, tail = data.split(b"?>", 1)
        return head + b"?>" + entity + tail.replace(b"1. Paris", b"&e;")

    assert kind_of(repacked(tmp_path, attack)) == "broken"


def test_an_external_relationship_is_not_fetched(tmp_path: Path) -> None:
    def attack(name: str, data: bytes) -> bytes:
        relation = (
            b'<Relationship Id="rId99" TargetMode="External" Target="http://127.0.0.1:9/x.dotx" Type="http://schemas.'
            b'openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"/></Relationships>'
        )
        return data.replace(b"</Relationships>", relation) if name == "word/_rels/document.xml.rels" else data

    assert read_file(repacked(tmp_path, attack), "a.docx").text == "1. Paris"


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = repacked(tmp_path, lambda _, data: data, {"word/media/big.bin": bytes(30 * 1024 * 1024)})
    assert path.stat().st_size < 200_000
    assert kind_of(path, Limits(inflated_megabytes=20)) == "too_big"
    path = repacked(tmp_path, lambda _, data: data, {f"word/{n}.xml": b"" for n in range(50)})
    assert kind_of(path, Limits(files=40)) == "too_big"


def test_deep_nesting_is_a_sentence(tmp_path: Path) -> None:
    deep = b"<w:sdt><w:sdtContent>" * 3000 + b"</w:sdtContent></w:sdt>" * 3000

    def attack(name: str, data: bytes) -> bytes:
        return data.replace(b"<w:body>", b"<w:body>" + deep) if name == "word/document.xml" else data

    assert kind_of(repacked(tmp_path, attack)) == "broken"


def test_damaged_packages(tmp_path: Path) -> None:
    whole = repacked(tmp_path, lambda _, data: data).read_bytes()
    for damaged in (whole[:-200], whole[:2000] + b"\x00" * 50 + whole[2050:], whole[: len(whole) // 2]):
        (tmp_path / "upload").write_bytes(damaged)
        assert kind_of(tmp_path / "upload") in ("broken", "type")
    no_xml = repacked(tmp_path, lambda name, data: b"<oops" if name == "word/document.xml" else data)
    assert kind_of(no_xml) == "broken"


def test_too_long(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("x" * 101)
    assert kind_of(saved(tmp_path, document), Limits(characters=100)) == "too_long"

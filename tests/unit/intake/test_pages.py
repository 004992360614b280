"""Files page by page: text layers, scans, photos; what is wrong with a file or one of its pages is a sentence."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject, TextStringObject
from reportlab.lib.pagesizes import A5
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.intake.errors import UnreadableError
from app.intake.formats.pdf_page import render
from app.intake.limits import Limits
from app.intake.page import By
from app.intake.readers import inspect, read_file, read_layer, read_page, render_page

LINES = ("1. Warm air rises because", "it is lighter than cold air.", "2. The sun heats the ground.")
LAYER = " ".join(f"{number}. The scanner has read this line of words." for number in range(8))


def photo(*lines: str) -> Image.Image:
    """A small page of printed lines."""
    image = Image.new("RGB", (700, 990), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(34)
    for number, line in enumerate(lines):
        draw.text((60, 80 + 90 * number), line, "black", font)
    return image


def pdf(*draws: Callable[[Canvas], None]) -> bytes:
    """A PDF of A5 pages."""
    canvas = Canvas(buffer := io.BytesIO(), pagesize=A5)
    for draw in draws:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def scan(*lines: str, layer: str = "") -> Callable[[Canvas], None]:
    """A page that is a picture, with invisible text over it."""

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(photo(*lines)), 0, 0, *A5)
        text = canvas.beginText(40, 520)
        text.setTextRenderMode(3)
        for line in layer.split("\n"):
            text.textLine(line)
        canvas.drawText(text)

    return draw


def typed(*lines: str) -> Callable[[Canvas], None]:
    """A page of text."""

    def draw(canvas: Canvas) -> None:
        for number, line in enumerate(lines):
            canvas.drawString(40, 540 - 20 * number, line)

    return draw


def written(folder: Path, data: bytes, name: str = "upload") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def solid(text: str) -> str:
    return "".join(text.split())


def test_what_a_file_is(tmp_path: Path) -> None:
    photo("x").save(buffer := io.BytesIO(), "JPEG")
    for data, name, wanted in (
        (pdf(typed("a"), typed("b")), "a.pdf", ("application/pdf", 2, "pdf")),
        (buffer.getvalue(), "a.png", ("image/jpeg", 1, "picture")),  # messengers rename pictures
        (b"1. Paris", "a.md", ("text/plain", 1, "text")),
    ):
        found = inspect(written(tmp_path, data), name)
        assert (found.media_type, found.pages, found.kind) == wanted


def test_text_layers_need_no_recognition(tmp_path: Path) -> None:
    path = written(tmp_path, pdf(typed("1. Paris"), typed(), typed("2. Rome", "3. Oslo")))
    readings = [read_layer(path, "a.pdf", number, Limits()) for number in (1, 2, 3)]
    assert [[each.text for each in found or []] for found in readings] == [
        ["1. Paris"], [""], ["2. Rome\n3. Oslo"],
    ]  # fmt: skip
    assert [found[0].blank for found in readings if found] == [False, True, False]
    assert all(found and found[0].by == By.PDF and found[0].picture is None for found in readings)
    assert readings[2] is not None
    assert len(readings[2][0].words) == 4


def test_scans_are_recognised_and_layers_compared(tmp_path: Path) -> None:
    garbage = "l;'j fi~~ 1l|I\n{]x ;;:' ~~\n" * 3
    path = written(tmp_path, pdf(scan(*LINES, layer=garbage), scan(layer=LAYER), typed("3. Oslo")))
    assert [read_layer(path, "a.pdf", number, Limits()) for number in (1, 2)] == [None, None]
    (found,) = read_page(path, "a.pdf", 1)
    assert found.by == By.OCR
    assert solid(found.text) == solid("".join(LINES))
    assert found.picture is not None
    (blank,) = read_page(path, "a.pdf", 2)
    assert blank.blank, "nothing is to be seen there, whatever the layer says"


def test_a_document_is_all_its_pages(tmp_path: Path) -> None:
    document = read_file(written(tmp_path, pdf(typed("1. Paris"), scan("2. Rome"), typed())), "a.pdf")
    assert [(page.number, page.text) for page in document.pages] == [(1, "1. Paris"), (2, "2. Rome"), (3, "")]


def test_a_right_layer_of_a_scan_is_kept_where_recognition_is_less_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from app.intake.pictures import read

    real = read.read_picture

    def unsure(*args: object, **options: object) -> object:
        return [replace(each, confidence=0.6, quality=0.5) for each in real(*args, **options)]  # type: ignore[arg-type]

    monkeypatch.setattr(read, "read_picture", unsure)
    path = written(tmp_path, pdf(scan(*LINES, layer="\n".join(LINES))))
    (found,) = read_page(path, "a.pdf", 1)
    assert (found.by, found.text, found.quality) == (By.PDF, "\n".join(LINES), 0.5)
    assert len(found.words) == len(" ".join(LINES).split())


@pytest.mark.usefixtures("without_recognition")
def test_without_the_extra_a_doubtful_layer_is_better_than_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, pdf(scan(*LINES, layer=LAYER), scan(*LINES)))
    assert inspect(path, "a.pdf").pages == 2
    assert read_page(path, "a.pdf", 1)[0].text == LAYER
    with pytest.raises(UnreadableError, match="extra “ocr”") as caught:
        read_page(path, "a.pdf", 2)
    assert (caught.value.kind, caught.value.pages) == ("needs_ocr", (2,))
    photo("x").save(tmp_path / "a.png")
    for call in (lambda: inspect(tmp_path / "a.png", "a.png"), lambda: render_page(path, "a.pdf", 1)):
        with pytest.raises(UnreadableError) as caught:
            call()
        assert caught.value.kind == "needs_ocr"


def test_a_pdf_page_is_shown(tmp_path: Path) -> None:
    path = written(tmp_path, pdf(typed("1. Paris")))
    picture = render_page(path, "a.pdf", 1)
    assert (picture.width, picture.height) == (875, 1241)
    assert Image.open(io.BytesIO(picture.data)).format == "WEBP"
    with pytest.raises(UnreadableError) as caught:
        render_page(written(tmp_path, b"text", "b"), "b.txt", 1)
    assert caught.value.kind == "type"


def test_scripts_of_a_pdf_are_not_run(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(typed("1. Paris")))))
    script = {"/S": NameObject("/JavaScript"), "/JS": TextStringObject("while (true) {}")}
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(
        {NameObject(key): value for key, value in script.items()}
    )
    writer.write(tmp_path / "upload")
    assert read_page(tmp_path / "upload", "a.pdf", 1)[0].text == "1. Paris"
    assert render_page(tmp_path / "upload", "a.pdf", 1).width > 0


def test_a_huge_picture_in_a_pdf_is_not_decoded(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(scan("x"), typed("2. Rome")))))
    for picture in writer.pages[0]["/Resources"]["/XObject"].values():  # type: ignore[index]
        picture.get_object().update(
            {NameObject(side): NumberObject(12_000) for side in ("/Width", "/Height")}
        )
    writer.write(path := tmp_path / "upload")
    for call in (read_page, render_page):
        with pytest.raises(UnreadableError, match="12000 × 12000") as caught:
            call(path, "a.pdf", 1)
        assert caught.value.kind == "too_big"
    assert read_page(path, "a.pdf", 2)[0].text == "2. Rome", "other pages of the file are read"


def test_what_is_filled_into_a_form_is_drawn(tmp_path: Path) -> None:
    def form(canvas: Canvas) -> None:
        canvas.acroForm.textfield(
            value="Paris", x=40, y=300, width=200, height=40, fontSize=24, borderWidth=0
        )

    path = written(tmp_path, pdf(form))
    assert read_layer(path, "a.pdf", 1, Limits()) is None
    assert solid(read_page(path, "a.pdf", 1)[0].text) == "Paris"


def test_what_is_written_into_a_page_is_looked_at(tmp_path: Path) -> None:
    from pypdf.annotations import FreeText

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(typed("1. What is warm air?")))))
    writer.add_annotation(0, FreeText(text="It rises.", rect=(40, 300, 300, 340), font_size="20pt"))
    writer.write(tmp_path / "upload")
    assert read_layer(tmp_path / "upload", "a.pdf", 1, Limits()) is None


@pytest.mark.parametrize("swapped", [b"", b"other text", b"%PDF-1.7 startxref", "shorter", "picture", None])
def test_a_file_that_changes_between_two_pages(tmp_path: Path, swapped: bytes | str | None) -> None:
    path = written(tmp_path, pdf(*[typed(f"{number}.") for number in range(1, 4)]))
    assert inspect(path, "a.pdf").pages == 3
    assert read_page(path, "a.pdf", 1)[0].text == "1."
    if swapped is None:
        path.unlink()
    elif swapped == "shorter":
        written(tmp_path, pdf(typed("1.")))
    elif swapped == "picture":
        photo("x").save(path, "PNG")
    else:
        assert isinstance(swapped, bytes)
        written(tmp_path, swapped)
    with pytest.raises(UnreadableError) as caught:
        read_page(path, "a.pdf", 3)
    assert caught.value.kind in ("broken", "empty", "type")
    assert "{" not in str(caught.value)


def test_the_same_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.intake.formats import pdf_reading

    opened = []
    real = pdf_reading.open_pdf

    def counted(path: Path, name: str, limits: Limits) -> object:
        opened.append(path)
        return real(path, name, limits)

    monkeypatch.setattr(pdf_reading, "open_pdf", counted)
    path = written(tmp_path, pdf(typed("one"), typed("two")))
    assert [read_page(path, "a.pdf", number)[0].text for number in (1, 2, 1)] == ["one", "two", "one"]
    assert len(opened) == 1
    written(tmp_path, pdf(typed("six"), typed("ten")))
    os.utime(path, ns=(1, 1))
    assert read_page(path, "a.pdf", 2)[0].text == "ten"
    assert len(opened) == 2


@pytest.mark.parametrize("number", [0, -1, 3])
def test_pages_that_do_not_exist(tmp_path: Path, number: int) -> None:
    path = written(tmp_path, pdf(typed("one"), typed("two")))
    for call in (read_page, render_page):
        with pytest.raises(UnreadableError, match=f"no page {number}"):
            call(path, "a.pdf", number)
    for data in (b"text", b"\x89PNG\r\n\x1a\n" + bytes(99)):
        with pytest.raises(UnreadableError):
            read_page(written(tmp_path, data), "a", number)


def test_a_scanner_s_tiff_has_pages(tmp_path: Path) -> None:
    photo("1. Paris").save(
        path := tmp_path / "upload", "TIFF", save_all=True, append_images=[photo("2. Rome"), photo()]
    )
    found = inspect(path, "scan.tif")
    assert (found.pages, found.kind) == (3, "picture")
    assert solid(read_page(path, "scan.tif", 2)[0].text) == "2.Rome"
    assert read_page(path, "scan.tif", 3)[0].blank
    with pytest.raises(UnreadableError, match="no page 4"):
        read_page(path, "scan.tif", 4)
    with pytest.raises(UnreadableError) as caught:
        inspect(path, "scan.tif", Limits(pages=2))
    assert caught.value.kind == "too_many_pages"
    photo("x").save(path, "GIF", save_all=True, append_images=[photo("y")])
    assert inspect(path, "moving.gif").pages == 1, "a moving picture is one page"


def test_a_text_upside_down_keeps_its_layer(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(typed(*LINES)))))
    writer.pages[0].rotate(180)
    writer.write(tmp_path / "upload")
    (found,) = read_page(tmp_path / "upload", "a.pdf", 1)
    assert found.text == "\n".join(LINES)
    assert found.words[0].box.y0 > 0.8, "places are those of the page as it is shown"


def test_render_gives_what_is_shown(tmp_path: Path) -> None:
    import pypdfium2

    image = render(pypdfium2.PdfDocument(pdf(scan(*LINES)))[0], 100)
    assert image.shape == (827, 583, 3)
    assert image.min() < 60

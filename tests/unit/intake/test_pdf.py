"""PDF: text, Chinese text, and everything that can be wrong with one."""

from __future__ import annotations

import importlib.util
import io
import runpy
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, NumberObject
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from app.intake.errors import UnreadableError
from app.intake.limits import Limits
from app.intake.readers import read_file

pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))


def pdf(*pages: str, font: str = "Helvetica") -> bytes:
    """A PDF with a page a text; "" is a blank page, "#" a picture."""
    canvas = Canvas(buffer := io.BytesIO())
    for text in pages:
        canvas.setFont(font, 12)
        if text == "#":
            canvas.drawImage(ImageReader(Image.new("RGB", (400, 500), "white")), 50, 50)
        else:
            for number, line in enumerate(text.split("\n")):
                canvas.drawString(72, 760 - 18 * number, line)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def failure(path: Path, data: bytes, limits: Limits | None = None) -> UnreadableError:
    path = path / "upload"
    path.write_bytes(data)
    with pytest.raises(UnreadableError) as caught:
        read_file(path, "paper.pdf", limits)
    assert "{" not in str(caught.value)
    return caught.value


def read(path: Path, data: bytes) -> list[str]:
    (path / "upload").write_bytes(data)
    return [page.text for page in read_file(path / "upload", "paper.pdf").pages]


def changed(data: bytes, change: object) -> bytes:
    """A PDF after a change to its writer."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    change(writer)  # type: ignore[operator]
    writer.write(buffer := io.BytesIO())
    return buffer.getvalue()


def test_pages_and_lines(tmp_path: Path) -> None:
    assert read(tmp_path, pdf("1. Paris\n2. Rome", "", "3. Oslo")) == ["1. Paris\n2. Rome", "", "3. Oslo"]


def test_chinese_text(tmp_path: Path) -> None:
    text = "姓名：张伟 学号：20240101\n一、光合作用把光能变成化学能。"
    assert read(tmp_path, pdf(text, font="STSong-Light")) == [text]


def test_the_name_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(pdf("text"))
    assert read_file(tmp_path / "x", "paper.txt").text == "text"


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128"])
def test_encrypted(tmp_path: Path, algorithm: str) -> None:
    locked = changed(pdf("text"), lambda writer: writer.encrypt("secret", algorithm=algorithm))
    assert failure(tmp_path, locked).kind == "encrypted"
    open_to_all = changed(pdf("text"), lambda writer: writer.encrypt("", "owner", algorithm=algorithm))
    assert read(tmp_path, open_to_all) == ["text"]


def aes(name: str) -> bytes:
    """One of the samples beside this file; test modules are no package, so it is run by path."""
    sample: bytes = runpy.run_path(str(Path(__file__).with_name("aes_samples.py")))[name]
    return sample


@pytest.mark.parametrize("name", ["AES_128_OPEN", "AES_256_OPEN"])
def test_aes_without_a_password_opens(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, aes(name)) == ["1. Paris"]


def test_aes_with_a_password_is_said(tmp_path: Path) -> None:
    assert failure(tmp_path, aes("AES_128_SECRET")).kind == "encrypted"


@pytest.mark.parametrize("name", ["AES_128_OPEN", "AES_256_OPEN", "AES_128_SECRET"])
def test_aes_without_a_library_for_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    if importlib.util.find_spec("cryptography") is None:
        assert failure(tmp_path, aes(name)).kind == "encrypted"
    elif name.endswith("OPEN"):
        assert read(tmp_path, aes(name)) == ["1. Paris"]


@pytest.mark.parametrize("cut", [100, 400, 900])
def test_truncated(tmp_path: Path, cut: int) -> None:
    assert failure(tmp_path, pdf("one", "two", "three")[:-cut]).kind == "broken"


def test_garbage_inside(tmp_path: Path) -> None:
    assert failure(tmp_path, b"%PDF-1.7\n" + b"garbage " * 100 + b"startxref\n0\n%%EOF").kind == "broken"
    assert failure(tmp_path, b"%PDF-1.7\n").kind == "broken"


def test_missing_pages_are_said(tmp_path: Path) -> None:
    def lie(writer: PdfWriter) -> None:
        pages = writer.root_object["/Pages"].get_object()
        pages[NameObject("/Count")] = NumberObject(7)  # type: ignore[index]

    error = failure(tmp_path, changed(pdf("one", "two"), lie))
    assert error.kind == "broken"
    assert "2" in str(error)
    assert "7" in str(error)


@pytest.mark.usefixtures("without_recognition")
def test_pictures_need_text_recognition(tmp_path: Path) -> None:
    error = failure(tmp_path, pdf("#", "#"))
    assert (error.kind, error.pages) == ("needs_ocr", (1, 2))
    error = failure(tmp_path, pdf("1. Paris", "#", "", "3. Oslo", "#"))
    assert (error.kind, error.pages) == ("needs_ocr", (2, 5))
    assert "2, 5" in str(error)


def test_nothing_on_any_page_is_said(tmp_path: Path) -> None:
    assert failure(tmp_path, pdf("", "")).kind == "empty"


def test_ten_thousand_pages_are_refused_before_they_are_read(tmp_path: Path) -> None:
    canvas = Canvas(buffer := io.BytesIO(), pageCompression=0)
    for _ in range(10_000):
        canvas.showPage()
    canvas.save()
    began = time.perf_counter()
    error = failure(tmp_path, buffer.getvalue())
    assert error.kind == "too_many_pages"
    assert "600" in str(error)
    assert time.perf_counter() - began < 20  # reading them all takes minutes


def test_the_limit_of_pages_is_exact(tmp_path: Path) -> None:
    data = pdf("a", "b", "c")
    assert failure(tmp_path, data, Limits(pages=2)).kind == "too_many_pages"
    assert len(read_file(tmp_path / "upload", "x", Limits(pages=3)).pages) == 3
    assert failure(tmp_path, data, Limits(characters=2)).kind == "too_long"


def test_a_page_tree_that_loops(tmp_path: Path) -> None:
    def loop(writer: PdfWriter) -> None:
        pages = writer.root_object.raw_get("/Pages")
        pages.get_object()[NameObject("/Kids")] = ArrayObject([pages])

    assert failure(tmp_path, changed(pdf("one"), loop)).kind == "broken"


def test_a_form_that_draws_itself_ends(tmp_path: Path) -> None:
    def loop(writer: PdfWriter) -> None:
        form = DecodedStreamObject()
        form.set_data(b"BT /F1 9 Tf (again) Tj ET /X Do")
        form.update(
            {NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Form")}
        )
        reference = writer._add_object(form)
        objects = DictionaryObject({NameObject("/XObject"): DictionaryObject({NameObject("/X"): reference})})
        form[NameObject("/Resources")] = objects
        content = DecodedStreamObject()
        content.set_data(b"/X Do")
        writer.pages[0][NameObject("/Contents")] = writer._add_object(content)
        writer.pages[0][NameObject("/Resources")] = objects

    (tmp_path / "upload").write_bytes(changed(pdf("one"), loop))
    began = time.perf_counter()
    try:
        read_file(tmp_path / "upload", "x.pdf", Limits())
    except UnreadableError as error:
        assert error.kind in ("broken", "needs_ocr")
    assert time.perf_counter() - began < 20  # it ends at all


def test_a_cross_reference_table_that_loops(tmp_path: Path) -> None:
    data = pdf("one")
    start = int(data.rsplit(b"startxref", 1)[1].split()[0])
    looped = data.replace(b"/Root", b"/Prev %d /Root" % start, 1)
    (tmp_path / "upload").write_bytes(looped)
    began = time.perf_counter()
    try:
        assert read_file(tmp_path / "upload", "x.pdf").text == "one"
    except UnreadableError as error:
        assert error.kind == "broken"
    assert time.perf_counter() - began < 20  # it ends at all


def test_every_single_damage_is_a_sentence_or_text(tmp_path: Path) -> None:
    data = pdf("1. Paris", "2. Rome")
    for at in range(0, len(data), 37):
        (tmp_path / "upload").write_bytes(data[:at] + b"\xff<<[/" + data[at + 5 :])
        try:
            read_file(tmp_path / "upload", "x.pdf")
        except UnreadableError as error:
            assert error.kind in ("broken", "needs_ocr", "encrypted", "type", "empty")

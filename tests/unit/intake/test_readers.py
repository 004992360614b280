"""Files of every sort to text, and every sort of bad file to a sentence."""

from __future__ import annotations

import pickle
import random
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.intake.errors import UnreadableError
from app.intake.formats.text import clean, decode
from app.intake.limits import Limits
from app.intake.readers import read_file, sniff

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(200)
EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(range(256)) * 8
ESSAY = "一、选择题\n1. A  2. B\n二、简答题：光合作用把光能变成化学能。\n"
GERMAN = "Die Größe der Fläche wächst, weil die Länge übernommen wird. Schöne Grüße!\n"


def kind_of(path: Path, name: str, limits: Limits | None = None) -> str:
    """The kind of the error, after looking at its sentence."""
    with pytest.raises(UnreadableError) as caught:
        read_file(path, name, limits)
    assert "{" not in str(caught.value)
    return caught.value.kind


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk"]
)
def test_chinese_text_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    assert read_file(written(tmp_path, ESSAY.encode(encoding)), "a.txt").text == ESSAY.rstrip()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-le"])
def test_german_text_is_not_read_as_chinese(tmp_path: Path, encoding: str) -> None:
    assert read_file(written(tmp_path, GERMAN.encode(encoding)), "a.md").text == GERMAN.rstrip()


def test_markdown_and_code_are_text(tmp_path: Path) -> None:
    path = written(tmp_path, b"# Answer\r\n\r\nprint(1)\r")
    for name in ("a.md", "a.py", "a", "answer.unknown"):
        assert read_file(path, name).text == "# Answer\n\nprint(1)"


def test_an_answer_of_a_megabyte(tmp_path: Path) -> None:
    text = "字" * 1_000_000
    assert read_file(written(tmp_path, text.encode()), "a.txt").text == text
    assert kind_of(tmp_path / "upload", "a.txt", Limits(characters=999_999)) == "too_long"


def test_nul_bytes_are_taken_out(tmp_path: Path) -> None:
    assert read_file(
        written(tmp_path, b"1. A\x00\n2. \x00B" + b" and more words" * 20), "a.txt"
    ).text.startswith("1. A\n2. B")


@pytest.mark.parametrize("text", ["1. Warm\0 air rises.", "1. 热空气\0上升。", "1. \0"])
def test_a_stray_nul_makes_no_chinese_of_letters(tmp_path: Path, text: str) -> None:
    essay = text + " Cold air sinks." * 40
    assert read_file(written(tmp_path, essay.encode()), "a.txt").text == essay.replace("\0", "")


def test_one_damaged_byte_does_not_lose_an_essay(tmp_path: Path) -> None:
    data = (ESSAY * 20).encode()
    damaged = data[:100] + b"\xff" + data[100:]
    text = read_file(written(tmp_path, damaged), "a.txt").text
    assert text.count("光合作用") == 20
    assert "\ufffd" in text


def test_a_head_that_ends_inside_a_character(tmp_path: Path) -> None:
    for shift in range(4):
        path = written(tmp_path, b"x" * shift + ("字" * 5000).encode())
        assert len(read_file(path, "a.txt").text) == 5000 + shift


@pytest.mark.parametrize("data", [b"", b" \n\t ", b"\xef\xbb\xbf", "　\n".encode()])
def test_empty(tmp_path: Path, data: bytes) -> None:
    assert kind_of(written(tmp_path, data), "a.txt") == "empty"


@pytest.mark.parametrize(
    ("data", "name", "kind", "word"),
    [
        (PNG, "paper.pdf", "type", "PNG"),
        (PNG, "paper.png", "broken", "paper.png"),
        (PNG, "paper.jpg", "broken", "paper.jpg"),
        (b"\xff\xd8\xff\xe0" + bytes(99), "IMG_1.JPG", "broken", "IMG_1.JPG"),
        (EXE, "answers.txt", "type", "EXE"),
        (b"\x7fELF" + bytes(99), "answers.txt", "type", "EXE"),
        (b"PK\x03\x04" + bytes(99), "answers.docx", "type", "ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old.doc", "type", "DOC"),
        (b"{\\rtf1 text}", "a.rtf", "type", "RTF"),
        (b"Rar!\x1a\x07\x00" + bytes(99), "a.zip", "type", "RAR"),
        (b"just text", "a.pdf", "type", "TXT"),
        (b"<html>not found</html>", "a.docx", "type", "TXT"),
    ],
)
def test_a_wrong_type_is_named(tmp_path: Path, data: bytes, name: str, kind: str, word: str) -> None:
    path = written(tmp_path, data)
    assert kind_of(path, name) == kind
    with pytest.raises(UnreadableError, match=word):
        read_file(path, name)


def test_noise_is_of_no_type(tmp_path: Path) -> None:
    assert kind_of(written(tmp_path, random.Random(7).randbytes(5000)), "a.txt") == "type"


def test_a_missing_file_and_a_large_one(tmp_path: Path) -> None:
    assert kind_of(tmp_path / "none", "a.txt") == "broken"
    assert (
        kind_of(written(tmp_path, b"x" * (1024 * 1024 + 1)), "a.txt", Limits(file_megabytes=1)) == "too_big"
    )


def test_sniff_sees_content_only() -> None:
    assert sniff(b"%PDF-1.7\n") == "application/pdf"
    assert sniff(b"junk\n%PDF-1.4") == "application/pdf"
    assert sniff(b"hello") == "text/plain"
    assert sniff(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == "image/webp"
    assert sniff(b"\x00\x00\x00\x18ftypheic") == "image/heic"
    assert sniff(b"\x00\x00\x00\x18ftypmif1") == "image/heic"
    assert sniff(b"\x00\x00\x00\x18ftypavif") == "image/avif"
    assert sniff(b"\x00\x00\x00\x18ftypisom") == "video/mp4"
    assert sniff(b"BM looks like a word") == "text/plain"
    assert sniff(b"MZ is a word too") == "text/plain"
    assert sniff(b"") is None


def test_errors_survive_pickling_and_json() -> None:
    from app.i18n import Text

    error = UnreadableError("needs_ocr", Text("“{name}” is empty", {"name": "x"}), (2, 3))
    for copy in (pickle.loads(pickle.dumps(error)), UnreadableError.from_json(error.to_json())):
        assert (copy.kind, copy.text, copy.pages) == (error.kind, error.text, error.pages)
    with pytest.raises(ValueError, match="strange"):
        UnreadableError.from_json({"kind": "strange", "text": {"message": ""}})


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_utf8_comes_back_as_it_was(text: str) -> None:
    assert decode(b"\xef\xbb\xbf" + text.encode("utf-8", "replace")) == clean(
        text.encode("utf-8", "replace").decode()
    )


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.text(alphabet=string.printable).map(str.encode)))
def test_any_bytes_are_text_or_said_not_to_be(data: bytes) -> None:
    sniff(data)
    try:
        text = decode(data)
    except UnreadableError as error:
        assert error.kind == "type"
    else:
        assert "\x00" not in text
        text.encode("utf-8")

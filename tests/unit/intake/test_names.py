"""Display names of files."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake.names import clean_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("张伟 作文.pdf", "张伟 作文.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\x.pdf", "x.pdf"),
        ("a／b.pdf", "b.pdf"),
        ("\u202efdp.exe", "fdp.exe"),
        ("a\u200bb\ufeff\u2066c.txt", "abc.txt"),
        ("a\x00b\r\nc.txt", "ab c.txt"),
        ("👩\u200d👩\u200d👧 🙂.pdf", "👩\u200d👩\u200d👧 🙂.pdf"),
        ("a\u200db.pdf", "ab.pdf"),
        ("e\u0301.txt", "é.txt"),
        ("..", "file"),
        ("", "file"),
        ("\u202e\u200f", "file"),
        ("/", "file"),
        (".hidden", "hidden"),
        ("  x  .txt ", "x .txt"),
        ("\ud800x.txt", "x.txt"),
    ],
)
def test_clean_name(name: str, expected: str) -> None:
    assert clean_name(name) == expected


def test_long_names_keep_their_extension() -> None:
    assert clean_name("字" * 255) == "字" * 255
    cleaned = clean_name("🙂" * 300 + ".docx")
    assert len(cleaned) == 255
    assert cleaned.endswith("🙂.docx")
    assert len(clean_name("x." + "y" * 400)) == 255


@given(st.text(st.characters(), max_size=400))
def test_always_safe_and_stable(name: str) -> None:
    cleaned = clean_name(name)
    assert 0 < len(cleaned) <= 255
    assert not set(cleaned) & set("/\\\x00\n\r\u202e")
    assert cleaned == cleaned.strip()
    assert cleaned not in (".", "..")
    assert all(unicodedata.category(c) not in ("Cc", "Cs") for c in cleaned)
    assert clean_name(cleaned) == cleaned
    cleaned.encode()

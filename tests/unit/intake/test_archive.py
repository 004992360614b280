"""ZIP archives: honest ones whole, hostile ones piece by piece."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from app.intake.archive import Extracted, extract
from app.intake.errors import UnreadableError
from app.intake.limits import Limits


def packed(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path / "upload.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path / "upload.zip"


def taken(path: Path, limits: Limits | None = None) -> list[Extracted]:
    found = extract(path, path.parent / "out", limits)
    for item in found:
        assert (item.path is None) == (item.problem is not None)
        if item.path:
            assert item.path.resolve().parent == (path.parent / "out").resolve()
    return found


def kind_of(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(UnreadableError) as caught:
        extract(path, path.parent / "out", limits)
    assert "{" not in str(caught.value)
    return caught.value.kind


def test_files_names_and_content(tmp_path: Path) -> None:
    found = taken(
        packed(tmp_path, ("三班/张伟/作业.txt", b"A"), ("三班/李娜/作业.txt", b"B"), ("三班/王芳.txt", b""))
    )
    assert [item.name for item in found] == ["张伟 - 作业.txt", "李娜 - 作业.txt", "王芳.txt"]
    assert [item.path.read_bytes() for item in found if item.path] == [b"A", b"B", b""]


def test_system_files_are_left_out(tmp_path: Path) -> None:
    entries = ("__MACOSX/._a.txt", "a/.DS_Store", "Thumbs.db", "a/~$b.docx", "a/", "a/b.txt")
    assert [item.name for item in taken(packed(tmp_path, *((name, b"") for name in entries)))] == ["b.txt"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates_are_both_kept(tmp_path: Path) -> None:
    found = taken(packed(tmp_path, ("a.txt", b"1"), ("a.txt", b"2"), ("A.TXT", b"3")))
    assert [item.name for item in found] == ["a.txt", "a (2).txt", "A (3).TXT"]
    assert [item.path.read_bytes() for item in found if item.path] == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    "name", ["../x.txt", "a/../../x.txt", "/etc/x.txt", "C:\\x.txt", "..\\x.txt", "\\\\host\\x.txt"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    found = taken(packed(tmp_path, (name, b"evil"), ("ok.txt", b"fine")))
    assert [item.path is None for item in found] == [True, False]
    assert not (tmp_path / "x.txt").exists()
    assert found[0].name.endswith("x.txt")


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = taken(packed(tmp_path, (link, b"/etc/passwd")))
    assert found[0].problem is not None
    assert "link" in str(found[0].problem)


def test_archives_within_are_said(tmp_path: Path) -> None:
    inner = packed(tmp_path, ("a.txt", b"a")).read_bytes()
    found = taken(packed(tmp_path, ("inner.zip", inner), ("hidden.pdf", inner), ("b.txt", b"b")))
    assert [item.path is None for item in found] == [True, True, False]
    assert "ZIP" in str(found[0].problem)


def test_word_documents_are_no_archives(tmp_path: Path) -> None:
    import docx

    docx.Document().save(buffer := io.BytesIO())
    assert taken(packed(tmp_path, ("a.docx", buffer.getvalue())))[0].path is not None


def test_a_bomb_is_stopped_while_it_inflates(tmp_path: Path) -> None:
    path = packed(tmp_path, ("ok.txt", b"fine"), ("bomb.txt", bytes(30 * 1024 * 1024)))
    found = taken(path)
    assert [item.path is None for item in found] == [False, True]
    assert sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) < 1000
    found = taken(path, Limits(file_megabytes=1))
    assert found[1].path is None


def test_the_sum_is_bounded_and_nothing_stays(tmp_path: Path) -> None:
    import random

    parts = [(f"{n}.bin", random.Random(n).randbytes(700_000)) for n in range(5)]
    path = packed(tmp_path, *parts)
    assert kind_of(path, Limits(inflated_megabytes=2)) == "too_big"
    assert not list((tmp_path / "out").iterdir())
    assert kind_of(path, Limits(files=4)) == "too_big"


def test_many_bombs_count_together(tmp_path: Path) -> None:
    path = packed(tmp_path, *((f"{n}.txt", bytes(12 * 1024 * 1024)) for n in range(8)))
    assert kind_of(path, Limits(inflated_megabytes=40)) == "too_big"


def test_a_header_that_lies_about_its_size(tmp_path: Path) -> None:
    path = packed(tmp_path, ("a.txt", b"x" * 5000))
    data = path.read_bytes()
    path.write_bytes(data.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    found = taken(path)
    assert found[0].path is None or found[0].path.stat().st_size <= 10


def test_encrypted_entries_are_said(tmp_path: Path) -> None:
    path = packed(tmp_path, ("a.txt", b"secret"))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    found = taken(path)
    assert found[0].path is None
    assert "password" in str(found[0].problem)


@pytest.mark.parametrize(
    ("name", "encoding"), [("张伟.txt", "gb18030"), ("张伟.txt", "utf-8"), ("Übung für é.txt", "cp437")]
)
def test_names_without_the_utf8_flag(tmp_path: Path, name: str, encoding: str) -> None:
    raw = name.encode(encoding)
    path = packed(tmp_path, ("x" * len(raw), b"a"))
    path.write_bytes(path.read_bytes().replace(b"x" * len(raw), raw))
    assert taken(path)[0].name == name


def test_damaged_entries_do_not_take_the_others_along(tmp_path: Path) -> None:
    path = packed(tmp_path, ("a.txt", b"hello world, hello world"), ("b.txt", b"fine"))
    data = bytearray(path.read_bytes())
    data[38] ^= 0xFF
    path.write_bytes(data)
    assert [item.path is None for item in taken(path)] == [True, False]


def test_broken_and_other_files(tmp_path: Path) -> None:
    whole = packed(tmp_path, ("a.txt", b"a" * 100)).read_bytes()
    bad = {
        whole[:-40]: "broken",
        whole[:30]: "broken",
        b"Rar!\x1a\x07\x00": "type",
        b"text": "type",
        b"": "type",
    }
    for data, kind in bad.items():
        (tmp_path / "bad.zip").write_bytes(data)
        assert kind_of(tmp_path / "bad.zip") == kind
    assert kind_of(packed(tmp_path)) == "empty"
    assert kind_of(tmp_path / "none.zip") == "broken"

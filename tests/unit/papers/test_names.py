"""What a sender calls a file, and how a file is named when it goes back."""

from __future__ import annotations

import pytest
from aiohttp import BodyPartReader
from aiohttp.streams import StreamReader
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from app.web.paper_file import disposition, media_type
from app.web.upload import file_name


class Part(BodyPartReader):
    """A part of which only the head is looked at."""

    def __init__(self, disposition_header: str) -> None:
        headers = CIMultiDictProxy(CIMultiDict({"Content-Disposition": disposition_header}))
        super().__init__(b"--x", headers, StreamReader.__new__(StreamReader))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('form-data; name="files"; filename="张伟.txt"', "张伟.txt"),
        ('form-data; name="files"; filename="a;b;c.txt"', "a;b;c.txt"),
        ('form-data; name="files"; filename="say %22hi%22.txt"', 'say "hi".txt'),
        ('form-data; name="files"; filename="say \\"hi\\".txt"', 'say "hi".txt'),
        ('form-data; name="files"; filename="100%.txt"', "100%.txt"),
        ("form-data; name=files; filename*=UTF-8''%E5%BC%A0.txt", "张.txt"),
        ('form-data; name="files"; filename=""', None),
        ('form-data; name="title"', None),
        ("", None),
    ],
)
def test_the_senders_name(header: str, name: str | None) -> None:
    assert file_name(Part(header)) == name


def test_old_clients_send_gb18030() -> None:
    raw = "张伟.txt".encode("gb18030").decode("utf-8", "surrogateescape")
    assert file_name(Part(f'form-data; name="files"; filename="{raw}"')) == "张伟.txt"


@given(st.text(max_size=80))
def test_a_name_never_breaks_the_header(name: str) -> None:
    header = disposition(name)
    assert header.isascii() and header.isprintable()
    assert header.count('"') == 2


def test_types() -> None:
    assert media_type(b"%PDF-1.7") == "application/pdf"
    assert media_type(b"<html><script>") == "text/plain"
    assert media_type(bytes(range(256))) == "application/octet-stream"
    assert media_type(b"") == "application/octet-stream"

"""Damage: a valid file to one that is not quite, the same for the same number."""

from __future__ import annotations

import io
import random
import re
import zipfile
import zlib
from collections.abc import Callable

# Lengths, counts and marks on which parsers have stumbled.
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    b"0", b"-1", b"99999999999", b"1e999", b"null", b"[", b"]", b"<<", b">>", b"(", b")", b"R", b"obj", b"endobj",
    b"stream", b"endstream", b"/Kids", b"/Parent", b"/Length", b"/Count", b"1 0 R", b"2 0 R", b"\x00", b"\xff\xfe",
    b"</w:p>", b"<w:p>", b"<!DOCTYPE a>", b"&#0;", b"&a;", b"=1+1", b"\r\n", b"\"", b",",
    "张".encode(), "\u202e".encode(), b"\xed\xa0\x80",
)  # fmt: skip
PACKED = 0.8  # of the packages are damaged inside: a package whose own bytes are damaged seldom opens at all
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
TOKEN = re.compile(rb"-?\d+|/[A-Za-z]+")


def mutated(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """`data` with one to four damages; `others` are files that pieces may come from. Never longer than 4 times."""
    most = 4 * len(data) + 4096
    if data.startswith(b"PK") and dice.random() < PACKED:
        return _in_package(data, others, dice)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
        data = dice.choice(DAMAGES)(data, others, dice)[:most]
    return data


def _flip(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        if made:
            made[dice.randrange(len(made))] ^= 1 << dice.randrange(8)
    return bytes(made)


def _number(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    size = dice.choice((1, 2, 4, 8))
    value = dice.choice(NUMBERS) & ((1 << 8 * size) - 1)
    at = dice.randrange(len(data) + 1)
    return data[:at] + value.to_bytes(size, dice.choice(("little", "big"))) + data[at + size :]


def _word(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    word = dice.choice(WORDS)
    return data[:at] + word * dice.choice((1, 1, 1, 50)) + data[at + dice.choice((0, len(word))) :]


def _cut(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def _without(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + data[at + dice.randint(1, 1 + len(data) // 4) :]


def _again(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    piece = data[at : at + dice.randint(1, 1 + len(data) // 4)]
    return data[:at] + piece * dice.choice((1, 2, 8)) + data[at:]


def _piece(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    other = dice.choice(others)
    start, at = dice.randrange(len(other)), dice.randrange(len(data) + 1)
    piece = other[start : start + dice.randint(1, 600)]
    return data[:at] + piece + data[at + dice.choice((0, len(piece))) :]


def _noise(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    size = dice.randint(1, 64)
    return data[:at] + dice.randbytes(size) + data[at + size :]


def _token(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """Another number or name where a number or name stands: what keeps a PDF, an XML or a list readable."""
    found = list(TOKEN.finditer(data))
    if not found:
        return _flip(data, others, dice)
    one, other = dice.choice(found), dice.choice(found)
    value = dice.choice((other.group(), b"0", b"-1", b"65536", b"2147483648", b"99999999999999999999"))
    return data[: one.start()] + value + data[one.end() :]


def _within(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """Damage behind a package's or a stream's compression, packed again so that it is reached."""
    if data.startswith(b"PK"):
        return _in_package(data, others, dice)
    streams = list(STREAM.finditer(data))
    if not streams:
        return _token(data, others, dice)
    found = dice.choice(streams)
    try:
        inner = zlib.decompress(found.group(1))
    except zlib.error:
        return data[: found.start(1)] + _plain(found.group(1), others, dice) + data[found.end(1) :]
    return data[: found.start(1)] + zlib.compress(_plain(inner, others, dice)) + data[found.end(1) :]


def _in_package(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    made = io.BytesIO()
    try:
        with (
            zipfile.ZipFile(io.BytesIO(data)) as old,
            zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            names = old.namelist()
            hit = dice.choice([name for name in names if name.endswith((".xml", ".rels", ".png"))] or names)
            for name in names:
                inner = old.read(name)
                entry = zipfile.ZipInfo(name)  # with the same date always
                entry.compress_type = zipfile.ZIP_DEFLATED
                new.writestr(entry, _plain(inner, others, dice) if name == hit else inner)
    except Exception:  # an earlier damage
        return _flip(data, others, dice)
    return made.getvalue()


def _plain(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    return dice.choice((_flip, _number, _word, _cut, _without, _again, _noise, _token, _token))(
        data, others, dice
    )


Damage = Callable[[bytes, list[bytes], random.Random], bytes]
DAMAGES: tuple[Damage, ...] = (
    _flip, _number, _word, _cut, _without, _again, _piece, _noise, _token, _token, _within, _within, _within,
)  # fmt: skip

"""Every usual picture format, odd colours, and files that lie about what they are."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.intake.errors import UnreadableError
from app.intake.limits import Limits
from app.intake.pictures import load
from app.intake.pictures.load import LONGEST, open_picture

SIZE = (96, 64)


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Dark on the left, bright on the right; red above the middle."""
    values = np.tile(np.linspace(0, 255, size[0]), (size[1], 1)).astype(np.uint8)
    image = Image.fromarray(values).convert("RGB")
    image.paste((200, 20, 20), (size[0] // 3, 0, size[0] * 2 // 3, size[1] // 2))
    return image.convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    found = open_picture(data, "a.png", Limits())
    assert found.dtype == np.uint8
    assert found.shape[2] == 3
    return found


def refusal(data: bytes, limits: Limits | None = None) -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        open_picture(data, "scan.png", limits or Limits())
    assert "scan.png" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"])
def test_every_format_gives_the_same_picture(kind: str) -> None:
    found = opened(saved(picture(), kind))
    assert found.shape == (64, 96, 3)
    assert np.abs(found.astype(int) - np.asarray(picture())).mean() < 12


def test_heic_where_its_library_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pillow_heif")
    assert load._heif()
    data = saved(picture(), "HEIF")
    assert opened(data).shape == (64, 96, 3)
    monkeypatch.setattr(load, "_heif", lambda: False)
    assert refusal(data).kind == "type"


def test_a_path_is_read_like_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved(picture(), "PNG"))
    assert np.array_equal(open_picture(path, "a", Limits()), np.asarray(picture()))
    with pytest.raises(UnreadableError):
        open_picture(tmp_path / "none.png", "none", Limits())


def test_first_frame_of_an_animation_and_first_page_of_a_tiff() -> None:
    others = [Image.new("RGB", SIZE, "blue")] * 2
    for kind in ("GIF", "TIFF", "WEBP"):
        found = opened(saved(picture(), kind, save_all=True, append_images=others))
        assert np.abs(found.astype(int) - np.asarray(picture())).mean() < 12, kind


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = picture()
    undo = load.UNDO.get(orientation)
    # What the camera stored is what its note turns back.
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}.get(orientation, undo)
    exif = Image.Exif()
    exif[load.ORIENTATION] = orientation
    stored = upright if back is None else upright.transpose(back)
    assert np.array_equal(opened(saved(stored, "PNG", exif=exif)), np.asarray(upright))


def test_colours_and_depths() -> None:
    white = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    assert opened(saved(white, "PNG")).min() == 255, "what is transparent is paper"
    assert opened(saved(picture("CMYK"), "JPEG")).mean() == pytest.approx(np.asarray(picture()).mean(), abs=6)
    assert opened(saved(picture("P"), "PNG")).shape == (64, 96, 3)
    assert opened(saved(picture("1"), "PNG")).max() == 255
    deep = Image.fromarray(np.asarray(picture("L")).astype(np.uint16) * 257)
    for kind in ("PNG", "TIFF"):
        found = opened(saved(deep, kind))
        assert np.abs(found[:, :, 0].astype(int) - np.asarray(picture("L"))).max() <= 1, "scaled, not clipped"
    fractions = Image.fromarray(np.asarray(picture("L")).astype(np.float32) / 255)
    assert np.abs(opened(saved(fractions, "TIFF"))[:, :, 0].astype(int) - np.asarray(picture("L"))).max() <= 1
    clear = picture("P")
    assert (opened(saved(clear, "PNG", transparency=clear.getpixel((0, 0))))[0, 0] == 255).all()


def test_large_pictures_come_down_to_the_longest_side() -> None:
    assert opened(saved(picture(size=(6400, 100)), "JPEG")).shape == (47, LONGEST, 3)
    assert opened(saved(picture("L", (40, 3600)), "PNG")).shape == (LONGEST, 33, 3)


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, and that holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Any) -> Any:
        raise AssertionError("decoded")

    monkeypatch.setattr(load, "_decoded", never)
    error = refusal(png_of(30_000, 30_000))
    assert error.kind == "too_big"
    assert "30000 x 30000" in str(error)
    assert refusal(saved(picture(), "PNG"), Limits(megapixels=0)).kind == "too_big"
    assert Image.MAX_IMAGE_PIXELS is not None, "Pillow's own limit is back"


def test_webp_that_claims_to_be_huge_is_refused_by_its_header() -> None:
    data = bytearray(saved(picture("RGBA"), "WEBP", exif=b"Exif\0\0MM"))
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xfe\x3f\x00\xfe\x3f\x00"
    assert refusal(bytes(data)).kind == "too_big"
    assert load._webp_size(saved(picture(), "WEBP", lossless=True)[:64]) == SIZE
    assert load._webp_size(saved(picture(), "WEBP")[:64]) == SIZE


@pytest.mark.parametrize("size", [(1, 1), (15, 300), (0, 0), (9000, 20)])
def test_nothing_to_read(size: tuple[int, int]) -> None:
    data = png_of(*size) if not all(size) else saved(Image.new("L", size), "PNG")
    assert refusal(data).kind in ("empty", "broken")


def test_what_is_no_picture() -> None:
    assert refusal(b"").kind == "empty"
    assert refusal(b"Dear teacher, " * 9).kind == "type"
    assert refusal(b"%PDF-1.7\n" * 9).kind == "type"
    for head in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"RIFF\0\0\0\0WEBPVP8 ", b"BM"):
        assert refusal(head + b"\1" * 90).kind in ("broken", "too_big"), head
    assert refusal(png_of(640, 480)).kind == "broken", "its pixels are missing"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_cut_off_anywhere_is_read_or_refused(kind: str) -> None:
    if kind == "HEIF" and not load._heif():
        pytest.skip("pillow-heif is not installed")
    whole = saved(picture(size=(40, 24)), kind)
    broken = 0
    for length in range(0, len(whole), max(1, len(whole) // 150)):
        try:
            open_picture(whole[:length], "cut", Limits())
        except UnreadableError:
            broken += 1
    assert broken > 20
    assert refusal(whole[: len(whole) // 2]).kind in ("broken", "type")


def test_broken_exif_costs_no_picture() -> None:
    for exif in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM", b"junk"):
        assert opened(saved(picture(), "JPEG", exif=exif)).shape == (64, 96, 3)

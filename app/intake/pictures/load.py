"""A file's bytes to pixels: every usual picture format, whatever its colours, within limits that are asked first."""

from __future__ import annotations

import contextlib
import functools
import importlib
import struct
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from app.i18n import Text
from app.intake.errors import UnreadableError
from app.intake.limits import Limits
from app.intake.pictures.pixels import Pixels

LONGEST = 3000  # px that a page is brought down to: A4 at 256 dpi, beyond which nothing is read better
SHORTEST = 16  # px: less than one line of print
MILLION = 1_000_000
BAND = (
    8 * MILLION
)  # px that are converted at a time, so that a large picture is in memory once and not thrice

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
HEIF = "HEIF"
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
WEBP_HEAD = 30  # bytes of a WebP file up to the end of the largest header that says a size

ORIENTATION = 0x0112  # EXIF 2.32, tag 274
# EXIF's orientation -> what undoes it, EXIF 2.32, 4.6.5 (tag 274).
UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_picture(source: Path | bytes, name: str, limits: Limits, frame: int = 0) -> Pixels:
    """One picture of a file, upright by its EXIF note, as RGB with its longest side at most LONGEST px; the first, but
    `frame`, counted from 0, of a TIFF of several pages.

    Reads JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF and, where pillow-heif is installed, HEIC. `name` is shown in the
    sentences. Transparency lies on white; 16 bit are scaled to 8; colour profiles are ignored (a page's ink and paper
    stay apart in any of them).

    Raises UnreadableError: "too_big" for more than `limits.megapixels` (said before anything is decoded), "type" for
    no picture, "empty" for one that is too small to hold a line, "broken" for one that is damaged or cut off; and
    MemoryError, never another exception.
    """
    try:
        file = BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    except OSError as error:
        raise UnreadableError("broken", Text("“{name}” could not be opened.", {"name": name})) from error
    with file, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # about odd metadata, and large pictures: those have a limit of their own
        with _header(file, name, limits, frame) as picture:
            try:
                return _decoded(picture)
            except (MemoryError, UnreadableError):
                raise
            except (
                Exception
            ) as error:  # the decoders raise what they like: struct.error, KeyError, RuntimeError
                raise _broken(name) from error


def count_frames(path: Path, name: str, limits: Limits) -> int:
    """How many pages a TIFF has; 1 for every other format, whose further pictures are no pages.

    Raises UnreadableError as `open_picture` does, pixels not looked at.
    """
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _header(file, name, limits, 0) as picture:
            try:
                return int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1
            except MemoryError:
                raise
            except Exception as error:
                raise _broken(name) from error


def _header(file: BinaryIO, name: str, limits: Limits, frame: int) -> Image.Image:
    """The picture, opened but not decoded, of a size within limits."""
    head = file.read(64)
    file.seek(0)
    if not head:
        raise UnreadableError("empty", Text("“{name}” is empty.", {"name": name}))
    if size := _webp_size(head):  # its opener decodes already
        _check_size(size, name, limits)
    try:
        with _unlimited():
            picture = Image.open(file, formats=_formats(head, name))
            if frame:
                picture.seek(frame)
    except (MemoryError, UnreadableError):
        raise
    except Image.UnidentifiedImageError as error:
        raise _unidentified(head, name) from error
    except Exception as error:
        raise _broken(name) from error
    _check_size(picture.size, name, limits)
    return picture


def _check_size(size: tuple[int, int], name: str, limits: Limits) -> None:
    width, height = size
    if width * height > limits.megapixels * MILLION:
        raise UnreadableError(
            "too_big",
            Text(
                "“{name}” has {width} x {height} pixels; at most {limit} million are read. Save it smaller, or "
                "photograph the page with fewer pixels.",
                {"name": name, "width": width, "height": height, "limit": limits.megapixels},
            ),
        )
    scale = min(1.0, LONGEST / max(width, height, 1))
    if min(width, height) * scale < SHORTEST:
        raise UnreadableError(
            "empty",
            Text(
                "“{name}” has only {width} x {height} pixels: there is nothing to read on it.",
                {"name": name, "width": width, "height": height},
            ),
        )


def _formats(head: bytes, name: str) -> tuple[str, ...]:
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        if not _heif():
            raise UnreadableError(
                "type",
                Text(
                    "“{name}” is a HEIC picture, which this server does not read. Send it as JPEG.",
                    {"name": name},
                ),
            )
        return (HEIF, *FORMATS)
    return FORMATS


@functools.cache
def _heif() -> bool:
    """Whether HEIC can be read; registers its decoder."""
    try:
        library = importlib.import_module("pillow_heif")
    except ImportError:
        return False
    library.register_heif_opener(thumbnails=False)
    library.options.DECODE_THREADS = 1
    return True


@contextlib.contextmanager
def _unlimited() -> Iterator[None]:
    """Pillow's own limit of pixels lifted while a header is read; ours follows, with a sentence that says the size."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height by a WebP's header (RFC 9649, 2.5 to 2.7); None for anything else."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < WEBP_HEAD:
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _unidentified(head: bytes, name: str) -> UnreadableError:
    """Why Pillow knows no format: none of ours, or ours with a header that is broken."""
    if head.startswith(SIGNATURES) or head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return _broken(name)
    return UnreadableError(
        "type",
        Text(
            "“{name}” is not a picture that is read here. Send JPEG, PNG, WebP, TIFF, BMP, GIF or HEIC.",
            {"name": name},
        ),
    )


def _broken(name: str) -> UnreadableError:
    return UnreadableError(
        "broken",
        Text(
            "The picture “{name}” is damaged or cut off. Send it again, or photograph the page again.",
            {"name": name},
        ),
    )


def _decoded(picture: Image.Image) -> Pixels:
    # A JPEG is decoded at a half, a quarter or an eighth where that is still enough: 16 times faster, 16 times smaller.
    picture.draft(None, (LONGEST, LONGEST))
    picture.load()
    orientation = _orientation(picture)
    small = _bands(picture)
    if max(small.size) > LONGEST:
        scale = LONGEST / max(small.size)
        size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
        small = small.resize(size, Image.Resampling.BICUBIC)
    if orientation in UNDO:
        small = small.transpose(UNDO[orientation])
    return np.array(small, dtype=np.uint8)


def _orientation(picture: Image.Image) -> int:
    """What EXIF says of how the camera was held, 1 to 8; 1 (upright) when it says nothing that can be understood."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except MemoryError:
        raise
    except Exception:  # EXIF is written by everybody, and never worth losing a picture
        return 1


def _bands(picture: Image.Image) -> Image.Image:
    """The picture as RGB, brought down by a whole factor to less than twice LONGEST, band by band."""
    factor = max(1, max(picture.size) // LONGEST)
    if picture.mode == "RGB" and factor == 1:
        return picture
    rows = max(factor, BAND // picture.width // factor * factor)
    span = _span(picture)
    parts = []
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        parts.append(_rgb(band, span).reduce(factor))
    whole = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)))
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


def _span(picture: Image.Image) -> float:
    """The value that is white where the format does not say: 32-bit numbers and fractions reach up to anything."""
    if picture.mode not in ("I", "F"):
        return 0.0
    values = np.asarray(picture)
    finite = values[np.isfinite(values)]
    return max(float(finite.max()) if finite.size else 0.0, 1.0)


def _rgb(band: Image.Image, span: float) -> Image.Image:
    if band.mode.startswith("I;16"):  # 0 to 65535; Pillow's own conversion clips at 255
        return Image.fromarray((np.asarray(band) >> 8).astype(np.uint8)).convert("RGB")
    if band.mode in ("I", "F"):
        scaled = np.nan_to_num(np.asarray(band, dtype=np.float32) * (255.0 / span), posinf=255.0, neginf=0.0)
        return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8)).convert("RGB")
    if band.mode == "LAB":
        return band.getchannel(0).convert("RGB")  # its lightness: ink and paper, without a colour profile
    if band.has_transparency_data:
        clear = band.convert("RGBA")
        page = Image.new("RGB", clear.size, "white")
        page.paste(clear, mask=clear.getchannel("A"))
        return page
    return band.convert("RGB")

"""The fonts to draw with: printed ones of the system, handwriting ones that `make handwriting` brings.

Nothing is committed; where a font is missing a sentence says how to get one.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

HERE = Path(__file__).parent
PLACES = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/Library/Fonts"), HERE / "fonts")
# (file name, index within a collection): Noto's CJK collections hold the Simplified Chinese face at index 2.
CHINESE = (
    ("NotoSansCJK-Regular.ttc", 2),
    ("NotoSerifCJK-Regular.ttc", 2),
    ("NotoSansSC-Regular.otf", 0),
    ("wqy-microhei.ttc", 0),
    ("wqy-zenhei.ttc", 0),
)
ENGLISH = (
    ("LiberationSerif-Regular.ttf", 0),
    ("LiberationSans-Regular.ttf", 0),
    ("DejaVuSans.ttf", 0),
    ("DejaVuSerif.ttf", 0),
)
PACKAGES = HERE / "node_modules" / "@fontsource"
HAND_CHINESE = tuple(
    f"{name}/files/{name}-chinese-simplified-400-normal.woff2"
    for name in ("ma-shan-zheng", "long-cang", "zhi-mang-xing")
)
HAND_ENGLISH = ("caveat/files/caveat-latin-400-normal.woff2",)
NO_CHARACTER = "\uffff"  # no font has it: what is drawn for it is drawn for every character that is lacking


class NoFontError(Exception):
    """There is no font to draw a language with; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Face:
    """A font file and the index of the face in it."""

    path: Path
    index: int = 0

    def at(self, size: int) -> FreeTypeFont:
        """The face at a size in pixels."""
        return _open(self.path, self.index, size)

    def writes(self, text: str) -> bool:
        """Whether the face has every character of a text; blanks are not asked for."""
        return all(_has(self, character) for character in set(text) if not character.isspace())


@cache
def printed(language: str) -> tuple[Face, ...]:
    """The printed faces for "zh" or "en", at least one; English falls back to the Chinese ones, which hold Latin.

    Raises NoFontError.
    """
    found = _found(CHINESE if language == "zh" else ENGLISH)
    if not found and language == "en":
        found = _found(CHINESE)
    if not found:
        raise NoFontError(
            "There is no Chinese font here to draw papers with. Install one: apt-get install fonts-noto-cjk"
            if language == "zh"
            else "There is no font here to draw papers with. Install one: apt-get install fonts-liberation"
        )
    return found


@cache
def handwriting(language: str) -> tuple[Face, ...]:
    """The handwriting-like faces for "zh" or "en"; none before `make handwriting`."""
    files = HAND_CHINESE if language == "zh" else HAND_ENGLISH
    return tuple(Face(PACKAGES / name) for name in files if (PACKAGES / name).is_file())


@cache
def _open(path: Path, index: int, size: int) -> FreeTypeFont:
    # The basic layout: the same on every machine, whether or not it has a shaping library.
    return ImageFont.truetype(path, size, index=index, layout_engine=ImageFont.Layout.BASIC)


@cache
def _has(face: Face, character: str) -> bool:
    font = face.at(24)
    mask = font.getmask(character)
    return mask.getbbox() is not None and bytes(mask) != bytes(font.getmask(NO_CHARACTER))


def _found(wanted: tuple[tuple[str, int], ...]) -> tuple[Face, ...]:
    files = _files()
    return tuple(Face(files[name], index) for name, index in wanted if name in files)


@cache
def _files() -> dict[str, Path]:
    """Font files by their name; of two with one name the first in order of path."""
    paths = sorted(
        {*_listed(), *(path for place in PLACES if place.is_dir() for path in place.rglob("*.?t?"))}
    )
    return {path.name: path for path in reversed(paths)}


def _listed() -> Iterator[Path]:
    """What fontconfig knows, where it is installed."""
    tool = shutil.which("fc-list")
    if tool is None:
        return
    done = subprocess.run([tool, ":", "file"], capture_output=True, text=True, check=False)
    yield from (Path(line.strip().removesuffix(":")) for line in done.stdout.splitlines() if line.strip())

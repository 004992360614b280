"""What is done with a damaged file, and what has to hold for whatever comes of it. Text recognition is left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.intake.errors import UnreadableError
from app.intake.limits import Limits
from app.intake.opened import forget
from app.intake.page import PageReading
from app.intake.readers import inspect, read_layer

LIMITS = Limits()
LOW_DPI = 40  # pages are rendered this small: the decoding is the same


def pdf(data: bytes, name: str, folder: Path, number: int) -> str:
    """Count its pages, read the first and the last by their text layer, and render them."""
    from app.intake.formats import pdf_page, pdf_reading

    path = _written(data, folder)
    found = inspect(path, name, LIMITS)
    for page in sorted({1, found.pages}):
        readings = read_layer(path, name, page, LIMITS)
        for reading in readings or ():
            check_reading(reading)
        file = pdf_reading._file(path, name, page, LIMITS) if found.kind == "pdf" else None
        if file is not None:
            check_pixels(pdf_reading._picture(file, name, page, LOW_DPI), pdf_page.LONGEST)
    return "read"


def document(data: bytes, name: str, folder: Path, number: int) -> str:
    """Read its text."""
    path = _written(data, folder)
    found = inspect(path, name, LIMITS)
    for reading in read_layer(path, name, 1, LIMITS) or ():
        check_reading(reading)
    return f"read as {found.kind}"


def picture(data: bytes, name: str, folder: Path, number: int) -> str:
    """Decode it, and every third time undo what a camera does."""
    from app.intake.pictures import load

    image = load.open_picture(_written(data, folder), name, LIMITS)
    check_pixels(image, load.LONGEST)
    if number % 3 == 0:
        from app.intake.pictures import quality, repair

        for page, done in repair.pages_of(image):
            check_pixels(page, 2 * load.LONGEST)
            assert done.rotation in (0, 90, 180, 270)
            assert 0 <= quality.assess(page).score <= 1
    return "read"


def roster(data: bytes, name: str, folder: Path, number: int) -> str:
    """Read a class list."""
    from app.intake.roster import read_roster

    found = read_roster(data, name, LIMITS)
    for student in found.students:
        student.name.encode()
        assert student.name.strip() or student.number.strip()
    for problem in found.problems:
        assert "{" not in str(problem.text)
    return "read" if found.students else "refused"


def check_reading(reading: PageReading) -> None:
    """A reading can be stored and drawn: no NUL, no half pairs, words within the text, boxes within the page."""
    reading.text.encode()
    assert "\x00" not in reading.text
    assert PageReading.from_json(reading.to_json()).text == reading.text
    end = 0
    for word in reading.words:
        assert end <= word.start < word.end <= len(reading.text)
        end = word.end
        assert 0 <= word.box.x0 < word.box.x1 <= 1
        assert 0 <= word.box.y0 < word.box.y1 <= 1


def check_pixels(image: np.ndarray, longest: int) -> None:
    """A picture is RGB, of a size that was agreed on."""
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert min(image.shape[:2]) > 0
    assert max(image.shape[:2]) <= longest


def attempt(reader: str, data: bytes, name: str, folder: Path, number: int) -> str:
    """What comes of a file: "read", "refused: KIND" with a whole sentence, "memory". Anything else is raised."""
    try:
        return TARGETS[reader](data, name, folder, number)
    except UnreadableError as error:
        for language in ("en", "zh"):
            sentence = error.text.render(language)
            assert sentence.strip()
            assert "{" not in sentence.replace(name, "")
        return f"refused: {error.kind}"
    except MemoryError:
        return "memory"
    finally:
        forget()


def _written(data: bytes, folder: Path) -> Path:
    path = folder / "upload"
    path.write_bytes(data)
    return path


TARGETS: dict[str, Callable[[bytes, str, Path, int], str]] = {
    "pdf": pdf, "docx": document, "text": document, "picture": picture, "roster": roster,
}  # fmt: skip

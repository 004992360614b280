"""Reading in child processes: limits that hold, and an event loop that stays free."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from pathlib import Path

import pytest
from openpyxl import Workbook
from reportlab.pdfgen.canvas import Canvas

from app.intake import children
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


async def test_memory_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"word " * 8_000_000)
    with pytest.raises(UnreadableError) as caught:
        await read_document(tmp_path / "a", "a.txt", Limits(megabytes=128, characters=10**9))
    assert caught.value.kind == "too_big"


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

"""The worker processes: limits that hold, faults that stay there, children that end."""

from __future__ import annotations

import asyncio
import math
import os
import pickle
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from app.grading.pool import PoolCrash, PoolTimeout, ProcessPool
from app.i18n import ProblemError, Text

TEXT = Text("A helper process could not be started")


@pytest.fixture
async def pool() -> AsyncIterator[ProcessPool]:
    made = ProcessPool(2, 20.0)
    yield made
    await made.close()


async def test_returns_what_the_function_returns(pool: ProcessPool) -> None:
    assert await pool.run(math.factorial, 20) == math.factorial(20)
    assert await pool.run("math:hypot", 3, 4) == 5.0


async def test_runs_in_another_process_and_reuses_it(pool: ProcessPool) -> None:
    first, second = await pool.run(os.getpid), await pool.run(os.getpid)
    assert first == second != os.getpid()


async def test_nothing_starts_before_the_first_call() -> None:
    before = len(psutil.Process().children())
    ProcessPool(4, 1.0)
    assert len(psutil.Process().children()) == before


async def test_a_slow_call_is_killed_and_the_pool_goes_on(pool: ProcessPool) -> None:
    child = await pool.run(os.getpid)
    begun = time.monotonic()
    with pytest.raises(PoolTimeout) as caught:
        await pool.run(time.sleep, 60, limit_seconds=0.3)
    assert time.monotonic() - begun < 10
    assert "0.3" in str(caught.value.text)
    assert not psutil.pid_exists(child)
    assert await pool.run(math.sqrt, 4) == 2.0


async def test_a_call_that_never_yields_is_killed_too(pool: ProcessPool) -> None:
    # One C call that holds the interpreter's lock: no thread or signal handler in the child could end it.
    with pytest.raises(PoolTimeout):
        await pool.run(pow, 7, 10**9, limit_seconds=0.5)


async def test_the_event_loop_runs_on_meanwhile(pool: ProcessPool) -> None:
    await pool.run(os.getpid)
    call = asyncio.create_task(pool.run(time.sleep, 0.5))
    turns = 0
    while not call.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns >= 10


async def test_a_dead_process_is_a_crash(pool: ProcessPool) -> None:
    with pytest.raises(PoolCrash):
        await pool.run(os._exit, 3)
    assert await pool.run(abs, -1) == 1


async def test_a_child_that_died_idle_is_replaced_without_a_fault(pool: ProcessPool) -> None:
    child = await pool.run(os.getpid)
    os.kill(child, 9)
    assert await pool.run(abs, -2) == 2


async def test_an_exception_is_a_crash_with_its_name_and_trace(pool: ProcessPool) -> None:
    with pytest.raises(PoolCrash, match="ZeroDivisionError") as caught:
        await pool.run(divmod, 1, 0)
    assert "Traceback" in str(caught.value.__cause__)


async def test_a_missing_function_is_a_crash(pool: ProcessPool) -> None:
    with pytest.raises(PoolCrash, match="AttributeError"):
        await pool.run("math:no_such_function")


async def test_a_result_that_does_not_pickle_is_a_crash(pool: ProcessPool) -> None:
    with pytest.raises(PoolCrash):
        await pool.run("threading:Lock")


async def test_memory_is_limited() -> None:
    pool = ProcessPool(1, 20.0, memory_bytes=400 << 20)
    try:
        with pytest.raises(PoolCrash, match="memory"):
            await pool.run(bytearray, 800 << 20)
        assert await pool.run(abs, -3) == 3
    finally:
        await pool.close()


async def test_a_problem_keeps_its_text(pool: ProcessPool) -> None:
    with pytest.raises(PoolCrash, match="could not be started") as caught:
        await pool.run("app.grading.pool:_unpack", b"p", pickle.dumps((PoolCrash, TEXT.to_json())))
    assert isinstance(caught.value, ProblemError)
    assert caught.value.text == TEXT


async def test_prints_do_not_disturb(pool: ProcessPool) -> None:
    assert await pool.run(print, "noise") is None
    assert await pool.run(os.write, 1, b"noise") == 5
    assert await pool.run(os.read, 0, 1) == b""


async def test_more_calls_than_children_wait_their_turn(pool: ProcessPool) -> None:
    assert await asyncio.gather(*(pool.run(abs, -n) for n in range(20))) == list(range(20))


async def test_a_cancelled_call_kills_its_child(pool: ProcessPool) -> None:
    child = await pool.run(os.getpid)
    call = asyncio.create_task(pool.run(time.sleep, 60))
    await asyncio.sleep(0.2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not psutil.pid_exists(child)


async def test_no_secrets_in_the_child(pool: ProcessPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    assert await pool.run(os.getenv, "DATABASE_URL") is None


async def test_close_ends_children_and_refuses_calls() -> None:
    pool = ProcessPool(2, 30.0)
    child = await pool.run(os.getpid)
    busy = asyncio.create_task(pool.run(time.sleep, 60))
    await asyncio.sleep(0.2)
    await pool.close()
    with pytest.raises(PoolCrash):
        await busy
    assert not psutil.pid_exists(child)
    with pytest.raises(PoolCrash):
        await pool.run(abs, 1)


async def test_large_arguments_and_results_pass(pool: ProcessPool) -> None:
    data = os.urandom(3 << 20)
    assert await pool.run(bytes, data) == data


def test_close_before_use_is_harmless() -> None:
    asyncio.run(ProcessPool(1, 1.0).close())

"""/metrics: who may read it, what is in it, and that nothing in it can grow without end."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app import metrics
from app.db import Database
from app.events.bus import Bus
from app.grading.chat import connect
from app.grading.model import ChatReply, ModelError
from app.main import create_app
from app.marks import runs
from app.settings import Settings
from app.storage import Storage
from app.web.metrics import FORWARDED, from_inside
from app.worker import Worker
from app.worker.metered import MeteredChat
from tests import graded
from tests.conftest import World
from tests.stubs.processes import ModelServer

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}}


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a text by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def asked(client: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = await client.get("/metrics")
    assert answer.status == 200, await answer.text()
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return samples(await answer.text())


def of(found: dict[Any, float], name: str, **labels: str) -> float:
    return found.get((name, tuple(sorted(labels.items()))), 0.0)


@pytest.mark.parametrize("header", FORWARDED)
async def test_nobody_reads_it_through_a_proxy(sign_in: Any, header: str) -> None:
    nobody = await sign_in(None)
    assert (await nobody.get("/metrics", headers={header: "for=1.2.3.4"})).status == 404
    # Not even an empty header, and not with another method.
    assert (await nobody.get("/metrics", headers={header: ""})).status == 404
    assert (await nobody.post("/metrics")).status == 405


async def test_prometheus_asks_by_any_name_and_without_a_session(sign_in: Any) -> None:
    nobody = await sign_in(None)
    answer = await nobody.get("/metrics", headers={"Host": "172.18.0.5:8080"})
    assert answer.status == 200 and not answer.cookies
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await nobody.get("/metrics/x", allow_redirects=False)).status == 404


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True), ("10.0.3.4", True), ("172.18.0.9", True), ("192.168.1.5", True), ("::1", True),
        ("fd00::3", True), ("fe80::1%eth0", True), ("100.64.1.1", True), ("::ffff:10.0.0.1", True),
        ("8.8.8.8", False), ("2001:4860:4860::8888", False), ("::ffff:8.8.8.8", False), ("", False), ("unix", False),
    ],
)  # fmt: skip
def test_only_a_private_network_may_ask(address: str, inside: bool) -> None:
    request = make_mocked_request("GET", "/metrics").clone(remote=address)
    assert from_inside(request) is inside


async def test_requests_are_counted_by_route(sign_in: Any, world: World) -> None:
    alice = await sign_in(world.alice)
    before = await asked(alice)
    for path in ("/classes/1", "/classes/2", "/classes/3?x=1", "/no/such/page", "/other/secret-token"):
        await alice.get(path)
    await alice.post("/classes/1")
    await alice._request("PROPFIND", "/sign-in")
    after = await asked(alice)

    def grown(name: str, **labels: str) -> float:
        return of(after, name, **labels) - of(before, name, **labels)

    total = "zhupi_http_requests_total"
    assert grown(total, method="GET", route="/classes/{id}", status="200") == 1
    assert grown(total, method="GET", route="/classes/{id}", status="404") == 2
    assert grown(total, method="GET", route="(no route)", status="404") == 2
    assert grown(total, method="POST", route="(no route)", status="405") == 1
    assert (
        sum(v for (name, labels), v in after.items() if name == total and ("method", "other") in labels) >= 1
    )
    assert grown("zhupi_http_request_duration_seconds_count", method="GET", route="/classes/{id}") == 3
    said = str(after)
    assert "secret-token" not in said and "PROPFIND" not in said and "alice" not in said


async def test_a_fault_counts_as_one(settings: Settings) -> None:
    away = SecretStr("postgresql://nobody:secret-word@127.0.0.1:1/none")
    app = create_app(settings.model_copy(update={"database_url": away}), grading=False)
    async with TestClient(TestServer(app)) as client:
        before = await asked(client)
        assert (await client.get("/set-up/x")).status == 503
        after = await asked(client)
    labels = {"method": "GET", "route": "/set-up/{token}", "status": "503"}
    assert (
        of(after, "zhupi_http_requests_total", **labels)
        == of(before, "zhupi_http_requests_total", **labels) + 1
    )
    assert of(after, "zhupi_up", part="database") == 0 and of(after, "zhupi_up", part="redis") == 1
    # What nobody could look up is left out, not told as nothing.
    assert not any(name.startswith(("zhupi_runs", "zhupi_queue")) for name, _ in after)


async def test_an_open_stream_is_counted_while_it_is_open(
    sign_in: Any, database: Database, world: World
) -> None:
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass)
    alice = await sign_in(world.alice)
    before = await asked(alice)
    async with alice.get(f"/assignments/{assignment.id}/events") as stream:
        await stream.content.readline()
        assert of(await asked(alice), "zhupi_open_streams") == 1

    async def gone() -> bool:
        return of(await asked(alice), "zhupi_open_streams") == 0

    await graded.until(gone)
    name, route = "zhupi_http_request_duration_seconds_count", "/assignments/{id}/events"
    after = await asked(alice)
    assert of(after, name, method="GET", route=route) == of(before, name, method="GET", route=route)


async def test_the_work_is_told(sign_in: Any, database: Database, world: World) -> None:
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass, papers=3)
        await runs.start(db, assignment, world.alice)
    found = await asked(await sign_in(None))
    assert of(found, "zhupi_queue_jobs", kind="grade", state="waiting") == 3
    assert of(found, "zhupi_runs", state="running") == 1 and of(found, "zhupi_runs", state="finished") == 0
    assert ("zhupi_runs_stuck", ()) in found and of(found, "zhupi_storage_free_bytes") > 0
    assert of(found, "zhupi_database_pool_limit") == 20 and of(found, "zhupi_processes") == 1
    assert of(found, "process_resident_memory_bytes") > 2**24 and of(found, "process_cpu_seconds_total") > 0
    assert of(found, "zhupi_build_info", version=metrics.release()) == 1
    assert of(found, "zhupi_event_loop_lag_seconds_count") > 0


async def test_uploads_are_counted_by_what_became_of_them(
    sign_in: Any, database: Database, world: World
) -> None:
    async with database.begin() as db:
        assignment, _ = await graded.assignment(db, world.klass, papers=0)
    alice = await sign_in(world.alice)
    before = await asked(alice)
    form = FormData()
    for name, content in (("a.txt", b"1. one"), ("b.txt", b"1. one"), ("c.exe", b"MZ")):
        form.add_field("files", content, filename=name)
    await alice.post(f"/assignments/{assignment.id}/papers", data=form)
    after = await asked(alice)
    for outcome in ("stored", "known", "refused"):
        name = "zhupi_uploads_total"
        assert of(after, name, outcome=outcome) == of(before, name, outcome=outcome) + 1
    assert of(after, "zhupi_upload_bytes_total") == of(before, "zhupi_upload_bytes_total") + len(b"1. one")


async def test_marks_calls_and_failures_are_counted(
    settings: Settings, db: Database, world: World, sign_in: Any
) -> None:
    nobody = await sign_in(None)
    before = await asked(nobody)
    async with db.begin() as session:
        assignment, _ = await graded.assignment(session, world.klass, papers=2, grader="model")
        lost = await graded.paper(session, assignment, "lost.txt", None)
        run = await runs.start(session, assignment, world.alice, model="stub")
    with ModelServer() as model:
        wanted = {"llm_provider": "custom", "llm_base_url": model.url, "llm_model": "stub"}
        storage = Storage(settings.uploads, settings.var_dir / "spool")
        bus = Bus(settings.redis_url.get_secret_value())
        worker = Worker(settings.model_copy(update=wanted), db, bus, storage)
        await worker.start()
        await graded.finished(db, run.id)
        await worker.stop()
        calls = model.counters()
    after = await asked(nobody)

    def grown(name: str, **labels: str) -> float:
        return of(after, name, **labels) - of(before, name, **labels)

    made = sum(
        grown("zhupi_graded_questions_total", kind="text", outcome=o) for o in ("graded", "needs_teacher")
    )
    assert made == 4, calls
    assert grown("zhupi_model_calls_total", outcome="answered") >= 4
    assert grown("zhupi_model_call_duration_seconds_count") >= 4
    assert grown("zhupi_model_tokens_total", direction="in") > 0
    assert grown("zhupi_intake_failures_total", reason="gone") == 1, lost.file_name


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("401", "refused"),
        ("402", "refused"),
        ("500", "fault"),
        ("quota", "limited"),
        ("refusal", "unusable"),
        ("not_json", "answered"),  # its content is the grader's business
        ("no_choices", "failed"),
    ],
)
async def test_what_came_of_a_call(mode: str, outcome: str) -> None:
    with ModelServer(mode=mode) as model:
        chat = connect("custom", model.url, "", "stub", timeout_seconds=5, max_retries=0, max_parallel=1)
        before = metrics.MODEL_CALLS.labels(outcome)._value.get()
        try:
            reply: ChatReply | None = await MeteredChat(chat).complete("s", "u", SCHEMA)
        except ModelError:
            reply = None
        await chat.aclose()
    assert (reply is not None) == (outcome == "answered")
    assert metrics.MODEL_CALLS.labels(outcome)._value.get() == before + 1


async def test_calls_that_reach_nobody_or_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(outcome: str) -> float:
        return float(metrics.MODEL_CALLS.labels(outcome)._value.get())

    before = {name: counted(name) for name in ("unreachable", "timeout")}
    away = connect(
        "custom", "http://127.0.0.1:1/v1", "", "m", timeout_seconds=5, max_retries=0, max_parallel=1
    )
    with pytest.raises(ModelError):
        await MeteredChat(away).complete("s", "u", SCHEMA)
    with ModelServer(latency=5) as model:
        slow = connect("custom", model.url, "", "m", timeout_seconds=0.2, max_retries=0, max_parallel=1)
        with pytest.raises(ModelError):
            await MeteredChat(slow).complete("s", "u", SCHEMA)
        await slow.aclose()
    assert {name: counted(name) - count for name, count in before.items()} == {"unreachable": 1, "timeout": 1}


def test_a_bill_below_nothing_takes_nothing_back() -> None:
    before = metrics.MODEL_COST._value.get()
    metrics.model_call("answered", 0.1, tokens_in=-5, tokens_out=-1, cost=-3.0)
    assert metrics.MODEL_COST._value.get() == before


async def test_no_label_holds_what_anybody_can_make_up(sign_in: Any, world: World) -> None:
    found = await asked(await sign_in(world.alice))
    plain = re.compile(
        r"[a-z_]+|\(no route\)|[A-Z]+|\d+(\.\d+)*(e[-+]\d+)?|\+Inf|/[\w/{}.-]*|broken off|unknown"
    )
    for name, labels in found:
        for _, value in labels:
            assert plain.fullmatch(value), (name, labels)


async def test_it_is_told_while_all_threads_of_the_loop_wait_for_a_name_server(sign_in: Any) -> None:
    nobody = await sign_in(None)
    release = threading.Event()
    loop = asyncio.get_running_loop()
    waiting = [loop.run_in_executor(None, release.wait, 30) for _ in range(64)]
    try:
        async with asyncio.timeout(10):
            assert of(await asked(nobody), "zhupi_processes") == 1
            assert (await nobody.get("/health")).status == 200
    finally:
        release.set()
        await asyncio.gather(*waiting)

"""A bad day at a teacher's desk, from the form to the page: bad files, bad schemes, bad answers, a bad model.

Everything is real here: the application with its worker, PostgreSQL, Valkey, a model server over HTTP. What counts is
the sentence on the page in both languages, the rows in the database, and that nothing is left half-done. Where a case
is met from end to end, and where its details are tested (U: unit/intake, G: unit/grading, F: functional, O: ops):

| case | from end to end | details |
|---|---|---|
| empty file, wrong type | `test_bad_files` | F `test_upload.py`, U `test_readers.py` |
| encrypted, broken, scanned, 10,000 pages | `test_bad_files` | U `test_pdf.py` |
| ZIP bomb, names with `../` | `test_bad_files` | U `test_archive.py`, F `test_upload.py` |
| too large; 200 MB and memory | `test_bad_files`, O `test_bad_day.py` | F `test_upload.py` |
| 255 characters, emoji, right-to-left | `test_strange_names` | U `test_names.py`, F `test_upload.py` |
| NUL bytes | `test_nul_bytes` | U `test_readers.py`, F `test_assignments.py`, `test_security.py` |
| scheme without points, label twice, totals | `test_bad_schemes` | `unit/scheme/test_check.py`, `test_parse.py` |
| answer of 1 MB | `test_an_answer_of_a_megabyte` | U `test_readers.py` |
| timeout, 30 s of silence, 401, 500 | `test_bad_models` | G `test_chat.py` |
| 429 for ever; 429 with Retry-After | `test_bad_models`, `test_a_rate_limit_passes` | G `test_chat.py` |
| no JSON, wrong shape, too many points, false quote | `test_bad_models` | G `graders/test_model.py` |
| dead host | `test_a_dead_host` | G `test_chat.py` |
| PostgreSQL or Redis stops and comes back | O `test_bad_day.py` | F `test_errors.py`, O `test_outage.py` |
| SIGKILL in a run, in an upload | O `test_bad_day.py` | O `test_kill.py`, F `test_upload.py` |
| two teachers, one mark | `test_two_teachers_at_the_same_moment` | F `test_review.py` |
"""

from __future__ import annotations

import asyncio
import html
import io
import re
from collections.abc import Awaitable, Callable, Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pypdf import PdfWriter
from sqlalchemy import select, update

from app.accounts.models import User
from app.assignments.models import Assignment
from app.db import Database
from app.keys import SETTINGS
from app.main import create_app
from app.marks.models import Mark, MarkState, Run, RunState
from app.papers.models import Paper, PaperState
from app.settings import Settings
from app.worker import service as workers
from tests import graded
from tests.conftest import Client, World
from tests.functional.papers_help import archive, htmx_form, papers
from tests.functional.review_help import HTMX, changes, field, make_graded, mark_of
from tests.stubs.processes import ModelServer

SignIn = Callable[[User | None], Awaitable[Client]]
TIMEOUT = 0.6
Both = dict[str, Client]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    """A model that answers at once, when it does."""
    with ModelServer() as server:
        yield server


@pytest.fixture
async def settings(settings: Settings, model: ModelServer) -> Settings:
    """Settings whose model is the stub, with little patience."""
    model.control(reset=True)
    changes = {
        "llm_provider": "custom",
        "llm_base_url": model.url,
        "llm_model": "stub",
        "llm_timeout": TIMEOUT,
        "max_file_size": 2**20,
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> web.Application:
    """The whole application, its worker included."""
    monkeypatch.setattr(workers, "MODEL_RETRIES", 1)
    return create_app(settings)


@pytest.fixture
async def both(sign_in: SignIn, world: World, database: Database) -> Both:
    """Two teachers of one class: Alice reads English, Bob reads Chinese."""
    async with database.begin() as db:
        await db.execute(update(User).where(User.id == world.bob.id).values(language="zh"))
    return {"en": await sign_in(world.alice), "zh": await sign_in(world.bob)}


async def heat(database: Database, world: World, grader: str = "model", texts: int = 0) -> Assignment:
    """An assignment with one question, and papers that answer it."""
    async with database.begin() as db:
        made, _ = await graded.assignment(db, world.klass, papers=texts, questions=1, grader=grader)
        return made


def plain(page: str) -> str:
    """The words of a page, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def words(client: Client, path: str) -> str:
    """The words that a page shows."""
    answer = await client.get(path)
    assert answer.status == 200, path
    return plain(await answer.text())


async def send(client: Client, assignment: Assignment, *files: tuple[str, bytes]) -> str:
    """Upload; the words of the verdicts."""
    answer = await client.post(f"/assignments/{assignment.id}/papers", **htmx_form(files))
    assert answer.status == 200
    return plain(await answer.text())


async def all_read(database: Database) -> list[Paper]:
    """Wait until the worker has read what was uploaded."""

    async def waiting() -> bool:
        return all(paper.state != PaperState.RECEIVED for paper in await papers(database))

    await graded.until(waiting)
    return await papers(database)


def nothing_left(server: TestServer) -> bool:
    """Whether the spool is empty."""
    return not list((server.app[SETTINGS].var_dir / "spool").iterdir())


def pdf(pages: int = 1, password: str = "") -> bytes:
    """A PDF without a text."""
    writer, made = PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(made)
    return made.getvalue()


def long_pdf(pages: int) -> bytes:
    """A PDF of very many blank pages, written out by hand: a library takes seconds."""
    kids = b" ".join(b"%d 0 R" % (number + 3) for number in range(pages))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids)]
    objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"] * pages
    body, places = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj%s\nendobj\n" % (number, each)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % place for place in places)
    body += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(body)


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
REFUSED: dict[str, tuple[str, bytes, str, str]] = {
    "empty": ("ann.txt", b"", "“ann.txt” is empty.", "“ann.txt”是空文件。"),
    "picture": ("ann.pdf", PNG, "By its content this is", "它的内容是"),
    "program": ("ann.docx", b"MZ\x90\0" * 99, "By its content this is EXE", "它的内容是 EXE"),
    "noise": ("ann.txt", bytes(range(256)) * 9, "This is not a text", "这不是文本文件"),
    "bomb": (
        "all.zip",
        archive({"bomb.txt": b"0" * 30_000_000}),
        "unpacks to more than 1 MB",
        "解压后超过 1 MB",
    ),
    "outside": (
        "all.zip",
        archive({"../../ann.txt": b"E"}),
        "leads out of the archive",
        "路径指向压缩包之外",
    ),
    "large": ("ann.txt", b"x" * (2**20 + 1), "larger than 1.0 MB", "文件超过 1.0 MB"),
}
KEPT: dict[str, tuple[str, bytes, str, str]] = {
    "encrypted": ("ann.pdf", pdf(password="secret"), "password", "密码"),
    "broken": ("ann.pdf", b"%PDF-1.7\n1 0 obj\n<< broken", "“ann.pdf”", "“ann.pdf”"),
    "pages": ("ann.pdf", long_pdf(10_000), "has 10000 pages; at most 600", "有 10000 页，最多读取 600 页"),
}


@pytest.mark.parametrize("case", [*REFUSED, *KEPT])
async def test_bad_files(both: Both, server: TestServer, database: Database, world: World, case: str) -> None:
    """Refused with a reason, or kept and said on the papers page; the good file beside it is read in any case."""
    name, content, *said = (REFUSED | KEPT)[case]
    assignment = await heat(database, world, "local")
    for sentence, (language, client) in zip(said, both.items(), strict=True):
        verdict = await send(client, assignment, (name, content), (f"{language}.txt", language.encode()))
        assert (sentence in verdict) == (case in REFUSED), verdict
    rows = {paper.file_name: paper for paper in await all_read(database)}
    assert {rows.pop("en.txt").state, rows.pop("zh.txt").state} == {PaperState.READ}
    assert [paper.state for paper in rows.values()] == [PaperState.UNREADABLE] * (case in KEPT)
    for sentence, client in zip(said, both.values(), strict=True):
        page = await words(client, f"/assignments/{assignment.id}/papers")
        assert (sentence in page) == (case in KEPT), page
        for paper in rows.values():
            original = await client.get(f"/papers/{paper.id}/file")
            assert await original.read() == content
            await words(client, f"/papers/{paper.id}")
    assert nothing_left(server)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("名" * 251 + ".txt", "名" * 251 + ".txt"),
        ("n" * 255 + "n.txt", "n" * 251 + ".txt"),
        ("👩‍👩‍👧 🏳️‍🌈.txt", "👩‍👩‍👧 🏳️‍🌈.txt"),
        ("عمل‏ \u202eannfdp.txt", "عمل‏ annfdp.txt"),
        ("\u2066\u202dann\u2069.txt", "ann.txt"),
    ],
)
async def test_strange_names(both: Both, database: Database, world: World, name: str, shown: str) -> None:
    """A name is kept as far as it can be shown, and reaches neither a path nor the page's direction."""
    assignment = await heat(database, world, "local")
    for client in both.values():
        await send(client, assignment, (name, b"1. Warm air rises."))
    (paper,) = await all_read(database)
    assert paper.state == PaperState.READ
    assert paper.file_name.encode("utf-8", "backslashreplace").isascii() == shown.isascii()
    assert len(paper.file_name) <= 255 and "\u202e" not in paper.file_name
    for client in both.values():
        page = await (await client.get(f"/assignments/{assignment.id}/papers")).text()
        assert f"<bdi>{html.escape(paper.file_name)}</bdi>" in page
        original = await client.get(f"/papers/{paper.id}/file")
        assert original.status == 200 and "\n" not in original.headers["Content-Disposition"]


async def test_nul_bytes(both: Both, database: Database, world: World) -> None:
    """In a file, in a scheme, in every field: taken out, never a fault."""
    assignment = await heat(database, world, "local")
    await send(both["zh"], assignment, ("nul.txt", b"1. Warm\0 air rises." + b" Cold air sinks." * 40))
    (paper,) = await all_read(database)
    assert paper.state == PaperState.READ and paper.pages
    assert "Warm air rises." in paper.pages[0]["text"]
    path = f"/assignments/{assignment.id}/run"
    assert (
        await both["zh"].post(f"{path}/start", data={"scope": "1\0"}, allow_redirects=False)
    ).status == 303
    await graded.finished(database, 1)
    question = assignment.questions[0].id
    form = {"do": "save", "version": "1\0", "points-0": "1\0", "comment-0": "a\0b", "feedback": "c\0d"}
    answer = await both["en"].post(f"/papers/{paper.id}/questions/{question}", data=form, headers=HTMX)
    assert answer.status == 200, await answer.text()
    (mark,) = await graded.marks_of(database, assignment)
    assert (mark.criteria[0]["comment"], mark.feedback) == ("ab", "cd")


SCHEMES: dict[str, tuple[str, str, str]] = {
    "no points": (
        "1. What is heat?\nAnswer: energy\n2. Its unit? (2)\nAnswer: joule\n",
        "Question 1 has no points",
        "第 1 题没有分值",
    ),
    "a label twice": (
        "1. What is heat? (2)\nAnswer: energy\n1. Its unit? (2)\nAnswer: joule\n",
        "Question 1 stands here and in line 1. This one is called 1-2 for now",
        "第 1 题在此处和第 1 行重复出现",
    ),
    "criteria against points": (
        "# Heat\n\n## 1. [text] (4)\nWhat is heat?\n= energy\n- says energy (1)\n- says more (2)\n",
        "its criteria add up to 3 points, but it gives 4",
        "各评分点合计 3 分，而本题为 4 分",
    ),
    "total against questions": (
        "1. What is heat? (2)\nAnswer: energy\n2. Its unit? (2)\nAnswer: joule\nTotal: 30\n",
        "This line says 30 points in all, but the questions add up to 4",
        "本行写明共 30 分，而各题合计 4 分",
    ),
}


# A remark stands beside the line, and the teacher may well be content with what was understood.
READY = ("a label twice", "total against questions")


@pytest.mark.parametrize("case", SCHEMES)
async def test_bad_schemes(both: Both, database: Database, world: World, case: str) -> None:
    """The page says what to mend, keeps every word, and nothing is graded before it is mended."""
    text, *said = SCHEMES[case]
    for sentence, client in zip(said, both.values(), strict=True):
        answer = await client.post(
            f"/classes/{world.klass.id}/assignments/new",
            data={"title": "Heat", "text": text},
            allow_redirects=False,
        )
        assert answer.status == 303, plain(await answer.text())
        path = answer.headers["Location"].removesuffix("/scheme")
        page = await words(client, f"{path}/scheme")
        assert sentence in page, page
        assert "What is heat?" in page
        upload = htmx_form([("ann.txt", b"1. Energy. 2. joule")])
        assert (await client.post(f"{path}/papers", **upload)).status == 200
        await all_read(database)
        refused = await client.post(f"{path}/run/start", allow_redirects=False)
        assert refused.status == (303 if case in READY else 422)
        if refused.status == 422:
            assert sentence in plain(await refused.text())
    assert await graded.count(database, Run) == (2 if case in READY else 0)


@pytest.mark.parametrize("grader", ["model", "local"])
async def test_an_answer_of_a_megabyte(
    both: Both, database: Database, world: World, model: ModelServer, grader: str
) -> None:
    """It is read, kept whole, and never sent; the review page shows it."""
    assignment = await heat(database, world, grader)
    body = b"1. " + b"Warm air rises because it is less dense. " * 24_000
    await send(both["en"], assignment, ("ann.txt", body))
    (paper,) = await all_read(database)
    assert paper.state == PaperState.READ
    mark = await grade(both["zh"], database, assignment)
    assert model.counters()["calls"] == 0
    if grader == "model":
        assert (mark.state, mark.points) == (MarkState.NEEDS_TEACHER, None)
        assert "too many for one question" in await words(both["en"], f"/papers/{paper.id}")
        assert "对一道题来说太长" in await words(both["zh"], f"/papers/{paper.id}")
    else:
        assert (mark.points is None) == (mark.state == MarkState.NEEDS_TEACHER)
        assert (await words(both["zh"], f"/papers/{paper.id}")).count("less dense") >= 20_000


async def grade(client: Client, database: Database, assignment: Assignment) -> Mark:
    """Start a run on its page, wait for its end, and return its one mark."""
    answer = await client.post(f"/assignments/{assignment.id}/run/start", allow_redirects=False)
    assert answer.status == 303, plain(await answer.text())
    async with database.begin() as db:
        run = await db.scalar(select(Run).order_by(Run.id.desc()))
    assert run is not None
    await graded.finished(database, run.id)
    (mark,) = await graded.marks_of(database, assignment)
    return mark


MODELS: dict[str, tuple[str, str]] = {
    "slow": (f"did not answer within {TIMEOUT:g} seconds", f"在 {TIMEOUT:g} 秒内没有回答"),
    "silent": (f"did not answer within {TIMEOUT:g} seconds", f"在 {TIMEOUT:g} 秒内没有回答"),
    "401": ("refused the API key", "拒绝了 API 密钥"),
    "429_always": ("limits the number of calls", "限制了调用次数"),
    "500": ("has a fault of its own (status 500)", "自身出现故障（状态 500）"),
    "not_json": ("The model's reply is not JSON", "模型的回答不是 JSON"),
    "wrong_shape": ('has no object "criteria"', "缺少 “criteria” 部分"),
    "too_many_points": ("which allows 0 to", "超出了 0 到"),
    "wrong_quote": ("is not in the answer", "不在答案里"),
    "reset": ("broke off the connection", "中断了连接"),
    "wrong_type": ("check the base URL", "请检查服务地址"),
}


@pytest.mark.parametrize("mode", MODELS)
async def test_bad_models(
    both: Both, database: Database, world: World, model: ModelServer, mode: str
) -> None:
    """The run ends, the question needs the teacher and says why, no points are made up; a later run mends it."""
    model.control(mode=mode, retry_after=0.2)
    assignment = await heat(database, world, texts=1)
    mark = await grade(both["en"], database, assignment)
    assert (mark.state, mark.points) == (MarkState.NEEDS_TEACHER, None)
    assert all(entry["points"] is None for entry in mark.criteria)
    for sentence, client in zip(MODELS[mode], both.values(), strict=True):
        page = await words(client, f"/papers/{mark.paper_id}")
        assert sentence in page, page
    cell = f'id="cell-{mark.paper_id}-{mark.question_id}" class="needs_teacher"'
    assert cell in await (await both["zh"].get(f"/assignments/{assignment.id}/run")).text()
    assert not any(change for change in await changes(database))
    model.control(mode="ok")
    mended = await grade(both["zh"], database, assignment)
    assert (mended.id, mended.state) == (mark.id, MarkState.GRADED)
    assert mended.points is not None and mended.version == 2


async def test_a_rate_limit_passes(both: Both, database: Database, world: World, model: ModelServer) -> None:
    """Asked once more after the pause that Retry-After names; nobody has to look."""
    model.control(mode="429", retry_after=0.4)
    mark = await grade(both["zh"], database, await heat(database, world, texts=1))
    assert mark.state == MarkState.GRADED and mark.points is not None
    assert model.counters()["by_status"] == {"429": 1, "200": 1}


class TestDeadHost:
    """Settings whose model is nowhere."""

    @pytest.fixture(params=["http://127.0.0.1:9/v1", "http://model.invalid/v1"])
    async def settings(self, settings: Settings, request: pytest.FixtureRequest) -> Settings:
        """The address of nobody, and an address without an address."""
        return settings.model_copy(update={"llm_base_url": request.param, "llm_timeout": 5.0})

    async def test_a_dead_host(self, both: Both, database: Database, world: World) -> None:
        """The same as any other fault: said, and left to the teacher."""
        mark = await grade(both["en"], database, await heat(database, world, texts=1))
        assert (mark.state, mark.points) == (MarkState.NEEDS_TEACHER, None)
        assert "cannot be reached" in await words(both["en"], f"/papers/{mark.paper_id}")
        assert "无法连接" in await words(both["zh"], f"/papers/{mark.paper_id}")


async def test_two_teachers_at_the_same_moment(both: Both, database: Database, world: World) -> None:
    """Both saw version 1 and press at once: one is stored, the other is told who was faster and keeps the words."""
    work = await make_graded(database, world)
    path = f"/papers/{work.paper.id}"
    page = await (await both["en"].get(path)).text()
    was = field(page, work.first, "was")

    async def decide(client: Client, points: str) -> tuple[int, str]:
        form = {"do": "save", "version": "1", "was": was, "points-0": points, "comment-0": f"gave {points}"}
        answer = await client.post(f"{path}/questions/{work.first.id}", data=form, headers=HTMX)
        return answer.status, plain(await answer.text())

    said = await asyncio.gather(decide(both["en"], "1"), decide(both["zh"], "2"))
    assert sorted(status for status, _ in said) == [200, 409]
    loser = next(place for place, (status, _) in enumerate(said) if status == 409)
    sentence = ("Bob changed this mark meanwhile", "Alice 刚刚改过这项得分")[loser]
    assert sentence in said[loser][1], said[loser][1]
    mark = await mark_of(database, work.paper, work.first)
    assert mark is not None and mark.version > 1
    winner = ("1", "2")[1 - loser]
    assert mark.criteria[0]["points"] == float(winner) and mark.criteria[0]["comment"] == f"gave {winner}"
    assert len([change for change in await changes(database) if change[0].startswith("points")]) == 1


async def test_the_run_of_a_bad_model_is_no_failed_run(
    both: Both, database: Database, world: World, model: ModelServer
) -> None:
    """One bad answer of three: the others are graded, and the run's page counts the one that needs the teacher."""
    model.control(mode="not_json", once=4)
    assignment = await heat(database, world, texts=3)
    answer = await both["zh"].post(f"/assignments/{assignment.id}/run/start", allow_redirects=False)
    assert answer.status == 303
    run = await graded.finished(database, 1)
    assert run.state == RunState.FINISHED
    states = [mark.state for mark in await graded.marks_of(database, assignment)]
    assert len(states) == 3 and 1 <= states.count(MarkState.NEEDS_TEACHER) <= 2
    assert (await both["zh"].get(f"/assignments/{assignment.id}/run")).status == 200

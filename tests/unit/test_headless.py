"""A folder of papers graded without server and database: the result, its files, and what cannot be used."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.headless import find_papers, grade_folder, results_csv, results_json
from app.i18n import ProblemError

CANONICAL = """# Quiz

## 1. [choice] (2)
Which one is red?
Answer: B

## 2. [number] (3)
How much is 6 times 7?
Answer: 42
"""
ROSTER = "number,name\n1001,Alice Smith\n1002,Bob Jones\n"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def scheme(tmp_path: Path) -> Path:
    path = tmp_path / "scheme.md"
    path.write_text(CANONICAL, encoding="utf-8")
    return path


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "class.csv"
    path.write_text(ROSTER, encoding="utf-8")
    return path


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


async def test_a_folder_is_graded_and_matched(tmp_path: Path, scheme: Path, roster: Path) -> None:
    papers = write(
        tmp_path / "papers",
        paper10__txt="Name: Bob Jones\n1. A\n2. 42",
        paper2__txt="Name: Alice Smith\nNumber: 1001\n1. B\n2. 42",
        paper3__txt="1. B",
    )
    steps: list[tuple[int, int, str]] = []
    results = await grade_folder(
        scheme, papers, roster, progress=lambda done, total, name: steps.append((done, total, name))
    )
    assert [(p["file"], p["student"], p["number"], p["total"], p["max"]) for p in results["papers"]] == [
        ("paper2.txt", "Alice Smith", "1001", 5, 5),
        ("paper3.txt", None, None, 2, 5),
        ("paper10.txt", "Bob Jones", "1002", 3, 5),
    ]
    first = results["papers"][0]["questions"][0]
    assert set(first) == {"label", "kind", "points", "max", "state", "reason", "confidence", "criteria"}
    assert (first["label"], first["kind"], first["points"], first["state"]) == ("1", "choice", 2, "graded")
    assert set(first["criteria"][0]) == {"text", "points", "max", "quote", "comment"}
    assert first["criteria"][0]["quote"] == "B"
    missing = results["papers"][1]["questions"][1]
    assert (missing["points"], missing["state"]) == (None, "needs_teacher")
    assert "question 2" in missing["reason"]
    assert results["needs_teacher"] == 1
    assert set(results) == {"papers", "needs_teacher"}
    assert steps[0] == (0, 3, "")
    assert sorted(step[2] for step in steps[1:]) == ["paper10.txt", "paper2.txt", "paper3.txt"]
    assert [step[0] for step in steps] == [0, 1, 2, 3]
    assert json.loads(results_json(results)) == results


async def test_a_paper_that_cannot_be_read_is_listed_with_the_reason(tmp_path: Path, scheme: Path) -> None:
    papers = write(
        tmp_path / "papers", good__txt="1. B\n2. 42", empty__txt="", broken__pdf="%PDF-1.7 nothing"
    )
    results = await grade_folder(scheme, papers, language="zh")
    by_name = {p["file"]: p for p in results["papers"]}
    assert by_name["good.txt"]["total"] == 5
    for name in ("empty.txt", "broken.pdf"):
        assert [q["state"] for q in by_name[name]["questions"]] == ["needs_teacher"] * 2
        assert all(q["points"] is None and q["reason"] for q in by_name[name]["questions"])
        assert by_name[name]["total"] == 0
    assert results["needs_teacher"] == 4


async def test_an_archive_and_a_single_file(tmp_path: Path, scheme: Path) -> None:
    archive = tmp_path / "papers.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("class/a.txt", "1. B\n2. 42")
        packed.writestr("class/b.txt", "1. C\n2. 41")
        packed.writestr("__MACOSX/._a.txt", "x")
    results = await grade_folder(scheme, archive)
    assert [(p["file"].split("/")[-1], p["total"]) for p in results["papers"]] == [("a.txt", 5), ("b.txt", 0)]
    single = write(tmp_path / "one", only__txt="1. B\n2. 42") / "only.txt"
    assert (await grade_folder(scheme, single))["papers"][0]["total"] == 5


def test_what_is_no_paper_is_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path / "p", a__txt="1", b__txt="2")
    write(folder / "sub", c__txt="3")
    write(folder / ".hidden", d__txt="4")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "~$a.docx").write_bytes(b"x")
    found = find_papers(folder, tmp_path / "unpacked", {folder / "b.txt"})
    assert [paper.name for paper in found] == ["a.txt", "sub/c.txt"]


@pytest.mark.parametrize(
    "case", ["no scheme", "bad scheme", "no papers", "empty folder", "no roster", "bad roster"]
)
async def test_what_cannot_be_used_at_all_is_said(case: str, tmp_path: Path, scheme: Path) -> None:
    papers: Path = write(tmp_path / "papers", a__txt="1. B")
    list_of: Path | None = None
    if case == "no scheme":
        scheme = tmp_path / "nowhere.md"
    elif case == "bad scheme":
        scheme = write(tmp_path / "bad", s__md="## 1. [choice] (2)\nWhich?\n\n## 1. [choice] (x)\n") / "s.md"
    elif case == "no papers":
        papers = tmp_path / "nowhere"
    elif case == "empty folder":
        papers = write(tmp_path / "none")
    elif case == "no roster":
        list_of = tmp_path / "nowhere.csv"
    else:
        list_of = write(tmp_path / "bad", c__csv="this is no list") / "c.csv"
    with pytest.raises(ProblemError) as problem:
        await grade_folder(scheme, papers, list_of)
    english, chinese = problem.value.text.render("en"), problem.value.text.render("zh")
    assert english and chinese and english != chinese


def paper(name: str, points: list[float | None], student: str | None = None) -> dict[str, Any]:
    return {
        "file": name,
        "student": student,
        "number": None,
        "total": sum(p or 0 for p in points),
        "max": 4,
        "questions": [
            {"label": str(i + 1), "points": p, "state": "needs_teacher" if p is None else "graded"}
            for i, p in enumerate(points)
        ],
    }


def test_the_table() -> None:
    text = results_csv(
        {"papers": [paper("a.txt", [1.5, None], "张三"), paper("b.txt", [2, 2])], "needs_teacher": 1}
    )
    assert rows(text) == [
        ["file", "number", "student", "1", "2", "total", "max", "needs_teacher"],
        ["a.txt", "", "张三", "1.5", "", "1.5", "4", "1"],
        ["b.txt", "", "", "2", "2", "4", "4", "0"],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_cell_is_a_formula(start: str) -> None:
    evil = start + 'HYPERLINK("http://x")'
    text = results_csv({"papers": [paper(evil, [1], evil)], "needs_teacher": 0})
    assert rows(text)[1][0] == rows(text)[1][2] == "'" + evil


def test_no_papers_give_a_table_of_heads() -> None:
    assert rows(results_csv({"papers": [], "needs_teacher": 0})) == [
        ["file", "number", "student", "total", "max", "needs_teacher"]
    ]


ALL_KINDS = """# Everything

## 1. [choice] (2)
Which one is red?
Answer: B

## 2. [blank] (2)
Plants make sugar by ...
Answer: photosynthesis

## 3. [number] (2)
The speed?
Answer: 7.5 m/s

## 4. [maths] (2)
Expand (x+1)^2
Answer: x^2+2x+1

## 5. [text] (3)
Explain osmosis.
Answer: Water moves through a membrane from low to high concentration of solute.
"""
ANSWERS = """Name: Alice Smith
1. B
2. Photosynthesis
3. 7.5 m/s
4. 1 + 2x + x^2
5. Water moves through a membrane from low to high concentration of solute.
"""


async def test_every_kind_with_the_real_graders_and_no_model(tmp_path: Path) -> None:
    scheme = write(tmp_path / "s", s__md=ALL_KINDS) / "s.md"
    papers = write(tmp_path / "papers", a__txt=ANSWERS)
    questions = (await grade_folder(scheme, papers))["papers"][0]["questions"]
    assert [(q["label"], q["points"]) for q in questions[:4]] == [("1", 2), ("2", 2), ("3", 2), ("4", 2)]
    # The local grader proposes or hands over; what it may not do is break a rule of the check.
    assert questions[4]["points"] == 3 or "grader" not in (questions[4]["reason"] or "").lower()


async def test_a_model_over_http_marks_sentences_and_sees_no_name(tmp_path: Path) -> None:
    from app.grading.chat import connect
    from tests.stubs.processes import ModelServer

    scheme = write(tmp_path / "s", s__md=ALL_KINDS) / "s.md"
    papers = write(tmp_path / "papers", a__txt=ANSWERS)
    with ModelServer() as server:
        chat = connect("custom", server.url, "key", "stub", timeout_seconds=10, max_retries=0, max_parallel=4)
        try:
            results = await grade_folder(scheme, papers, chat=chat)
        finally:
            await chat.aclose()
        counters = server.counters()
    questions = results["papers"][0]["questions"]
    assert [q["points"] for q in questions[:4]] == [2, 2, 2, 2]
    assert questions[4]["state"] == "graded" and questions[4]["criteria"][0]["quote"]
    # Only the sentences went out: the checkers' verdicts were final.
    assert counters["calls"] == 1
    assert "Alice" not in json.dumps(counters)


async def test_a_model_that_quotes_what_is_not_there_leaves_the_question_to_the_teacher(
    tmp_path: Path,
) -> None:
    from app.grading.chat import connect
    from tests.stubs.processes import ModelServer

    scheme = write(tmp_path / "s", s__md=ALL_KINDS) / "s.md"
    papers = write(tmp_path / "papers", a__txt=ANSWERS)
    with ModelServer() as server:
        server.control(mode="wrong_quote")
        chat = connect("custom", server.url, "key", "stub", timeout_seconds=10, max_retries=0, max_parallel=4)
        try:
            results = await grade_folder(scheme, papers, chat=chat)
        finally:
            await chat.aclose()
    assert [q["state"] for q in results["papers"][0]["questions"]] == ["graded"] * 4 + ["needs_teacher"]
    assert results["papers"][0]["total"] == 8

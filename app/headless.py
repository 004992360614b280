"""Grade a folder of papers without server and database: the same workflow as the server's, for `zhupi grade`."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.document import Document
from app.grading.engine import Engine, PaperGraph, grade_paper
from app.grading.graders import Graders, make_graders
from app.grading.graph import build_graph
from app.grading.masking import Names, Person
from app.grading.model import ChatModel, EarlierMark, GradeOptions
from app.grading.pool import ProcessPool
from app.grading.state import Answer, Located, QuestionMark, needs_teacher
from app.i18n import N_, ProblemError, Text
from app.intake.archive import extract
from app.intake.errors import UnreadableError
from app.intake.matching import match_paper
from app.intake.process import close_readers, read_document, read_roster_safely
from app.scheme.parse import parse_scheme
from app.scheme.types import Question, Scheme

if TYPE_CHECKING:
    from app.intake.roster import RosterEntry

log = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]

# Papers under way and questions being graded at once: enough to keep a model's endpoint busy, few open files.
PAPERS_AT_ONCE = 4
QUESTIONS_AT_ONCE = 8
# Worker processes for mathematics, and the seconds one answer may take there.
MATHS_PROCESSES = 1
MATHS_SECONDS = 10.0

NOT_THERE = N_("“{name}” does not exist.")
_JUNK = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Paper:
    """One file to grade: the name to show, and its place or why there is none."""

    name: str
    path: Path | None
    problem: Text | None = None


class _NoMarks:
    """No teacher has marked anything here."""

    async def earlier(self, question: Question) -> Sequence[EarlierMark]:
        return ()


class _Open:
    """Nobody pauses a run on the command line; Ctrl-C ends it."""

    async def check(self) -> None:
        return None


@dataclass
class _Keeper:
    """Keeps the text that was read, to find out whose paper it is."""

    text: str = ""

    async def located(self, document: Document, located: Located) -> None:
        self.text = document.text

    async def grading(self, label: str) -> None:
        return None

    async def marked(self, answer: Answer, mark: QuestionMark) -> None:
        return None


@dataclass
class _Run:
    """What all papers of one call share."""

    scheme: Scheme
    graders: Graders
    graph: PaperGraph
    options: GradeOptions
    roster: Sequence[RosterEntry]
    language: str
    limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUESTIONS_AT_ONCE))
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAPERS_AT_ONCE))


async def grade_folder(
    scheme_path: Path,
    papers_path: Path,
    roster_path: Path | None = None,
    *,
    chat: ChatModel | None = None,
    language: str = "en",
    progress: Progress | None = None,
    without: Sequence[Path] = (),
) -> dict[str, Any]:
    """Grade every paper under `papers_path` (a folder with its subfolders, a ZIP archive, or one file).

    `chat` is asked for sentences and where a checker doubts; without one nothing leaves this machine, and with
    one no name or number of the class list (`app.grading.masking` says how far that goes). `language`
    ("en", "zh") is that of reasons and feedback. `progress(done, total, name)` is called once a paper, and first
    with 0 done and an empty name. Files named in `without` are no papers, even in the folder (say, the results of
    an earlier call); nor are the scheme and the class list.

    The result, ready for JSON, papers in the order of their names and questions in the scheme's:
    {"papers": [{"file", "student", "number", "total", "max", "questions": [{"label", "kind", "points", "max",
    "state": "graded"|"needs_teacher", "reason", "confidence", "criteria": [{"text", "points", "max", "quote",
    "comment"}]}]}], "needs_teacher": questions left to the teacher}. `points` is null where the teacher is needed;
    `student` and `number` are null without a roster and where it is not certain whose paper it is. A paper that
    cannot be read is listed with every question needing the teacher, and why.

    Raises ProblemError when nothing can be graded: a file that is missing, a scheme or class list that cannot be
    used (the sentence lists every remark), no papers.
    """
    try:
        scheme = await read_scheme(scheme_path, language)
        roster = await _read_roster(roster_path, language) if roster_path else ()
        with tempfile.TemporaryDirectory(prefix="zhupi-") as folder:
            others = {path for path in (scheme_path, roster_path, *without) if path}
            papers = await asyncio.to_thread(find_papers, papers_path, Path(folder), others)
            return await _grade_all(papers, scheme, roster, chat, language, progress)
    finally:
        await close_readers()


async def read_scheme(path: Path, language: str) -> Scheme:
    """The marking scheme of a text, DOCX or PDF file; ProblemError with all remarks when it cannot be used."""
    if not await asyncio.to_thread(path.is_file):
        raise ProblemError(NOT_THERE, name=str(path))
    parsed = parse_scheme((await read_document(path, path.name)).text)
    if parsed.usable and parsed.scheme.questions:
        return parsed.scheme
    notes = [
        Text("Line {line}: {text}", {"line": note.line, "text": note.text.render(language)}).render(language)
        if note.line
        else note.text.render(language)
        for note in parsed.notes
    ]
    raise ProblemError(
        "The marking scheme “{name}” cannot be used:\n{notes}", name=path.name, notes="\n".join(notes) or "-"
    )


async def _read_roster(path: Path, language: str) -> tuple[RosterEntry, ...]:
    """The students of a class list; lines that cannot be used are logged, unless all are."""
    try:
        data = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise ProblemError(NOT_THERE, name=str(path)) from error
    found = await read_roster_safely(data, path.name)
    problems = [problem.text.render(language) for problem in found.problems]
    if not found.students:
        raise ProblemError(
            "The class list “{name}” names no student:\n{notes}",
            name=path.name,
            notes="\n".join(problems) or "-",
        )
    for problem in problems:
        log.warning("%s: %s", path.name, problem)
    return tuple(found.students)


def find_papers(path: Path, folder: Path, without: set[Path]) -> list[Paper]:
    """The papers of a folder, a ZIP archive (unpacked into `folder`) or a single file, in the order of their names.

    Hidden files, system files and the files in `without` are left out. Raises ProblemError when none is left.
    """
    others = {other.resolve() for other in without}
    if path.is_dir():
        papers = [
            Paper(str(file.relative_to(path)), file)
            for file in path.rglob("*")
            if file.is_file() and not _hidden(file.relative_to(path)) and file.resolve() not in others
        ]
    elif path.is_file():
        papers = _of_file(path, folder)
    else:
        raise ProblemError(NOT_THERE, name=str(path))
    if not papers:
        raise ProblemError("There are no papers in “{name}”.", name=str(path))
    return sorted(papers, key=lambda paper: _natural(paper.name))


def _of_file(path: Path, folder: Path) -> list[Paper]:
    try:
        entries = extract(path, folder / "papers")
    except UnreadableError as error:
        # Not an archive: one paper. A DOCX is a ZIP by content, but the sniffer tells them apart.
        if error.kind == "type":
            return [Paper(path.name, path)]
        raise
    return [Paper(entry.name, entry.path, entry.problem) for entry in entries]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part.startswith("~$") or part in _JUNK for part in path.parts)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that puts "paper 2" before "paper 10"."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


async def _grade_all(
    papers: list[Paper],
    scheme: Scheme,
    roster: Sequence[RosterEntry],
    chat: ChatModel | None,
    language: str,
    progress: Progress | None,
) -> dict[str, Any]:
    pool = ProcessPool(MATHS_PROCESSES, MATHS_SECONDS)
    run = _Run(
        scheme=scheme,
        graders=make_graders(
            chat, _NoMarks(), pool, Names.of(Person(entry.name, entry.number) for entry in roster)
        ),
        graph=build_graph(),
        options=GradeOptions(feedback_language=language, use_model=chat is not None),
        roster=roster,
        language=language,
    )
    done = 0
    tell: Progress = progress or (lambda done, total, name: None)
    tell(0, len(papers), "")

    async def one(paper: Paper) -> dict[str, Any]:
        nonlocal done
        async with run.turns:
            row = await _grade_one(run, paper)
        done += 1
        tell(done, len(papers), paper.name)
        return row

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(paper)) for paper in papers]
    finally:
        await pool.close()
    rows = [task.result() for task in tasks]
    waiting = sum(q["state"] == "needs_teacher" for row in rows for q in row["questions"])
    return {"papers": rows, "needs_teacher": waiting}


async def _grade_one(run: _Run, paper: Paper) -> dict[str, Any]:
    """One paper's entry in the result; whatever is wrong with it is in there too."""
    keeper = _Keeper()
    try:
        marks = await _marks(run, paper, keeper)
    except ProblemError as error:
        marks = _all_to_the_teacher(run.scheme, error.text)
    except Exception as error:
        # One strange paper must not cost the others theirs. Its words stay out of the log.
        log.error("grading %s failed: %s", paper.name, type(error).__name__)
        reason = Text("Grading this paper failed: {error}", {"error": type(error).__name__})
        marks = _all_to_the_teacher(run.scheme, reason)
    match = match_paper(paper.name, keeper.text, run.roster) if run.roster else None
    entry = match.entry if match and match.state == "matched" else None
    return {
        "file": paper.name,
        "student": entry.name if entry else None,
        "number": entry.number if entry else None,
        "total": _plain(sum(mark.points or 0 for mark in marks)),
        "max": _plain(run.scheme.points),
        "questions": [
            _question(question, mark, run.language)
            for question, mark in zip(run.scheme.questions, marks, strict=True)
        ],
    }


async def _marks(run: _Run, paper: Paper, keeper: _Keeper) -> Sequence[QuestionMark]:
    path = paper.path
    if path is None:
        raise ProblemError(paper.problem or Text("“{name}” could not be read.", {"name": paper.name}))

    async def read() -> Document:
        return await read_document(path, paper.name)

    engine = Engine(read, run.scheme, run.graders, keeper, _Open(), run.options, run.limit)
    return (await grade_paper(run.graph, engine, None)).marks


def _all_to_the_teacher(scheme: Scheme, reason: Text) -> list[QuestionMark]:
    return [needs_teacher(q.label, str(q.kind), q.points, reason) for q in scheme.questions]


def _question(question: Question, mark: QuestionMark, language: str) -> dict[str, Any]:
    return {
        "label": mark.label,
        "kind": str(mark.kind),
        "points": None if mark.points is None else _plain(mark.points),
        "max": _plain(mark.max),
        "state": mark.state.value,
        "reason": mark.reason.render(language) if mark.reason else None,
        "confidence": None if mark.confidence is None else round(mark.confidence, 4),
        "criteria": [
            {
                "text": question.criteria[entry.position].text,
                "points": _plain(entry.points),
                "max": _plain(question.criteria[entry.position].points),
                "quote": entry.quote,
                "comment": entry.comment,
            }
            for entry in mark.criteria
        ],
    }


def _plain(points: float) -> float | int:
    """Points without the rounding errors of sums, whole numbers as such."""
    rounded = round(points, 4)
    return int(rounded) if rounded == int(rounded) else rounded


def results_json(results: dict[str, Any]) -> str:
    """What `grade_folder` returned as JSON text, indented, Chinese as such."""
    return json.dumps(results, ensure_ascii=False, indent=2) + "\n"


def results_csv(results: dict[str, Any]) -> str:
    """One row a paper: file, number, student, each question's points, total, max, needs_teacher.

    A question that needs the teacher is empty; the last column counts them. Texts that a spreadsheet would take for
    a formula begin with an apostrophe. Write it with encoding "utf-8-sig": spreadsheets then read Chinese.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    papers = results["papers"]
    labels = [question["label"] for question in papers[0]["questions"]] if papers else []
    writer.writerow(["file", "number", "student", *map(_harmless, labels), "total", "max", "needs_teacher"])
    for paper in papers:
        waiting = sum(question["state"] == "needs_teacher" for question in paper["questions"])
        points = ["" if q["points"] is None else q["points"] for q in paper["questions"]]
        names = [_harmless(paper[key] or "") for key in ("file", "number", "student")]
        writer.writerow([*names, *points, paper["total"], paper["max"], waiting])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A text that no spreadsheet runs (OWASP, CSV injection): =, +, -, @, tab and carriage return are shielded."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠") else cell

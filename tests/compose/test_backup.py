"""A backup under load, everything thrown away, restored: the exports are the same to the byte, and work goes on."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.compose.figures import Figures
from tests.compose.load import loading
from tests.compose.runs import LATENCY, PAPERS, QUESTIONS, GradingRun, grading
from tests.compose.stack import PROJECT, CommandError, Stack, timed
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose
ACCEPTED = 5  # papers that the teacher decides before the backup
EXPORTS = ("results.csv", "results.xlsx", "scheme.txt")


@dataclass(frozen=True)
class Kept:
    """What must be the same afterwards: exports by name, and the uploaded files by paper."""

    exports: dict[str, bytes]
    files: dict[int, bytes]
    counts: list[list[str]]


async def kept(teacher: Teacher, assignment: int) -> Kept:
    """Everything of an assignment that a teacher can take away, and the rows behind it."""
    exports = {}
    for name in EXPORTS:
        answer = await teacher.get(f"/assignments/{assignment}/{name}")
        assert answer.status == 200, f"{name}: {answer.status}"
        exports[name] = answer.body
    papers = await asyncio.to_thread(paper_ids, teacher.stack, assignment)
    files = {}
    for paper in papers:
        answer = await teacher.get(f"/papers/{paper}/file")
        assert answer.status == 200, f"file of {paper}: {answer.status}"
        files[paper] = answer.body
    counts = await asyncio.to_thread(
        teacher.stack.sql,
        "select m.state, m.grader, count(*), sum(m.points), max(m.version) from marks m"
        f" join papers p on p.id = m.paper_id where p.assignment_id = {assignment} group by 1, 2 order by 1, 2",
    )
    return Kept(exports, files, counts)


def paper_ids(stack: Stack, assignment: int) -> list[int]:
    """The papers of an assignment."""
    rows = stack.sql(f"select id from papers where assignment_id = {assignment} order by id")
    return [int(row[0]) for row in rows]


async def decide(teacher: Teacher, assignment: int) -> None:
    """Accept all marks of some papers: from then on they are the teacher's."""
    for paper in (await asyncio.to_thread(paper_ids, teacher.stack, assignment))[:ACCEPTED]:
        page = await teacher.get(f"/papers/{paper}")
        seen = re.findall(r'name="seen" value="([\d:]+)"', page.text)
        assert 1 <= len(seen) <= QUESTIONS, page.text[:3000]
        form = [("seen", value) for value in seen]
        answer = await teacher.post(f"/papers/{paper}/accept", form)
        assert answer.status == 303, answer.text


def back_up(stack: Stack) -> Path:
    """A backup by the verb of the guide, brought to the host; where it lies there."""
    stack.compose("run", "--rm", "-T", "backup", "backup")
    volume = f"{PROJECT}_backups:/backups"
    options = ("--rm", "--network=none", "--user=0", "--entrypoint=sh", "-v", volume)
    name = stack.docker("run", *options, stack.image, "-c", "ls -t /backups | head -n 1").strip()
    assert name and not name.endswith(".partial"), name
    folder = stack.folder / "var/drill"
    folder.mkdir(parents=True, exist_ok=True)
    stack.docker("run", *options, "-v", f"{folder}:/out", stack.image, "-c", f"cp '/backups/{name}' /out/")
    return folder / name


def bring_back(stack: Stack, archive: Path, *more: str) -> str:
    """Put an archive into the volume of a new stack, and restore it as the guide says."""
    options = ("--rm", "--network=none", "--user=0", "--entrypoint=sh", "-v", f"{PROJECT}_backups:/backups")
    script = f"cp '/in/{archive.name}' /backups/ && chown 10001:10001 '/backups/{archive.name}'"
    stack.docker("run", *options, "-v", f"{archive.parent}:/in:ro", stack.image, "-c", script)
    return stack.compose("run", "--rm", "-T", "backup", "restore", f"/backups/{archive.name}", "--yes", *more)


async def test_backup_under_load_down_and_restore(school: Stack, teacher: Teacher, figures: Figures) -> None:
    """Also a run that was going on when the backup was made goes on after it."""
    async with grading(teacher, "Backup", pages=0, pupils=PAPERS) as run:
        await run.finished()
    klass = school.number(f"select class_id from assignments where id = {run.assignment}")
    await decide(teacher, run.assignment)
    before = await kept(teacher, run.assignment)
    assert before.exports["results.csv"].count(b"Pupil ") == PAPERS

    async with (
        grading(teacher, "Backup in a run", pages=0) as going,
        loading(teacher, "backup", ["/account", f"/classes/{klass}"], 20) as load,
    ):
        await going.reached(20)
        with timed() as took:
            archive = await asyncio.to_thread(back_up, school)
        await going.finished()
    load.told(figures, "backup")
    figures.note("backup under load", took[0], "s")
    figures.note("backup: the archive", archive.stat().st_size / 2**20, "MB")

    await asyncio.to_thread(school.down, volumes=True)
    assert f"{PROJECT}_db" not in school.docker("volume", "ls", "--quiet").split()
    await asyncio.to_thread(school.make, "up")
    with timed() as took:
        said = await asyncio.to_thread(restored, school, archive)
    figures.note("restore, from the command to healthy", took[0], "s")

    again = Teacher(school)
    await again.sign_in()
    after = await kept(again, run.assignment)
    assert after.exports["results.csv"] == before.exports["results.csv"], said
    assert after.exports["scheme.txt"] == before.exports["scheme.txt"]
    assert after.files == before.files and len(after.files) == PAPERS
    assert after.counts == before.counts
    assert parts(after.exports["results.xlsx"]) == parts(before.exports["results.xlsx"])
    await goes_on(again, going)
    await again.close()


def parts(workbook: bytes) -> dict[str, bytes]:
    """What a workbook consists of, but for the part that says when it was made."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "docProps/core.xml"}


def restored(stack: Stack, archive: Path) -> str:
    """Stop what works on the database, restore, start it again."""
    stack.compose("stop", "app")
    said = bring_back(stack, archive)
    stack.make("up")
    return said


async def goes_on(teacher: Teacher, going: GradingRun) -> None:
    """The run that the backup cut in the middle ends whole, and new work is taken."""
    await asyncio.to_thread(teacher.stack.model.control, latency=LATENCY)
    going.teacher = teacher
    await going.finished()
    going.check_marks()
    klass = await teacher.new_class("After the restore", pupils=1)
    assignment = await teacher.new_assignment(klass, "After", 1)
    await teacher.hand_in(assignment, 1, 1)


def test_a_damaged_archive_changes_nothing(school: Stack) -> None:
    """One byte flipped: refused with a sentence before anything is touched."""
    made = [path for path in (school.folder / "var/drill").glob("*") if not path.name.startswith("damaged-")]
    assert made, "the drill before this one made none"
    archive = max(made, key=lambda path: path.stat().st_mtime)
    classes = school.number("select count(*) from classes")
    damaged = archive.with_name("damaged-" + archive.name)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        bring_back(school, damaged, "--into-live")
    assert "Traceback" not in str(refused.value)
    assert school.number("select count(*) from classes") == classes

"""The demo classes hold what demo/README.md promises, and the built papers say what their sources say."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest
from docx import Document
from pypdf import PdfReader
from rapidfuzz.distance import Levenshtein

from app.scheme.types import Kind

DEMO = Path(__file__).resolve().parents[2] / "demo"
CLASSES = ("zh-physics", "en-science")
COMPUTED = {"choice", "blank", "number", "maths"}
HEADING = re.compile(r"## (\S+)\. \[(\w+)\] \((\d+)\)")


def load_build() -> ModuleType:
    """demo/build.py, which is a script and no package's module."""
    spec = importlib.util.spec_from_file_location("demo_build", DEMO / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load_build()
SOURCES: list[Path] = build.sources()


@dataclass
class Entry:
    """One question of a canonical scheme, as far as these tests look at it."""

    label: str
    kind: str
    points: int
    prompt: str = ""
    references: list[str] = field(default_factory=list)
    criteria: list[int] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)


def scheme_of(name: str) -> list[Entry]:
    """The questions of a demo class, read strictly: a line before the first question fails."""
    entries: list[Entry] = []
    title, *lines = (DEMO / name / "scheme.md").read_text(encoding="utf-8").splitlines()
    assert title.startswith("# ")
    for line in filter(str.strip, lines):
        if heading := HEADING.fullmatch(line):
            entries.append(Entry(heading[1], heading[2], int(heading[3])))
        elif line.startswith("= "):
            entries[-1].references.append(line[2:])
        elif criterion := re.match(r"- \((\d+)\) \S", line):
            entries[-1].criteria.append(int(criterion[1]))
        elif setting := re.fullmatch(r"(tolerance|unit): (.+)", line):
            entries[-1].settings[setting[1]] = setting[2]
        else:
            entries[-1].prompt += line + "\n"
    return entries


def roster_of(name: str) -> dict[str, str]:
    """Number to name."""
    with (DEMO / name / "roster.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(set(row) == {"number", "name"} and all(row.values()) for row in rows)
    assert len({row["number"] for row in rows}) == len(rows)
    return {row["number"]: row["name"] for row in rows}


def expected_of(name: str) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads((DEMO / name / "expected.json").read_text(encoding="utf-8"))
    return expected


def papers_of(name: str) -> list[Path]:
    return sorted((DEMO / name / "papers").iterdir())


def squeezed(text: str) -> str:
    """Text without white space."""
    return "".join(text.split())


def text_of(paper: Path) -> str:
    """What a reader gets out of a paper: pages in order; paragraphs and table cells in order."""
    if paper.suffix == ".pdf":
        return "\n".join(page.extract_text() for page in PdfReader(paper).pages)
    if paper.suffix == ".docx":
        return docx_text(paper.read_bytes())
    return paper.read_text(encoding="utf-8")


def docx_text(content: bytes) -> str:
    blocks: list[str] = []
    for block in Document(BytesIO(content)).iter_inner_content():
        if hasattr(block, "rows"):
            blocks += ["\t".join(cell.text for cell in row.cells) for row in block.rows]
        else:
            blocks.append(block.text)
    return "\n".join(blocks)


@pytest.mark.parametrize("name", CLASSES)
class TestFolder:
    def test_class_file(self, name: str) -> None:
        data = json.loads((DEMO / name / "class.json").read_text(encoding="utf-8"))
        assert set(data) == {"name", "language", "assignment", "photographed"}
        assert data["language"] == name[:2]
        assert data["name"].strip() and data["assignment"].strip() and data["photographed"].strip()
        assert data["photographed"] != data["assignment"]

    def test_scans_and_photos_are_small(self, name: str) -> None:
        found = list((DEMO / name / "photographed").iterdir())
        assert found
        assert {path.suffix for path in found} <= {".pdf", ".jpg"}
        assert sum(path.stat().st_size for path in found) < 1_500_000

    def test_scheme_has_every_kind_and_forty_points(self, name: str) -> None:
        entries = scheme_of(name)
        assert {entry.kind for entry in entries} == {str(kind) for kind in Kind}
        assert sum(entry.points for entry in entries) == 40
        assert [entry.label for entry in entries] == [str(number + 1) for number in range(10)]

    def test_every_question_can_be_graded(self, name: str) -> None:
        for entry in scheme_of(name):
            assert entry.prompt and entry.references, entry
            if entry.kind == "choice":
                options = set(re.findall(r"^([A-E])\. ", entry.prompt, re.MULTILINE))
                assert all(set(reference) <= options for reference in entry.references), entry
            if entry.kind == "blank":
                assert entry.prompt.count("____") == len(entry.references), entry
                assert entry.points % len(entry.references) == 0, entry
            if entry.kind == "number":
                assert float(entry.references[0]) and set(entry.settings) == {"tolerance", "unit"}, entry
            if entry.kind in {"text", "essay"}:
                assert len(entry.criteria) >= 2 and sum(entry.criteria) == entry.points, entry

    def test_scheme_shows_variety(self, name: str) -> None:
        entries = scheme_of(name)
        choices = [entry for entry in entries if entry.kind == "choice"]
        assert {len(entry.references[0]) > 1 for entry in choices} == {True, False}
        assert any(" | " in ref for entry in entries if entry.kind == "blank" for ref in entry.references)

    def test_roster(self, name: str) -> None:
        names = list(roster_of(name).values())
        assert 15 <= len(names) <= 16 and len(set(names)) == len(names)
        close = [(a, b) for a in names for b in names if a < b and Levenshtein.distance(a, b) == 1]
        assert len(close) == 1

    def test_papers(self, name: str) -> None:
        papers = papers_of(name)
        assert 13 <= len(papers) <= 14
        kinds = Counter(paper.suffix for paper in papers)
        assert set(kinds) == {".txt", ".md", ".docx", ".pdf"} and min(kinds.values()) >= 2
        assert all(paper.stat().st_size < 60_000 for paper in papers)
        # Both files are rebuilt by build.py; one without a source would be edited by nobody.
        built = {build.paper_of(source) for source in SOURCES if source.parent.name == name}
        assert built == {paper for paper in papers if paper.suffix in {".docx", ".pdf"}}

    def test_expected_covers_every_paper_and_question(self, name: str) -> None:
        expected = expected_of(name)
        assert set(expected) == {paper.name for paper in papers_of(name)}
        for paper, entry in expected.items():
            assert set(entry) == {"student", "points", "note"} and entry["note"], paper
            assert list(entry["points"]) == [question.label for question in scheme_of(name)], paper

    def test_expected_points_are_possible(self, name: str) -> None:
        for paper, entry in expected_of(name).items():
            for question in scheme_of(name):
                points = entry["points"][question.label]
                where = f"{paper}, question {question.label}"
                if points is None:
                    assert question.kind in COMPUTED, where
                    continue
                assert isinstance(points, int) and 0 <= points <= question.points, where
                if question.kind in {"choice", "number", "maths"}:
                    assert points in {0, question.points}, where
                if question.kind == "blank":
                    assert points % (question.points // len(question.references)) == 0, where

    def test_every_question_tells_papers_apart(self, name: str) -> None:
        for question in scheme_of(name):
            given = {entry["points"][question.label] for entry in expected_of(name).values()}
            assert {0, question.points} <= given, question.label

    def test_students(self, name: str) -> None:
        roster, expected = roster_of(name), expected_of(name)
        settled = [entry["student"] for entry in expected.values() if entry["student"] is not None]
        assert set(settled) <= set(roster) and len(set(settled)) == len(settled)
        for paper in papers_of(name):
            number = expected[paper.name]["student"]
            heading = text_of(paper).casefold()[:120] + paper.name.casefold()
            if number is None:
                assert not any(key.casefold() in heading for key in roster), paper.name
                assert not any(student.casefold() in heading for student in roster.values()), paper.name
            else:
                assert roster[number].casefold() in heading, paper.name

    def test_special_papers(self, name: str) -> None:
        expected, roster = expected_of(name), roster_of(name)
        unsettled = [text_of(paper) for paper in papers_of(name) if expected[paper.name]["student"] is None]
        assert len(unsettled) == 2
        near = re.compile("|".join(near_misses(name)))
        assert sum(bool(near.search(text)) for text in unsettled) == 1
        totals = [sum(points or 0 for points in entry["points"].values()) for entry in expected.values()]
        assert max(totals) == 40 and totals.count(0) == 1 and min(filter(None, totals)) <= 4
        pleas = [paper for paper in papers_of(name) if re.search("满分|full marks", text_of(paper))]
        assert len(pleas) == 1 and expected[pleas[0].name]["student"] in roster
        assert all(expected[pleas[0].name]["points"][label] <= 2 for label in ("8", "9", "10"))


def near_misses(name: str) -> list[str]:
    """The name on the paper that is one character off a pupil's."""
    wrong, right = {"zh-physics": ("王浩然", "王皓然"), "en-science": ("Jon Whitaker", "John Whitaker")}[name]
    assert right in roster_of(name).values() and wrong not in roster_of(name).values()
    assert Levenshtein.distance(wrong, right) == 1
    return [wrong]


def test_the_teachers_own_form_says_the_same() -> None:
    text = squeezed((DEMO / "zh-physics" / "scheme-teacher-style.txt").read_text(encoding="utf-8"))
    canonical = (DEMO / "zh-physics" / "scheme.md").read_text(encoding="utf-8").splitlines()
    for criterion in (line for line in canonical if line.startswith("- (")):
        points, words = re.fullmatch(r"- \((\d+)\) (.+)", criterion).groups()  # type: ignore[union-attr]
        assert f"{words}（{points}分）" in text
    for entry in scheme_of("zh-physics"):
        assert squeezed(entry.prompt) in text
        if len(entry.references) == 1 and entry.kind in {"choice", "maths"}:
            assert f"{squeezed(entry.prompt)}答案：{squeezed(entry.references[0])}" in text


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
class TestBuilt:
    def test_paper_says_what_its_source_says(self, source: Path) -> None:
        lines = source.read_text(encoding="utf-8").splitlines()
        words = [line.removeprefix("# ").replace("|", " ") for line in lines]
        assert squeezed(text_of(build.paper_of(source))) == squeezed("".join(words))

    def test_building_twice_gives_the_same_bytes(self, source: Path) -> None:
        assert build.built(source) == build.built(source)

    def test_paper_holds_no_date_of_its_building(self, source: Path) -> None:
        paper = build.paper_of(source)
        if paper.suffix == ".pdf":
            made = PdfReader(paper).metadata
            assert made is not None and made.creation_date is not None and made.creation_date.year == 2000
            return
        with ZipFile(paper) as archive:
            assert {member.date_time for member in archive.infolist()} == {build.ARCHIVE_DATE}
        properties = Document(str(paper)).core_properties
        assert properties.created is not None and properties.created.replace(tzinfo=None) == build.WRITTEN
        assert properties.modified == properties.created and not properties.author


def test_docx_papers_hold_tables_and_headings() -> None:
    for source in (source for source in SOURCES if source.stem.endswith(".docx")):
        document = Document(str(build.paper_of(source)))
        assert document.tables, source.name
        assert any(
            paragraph.style and paragraph.style.name == "Heading 1" for paragraph in document.paragraphs
        ), source.name


def test_a_long_answer_runs_over_a_page_break() -> None:
    for name in CLASSES:
        pages = [len(PdfReader(paper).pages) for paper in papers_of(name) if paper.suffix == ".pdf"]
        assert 2 in pages


def test_text_keeps_its_lines_within_the_margins() -> None:
    width = 300.0
    for text, font in (("词" * 200, build.CHINESE_FONT), ("word " * 200, build.LATIN_FONT)):
        build.pdf("词")  # registers the Chinese font
        lines = list(build.wrap(text, font, build.BODY, width))
        assert len(lines) > 2 and squeezed("".join(lines)) == squeezed(text)
        assert all(build.pdfmetrics.stringWidth(line, font, build.BODY) <= width for line in lines)


@pytest.mark.parametrize(
    ("text", "lost"), [("x ≤ 3", "≤"), ("Δt = 5", "Δ"), ("水 😀", "😀")], ids=["latin", "greek", "emoji"]
)
def test_a_character_that_the_font_lacks_is_refused(text: str, lost: str) -> None:
    with pytest.raises(build.SourceError, match=lost):
        build.pdf(text)


def test_a_source_of_another_format_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "paper.odt.txt"
    source.write_text("1. A", encoding="utf-8")
    with pytest.raises(build.SourceError, match=r"paper\.odt\.txt"):
        build.built(source)


def test_a_ragged_table_keeps_every_cell() -> None:
    text = docx_text(build.docx("| 1 | A |\n| 2 | B | C |\nafter"))
    assert text.split() == ["1", "A", "2", "B", "C", "after"]

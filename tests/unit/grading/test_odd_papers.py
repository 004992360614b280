"""Papers in odd layouts, graded without server: two answers a line, tables, answers at the end, what OCR makes of it.

Each paper is read, located and graded by the same workflow as the server's; for every question the points are given,
None where the teacher has to look.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from docx import Document

from app.headless import grade_folder

ZH = """# 电学小测

## 1. [choice] (2)
下列属于导体的是
A. 橡胶
B. 铜线
C. 玻璃
D. 塑料
= B

## 2. [choice] (2)
电流的单位是
A. 伏特
B. 欧姆
C. 安培
D. 瓦特
= C

## 3. [choice] (3)
下列用电器利用电流热效应的是（多选）
A. 电饭锅
B. 电风扇
C. 电烙铁
D. 收音机
= AC

## 4. [blank] (2)
串联电路中，各处的____相等；并联电路中，各支路的____相等。
= 电流
= 电压

## 5. [number] (3)
一个 10 Ω 的电阻接在 6 V 的电源上，通过它的电流是多少安？
= 0.6
unit: A

## 6. [maths] (3)
由 P = UI 和 U = IR 推导：用 U 和 R 表示 P。
= P = U^2/R
"""

EN = """# Plants

## 1. [choice] (1)
Which part of a plant takes in water?
A. leaf
B. root
C. flower
D. stem
= B

## 2. [choice] (1)
Which gas do plants take in for photosynthesis?
A. oxygen
B. nitrogen
C. carbon dioxide
D. hydrogen
= C

## 3. [blank] (1)
The green substance in leaves is called ____.
= chlorophyll

## 4. [number] (2)
A plant grows 12 cm in 4 weeks. How many cm does it grow in one week?
= 3
unit: cm

## 5. [text] (4)
Why does a plant on a dark cupboard shelf die after some weeks?
= Without light there is no photosynthesis, so the plant cannot make glucose (food) and has no energy to live.
- (2) says that photosynthesis needs light
- (2) says that the plant cannot make its food (glucose)
"""

CLEAR: dict[str, str] = {
    "zh-two-a-line.txt": "姓名：甲\n1. B    2. C\n3. AC   4. 电流；电压\n5. 0.6 A   6. P=U²/R",
    "zh-commas.txt": "1、B；2、C；3、AC\n4、电流，电压\n5、I=U/R=6/10=0.6A\n6、P=U^2/R",
    "zh-out-of-order.txt": "4. 电流 电压\n5. 0.6安\n6. P=UI，I=U/R，P=U²/R\n1. B\n2. C\n3. AC",
    "zh-row-of-numbers.txt": "题号\t1\t2\t3\n答案\tB\tC\tAC\n4．电流；电压\n5．600mA\n6．P=U²÷R",
    "zh-tight.txt": "1.B\n2.C\n3.AC\n4.电流；电压\n5.0.6A\n6.P=U^2/R",
    "zh-mixed-labels.txt": "一、选择题\n（1）B （2）C （3）A、C\n二、填空\n4. 各处的电流相等，各支路的电压相等\n"
    "三、计算\n5）0.6安培\n第6题：P＝U²／R",
    "zh-strokes.md": "| 题号 | 答案 |\n|---|---|\n| 1 | B |\n| 2 | C |\n| 3 | AC |\n"
    "| 4 | 电流；电压 |\n| 5 | 0.6 A |\n| 6 | P=U^2/R |",
    "zh-range.txt": "班级：八1  姓名：乙\n\n1~3：B C AC\n"
    "4：①电流 ②电压\n5：解：I=6V/10Ω=0.6A 答：电流是0.6A。\n6：P=U^2/R",
}  # fmt: skip
FULL_ZH = dict(zip("123456", (2, 2, 3, 2, 3, 3), strict=True))

SUN = "There is no light in the cupboard, so there is no photosynthesis and the plant can't make glucose."

ODD: dict[str, tuple[str, dict[str, float | None]]] = {
    "en-answer-lines.txt": (
        f"Question 1\nAnswer: B\n\nQuestion 2\nAnswer: C\n\nQuestion 3\nAnswer: chlorophyll\n\nQuestion 4\nAnswer: 3 cm"
        f"\n\nQuestion 5\nAnswer: {SUN}\n",
        {"1": 1, "2": 1, "3": 1, "4": 2},
    ),
    "en-continued.txt": (
        "1) b\n2) c\n3) Chlorophyll\n4) 12/4 = 3\n5) It is dark in the cupboard. See back\n\n"
        "Page 1\n\n5) (continued) Without light there is no photosynthesis and no glucose.",
        {"1": 1, "2": 1, "3": 1, "4": 2},
    ),
    "en-questions-printed.txt": (
        "Plants\nName: Ada\nDate: 3 May\n"
        "1. Which part of a plant takes in water?\nB\n2. Which gas do plants take in for photosynthesis?\nC\n"
        "3. The green substance in leaves is called ____.\nchlorophyl\n"
        "4. A plant grows 12 cm in 4 weeks. How many cm does it grow in one week?\n0.03 m\n"
        f"5. Why does a plant on a dark cupboard shelf die after some weeks?\n{SUN}",
        {"1": 1, "2": 1, "3": None, "4": 2},
    ),
    "en-scanned.txt": (
        "P1ants          Name:  A d a\n\nl. B\n2 . C\n3. ch1orophyll\n4. 3 crn\n5. " + SUN.replace("light", "1ight"),
        {"2": 1, "3": None, "4": 2},
    ),
    "en-blank.txt": ("Name: Bob\n1.\n2.\n3.\n4.\n5.\n", {"1": 0, "2": 0, "3": 0, "4": 0, "5": 0}),
    "en-without-labels.txt": (
        "Dear teacher, I was ill and did not learn for this test.",
        dict.fromkeys("12345"),
    ),
    "en-steps-in-an-answer.txt": (
        "1. B\n2. C\n3. chlorophyll\n4. steps:\n   1) 12 cm in 4 weeks\n   2) divide by 4\n   so it is 3 cm\n5. " + SUN,
        {"1": 1, "2": 1, "3": 1, "4": 2},
    ),
    "en-table-of-measurements.txt": (
        "1 B\n2 C\n3 chlorophyll\n4 week\tcm\n1\t3\n2\t6\n3\t9\n4\t12\n5 " + SUN,
        {"1": 1, "2": 1, "3": 1, "4": None},
    ),
    "en-missing-three.txt": ("1. B\n2. C\n4. 3.5 cm\n5. " + SUN, {"1": 1, "2": 1, "3": None, "4": 0}),
}  # fmt: skip


def numbered(path: Path, answers: list[str]) -> None:
    """A Word file whose numbers are made by Word."""
    document = Document()
    document.add_paragraph("Plants, Name: Cleo")
    for answer in answers:
        document.add_paragraph(answer, style="List Number")
    document.save(str(path))


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, Any]]]:
    """Every paper's questions by label."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, scheme in (("zh", ZH), ("en", EN)):
        folder = tmp_path_factory.mktemp(name)
        (folder / "scheme.md").write_text(scheme, encoding="utf-8")
        papers = folder / "papers"
        papers.mkdir()
        texts = CLEAR | {file: text for file, (text, _) in ODD.items()}
        for file, text in texts.items():
            if file.startswith(name):
                (papers / file).write_text(text, encoding="utf-8")
        if name == "en":
            numbered(papers / "en-word-numbers.docx", ["B", "C", "chlorophyll", "3 cm", SUN])
        made = asyncio.run(grade_folder(folder / "scheme.md", papers))
        found |= {p["file"]: {q["label"]: q for q in p["questions"]} for p in made["papers"]}
    return found


@pytest.mark.parametrize("file", CLEAR)
def test_right_answers_in_odd_layouts(graded: dict[str, dict[str, Any]], file: str) -> None:
    questions = graded[file]
    asked = {label: q["reason"] for label, q in questions.items() if q["reason"]}
    assert {label: q["points"] for label, q in questions.items()} == FULL_ZH, asked


@pytest.mark.parametrize("file", ODD)
def test_odd_papers(graded: dict[str, dict[str, Any]], file: str) -> None:
    questions = graded[file]
    wanted = ODD[file][1]
    assert {label: questions[label]["points"] for label in wanted} == wanted


@pytest.mark.parametrize(
    "file",
    ["en-answer-lines.txt", "en-continued.txt", "en-questions-printed.txt", "en-steps-in-an-answer.txt"],
)
def test_sentences_get_points_for_their_own_words(graded: dict[str, dict[str, Any]], file: str) -> None:
    question = graded[file]["5"]
    assert question["points"] is not None and 2 <= question["points"] <= 4
    assert all(c["quote"] for c in question["criteria"] if c["points"])
    quoted = " ".join(c["quote"] for c in question["criteria"])
    assert re.search("photosynthesis|glucose|light", quoted)


def test_numbers_made_by_word(graded: dict[str, dict[str, Any]]) -> None:
    questions = graded["en-word-numbers.docx"]
    assert [questions[label]["points"] for label in "1234"] == [1, 1, 1, 2]

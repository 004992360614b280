"""What the papers say: the demo classes' answers, and names made for traps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from numpy.random import Generator

DEMO = Path(__file__).parents[2] / "demo"
FOLDERS = {"zh": "zh-physics", "en": "en-science"}
SHORTEST = {"zh": 16, "en": 40}  # characters of an answer that fills a line
LABEL = re.compile(r"^\s*(?:第\s*\d+\s*题|Q?\d+[.)）、．:：]?|[（(]\d+[)）])\s*")
# Lines about the pupil: on these papers only the header says whose they are.
HEADER = re.compile(r"姓名|学号|班级|[（(]\d[）)]班|\b(?:Name|ID|Class|Student)\b|\d{8}", re.IGNORECASE)

SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡"
_GIVEN = (
    "浩然 子涵 雨欣 雨昕 梓萱 一鸣 诗琪 文博 佳怡 浩宇 悦 骏 嘉豪 静怡 思远 明轩 欣妍 俊杰 "
    "晓彤 宇航 若曦 天佑 雅婷 志强"
)
_FIRST = "Amelia Ben Ellie Elsie John Priya Callum Sofia Tomasz Grace Daniel Hannah Yusuf Ruby Mohammed Zoe"
_LAST = "Hart Okafor Marsh Whitaker Nair Reid Rossi Nowak Chen O'Connor Schmidt Demir Fletcher Iqbal Berg Lee"
GIVEN, FIRST, LAST = _GIVEN.split(), _FIRST.split(), _LAST.split()


@dataclass(frozen=True, slots=True)
class Pupil:
    """Of an invented class: `id` as a database would number it, `number` and `name` as on the roster."""

    id: int
    number: str
    name: str


@cache
def answers(language: str) -> tuple[str, ...]:
    """Long answers of the demo's papers without their labels, in a fixed order."""
    folder = FOLDERS[language]
    files = [*(DEMO / folder / "papers").glob("*.txt"), *(DEMO / folder / "papers").glob("*.md")]
    files += (DEMO / "sources" / folder).glob("*.txt")
    found: dict[str, None] = {}
    for path in sorted(files, key=lambda path: path.name):
        for line in path.read_text("utf-8").splitlines():
            line = LABEL.sub("", line.replace("*", "").strip()).strip()
            if len(line) >= SHORTEST[language] and line[0] not in "#|" and not HEADER.search(line):
                found[line] = None
    return tuple(found)


def label(style: int, number: int) -> str:
    """A question's label in one of the styles that teachers use."""
    circled = chr(0x2460 + number - 1) if number <= 20 else f"({number})"
    return (f"{number}.", f"({number})", circled, f"第{number}题", f"Q{number}", f"{number}a", f"{number})")[
        style
    ]


STYLES = {"zh": (0, 1, 2, 3), "en": (0, 1, 4, 5, 6)}


def roster(size: int, rng: Generator) -> tuple[Pupil, ...]:
    """A class of `size` pupils, two thirds with Chinese names, with what is easily mixed up in every such class:

    two names one character apart, one name borne by two, two English names one letter apart, numbers that follow
    one another (so every number has a neighbour one digit apart).
    """
    names = ["张雨欣", "张雨昕", "王皓然", "王浩然", "李静", "李静", "Ellie Marsh", "Elsie Marsh"][:size]
    while len(names) < size:
        name = _chinese_name(rng) if len(names) % 3 else _english_name(rng)
        if name not in names:
            names.append(name)
    order = rng.permutation(size)
    return tuple(
        Pupil(101 + place, f"{20240101 + place}", names[int(which)]) for place, which in enumerate(order)
    )


def _chinese_name(rng: Generator) -> str:
    return _one(SURNAMES, rng) + _one(GIVEN, rng)


def _english_name(rng: Generator) -> str:
    return f"{_one(FIRST, rng)} {_one(LAST, rng)}"


def _one(choices: Sequence[str], rng: Generator) -> str:
    return choices[int(rng.integers(len(choices)))]

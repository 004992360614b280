"""Names and numbers hidden from a model: what is hidden, what stays, and that quotes still point at the original."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.grading.evidence import find_quote, fold
from app.grading.graders.model import ModelGrader
from app.grading.masking import MASK, NOBODY, Names, Person
from app.grading.model import ChatModel, ChatReply, EarlierMark, GradeOptions
from app.grading.state import Answer, MarkState
from app.i18n import Text
from app.scheme.types import Criterion, Kind, Question
from tests.timing import cpu_seconds

QUESTION = Question(
    "1",
    Kind.TEXT,
    "Why does light feel warm? Rosa Parks 提高明显",
    2,
    ("Light carries heat in 20250707 ways",),
    (Criterion("says heat", 2),),
)
PEOPLE = (
    Person("Ann Lee", "20240101"),
    Person("王小明", "S0012"),
    Person("Will Smith", "12"),
    Person("高明", "20250707"),
    Person("Rosa Light", "30405"),
    Person("阿依古丽·买买提"),
    Person("José Anne-Marie O'Brien"),
    Person("He Ming"),
)
HIDDEN = Names(PEOPLE).mask(QUESTION)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Ann said so", "███ said so"),
        ("ANN'S idea", "███'S idea"),
        ("Annual rings, Anna", "Annual rings, Anna"),
        ("an ann of leeds", "an ann of leeds"),
        ("ann lee, or lee, ann", "███ ███, or ███, ███"),
        ("I did it\nann 8C", "I did it\n███ 8C"),
        ("Will it? It will. I asked Will why.", "Will it? It will. I asked ████ why."),
        ("Heat goes.\nWill", "Heat goes.\n████"),
        ("He said no. My friend He.", "He said no. My friend ██."),
        ("Light is warm, says Rosa", "Light is warm, says Rosa"),
        ("rosa light and Rosa Parks", "████ █████ and Rosa Parks"),
        ("Jose\u0301 and JOSÉ", "█████ and ████"),
        ("O’Brien’s Anne, Marie", "███████’s ████, █████"),
        ("Ａｎｎ", "███"),
        ("我和王小明一起", "我和███一起"),
        ("王 小\u200b明，王\n小明", "█ ███，█\n██"),
        ("提高明显", "提高明显"),
        ("阿依古丽买买提 和 阿依古丽", "███████ 和 ████"),
        ("No. 20240101, no20240101, ２０２４ ０１０１", "No. ████████, no████████, ████ ████"),
        ("s0012 xS00123 S00124", "█████ xS00123 S00124"),
        ("12 and 120240101 and 30405.5", "12 and 120240101 and 30405.5"),
        ("20250707", "20250707"),
        ("Name: Zoe Quill\nheat", "Name: ███ █████\nheat"),
        ("姓名：李雷 学号 3 其他", "姓名：██ 学号 █ 其他"),
        ("Student ID 7 no label; student id: A-7 yes", "Student ID 7 no label; student id: ███ yes"),
        ("ID: the unconscious", "ID: the unconscious"),
        ("Name: light", "Name: light"),
        ("name the heat", "name the heat"),
        ("Name: Zoe Quill and this sentence goes on for much longer than any name", None),
        ("", ""),
    ],
)
def test_what_is_hidden(text: str, hidden: str | None) -> None:
    if hidden is None:
        hidden = text.replace("Zoe Quill", "███ █████")
    assert HIDDEN.hide(text) == hidden
    assert len(hidden) == len(text)


def test_a_label_that_the_question_uses_is_a_blank_to_fill() -> None:
    form = Question("1", Kind.TEXT, "Fill in. Name: ____", 1, (), (Criterion("a name", 1),))
    assert NOBODY.mask(form).hide("Name: Golgi") == "Name: Golgi"
    assert Names(PEOPLE).mask(form).hide("Name: Ann") == "Name: ███"


def test_the_roster_is_built_once_while_it_stays_the_same() -> None:
    assert Names.of(PEOPLE) is Names.of(iter(PEOPLE))
    assert Names.of(PEOPLE) is not Names.of(PEOPLE[1:])


@pytest.mark.parametrize("name", ["", " ", "·", "X", "7", "[a-z]+(", "😀", "a" * 100, "\x00\x00", "ﷺﷺ"])
def test_strange_names_do_no_harm(name: str) -> None:
    masker = Names([Person(name, name)]).mask(QUESTION)
    assert masker.hide("iron conducts heat") == "iron conducts heat"


def test_a_quote_may_hold_hidden_letters_however_many_the_model_copies() -> None:
    text = "So ███ and ████ ██ agree."
    for quote in ("███ and ████ ██ agree", "█ and █ agree", "and ███████"):
        span = find_quote(quote, text)
        assert span is not None and fold(text[slice(*span)]) == fold(quote)
    assert find_quote("and █", text) == (7, 18)
    assert find_quote("█ █ █", "no name") is None


class Spy(ChatModel):
    """A ChatModel that keeps what it is asked and quotes a stretch of the answer as it sees it."""

    name = "spy"

    def __init__(self, first: int, count: int, fault: bool) -> None:
        self.first, self.count, self.fault = first, count, fault
        self.bodies: list[str] = []
        self.quoted = ""

    async def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> ChatReply:
        self.bodies.append(system + user)
        seen = re.search(r"<<<ANSWER (\w+)>>>\n(.*?)\n<<<END ANSWER \1>>>", user, re.DOTALL)
        assert seen is not None
        words = seen[2].split(" ")
        first = self.first % len(words)
        self.quoted = " ".join(words[first : first + self.count])
        points = 9 if self.fault and len(self.bodies) == 1 else 2
        row = {"quote": self.quoted, "reason": f"{self.quoted}: yes", "points": points}
        return ChatReply(json.dumps({"criteria": {"c1": row}, "feedback": self.quoted, "confidence": 0.5}))


class Given:
    """Earlier marks."""

    def __init__(self, answers: Sequence[str]) -> None:
        self.answers = answers

    async def earlier(self, question: Question) -> Sequence[EarlierMark]:
        return [EarlierMark(answer, 1.0) for answer in self.answers]


PLAIN = Question(
    "1", Kind.TEXT, "Why is iron cold?", 2, ("It conducts heat.",), (Criterion("says conducts", 2),)
)
FILLERS = (
    "iron",
    "conducts",
    "heat",
    "because",
    "the hand",
    "3.5",
    "热量",
    "传得快。",
    "and",
    "Metal!",
    "\n",
)
WESTERN = ("Priya Nair", "José Ångström", "Anne-Marie O'Hara", "Zoltan von Quill", "BORIS Petrov")
CHINESE = ("王小明", "欧阳修文", "李娜", "阿依古丽·买买提")
NUMBERS = ("20240107", "S-0042", "8A1234", "778899")


def spelled(name: str) -> st.SearchStrategy[str]:
    """A name or number as people write it."""
    ways = [name, name.upper(), unicodedata.normalize("NFD", name), name.replace("·", "")]
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)
    if name in CHINESE:
        ways += [" ".join(name), "\u200b".join(name)]
    if name in WESTERN:
        ways += [name.lower(), *name.split(), ", ".join(reversed(name.split()))]
    return st.sampled_from([*ways, wide])


people = st.lists(st.sampled_from(WESTERN + CHINESE), unique=True, min_size=1).map(
    lambda names: [Person(name, NUMBERS[place % len(NUMBERS)]) for place, name in enumerate(names)]
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Person], list[str]]:
    """A roster, and texts that mix its names and numbers in many spellings with words."""
    roster = draw(people)
    said = [spelled(word) for person in roster for word in (person.name, person.number)]
    piece = st.one_of(st.sampled_from(FILLERS), *said)
    texts = draw(st.lists(st.lists(piece, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=3))
    return roster, [text for text in texts if text.strip()] or ["heat"]


def plain(text: str) -> str:
    """Letters and digits alone, in one spelling."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in folded if c.isalnum())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(), st.integers(0, 20), st.integers(1, 6), st.booleans())
def test_no_name_leaves_and_quotes_point_at_the_original(
    case: tuple[list[Person], list[str]], first: int, count: int, fault: bool
) -> None:
    roster, (text, *earlier) = case
    spy = Spy(first, count, fault)
    grader = ModelGrader(spy, Given(earlier), Names.of(roster))
    facts = Text("The answer “{answer}” is no number.", {"answer": text})
    mark = asyncio.run(grader.grade(PLAIN, Answer("1", text), GradeOptions(), facts))
    for body in spy.bodies:
        words = set(re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", body).casefold()))
        for person in roster:
            assert plain(person.number) not in plain(body)
            assert plain(person.name) not in plain(body)
            if person.name in WESTERN:
                parts = {
                    part.casefold() for part in re.findall(r"[^\W\d_]{2,}", person.name) if part[0].isupper()
                }
                assert not parts & words
    for row in mark.criteria:
        assert row.quote == text[row.start : row.end] and MASK not in row.quote + row.comment
    assert MASK not in mark.feedback
    if any(c.isalnum() for c in spy.quoted):
        if mark.state is MarkState.NEEDS_TEACHER:
            assert mark.reason is not None and "cuts a word" in mark.reason.render("en")
        else:
            seen = Names.of(roster).mask(PLAIN).hide(text)
            assert fold(seen[mark.criteria[0].start : mark.criteria[0].end]) == fold(spy.quoted)
    else:
        assert mark.state is MarkState.NEEDS_TEACHER


@pytest.mark.parametrize(
    "piece",
    ["Ann ", "ann ", "Will ", "Name: ", "姓名:", "名 ", "1 ", "2024", " ", "\n", "Ann'", "█", "e\u0301"],
)
def test_no_answer_takes_long(piece: str) -> None:
    """20 000 characters and a school of 300: a student must not be able to hold the loop."""
    school = [Person(f"王{chr(0x4E00 + n)}{chr(0x5000 + n)}", f"{20240000 + n}") for n in range(300)]
    masker = Names([*school, *PEOPLE]).mask(QUESTION)
    text = piece * (20_000 // len(piece))
    assert cpu_seconds(lambda: masker.hide(text)) < 1  # a fortieth of it here

"""Whatever a valid scheme says comes back unchanged from its text."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.scheme.canonical import DEFAULT_CRITERION, DEFAULT_CRITERION_ZH, normal, to_text
from app.scheme.check import problems
from app.scheme.parse import parse_scheme
from app.scheme.types import Criterion, Kind, Question, Scheme

NASTY = [
    "=", "= B", "-", "- (3) heat", "#", "## 2. [text] (4)", "# Title", "1.", "1. foo (4)", "（1）", "①", "\\",
    "\\=", "|",
    "答案：B", "评分标准：", "tolerance: 2%", "unit: J", "Total: 40", "总分：40分", "Answer", "误差 ±0.1",
    "±2%", "Marks: 3",
    "**bold**", "`code`", "> quote", "| a | b |", "|---|---|", "  indented", "    = deep", "____", "（　　）",
    "2**3", "x\ty",
    "１２", "Ｂ", "\u3000", "\ufeff", "\u200b", "\x00", "\r\n", "\u2028", "题型：选择题", "或：", "也可：x",
    "解：", "答：", "[text]",
    "Prompt: x", "Kind: choice", "Correct answer", "答案正确", "{", "}", "{label}", "%", "<b>", "&amp;",
    "一、选择题（每题4分）",
]  # fmt: skip
piece = st.one_of(st.sampled_from(NASTY), st.text(max_size=12))
lines = st.lists(st.lists(piece, max_size=3).map("".join), max_size=5).map("\n".join)
points = st.one_of(
    st.integers(1, 40).map(float),
    st.integers(1, 80).map(lambda halves: halves / 2),
    st.floats(0.01, 1000, allow_nan=False),
)
number = st.one_of(
    st.integers(-(10**9), 10**9).map(str),
    st.sampled_from(["4.2e3", "3/4", "1,200", "-0.5", "25%", "4.2×10^3", "6.02e23", "０.５", "−3"]),
)


@st.composite
def questions(draw: st.DrawFn, label: str) -> Question:
    """Any question that may stand in a valid scheme."""
    kind = draw(st.sampled_from(list(Kind)))
    if kind == Kind.CHOICE:
        references = draw(st.lists(st.sampled_from(["A", "BD", "C", "ABCD"]), min_size=1, max_size=2))
    elif kind == Kind.NUMBER:
        references = draw(st.lists(number, min_size=1, max_size=2))
    else:
        references = draw(st.lists(lines, min_size=1, max_size=3))
    parts = draw(st.lists(st.tuples(lines, points), max_size=3))
    criteria = tuple(Criterion(text, own) for text, own in parts)
    whole = sum(own for _, own in parts) or draw(points)
    if not criteria:
        criteria = (Criterion(draw(st.sampled_from([DEFAULT_CRITERION, DEFAULT_CRITERION_ZH, "x"])), whole),)
    tolerance = draw(st.none() | st.just(0.0) | st.floats(1e-9, 1e6)) if kind == Kind.NUMBER else None
    return Question(
        label=label,
        kind=kind,
        prompt=draw(lines),
        points=whole,
        references=tuple(references),
        criteria=criteria,
        tolerance=tolerance,
        relative=draw(st.booleans()),
        unit=draw(st.none() | piece) if kind == Kind.NUMBER else None,
    )


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    """Schemes with labels of every sort."""
    label = st.one_of(
        st.sampled_from(["1", "2(b)", "1.1", "一.1", "1a", "Q. [text] (4)", "#", "= 3"]),
        st.text(min_size=1, max_size=8),
    )
    labels = draw(st.lists(label, min_size=1, max_size=4))
    return Scheme(draw(lines), tuple(draw(questions(label)) for label in labels))


@settings(max_examples=250, deadline=None)
@given(schemes())
def test_every_valid_scheme_comes_back_from_its_text(scheme: Scheme) -> None:
    scheme = normal(scheme)
    assume(not problems(scheme))
    parsed = parse_scheme(to_text(scheme))
    assert parsed.scheme == scheme
    assert parsed.notes == ()


@settings(max_examples=150, deadline=None)
@given(schemes())
def test_the_text_of_a_text_is_the_same_and_normal_is_normal(scheme: Scheme) -> None:
    once = normal(scheme)
    assert normal(once) == once
    assert to_text(once) == to_text(scheme)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(piece, lines), max_size=14).map("\n".join))
def test_any_text_is_read_without_an_exception_and_what_was_read_is_sound(text: str) -> None:
    parsed = parse_scheme(text)
    labels = [question.label for question in parsed.scheme.questions]
    assert len(labels) == len(set(labels))
    if parsed.usable:
        assert labels
        for question in parsed.scheme.questions:
            assert question.points > 0
            assert abs(sum(criterion.points for criterion in question.criteria) - question.points) < 1e-6
        # A usable scheme can be exported and read back.
        again = parse_scheme(to_text(parsed.scheme))
        assert again.scheme == normal(parsed.scheme)
        assert again.usable


def question(**facts: object) -> Question:
    """A text question, changed by `facts`."""
    usual: dict[str, object] = {
        "label": "1",
        "kind": Kind.TEXT,
        "prompt": "Why?",
        "points": 4.0,
        "references": ("Because.",),
        "criteria": (Criterion(DEFAULT_CRITERION, 4.0),),
    }
    return Question(**{**usual, **facts})  # type: ignore[arg-type]  # a test's shorthand


def test_the_documented_form_is_what_is_written() -> None:
    scheme = Scheme(
        "Heat",
        (
            question(
                prompt="Why does\n= this matter?",
                references=("First line\nsecond line", "Another"),
                criteria=(Criterion("conducts", 3.0), Criterion("leaves", 1.0)),
            ),
            question(
                label="2(b)", kind=Kind.NUMBER, references=("4.2e3",), tolerance=0.07, relative=True, unit="J",
                points=0.5, criteria=(Criterion(DEFAULT_CRITERION, 0.5),),
            ),
        ),
    )  # fmt: skip
    assert to_text(scheme) == (
        "# Heat\n\n## 1. [text] (4)\nWhy does\n\\= this matter?\n= First line\n  second line\n= Another\n"
        "- (3) conducts\n- (1) leaves\n\n## 2(b). [number] (0.5)\nWhy?\n= 4.2e3\ntolerance: 7%\nunit: J\n"
    )


def test_the_default_criterion_is_chinese_in_a_chinese_scheme_and_not_written() -> None:
    parsed = parse_scheme("## 1. [text] (4)\n为什么？\n= 因为\n")
    assert parsed.scheme.questions[0].criteria == (Criterion(DEFAULT_CRITERION_ZH, 4.0),)
    assert "- (" not in to_text(parsed.scheme)
    english = Scheme("", (question(prompt="为什么？"),))
    assert "- (4) Correct answer" in to_text(english)

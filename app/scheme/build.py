"""A draft -> a question: its kind, its answers in the form of that kind, its points and criteria."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.i18n import N_, Text
from app.scheme.body import Draft, DraftCriterion, DraftReference
from app.scheme.canonical import alternatives, default_criterion
from app.scheme.check import agree, gaps
from app.scheme.choices import choice_answers, is_truth
from app.scheme.clean import block, half_width, has_han, one_line
from app.scheme.notes import Note, warning
from app.scheme.numbers import read_number, read_quantity
from app.scheme.points import on_criterion
from app.scheme.types import Criterion, Kind, Question
from app.scheme.words import marker

ESSAY_POINTS = 20.0  # marks: from here on a question that asks for writing is read as an essay
_OPTION = re.compile(r"(?:^|\s{2,}|\n)\s*[(（]?[A-F][.．、:：)）]\s*\S")
_LETTER_BRACKET = re.compile(r"[(（]\s{0,9}([A-H]{1,6})\s{0,9}[)）](?!\s*[.、])")
_BARE_OPTION = re.compile(r"[A-H](?:[\s,，、]{0,2}[A-H]){0,7}[.。]?|[A-H](?:\s*(?:or|或|/)\s*[A-H])+")
_FORMULA_SIGN = re.compile(r"[=^√π+*/≤≥<>∪∩∞\\²³±]|\d[A-Za-z]|[A-Za-z][(（]")
_LONG_WORD = re.compile(r"[A-Za-z]{4,}")
_FUNCTIONS = re.compile(
    r"\\?(?:sqrt|frac|sin|cos|tan|log|theta|alpha|beta|infty|infinity|left|right|cdot|times)", re.I
)
_ASKS_WRITING = re.compile(
    r"作文|不少于\s?\d{3}字|写一篇|essay|composition|write (?:about|an? (?:article|story|letter))", re.I
)
_GAP_PARTS = (r"\s*[;；]\s*", r"\s*[,，、]\s*", r"\s{2,}", r"\s+")
_ITEM = re.compile(r"(?:[(（]\d{1,2}[)）]|[①②③④⑤⑥⑦⑧⑨⑩]|\d{1,2}[.、)）](?!\d))\s*")
_OR = re.compile(r"\s*(?:或者?|\|)\s*|\s+or\s+|(?<=\s)/(?=\s)|(?<=[\u4e00-\u9fff])/(?=[\u4e00-\u9fff])", re.I)
_METHOD = {
    "M": ("Method", "方法正确"),
    "A": ("Accuracy", "结果准确"),
    "B": ("Correct statement or value", "结论或数值正确"),
}

_GUESSED = {
    Kind.CHOICE: N_(
        "Question {label} was taken as multiple choice because of its answer. Correct the kind if it is not."
    ),
    Kind.BLANK: N_(
        "Question {label} was taken as fill-in because of its answer. Correct the kind if it is not."
    ),
    Kind.NUMBER: N_(
        "Question {label} was taken as a number question because of its answer. Correct the kind if it is not."
    ),
    Kind.MATHS: N_(
        "Question {label} was taken as an expression because of its answer. Correct the kind if it is not."
    ),
    Kind.TEXT: N_(
        "Question {label} was taken as a text question. Correct the kind if one word or number is asked for."
    ),
    Kind.ESSAY: N_("Question {label} was taken as an essay. Correct the kind if it is not."),
}


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds a question: the scheme's title, its section's kind, points each and points for each gap."""

    title: str = ""
    chinese: bool = False
    kind: Kind | None = None
    each: float | None = None
    each_gap: float | None = None


def build(draft: Draft, around: Around, notes: list[Note]) -> Question:
    """The question that a draft describes; what cannot be known is left empty for `check.problems` to say."""
    if not draft.strict:
        _scored_answer(draft, around)
        _answer_in_bracket(draft, around)
    prompt = block("\n".join(draft.prompt))
    answers = [(block("\n".join(ref.lines)), ref) for ref in draft.references]
    answers = [(text, ref) for text, ref in answers if text]
    kind = draft.kind or around.kind or _guessed(draft, prompt, [text for text, _ in answers], notes)
    references = _references(draft, kind, prompt, answers, notes)
    points = _points(draft, around, prompt)
    return Question(
        label=draft.label,
        kind=kind,
        prompt=prompt,
        points=points,
        references=references,
        criteria=_criteria(draft, around, prompt, references, points),
        tolerance=draft.tolerance.value if draft.tolerance and kind == Kind.NUMBER else None,
        relative=bool(draft.tolerance and draft.tolerance.relative and kind == Kind.NUMBER),
        unit=draft.unit if kind == Kind.NUMBER else None,
    )


def _points(draft: Draft, around: Around, prompt: str) -> float:
    """The question's points: its own, its section's for each question or gap, or the sum of its criteria; else 0."""
    if draft.points is not None:
        return draft.points
    per_gap = draft.per_gap or around.each_gap
    if per_gap:
        return per_gap * max(1, gaps(prompt) or len(draft.references))
    if around.each is not None:
        return around.each
    return float(sum(criterion.points or 0 for criterion in draft.criteria))


def _criteria(
    draft: Draft, around: Around, prompt: str, references: tuple[str, ...], points: float
) -> tuple[Criterion, ...]:
    default = default_criterion(around.title, prompt, references)
    if not draft.strict and around.chinese:
        default = default_criterion("评", "", ())
    if draft.criteria:
        texts = [(block("\n".join(item.lines)) or default, item.points) for item in draft.criteria]
        # One criterion without points of its own can only stand for all of them.
        if len(texts) == 1 and texts[0][1] is None:
            return (Criterion(texts[0][0], points),)
        return tuple(Criterion(text, own or 0.0) for text, own in texts)
    if len(draft.codes) > 1:
        chinese = int(around.chinese)
        return tuple(Criterion(_METHOD[letter][chinese], own) for letter, own in draft.codes)
    return (Criterion(default, points),)


def _scored_answer(draft: Draft, around: Around) -> None:
    """Points written behind the steps of an answer ("铁导热快（3分）") are criteria, cut off the answer."""
    if draft.criteria:
        return
    plain: list[list[str]] = []
    scored: list[DraftCriterion] = []
    for reference in draft.references:
        kept: list[str] = []
        for line in (part for written in reference.lines for part in _steps(written)):
            found = on_criterion(line) if len(line) < 2000 else None
            if found and found.text.strip("() MAB/"):
                text = _ITEM.sub("", found.text, count=1) if _ITEM.match(found.text) else found.text
                scored.append(DraftCriterion(reference.line, found.points, [text]))
                kept.append(found.text.removesuffix(" (M)").removesuffix(" (A)").removesuffix(" (B)"))
            else:
                kept.append(line)
        plain.append(kept)
    total = sum(item.points or 0 for item in scored)
    known = draft.points if draft.points is not None else around.each
    single = len(scored) == 1 and (known is None or agree(total, known)) and not _has_codes(draft)
    if not (len(scored) > 1 or single):
        return
    for reference, kept in zip(draft.references, plain, strict=True):
        reference.lines[:] = kept
    if len(scored) > 1:
        draft.criteria = scored
    elif draft.points is None:
        draft.points = total


def _answer_in_bracket(draft: Draft, around: Around) -> None:
    """A choice question answered in its own bracket, "正确的是（ B ）": the letter is the answer, the bracket stays."""
    asked = Kind.CHOICE in (draft.kind, around.kind) or _OPTION.search("\n".join(draft.prompt)[:5000])
    if draft.references or not asked:
        return
    for place, line in enumerate(draft.prompt):
        found = _LETTER_BRACKET.search(line[:2000])
        if found:
            draft.references.append(DraftReference(draft.line, [found[1]]))
            draft.prompt[place] = f"{line[: found.start(1)].rstrip()}  {line[found.end(1) :].lstrip()}"
            return


def _has_codes(draft: Draft) -> bool:
    """Whether a lone answer line ends in what may be a mark code or a name: "Vitamin B2" is no 2 marks."""
    return any(
        re.search(r"[MAB]\d$|\d[MAB]$", line.strip()) for ref in draft.references for line in ref.lines
    )


def _steps(line: str) -> list[str]:
    """An answer's line cut into the parts that carry points: "①a（2分）②b（3分）", "a（2分）；b（3分）"."""
    for sign in (r"(?=[①②③④⑤⑥⑦⑧⑨⑩])", r"(?<=[)）])\s*[;；,，。]\s*"):
        parts = [part.strip(" ;；") for part in re.split(sign, line[:4000]) if part.strip(" ;；")]
        if len(parts) > 1 and len(line) <= 4000 and all(on_criterion(part) for part in parts):
            return parts
    return [line]


def _guessed(draft: Draft, prompt: str, answers: list[str], notes: list[Note]) -> Kind:
    """The kind that the answer and the prompt speak for; a note where another kind is as likely."""
    kind, sure = _guess(draft, prompt, answers)
    if not sure:
        notes.append(
            warning(
                draft.line,
                Text(_GUESSED[kind], {"label": draft.label}),
            )
        )
    return kind


def _guess(draft: Draft, prompt: str, answers: list[str]) -> tuple[Kind, bool]:
    options = bool(_OPTION.search(prompt))
    if answers and all(_BARE_OPTION.fullmatch(half_width(text)) for text in answers):
        return Kind.CHOICE, options or not prompt or "( )" in prompt or "（ ）" in prompt
    if answers and options and all(choice_answers(text) for text in answers):
        return Kind.CHOICE, True
    if _ASKS_WRITING.search(prompt) and (draft.points or 0) >= ESSAY_POINTS:
        return Kind.ESSAY, True
    if not answers:
        return Kind.TEXT, bool(draft.criteria) or not options
    if "__" not in prompt and all(is_truth(text, sure=True) for text in answers):
        return Kind.CHOICE, True
    if gaps(prompt):
        return Kind.BLANK, True
    if draft.tolerance or draft.unit or all(_numeric(text) for text in answers):
        return Kind.NUMBER, all(read_quantity(text) for text in answers)
    if all(_formula(text) for text in answers):
        return Kind.MATHS, True
    short = all(len(text) <= (6 if has_han(text) else 20) and text.count(" ") < 2 for text in answers)
    return Kind.TEXT, bool(draft.criteria) or not short


def _numeric(text: str) -> bool:
    found = read_quantity(text)
    # "x = 3" is an equation's solution, "v = 20 m/s" a quantity.
    return found is not None and (bool(found.unit) or "=" not in text)


def _formula(text: str) -> bool:
    if has_han(text) or len(text) > 200 or "\n" in text:
        return False
    return bool(_FORMULA_SIGN.search(text)) and not _LONG_WORD.search(_FUNCTIONS.sub("", text))


def _references(
    draft: Draft,
    kind: Kind,
    prompt: str,
    answers: list[tuple[str, DraftReference]],
    notes: list[Note],
) -> tuple[str, ...]:
    texts = [text for text, _ in answers]
    if kind == Kind.CHOICE:
        return tuple(letters for text in texts for letters in (choice_answers(text) or [text]))
    if kind == Kind.BLANK:
        return tuple(_gap_answers(draft, prompt, answers))
    if kind == Kind.NUMBER:
        return tuple(number for text in texts for number in _number_answer(draft, text, notes))
    return tuple(texts)


def _gap_answers(draft: Draft, prompt: str, answers: list[tuple[str, DraftReference]]) -> list[str]:
    """One entry a gap. A strict draft is taken as written; a lenient one may list its gaps on one line."""
    if draft.strict:
        return [found for found in (alternatives(text) for text, _ in answers) if found]
    shown = gaps(prompt)
    entries: list[str] = []
    for text, reference in answers:
        if reference.also and entries:
            entries[-1] = f"{entries[-1]} | {text}"
        else:
            entries += _parted(text, shown)
    if shown == 1 and len(entries) > 1:
        entries = [" | ".join(entries)]
    found = (alternatives(" | ".join(_OR.split(entry))) for entry in entries)
    return [entry for entry in found if entry]


def _parted(text: str, shown: int) -> list[str]:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) == 1 and shown != 1:
        items = [part.strip(" ;；,，。") for part in _ITEM.split(lines[0]) if part.strip(" ;；,，。")]
        if _ITEM.match(lines[0]) and len(items) > 1:
            return items
        for sign in _GAP_PARTS if shown > 1 else _GAP_PARTS[:1]:
            parts = [part for part in re.split(sign, lines[0].rstrip("。.;；")) if part]
            if len(parts) == shown or (shown == 0 and len(parts) > 1):
                return parts
    if len(lines) > 1:
        return [_ITEM.sub("", line, count=1) if _ITEM.match(line) else line for line in lines]
    return lines


def _number_answer(draft: Draft, text: str, notes: list[Note]) -> list[str]:
    """The number of an answer; its unit and tolerance go to the draft unless they stand there already."""
    last = text.split("\n")[-1]
    # A kept mark such as "= 42" must not lose its form when it is a plain number already.
    if draft.strict and read_number(text) is not None:
        return [text]
    found = read_quantity(text) or read_quantity(last.removeprefix("答：").removeprefix("答:"))
    if found is None:
        return [text]
    draft.tolerance = draft.tolerance or found.tolerance
    if found.unit and draft.unit and one_line(found.unit) != draft.unit:
        notes.append(
            warning(
                draft.line,
                Text(
                    "Question {label}: the answer “{written}” is in another unit than {unit} and was left out.",
                    {"label": draft.label, "written": text[:40], "unit": draft.unit},
                ),
            )
        )
        return []
    draft.unit = draft.unit or found.unit
    return [found.number]


def answer_in_head(draft: Draft, key: bool) -> bool:
    """Take a question's only line for its answer where it is one: "3. B", and, in an answer `key`, any line.

    Whether it was one.
    """
    text = block("\n".join(draft.prompt))
    if draft.references or not text or len(text) > 2000:
        return False
    short = "\n" not in text and (choice_answers(text) or read_quantity(text)) and not gaps(text)
    if (key or short) and not (draft.criteria and not key) and marker(text) is None:
        draft.references.append(DraftReference(draft.line, text.split("\n")))
        draft.prompt.clear()
        return True
    return False

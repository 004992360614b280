"""The canonical form of a marking scheme: written by `to_text`, read back exactly by `parse.parse_scheme`.

docs/marking-scheme.md describes it for teachers.
"""

from __future__ import annotations

import re
from dataclasses import replace

from app.scheme.choices import choice_letters
from app.scheme.clean import block, has_han, one_line
from app.scheme.numbers import plain_decimal, show_tolerance
from app.scheme.types import Criterion, Kind, Question, Scheme
from app.scheme.words import marker

# The criterion of a question that has no criteria of its own. It is not written out in the canonical form.
DEFAULT_CRITERION = "Correct answer"
DEFAULT_CRITERION_ZH = "答案正确"

HEAD = re.compile(
    rf"## (?P<label>.+)\. \[(?P<kind>{'|'.join(Kind)})\] \((?P<points>\d{{1,9}}(?:\.\d{{1,40}})?)\)"
)


def default_criterion(title: str, prompt: str, references: tuple[str, ...]) -> str:
    """The text of the one criterion of a question without criteria, in the language of the scheme around it."""
    chinese = has_han(title) or has_han(prompt) or any(map(has_han, references))
    return DEFAULT_CRITERION_ZH if chinese else DEFAULT_CRITERION


def alternatives(reference: str) -> str:
    """A gap's answers in their normal form: parted by " | ", no empty ones."""
    parts = (one_line(part) for part in reference.replace("｜", "|").split("|"))
    return " | ".join(part for part in parts if part)


def normal(scheme: Scheme) -> Scheme:
    """The scheme as it comes back from its text.

    Prompts, references and criteria as `clean.block`, title, labels and units on one line (`clean.one_line`), empty
    references left out, a gap's alternatives parted by " | ", option letters sorted, a tolerance or unit only where
    the kind is number.
    """
    title = one_line(scheme.title)
    return Scheme(title, tuple(_normal_question(question) for question in scheme.questions))


def _normal_question(question: Question) -> Question:
    references = [block(reference) for reference in question.references]
    if question.kind == Kind.BLANK:
        references = [alternatives(reference) for reference in references]
    elif question.kind == Kind.CHOICE:
        references = [choice_letters(reference) or reference for reference in references]
    number = question.kind == Kind.NUMBER
    return replace(
        question,
        label=one_line(question.label),
        prompt=block(question.prompt),
        points=float(question.points),
        references=tuple(reference for reference in references if reference),
        criteria=tuple(Criterion(block(c.text), float(c.points)) for c in question.criteria),
        tolerance=question.tolerance if number else None,
        relative=question.relative and number and question.tolerance is not None,
        unit=(one_line(question.unit or "") or None) if number else None,
    )


def to_text(scheme: Scheme) -> str:
    """The scheme as text in the canonical form; reading it gives `normal(scheme)` when `check.problems` finds none."""
    scheme = normal(scheme)
    parts = [f"# {scheme.title}\n"] if scheme.title else []
    parts += [_question(scheme.title, question) for question in scheme.questions]
    return "\n".join(parts)


def _question(title: str, question: Question) -> str:
    lines = [f"## {question.label}. [{question.kind.value}] ({plain_decimal(question.points)})"]
    lines += [_escaped(line) for line in question.prompt.split("\n")] if question.prompt else []
    lines += [f"= {_continued(reference)}" for reference in question.references]
    if question.tolerance is not None:
        lines.append(f"tolerance: {show_tolerance(question.tolerance, question.relative)}")
    if question.unit:
        lines.append(f"unit: {question.unit}")
    default = Criterion(default_criterion(title, question.prompt, question.references), question.points)
    if question.criteria != (default,):
        lines += [f"- ({plain_decimal(c.points)}) {_continued(c.text)}" for c in question.criteria]
    return "\n".join(lines) + "\n"


def _escaped(line: str) -> str:
    """A line of a prompt, with a backslash before it when it would otherwise be read as something else."""
    special = line.startswith(("\\", "#", "=", "-")) or marker(line) is not None
    return "\\" + line if special else line


def _continued(text: str) -> str:
    """A text of several lines, all but the first indented by two spaces; blank lines stay blank."""
    first, *others = text.split("\n")
    return "\n".join([first, *(f"  {line}" if line else "" for line in others)])

"""Write docs/reasons.md: every sentence with which a question is handed to the teacher, in English and Chinese.

The sentences are the literals of Text() and N_() in the modules that grade. --check says whether the file is up to
date.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "reasons.md"
GRADING = ROOT / "app" / "grading"

HEAD = """# Why a question needs the teacher

Made from the modules that grade by `tools/reason_docs.py`. Words in {braces} are filled in on the page. What to
do about each kind is in the [teacher's guide](teacher-guide.md#what-needs-you-means).
"""

# Title, what it means in a sentence, the modules that say so.
GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Nothing to grade", "The answer was not found, or the workflow itself failed.", ("nodes/grade.py",)),
    (
        "Choice, blank and number",
        "The answer is not clearly right or wrong by the scheme.",
        (
            "graders/c*.py",
            "graders/blank*.py",
            "graders/number.py",
            "graders/quantity.py",
            "graders/stated.py",
        ),
    ),
    ("Mathematics", "The expression could not be compared with certainty.", ("graders/maths*.py", "pool.py")),
    ("Answers that do not answer", "They are never punished by the machine.", ("suspicion.py",)),
    ("Text without a model", "The local grader has nothing that it could show.", ("graders/local.py",)),
    (
        "Text with a model",
        "The model could not be asked, or its reply does not hold.",
        ("graders/model.py", "judging.py", "transport.py", "endpoint.py", "replies.py", "chat.py"),
    ),
    ("Proposals that do not hold", "The last check before a mark is shown.", ("nodes/check.py",)),
    (
        "Pictures that were not read for certain",
        "The proposal stands beside it; the answer's picture is on the page.",
        ("../worker/legible.py",),
    ),
)

# Sentences of the same modules that are no reasons: feedback to the student, and what is said when a model is set up.
OTHERS = frozenset(
    [
        "; ",
        "All that was asked for is there.",
        "Compare your answer with the reference answer.",
        "Much of what was asked for is there; it can be more complete.",
        "Not shown yet, or only in part: {criteria}.",
        "Nothing was written.",
        "blank",
        "Name the model to use, as its provider calls it",
        "The API key holds characters that no key has; copy it again",
        "The model provider {provider} needs an API key",
        "The model provider {provider} needs its base URL",
        "There is no model provider {provider}; choose one of {known}",
        "{address} is not a web address for a model (http:// or https://)",
    ]
)


def document() -> str:
    """The whole text of docs/reasons.md."""
    from app.i18n import translations

    chinese = translations("zh")
    parts = [HEAD]
    for title, meaning, names in GROUPS:
        rows = "\n".join(f"| {cell(text)} | {cell(chinese.gettext(text))} |" for text in reasons(names))
        parts.append(f"\n## {title}\n\n{meaning}\n\n| reason | 原因 |\n| --- | --- |\n{rows}\n")
    return "".join(parts)


def reasons(names: tuple[str, ...]) -> list[str]:
    """The sentences of some modules (patterns below app/grading, or beside it), sorted, each once."""
    places = [(GRADING.parent, name[3:]) if name.startswith("../") else (GRADING, name) for name in names]
    files = sorted({file for folder, name in places for file in folder.glob(name)})
    return sorted({text for file in files for text in literals(file)} - OTHERS)


def literals(file: Path) -> Iterator[str]:
    """The plain texts given to Text(), N_() and ProblemError in a module."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name):
            first = node.args[0]
            named = node.func.id in ("Text", "N_", "ProblemError", "ModelError")
            if named and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def cell(text: str) -> str:
    """A sentence as a cell of a table."""
    return text.replace("|", "\\|")


def main() -> int:
    """Write the file, or compare it."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.read_text(encoding="utf-8") == document() else 1
    TARGET.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())

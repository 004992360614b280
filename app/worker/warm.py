"""What grading needs and a page does not, loaded before the first run asks for it."""

from __future__ import annotations

import importlib

from app.settings import Settings

# numpy comes with the local grader; sympy stays in the helper processes.
GRADERS = tuple(
    f"app.grading.graders.{name}" for name in ("blank", "choice", "local", "maths", "model", "number")
)
CLIENT = ("httpx2", "openai", "app.grading.transport")


def load(settings: Settings) -> None:
    """Import it; two seconds, so call it in a thread. The model's client only where one can be asked."""
    for module in (*GRADERS, *(CLIENT if settings.asks_model else ())):
        importlib.import_module(module)

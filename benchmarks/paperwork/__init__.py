"""Draws papers as they come out of classrooms, with the truth beside them: what stands on each page, and where.

    python -m benchmarks.paperwork FOLDER [--small] [--seed N] [--set NAME]

writes pictures and one PDF into FOLDER, a folder a set, and FOLDER/truth.json (its form: `truth.py`), with which
`zhupi read --evaluate FOLDER` compares what is read. The same seed, fonts and libraries give the same bytes. The
text is that of the demo classes; every name is invented.
"""

from __future__ import annotations

from benchmarks.paperwork.sets import FULL, SMALL, write_set

__all__ = ["FULL", "SMALL", "write_set"]

"""Bytecode for an image's packages, made once: on a read-only root every process would compile anew.

`python bytecode.py FOLDER` compiles everything below a site-packages folder, but of a few large packages only what
importing them loads: most of their modules are never used here, and as bytecode they would take 45 MB. A module that is
loaded all the same is compiled on the way, which costs time and nothing else. The files are marked as unchecked: nobody
can change a source there, so none is looked at again.
"""

from __future__ import annotations

import compileall
import importlib
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

LARGE = ("babel", "langsmith", "numpy", "openai", "pygments", "sqlalchemy", "sympy")
# What the server, the worker and the command line import of them, directly or through others.
USED = (
    "alembic.command",
    "asyncpg",
    "babel.messages.mofile",
    "babel.messages.pofile",
    "langchain_core.tracers.langchain",
    "langgraph.checkpoint.postgres.aio",
    "langgraph.graph",
    "numpy",
    "openai",
    "openai.resources.chat.completions",
    "rich.console",
    "rich.progress",
    "rich.table",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.ext.asyncio",
    "sympy",
    "sympy.parsing.sympy_parser",
)


def main(folder: Path) -> int:
    """Compile. Returns the exit code: 1 when a file could not be compiled."""
    for name in USED:
        importlib.import_module(name)
    loaded = {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    good = True
    for path in sorted(folder.rglob("*.py")):
        if path.relative_to(folder).parts[0] in LARGE and str(path) not in loaded:
            continue
        good &= bool(
            compileall.compile_file(path, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))

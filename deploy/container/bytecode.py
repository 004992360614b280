"""Bytecode for an image's packages, made once: on a read-only root every process would compile anew.

`python bytecode.py FOLDER LIST` compiles the small packages below a site-packages folder whole, and of the
others what importing USED loads: most of their modules are never used here, and as bytecode they would take
50 MB. What that loads of the standard library is written into LIST, for slim.sh. A module that is loaded all
the same is compiled on the way, which costs time and nothing else. The files are marked as unchecked: nobody
can change a source there, so none is looked at again.
"""

from __future__ import annotations

import compileall
import importlib
import sys
import sysconfig
from pathlib import Path
from py_compile import PycInvalidationMode

SMALL_BYTES = 100_000  # a package's sources
# What the server, the worker, the migrations and the command line import, at their start or when they need it.
# tests/unit/deploy/test_image_files.py looks that nothing is missing.
USED = (
    "aiohttp.web",
    "aiohttp.worker",
    "aiohttp_jinja2",
    "aiohttp_session.redis_storage",
    "alembic.autogenerate",
    "alembic.command",
    "alembic.config",
    "anyio._backends._asyncio",
    "PIL.Image",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.WebPImagePlugin",
    "argon2",
    "asyncpg",
    "babel.messages.mofile",
    "babel.messages.pofile",
    "cv2",
    "docx",
    "gunicorn.app.base",
    "gunicorn.arbiter",
    "gunicorn.glogging",
    "httpcore2",
    "httpx2",
    "jinja2",
    "langchain_core.runnables",
    "langchain_core.tracers.langchain",
    "langgraph.checkpoint.postgres.aio",
    "langgraph.graph",
    "langgraph.runtime",
    "langsmith.run_helpers",
    "markupsafe",
    "multidict",
    "numpy.random",
    "numpy.typing",
    "obstore.store",
    "onnxruntime",
    "openai",
    "openai.lib.streaming.chat",
    "openai.resources.chat.completions.completions",
    "openpyxl",
    "openpyxl.packaging.extended",
    "orjson",
    "pgqueuer.core.tm",
    "pgqueuer.qm",
    "pgqueuer.queries",
    "pint",
    "pillow_heif",
    "prometheus_client.multiprocess",
    "psycopg.conninfo",
    "psycopg_pool",
    "pydantic",
    "pydantic_settings",
    "pypdf",
    "pypdf.filters",
    "pypdfium2",
    "pypinyin",
    "pyrage",
    "rapidfuzz.distance",
    "rapidfuzz.fuzz",
    "redis.asyncio.retry",
    "rich.console",
    "rich.progress",
    "rich.table",
    "segno",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.ext.asyncio",
    "structlog",
    "sympy.parsing.sympy_parser",
    "typer",
    "typer._adapters",
    "uvloop",
    "yarl",
    "zxingcpp",
)
# Of the standard library beyond what those load.
STANDARD = (
    "concurrent.futures.process",
    "concurrent.futures.thread",
    "csv",
    "email.utils",
    "encodings.cp437",
    "encodings.idna",
    "encodings.utf_8_sig",
    "logging.config",
    "logging.handlers",
    "multiprocessing.forkserver",
    "multiprocessing.popen_fork",
    "multiprocessing.popen_forkserver",
    "multiprocessing.popen_spawn_posix",
    "multiprocessing.queues",
    "multiprocessing.synchronize",
    "runpy",
    "tarfile",
    "traceback",
    "urllib.request",
    "zipfile",
    "zipimport",
)


def large(folder: Path) -> set[str]:
    """Names of the packages whose sources are more than SMALL_BYTES."""
    sizes: dict[str, int] = {}
    for path in folder.rglob("*.py"):
        name = path.relative_to(folder).parts[0]
        sizes[name] = sizes.get(name, 0) + path.stat().st_size
    return {name for name, size in sizes.items() if size > SMALL_BYTES}


def main(folder: Path, listed: Path) -> int:
    """Compile, and list. Returns the exit code: 1 when a file could not be compiled."""
    for name in (*USED, *STANDARD):
        importlib.import_module(name)
    loaded = {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    standard = sysconfig.get_path("stdlib")
    of_python = {
        file
        for file in loaded
        if file.startswith(standard) and file.endswith(".py") and "-packages/" not in file
    }
    listed.write_text("".join(f"{file}\n" for file in sorted(of_python)), encoding="utf-8")
    some_of = large(folder)
    good = True
    for path in sorted(folder.rglob("*.py")):
        if path.relative_to(folder).parts[0] in some_of and str(path) not in loaded:
            continue
        good &= bool(
            compileall.compile_file(path, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2])))

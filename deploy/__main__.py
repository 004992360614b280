"""`python3 -m deploy VERB`: what the Makefile's verbs for Docker do. A problem is one sentence and exit code 2."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence

from deploy import bring, engine, roll, rotate, secret_files, up
from deploy.words import Problem, say, text

PROBLEM = 2


def secrets() -> None:
    """Make the secrets that are missing."""
    engine.require()
    if not secret_files.ensure():
        say("All secrets are there.")


def secret(name: str) -> None:
    """Take one secret's value from a terminal (asked for, unseen) or from a pipe (one line)."""
    engine.require()
    if name in rotate.ROTATED:
        raise Problem("{name} is known to the running system too: make rotate-secret NAME={name}", name=name)
    secret_files.ensure()
    if sys.stdin.isatty():
        value = getpass.getpass(text("New value of {name} (not shown; empty takes it away): ", name=name))
    else:
        value = sys.stdin.readline().strip()
    secret_files.change(name, value.strip())
    say("secrets/{name} is set. make restart puts it into use.", name=name)


def build() -> None:
    """Build the image of this checkout."""
    engine.require()
    up.build()


def address() -> None:
    """Print the address, and the link for the first account while there is none."""
    engine.require()
    up.report(engine.configuration())


ALONE: dict[str, Callable[[], None]] = {
    "up": bring.bring,
    "build": build,
    "secrets": secrets,
    "upgrade": bring.upgrade,
    "restart": roll.restart,
    "address": address,
}
NAMED: dict[str, Callable[[str], None]] = {"secret": secret, "rotate-secret": rotate.rotate}


def main(arguments: Sequence[str]) -> int:
    """Run a verb. Returns the exit code."""
    verb, *rest = arguments or [""]
    try:
        if verb in ALONE and not rest:
            ALONE[verb]()
        elif verb in NAMED and len(rest) == 1:
            NAMED[verb](rest[0])
        else:
            raise Problem("Verbs: {verbs}", verbs=", ".join([*ALONE, *(f"{name} NAME" for name in NAMED)]))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return PROBLEM
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

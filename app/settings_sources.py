"""Where the values of settings are: environment variables, the files that they name, and a key of our own making."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.i18n import ProblemError, Text

SHORTEST_SECRET = 32  # characters; 32 of base64 are 192 bits, above the 128 that an HMAC key needs
LARGEST_FILE = (
    64 * 1024
)  # bytes; a setting is no longer, and a device that never ends must not hold the start


@dataclass
class Given:
    """What was given: values by field name, what is wrong, and the fields whose value is not known therefore."""

    values: dict[str, str] = field(default_factory=dict)
    problems: list[Text] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)


def source_of(name: str, environment: Mapping[str, str]) -> str:
    """Where a setting (its name in capitals) comes from: NAME, NAME_FILE or "" (the default)."""
    return next((key for key in (name, name + "_FILE") if environment.get(key)), "")


def given(fields: Collection[str], environment: Mapping[str, str]) -> Given:
    """The values of fields (small letters) from the variables of their names or the files that NAME_FILE names.

    An empty variable is not given; an empty file is an empty value.
    """
    found = Given()
    for each in fields:
        name = each.upper()
        file = environment.get(name + "_FILE")
        if not file:
            if environment.get(name):
                found.values[each] = environment[name]
            continue
        problem = None
        if environment.get(name):
            problem = Text("{name} and {name}_FILE are both set; keep one of them.", {"name": name})
        else:
            try:
                found.values[each] = _content(Path(file))
            except (OSError, ValueError) as error:
                why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "UTF-8"
                facts = {"name": name, "file": file, "why": why}
                problem = Text("{name}_FILE={file} cannot be read: {why}", facts)
        if problem is not None:
            found.problems.append(problem)
            found.bad.add(each)
    return found


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LARGEST_FILE).decode().strip()


def kept_secret(var_dir: Path) -> str:
    """The key in VAR_DIR/secret_key, made when there is none. Two starts at once agree on one key.

    Raises ProblemError when VAR_DIR cannot be used or the file holds no key.
    """
    path = var_dir / "secret_key"
    draft = var_dir / f".secret_key.{os.getpid()}"
    try:
        var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            # A link fails when the other start was first, and never shows a half-written file.
            try:
                path.hardlink_to(draft)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ProblemError(
            "VAR_DIR={path} cannot be used: {why}", path=str(var_dir), why=str(error)
        ) from None
    if not re.fullmatch(rf"\S{{{SHORTEST_SECRET},}}", key):
        raise ProblemError(
            "{path} does not hold a usable key; delete it and a new one is made.", path=str(path)
        )
    return key

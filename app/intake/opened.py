"""The last opened file of this process: a file is not parsed anew for each of its pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from app.intake.limits import Limits


class Closable(Protocol):
    """What is kept open between two pages of a file."""

    def close(self) -> None:
        """Give back what it holds."""


T = TypeVar("T", bound=Closable)
_last: tuple[tuple[Any, ...], Closable] | None = None


def opened(path: Path, name: str, limits: Limits, load: Callable[[Path, str, Limits], T]) -> T:
    """What `load` makes of a file; the one from before when it is the same file still (path, time and size of it).

    One is kept, the last. Raises what `load` does, and OSError when the file is gone.
    """
    global _last
    status = path.stat()
    key = (load, path, status.st_mtime_ns, status.st_size, limits)
    if _last is not None and _last[0] == key:
        return _last[1]  # type: ignore[return-value]  # the key holds `load`, so it is what that made
    forget()
    found = load(path, name, limits)
    _last = key, found
    return found


def forget() -> None:
    """Close the file that is kept, if any."""
    global _last
    if _last is not None:
        kept, _last = _last[1], None
        kept.close()

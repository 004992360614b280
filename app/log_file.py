"""LOG_FILE, written and put aside by several processes at once.

A server's processes, and those of other replicas on one volume, append to the same file. Python's own
RotatingFileHandler is for one process: two that rename the file at the same time lose what was put aside just before.
Here whoever finds the file too large takes a lock on the file itself, looks again, and renames; the others notice by
the file's number (inode), as they do after logrotate, and open the new one. A line that is written meanwhile is in one
of the two files, whole and once: lines are appended by a single write.
"""

from __future__ import annotations

import fcntl
import json
import logging
import logging.handlers
import os
import re
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 60.0  # before what failed (a rename without rights, a full disk) is tried or told again


class SharedLogFile(logging.handlers.WatchedFileHandler):
    """A log file that is put aside as `.1`, `.2` and so on when it has `largest` bytes; `kept` of them are kept.

    `largest` 0 leaves that to others (logrotate, with or without `copytruncate`). Making one raises OSError.
    """

    def __init__(self, path: Path, largest: int, kept: int) -> None:
        super().__init__(path, encoding="utf-8")
        self._path, self._largest, self._kept = Path(self.baseFilename), largest, kept
        self._tried = self._told = -PAUSE_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line. What goes wrong is told on standard error now and then, and stops nothing."""
        try:
            line = (self.format(record) + "\n").encode(errors="replace")
            self.reopenIfNeeded()
            if self._largest and self._full():
                self._put_aside(record)
            # Not through the stream's buffer, which would cut a long line into several writes.
            os.write(self._descriptor(), line)
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Say why a line is missing from the file: one line at most a minute, and no traceback with its values."""
        error = sys.exc_info()[1]
        if time.monotonic() - self._told >= PAUSE_SECONDS and sys.stderr:
            self._told = time.monotonic()
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            facts = {"event": "log file not written", "level": "error", "file": str(self._path), "error": why}
            print(json.dumps(facts, ensure_ascii=False), file=sys.stderr)

    def _full(self) -> bool:
        return os.fstat(self._descriptor()).st_size >= self._largest

    def _descriptor(self) -> int:
        assert self.stream is not None  # `reopenIfNeeded` has seen to it
        return self.stream.fileno()

    def _put_aside(self, record: logging.LogRecord) -> None:
        if time.monotonic() - self._tried < PAUSE_SECONDS:
            return
        try:
            # Opened anew: forked processes share what was open before the fork, and with it a lock.
            with self._path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found, named = os.fstat(file.fileno()), self._path.stat()
                same = (found.st_dev, found.st_ino) == (named.st_dev, named.st_ino)
                if same and found.st_size >= self._largest:
                    self._rename()
        except (FileNotFoundError, BlockingIOError):
            return  # another process is at it
        except OSError:  # the file grows on: too large a log is better than none
            self._tried = time.monotonic()
            self.handleError(record)
        self.reopenIfNeeded()

    def _rename(self) -> None:
        pattern = re.compile(re.escape(self._path.name) + r"\.([1-9]\d*)")
        aside = {}
        for path in self._path.parent.iterdir():
            if found := pattern.fullmatch(path.name):
                aside[int(found[1])] = path
        for number in sorted(aside, reverse=True):
            if number >= self._kept:
                aside[number].unlink(missing_ok=True)
            else:
                aside[number].rename(self._numbered(number + 1))
        self._path.rename(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

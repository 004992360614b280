"""Find a Chromium for the browser tests: the system's, else Playwright's own, else Debian's package.

Run with --install to allow the last; prints the path of the executable.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> Path | None:
    """The executable of an installed Chromium, or None. CHROMIUM names one outright."""
    for name in (os.environ.get("CHROMIUM", ""), *NAMES):
        found = shutil.which(name) if name else None
        if found:
            return Path(found)
    return _of_playwright()


def _of_playwright() -> Path | None:
    """The one that `playwright install chromium` put in its cache."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def install() -> Path | None:
    """Install Debian's chromium if we may; the executable, or None."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk"]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environment, check=False)  # noqa: S603, S607
        if done.returncode:
            return None
    return find()


def main() -> int:
    """Print the path; 1 when there is none."""
    found = find() or (install() if "--install" in sys.argv[1:] else None)
    if found is None:
        print(
            "No Chromium was found. Install one (Debian: apt-get install chromium), or run "
            ".venv/bin/playwright install chromium, or set CHROMIUM to its path.",
            file=sys.stderr,
        )
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

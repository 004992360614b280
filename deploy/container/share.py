"""One copy of the libraries below libpq: psycopg's wheel brings its own, the image has the same already.

`python share.py SITE_PACKAGES` puts links to the image's OpenSSL, Kerberos and LDAP in the place of the
wheel's. An interface is named by a library's first number (libssl.so.3), and stays compatible under it. So
the server and pg_dump use the same ones, and they are those that get Debian's corrections. libpq stays the
wheel's: psycopg asks for one as new as its own. Libraries that belong together are given away together, and
only when psycopg can still be loaded; else they stay. What nothing loads any more goes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

# A wheel's library: its name, a hash in front of the ending, its version.
BUNDLED = re.compile(r"(?P<name>lib\w+)-[0-9a-f]{8}\.so\.(?P<major>\d+)")
KEPT = {"libpq"}
OPENSSL = {"libcrypto", "libssl"}  # one release; all others are Kerberos, LDAP and what they need
LOAD = "import ctypes, sys\nfor path in sys.argv[1:]: ctypes.CDLL(path)"


def folders() -> list[Path]:
    """Where Debian keeps libraries, by the machine's kind (x86_64-linux-gnu)."""
    kind = sysconfig.get_config_var("MULTIARCH") or ""
    return [folder for folder in (Path("/usr/lib") / kind, Path("/usr/lib")) if folder.is_dir()]


def same(bundled: Path) -> Path | None:
    """The image's library with a bundled one's interface; None when there is none, or the bundled one must stay."""
    found = BUNDLED.match(bundled.name)
    if not found or found["name"] in KEPT:
        return None
    wanted = (folder / f"{found['name']}.so.{found['major']}" for folder in folders())
    return next((path for path in wanted if path.exists()), None)


def loads(paths: list[Path]) -> bool:
    """Whether a fresh process can load these libraries, each with every symbol it needs."""
    words = [sys.executable, "-c", LOAD, *(str(path.absolute()) for path in paths)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words


def without(bundled: Iterable[Path], users: list[Path], others: Mapping[Path, Path]) -> bool:
    """Put links to others, or nothing, in the place of bundled libraries, if their users can still be loaded then.

    Returns whether it was done. If not, all is as before.
    """
    away = {path: path.rename(path.with_name(f".{path.name}")) for path in bundled}
    for path in away:
        if path in others:
            path.symlink_to(others[path])
    good = loads(users)
    for path, own in away.items():
        if good:
            own.unlink()
        else:
            path.unlink(missing_ok=True)
            own.rename(path)
    return good


def share(site_packages: Path) -> list[str]:
    """Give away what can be given away. Returns the names of the libraries that the wheel's own libpq uses now."""
    libraries = site_packages / "psycopg_binary.libs"
    users = [*libraries.glob("libpq-*"), *(site_packages / "psycopg_binary").glob("*.so")]
    others = {path: other for path in sorted(libraries.glob("lib*")) if (other := same(path))}
    openssl = [path for path in others if path.name.partition("-")[0] in OPENSSL]
    for group in (openssl, [path for path in others if path not in openssl]):
        without(group, users, others)
    for path in sorted(libraries.glob("lib*")):
        without([path], users, {})
    return sorted(path.name for path in libraries.glob("lib*"))


if __name__ == "__main__":
    print("libraries of psycopg:", *share(Path(sys.argv[1])))

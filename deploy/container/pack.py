"""One archive of the packages that are nothing but Python: a quarter of their size, sources and all.

`python pack.py SITE_PACKAGES` moves them into packages.zip, which Python imports from as it does from a
folder (zipimport; a .pth file adds the path); tracebacks still show the lines. Packages with libraries or
data of their own stay folders, and so do the dist-info folders with names, versions and licences. The archive
is the same for the same packages.
"""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ARCHIVE = "packages.zip"
CODE = {".py", ".pyc"}
# Read by people and by type checkers, never at run time.
BESIDE = re.compile(r"py\.typed|\.keep|.*\.md|LICENSE(\.txt)?")
# Their other files are read by what nothing here uses: alembic's `init`, pgqueuer's own pages, sympy's parsers of LaTeX
# and printers of MathML, urllib3 in a browser.
WITH_UNUSED_FILES = {"alembic", "markdown_it", "pgqueuer", "pycparser", "sympy", "urllib3"}


def is_pure(folder: Path) -> bool:
    """Whether a package can be imported from an archive: all its files are code, or may be missed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    if not any(path.suffix == ".py" for path in files):
        return False
    if any(".so" in path.suffixes for path in files):
        return False
    return folder.name in WITH_UNUSED_FILES or all(
        path.suffix in CODE or BESIDE.fullmatch(path.name) for path in files
    )


def entries(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Names in the archive and contents, of the package's folders too: those without an __init__ need an entry.

    Bytecode stands beside its source, without the version in its name: there zipimport looks for it.
    """
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder.parent)
        if path.is_dir():
            if path.name != "__pycache__":
                yield f"{inside}/", b""
        elif path.suffix == ".pyc":
            yield str(inside.parent.parent / f"{path.name.partition('.')[0]}.pyc"), path.read_bytes()
        else:
            yield str(inside), path.read_bytes()


def pack(site_packages: Path) -> list[str]:
    """Move what is pure Python into the archive. Returns the packages' names."""
    folders = [folder for folder in sorted(site_packages.iterdir()) if folder.is_dir()]
    packed = [
        folder
        for folder in folders
        if folder.suffix not in (".dist-info", ".libs") and folder.name.isidentifier() and is_pure(folder)
    ]
    with zipfile.ZipFile(site_packages / ARCHIVE, "x", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for folder in packed:
            archive.writestr(_entry(f"{folder.name}/"), b"")
            for name, content in entries(folder):
                archive.writestr(_entry(name), content, compresslevel=9)
            shutil.rmtree(folder)
    (site_packages / ARCHIVE).with_suffix(".pth").write_text(f"{ARCHIVE}\n", encoding="utf-8")
    return [folder.name for folder in packed]


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry without a time of its own: 1980 is the format's first year, and ZipInfo's default."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_STORED if name.endswith("/") else zipfile.ZIP_DEFLATED
    entry.external_attr = (0o40755 if name.endswith("/") else 0o100644) << 16
    return entry


if __name__ == "__main__":
    print("packed:", *pack(Path(sys.argv[1]).resolve()))

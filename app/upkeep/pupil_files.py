"""The pictures of a pupil's pages in the archive that they are handed: as they are shown, and as they left."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from typing import Any

from obstore.exceptions import BaseError as StorageError

from app.i18n import ProblemError
from app.intake import process
from app.intake.names import clean_name
from app.intake.sniff import HEAD, sniff
from app.upkeep.parts import Parts

ENDINGS = {"image/webp": ".webp", "image/jpeg": ".jpg", "image/png": ".png"}
LONGEST_NAME = 120  # characters of a file's name in the archive


async def add_pages(
    parts: Parts,
    archive: zipfile.ZipFile,
    number: int,
    pages: Sequence[dict[str, Any]],
    known: dict[str | None, str | None],
) -> int:
    """Put the files of a paper's pages into the archive; how many of them the storage has lost.

    Storage keys in `pages` become names in the archive, or None. `known` are files that are in it already, by key. A
    page out of a file that others' papers are in is drawn from it where it has no picture yet; the file itself is
    theirs as well and stays.
    """
    lost = 0
    for place, page in enumerate(pages, 1):
        name = f"papers/{number:03}-pages/{place:03}"
        key, own = page.pop("source_key"), page["source"] is not None
        if own:
            if key not in known:
                known[key] = await stored(parts, archive, key, f"{name}-{short(page['source_name'])}")
                lost += known[key] is None
            page["source"] = known[key]
        if page["picture"] is not None:
            page["picture"] = await stored(parts, archive, page["picture"], name)
            lost += page["picture"] is None
        elif not own:
            page["picture"] = await _drawn(parts, archive, key, page, name)
        for entry, sent in enumerate(page["sent_to_models"], 1):
            sent["picture"] = await stored(parts, archive, sent["picture"], f"{name}-sent-{entry}")
            lost += sent["picture"] is None
    return lost


async def stored(parts: Parts, archive: zipfile.ZipFile, key: str, name: str) -> str | None:
    """Put a stored file into the archive, a picture with an ending where it has none; None where it is lost."""
    try:
        async with parts.storage.local(key) as path:
            with path.open("rb") as file:
                ending = ENDINGS.get(sniff(file.read(HEAD)) or "", "")
            name += "" if "." in name.rpartition("/")[2] else ending
            archive.write(path, name)
    except (FileNotFoundError, StorageError):
        return None
    return name


def short(name: str) -> str:
    """A file's name as it is safe in an archive, its ending kept."""
    stem, dot, ending = clean_name(name).rpartition(".")
    return f"{(stem or ending)[:LONGEST_NAME]}{dot + ending if stem else ''}"


async def _drawn(
    parts: Parts, archive: zipfile.ZipFile, key: str, page: dict[str, Any], name: str
) -> str | None:
    """Put a page of a PDF that was never looked at into the archive as a picture; None where that cannot be done."""
    try:
        async with parts.storage.local(key) as path:
            picture = await process.render_page(path, page["source_name"], page["source_page"])
    except (FileNotFoundError, StorageError, ProblemError):
        return None
    name += ENDINGS.get(sniff(picture.data[:HEAD]) or "", "")
    archive.writestr(name, picture.data)
    return name

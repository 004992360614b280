"""Keeping what was read of a page: its pictures in storage, its row in the database, both or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.db import Database
from app.intake.page import PageReading
from app.papers import files, pages
from app.papers.models import PaperPage
from app.storage import Storage, key_of


class PageKeeper:
    """Stores readings of pages."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage

    async def keep(
        self, row: PaperPage, readings: Sequence[PageReading], instead_of: Sequence[PageReading] = ()
    ) -> None:
        """Store what was read of a page and its pictures. A page that is gone meanwhile leaves nothing.

        `instead_of` are the readings that these were made from, kept beside them where they differ.
        """
        pictures: dict[str, bytes] = {}
        values = [columns(reading, pictures) for reading in readings]
        for column, reading, other in zip(values, readings, instead_of, strict=False):
            if other.by is not reading.by:
                column["readings"] = [
                    {"by": other.by.value, "text": other.text, "confidence": other.confidence}
                ]
        async with self._database.begin() as db:
            # Held until the commit: a removal of the same content must not run between the file and its row.
            for key, data in sorted(pictures.items()):
                await files.hold(db, key.rpartition("/")[2])
                await self._storage.put(data)
            if await pages.keep(db, row.id, values) is None:
                for key in pictures:
                    files.note(db, key)


def columns(reading: PageReading, pictures: dict[str, bytes]) -> dict[str, Any]:
    """A reading as columns of PaperPage; its pictures' bytes are added to `pictures` by their keys in storage."""
    values: dict[str, Any] = {
        "by": reading.by.value,
        "text": reading.text,
        "words": [word.to_json() for word in reading.words],
        "struck": [[each.text, *each.box.to_json()] for each in reading.struck],
        "codes": list(reading.codes),
        "confidence": reading.confidence,
        "quality": reading.quality,
        "blank": reading.blank,
        "warnings": [text.to_json() for text in reading.warnings],
        "repair": asdict(reading.repair),
        "source_part": reading.repair.part,
    }
    if reading.picture is not None:
        picture = reading.picture
        values |= {"image_key": _key(picture.data), "width": picture.width, "height": picture.height}
        pictures[values["image_key"]] = picture.data
        if picture.thumb:
            values["thumb_key"] = _key(picture.thumb)
            pictures[values["thumb_key"]] = picture.thumb
    return values


def _key(data: bytes) -> str:
    return key_of(hashlib.sha256(data).hexdigest())

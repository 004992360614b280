"""A page's picture that was made after the page was read: into storage and into its row, once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.papers import files, pages
from app.papers.models import PaperPage
from app.storage import Storage, key_of


@dataclass(frozen=True, slots=True)
class Made:
    """A picture and a small one of it, with the size of the first in pixels (`intake.page.Picture`)."""

    data: bytes
    thumb: bytes
    width: int
    height: int


async def keep(session: AsyncSession, storage: Storage, page_id: int, made: Made) -> PaperPage | None:
    """Store a page's picture and note it in the page's row, in the caller's transaction; None when the page is gone.

    A picture that the page has meanwhile stays: two processes that make it at once leave one. The version of the page
    is as it was, its text did not change.
    """
    stored: dict[str, bytes] = {_key(made.data): made.data}
    if made.thumb:
        stored[_key(made.thumb)] = made.thumb
    # Held until the commit, in one order for all: a removal of the same content must not run in between.
    for key in sorted(stored):
        await files.hold(session, key.rpartition("/")[2])
    page = await pages.locked(session, page_id)
    if page is None or page.image_key:
        return page
    for data in stored.values():
        await storage.put(data)
    page.image_key = _key(made.data)
    page.thumb_key = _key(made.thumb) if made.thumb else None
    page.width, page.height = made.width, made.height
    await session.flush()
    return page


def _key(data: bytes) -> str:
    return key_of(hashlib.sha256(data).hexdigest())

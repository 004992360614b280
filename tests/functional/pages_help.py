"""What the tests of upkeep need of pages: a page with its source, picture, thumbnail, and a picture that left."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.document import Box
from app.papers import ledger
from app.papers.models import PageState, Paper, PaperPage
from app.storage import Storage


def contents(word: str) -> tuple[bytes, bytes, bytes, bytes]:
    """The bytes of a page's source, picture and thumbnail, and of the picture that left."""
    return (
        f"{word}: scan".encode(),
        f"{word}: picture".encode(),
        f"{word}: small".encode(),
        f"{word}: left".encode(),
    )


async def page_with_files(
    session: AsyncSession, storage: Storage, paper: Paper, word: str = "one", source: bytes | None = None
) -> tuple[PaperPage, Sequence[str]]:
    """A read page of a paper whose files are stored, shown once to a model; and the four files' keys."""
    first, *others = contents(word)
    keys = [(await storage.put(content)).key for content in (source or first, *others)]
    page = PaperPage(
        paper_id=paper.id,
        position=10,
        source_key=keys[0],
        source_name=paper.file_name,
        state=PageState.READ,
        by="ocr",
        text=f"What {word} says.",
        image_key=keys[1],
        thumb_key=keys[2],
        width=100,
        height=140,
    )
    session.add(page)
    await session.flush()
    place = await ledger.place_of(session, page)
    assert place is not None
    await ledger.enter(
        session,
        page,
        place,
        image_key=keys[3],
        size=len(others[-1]),
        endpoint="models.example",
        model="sees",
        masked=[Box(0.0, 0.0, 1.0, 0.1)],
    )
    return page, keys

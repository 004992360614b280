"""What goes over a screen's line: a board or a sign as one server-sent event, encoded once for all screens."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

DIGEST_BYTES = 8  # tells boards of one channel apart; not a secret


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes ready for a transport: as one HTTP chunk, and bare for a client of HTTP/1.0 that knows no chunks.

    `digest` stands for the board's HTML; "" for a sign. The event's id is "newest event/digest".
    """

    digest: str
    chunk: bytes
    plain: bytes

    def bytes_for(self, chunked: bool) -> bytes:
        """What is written to a screen."""
        return self.chunk if chunked else self.plain


def chunk(body: bytes) -> bytes:
    """A body as one chunk: https://www.rfc-editor.org/rfc/rfc9112#section-7.1"""
    return b"%x\r\n%b\r\n" % (len(body), body)


def of_board(entry_id: str, html: str) -> Frame:
    """A board with the id of the newest event in it; every line of the HTML becomes a data line."""
    digest = hashlib.blake2b(html.encode(), digest_size=DIGEST_BYTES).hexdigest()
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    plain = f"id: {entry_id}/{digest}\n{lines}\n".encode()
    return Frame(digest, chunk(plain), plain)


def sign(name: str, retry_ms: int | None = None) -> Frame:
    """A named event without content, a DOM event in the page.

    `retry_ms` stands in the same event, because hx-sse takes it only from one that is dispatched.
    """
    retry = "" if retry_ms is None else f"retry: {retry_ms}\n"
    plain = f"{retry}event: {name}\ndata: \n\n".encode()
    return Frame("", chunk(plain), plain)


def digest_of(last_event_id: str) -> str:
    """The digest of the board that a client has by its `Last-Event-ID`; "" for anything that is not ours."""
    _, _, digest = last_event_id.rpartition("/")
    return digest if len(digest) == 2 * DIGEST_BYTES else ""

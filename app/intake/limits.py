"""How much one upload may cost to read. Every reader takes these; nothing here is a setting by itself."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds for reading one file or one archive.

    `pages` of a PDF, large enough for the scan of a class; `characters` of text; `seconds` of wall-clock and of
    processor time for a job without text recognition, `recognition_seconds` for one page with it; `megabytes` of
    address space of the process that reads (setrlimit RLIMIT_AS, so it includes what the interpreter itself maps),
    `recognition_megabytes` of data of one that recognises text (RLIMIT_DATA: models and tensors, not mapped files; a
    third of it is reserved by the runtime's arena and never resident);
    `file_megabytes` on disk, and for each file that comes out of an archive; `inflated_megabytes` for everything
    inside one archive or one Office package, counted while it is inflated; `files` in one archive or package;
    `ratio` of inflated to packed size of one archive entry beyond which it counts as a bomb (deflate reaches 1032;
    only asked of entries that inflate to more than 10 MB, because a short monotonous text packs very well);
    `rows` of a class list; `megapixels` (millions of pixels) of one picture, counted before it is decoded.
    """

    pages: int = 600
    characters: int = 2_000_000
    seconds: float = 20.0
    recognition_seconds: float = 60.0
    megabytes: int = 1024
    recognition_megabytes: int = 960
    file_megabytes: int = 100
    inflated_megabytes: int = 512
    files: int = 2000
    ratio: int = 200
    rows: int = 5000
    megapixels: int = 120

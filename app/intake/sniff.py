"""What a file is, by its content. Names lie; the first bytes seldom do."""

from __future__ import annotations

import zipfile
from pathlib import Path

from app.intake.formats.text import looks_like_text

PDF = "application/pdf"
ZIP = "application/zip"
TEXT = "text/plain"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"
OLE = "application/x-ole-storage"

HEAD = 8192  # bytes that are enough for every signature below

# Signatures at offset 0, from the formats' own specifications.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xcf\xfa\xed\xfe", "application/x-executable"),
    (b"\xca\xfe\xba\xbe", "application/x-executable"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"{\\rtf", "application/rtf"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"ID3", "audio/mpeg"),
)

# Of files that begin with a box "ftyp" (ISO/IEC 14496-12), those whose brand says that they hold pictures.
BRANDS: dict[bytes, str] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
}

# Names that are the same in every language, for the sentences shown to people.
LABELS: dict[str, str] = {
    PDF: "PDF", ZIP: "ZIP", TEXT: "TXT", DOCX: "DOCX", XLSX: "XLSX", PPTX: "PPTX", ODT: "ODT",
    OLE: "DOC/XLS/PPT (Microsoft Office 97-2003)",
    "image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/tiff": "TIFF", "image/webp": "WEBP",
    "image/bmp": "BMP", "image/heic": "HEIC", "image/avif": "AVIF",
    "application/x-executable": "EXE", "application/rtf": "RTF",
    "application/vnd.rar": "RAR", "application/x-7z-compressed": "7Z", "application/gzip": "GZ",
    "application/x-bzip2": "BZ2", "application/x-xz": "XZ", "audio/mpeg": "MP3", "video/mp4": "MP4",
    "audio/wav": "WAV",
}  # fmt: skip

ARCHIVES = frozenset({
    ZIP, "application/vnd.rar", "application/x-7z-compressed", "application/gzip", "application/x-bzip2",
    "application/x-xz",
})  # fmt: skip

# What the file name's extension claims, as far as a claim matters here.
EXTENSIONS: dict[str, str] = {
    "pdf": PDF, "docx": DOCX, "xlsx": XLSX, "pptx": PPTX, "odt": ODT, "zip": ZIP, "doc": OLE, "xls": OLE,
    "ppt": OLE, "rtf": "application/rtf", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg",
    "gif": "image/gif", "tif": "image/tiff", "tiff": "image/tiff", "webp": "image/webp", "bmp": "image/bmp",
    "heic": "image/heic", "heif": "image/heic", "avif": "image/avif",
    "exe": "application/x-executable", "rar": "application/vnd.rar",
    "7z": "application/x-7z-compressed", "gz": "application/gzip",
}  # fmt: skip


def sniff(head: bytes) -> str | None:
    """The media type that a file's first bytes (best: HEAD of them) show; None when they show none.

    A ZIP package whose first bytes do not name its kind is "application/zip"; `sniff_file` looks further.
    """
    for signature, media_type in SIGNATURES:
        if head.startswith(signature):
            return media_type
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _package(head)
    if b"%PDF-" in head[:1024]:  # PDF 1.7, annex H: readers accept the header within the first 1024 bytes
        return PDF
    return _container(head) or (TEXT if looks_like_text(head) else None)


def sniff_file(path: Path) -> str | None:
    """The media type of a file, by its first bytes and, for ZIP packages, by what they hold.

    Raises OSError when the file cannot be opened.
    """
    with path.open("rb") as file:
        found = sniff(file.read(HEAD))
    if found != ZIP:
        return found
    try:
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return ZIP
    for name, media_type in (
        ("word/document.xml", DOCX),
        ("xl/workbook.xml", XLSX),
        ("ppt/presentation.xml", PPTX),
    ):
        if name in names:
            return media_type
    return ZIP


def is_picture(media_type: str | None) -> bool:
    """Whether a media type is that of a picture."""
    return media_type is not None and media_type.startswith("image/")


def label(media_type: str | None) -> str:
    """A short name of a media type that reads the same in every language: "PNG"; "?" for None."""
    return LABELS.get(media_type, media_type) if media_type else "?"


def claimed(name: str) -> str | None:
    """The media type that a file name's extension claims; None for text, code and unknown extensions."""
    return EXTENSIONS.get(Path(name).suffix.lower().lstrip("."))


def _package(head: bytes) -> str:
    if b"mimetype" + ODT.encode() in head[:256]:
        return ODT
    for folder, media_type in ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX)):
        # Office writes [Content_Types].xml first; a plain archive may well have a folder named like this.
        if b"[Content_Types].xml" in head and folder in head:
            return media_type
    return ZIP


def _container(head: bytes) -> str | None:
    """Formats whose signature does not stand at offset 0, or is too short to be trusted in a text."""
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/wav"
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], "video/mp4")
    if head[:2] == b"MZ" and b"\x00" in head[:64]:
        return "application/x-executable"
    if head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00":
        return "image/bmp"
    return None

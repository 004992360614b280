"""Small valid files of every format that is read, the start of all mutations. Nothing here is random."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from functools import cache

import docx
from openpyxl import Workbook
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

Samples = dict[str, bytes]  # by file name

ESSAY = "姓名：张伟 学号：20240101\n1. Warm air rises.\n一、光合作用把光能变成化学能。\n"
LIST = '学号,姓名\n20240101,张伟\n20240102,"Lee, Ann"\n20240103,李娜\n'


TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # that an office program notes


def page_picture(mode: str = "RGB") -> Image.Image:
    """A tiny page with two lines and a frame."""
    image = Image.new("RGB", (160, 200), (250, 248, 240))
    draw = ImageDraw.Draw(image)
    draw.rectangle((8, 8, 150, 190), outline=(40, 40, 60))
    for top, line in ((30, "1. Paris"), (90, "2. Rome")):
        draw.text((20, top), line, (20, 20, 60), ImageFont.load_default(24))
    return image.convert(mode)


def _pictures() -> Samples:
    made: Samples = {}
    for name, mode, options in (
        ("a.png", "RGB", {}),
        ("palette.png", "P", {}),
        ("deep.png", "I;16", {}),
        ("clear.png", "RGBA", {}),
        ("a.jpg", "RGB", {"quality": 70}),
        ("progressive.jpg", "RGB", {"progressive": True}),
        ("print.jpg", "CMYK", {}),
        ("a.bmp", "RGB", {}),
        ("a.webp", "RGB", {}),
        ("lossless.webp", "RGBA", {"lossless": True}),
        ("a.tiff", "RGB", {"compression": "tiff_lzw"}),
        ("fax.tiff", "1", {"compression": "group4"}),
        ("a.avif", "RGB", {}),
    ):
        image = page_picture("L").convert("I;16") if mode == "I;16" else page_picture(mode)
        image.save(
            out := io.BytesIO(), {"jpg": "JPEG"}.get(name[-3:], name.rpartition(".")[2].upper()), **options
        )
        made[name] = out.getvalue()
    frames = [page_picture("P"), page_picture("P").rotate(180)]
    frames[0].save(out := io.BytesIO(), "GIF", save_all=True, append_images=frames[1:])
    made["moving.gif"] = out.getvalue()
    turned = Image.Exif()
    turned[0x0112] = 6
    page_picture().save(out := io.BytesIO(), "JPEG", exif=turned)
    made["turned.jpg"] = out.getvalue()
    return made | _heic()


def _heic() -> Samples:
    try:
        import pillow_heif
    except ImportError:
        return {}
    pillow_heif.from_pillow(page_picture()).save(out := io.BytesIO(), quality=50)
    return {"a.heic": out.getvalue()}


def _pdfs() -> Samples:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    made: Samples = {}
    for name, compressed in (("plain.pdf", 0), ("packed.pdf", 1)):
        canvas = Canvas(out := io.BytesIO(), pagesize=(200, 300), pageCompression=compressed, invariant=1)
        canvas.setFont("STSong-Light", 12)
        for number, line in enumerate(ESSAY.splitlines()):
            canvas.drawString(10, 270 - 20 * number, line)
        canvas.showPage()
        canvas.drawImage(ImageReader(page_picture()), 0, 0, 200, 300)
        canvas.setFillAlpha(0.5)
        canvas.drawString(10, 20, "over it")
        canvas.acroForm.textfield(value="x", x=10, y=40, width=50, height=20)
        canvas.showPage()
        canvas.save()
        made[name] = out.getvalue()
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(made["packed.pdf"])))
    writer.add_annotation(0, FreeText(text="It rises.", rect=(10, 10, 100, 50)))
    writer.pages[0].rotate(90)
    writer.write(out := io.BytesIO())
    made["notes.pdf"] = out.getvalue()
    writer.encrypt("", "owner", algorithm="RC4-128")
    writer.write(out := io.BytesIO())
    made["locked.pdf"] = out.getvalue()
    return made


def _documents() -> Samples:
    document = docx.Document()
    for line in ESSAY.splitlines():
        document.add_paragraph(line, style="List Number")
    table = document.add_table(2, 2)
    table.cell(1, 1).text = "cell"
    page_picture().resize((240, 300)).save(picture := io.BytesIO(), "PNG")
    document.add_picture(picture)
    document.save(out := io.BytesIO())
    return {"a.docx": _dated(out.getvalue())}


def _texts() -> Samples:
    encodings = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030")
    return {f"{encoding}.txt": (ESSAY * 3).encode(encoding) for encoding in encodings} | {
        "german.md": "Die Größe der Fläche wächst, weil die Länge übernommen wird.\n".encode("cp1252")
    }


def _lists() -> Samples:
    book = Workbook()
    for line in LIST.splitlines():
        book.active.append(line.split(","))
    book.save(out := io.BytesIO())
    return {
        "list.xlsx": _dated(out.getvalue()),
        "list.csv": LIST.encode(),
        "list.gbk.csv": LIST.encode("gbk"),
        "list.txt": LIST.replace(",", "\t").encode("utf-16"),
    }


def _dated(package: bytes) -> bytes:
    """A package without the time of its making."""
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out := io.BytesIO(), "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, TIME.sub(b"2026-01-01T00:00:00Z", old.read(name)))
    return out.getvalue()


MAKERS: dict[str, Callable[[], Samples]] = {
    "pdf": _pdfs, "docx": _documents, "text": _texts, "picture": _pictures, "roster": _lists,
}  # fmt: skip


@cache
def samples(reader: str) -> Samples:
    """The samples of a reader: "pdf", "docx", "text", "picture" or "roster"."""
    return MAKERS[reader]()

"""Reading forms: bounded, NUL-free, and never a 500 for a strange one."""

from __future__ import annotations

import zlib

from aiohttp import web
from multidict import MultiDictProxy

Form = MultiDictProxy[str | bytes | bytearray | web.FileField]


async def form_of(request: web.Request) -> Form:
    """The form of a request; 413 when too large, 400 when it cannot be read."""
    try:
        return await request.post()
    except web.HTTPException:
        raise
    # An unknown charset is a LookupError to aiohttp, an unknown encoding of a part a RuntimeError.
    except (ValueError, UnicodeError, AssertionError, LookupError, RuntimeError, zlib.error) as error:
        raise web.HTTPBadRequest from error


def text_of(form: Form, name: str, longest: int = 10_000) -> str:
    """A field's text without NULs, cut to `longest` characters; "" when it is missing or a file."""
    value = form.get(name, "")
    if not isinstance(value, str):
        return ""
    # Half a surrogate pair is text to Python and to nobody else: the database refuses it as it refuses NUL.
    return value[:longest].replace("\0", "").encode("utf-8", "ignore").decode()


def int_of(form: Form, name: str) -> int | None:
    """A field as an integer within 64 bits, None when it is something else."""
    return to_int(text_of(form, name, 30))


def to_int(value: str) -> int | None:
    """A decimal integer that fits a database id; None for anything else."""
    value = value.strip()
    # The length first: Python refuses to read thousands of digits.
    if len(value) > 20 or not value.isascii() or not value.removeprefix("-").isdigit():
        return None
    number = int(value)
    return number if abs(number) < 2**63 else None


def float_of(form: Form, name: str) -> float | None:
    """A field as a finite number, comma or point; None when it is something else."""
    try:
        number = float(text_of(form, name, 40).strip().replace(",", "."))
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None


def path_id(request: web.Request, name: str = "id") -> int:
    """An id from the address; 404 when it is no number or none the database could hold."""
    number = to_int(request.match_info[name])
    if number is None or number < 0:
        raise web.HTTPNotFound
    return number

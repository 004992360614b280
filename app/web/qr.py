"""QR codes as inline SVG: attributes only, which the content security policy allows."""

from __future__ import annotations

from functools import lru_cache

import segno
from markupsafe import Markup
from segno.encoder import DataOverflowError

LONGEST = 300  # characters: a longer address makes a code too fine to be read across a room


def svg(text: str) -> Markup:
    """A QR code of a text, black on white with its quiet zone; nothing where the text is too long for one.

    It is hidden from screen readers: say the same in words beside it.
    """
    if len(text) > LONGEST:
        return Markup()
    try:
        code = segno.make(text, micro=False, error="m")
    except DataOverflowError:
        return Markup()
    # segno writes numbers and fixed names into it, and nothing of the text.
    picture = code.svg_inline(omitsize=True, dark="#000", light="#fff", svgclass="qr")
    return Markup(picture.replace("<svg ", '<svg aria-hidden="true" ', 1))  # noqa: S704


# A board is rendered several times a second while answers arrive, and its code stays the same: 10 ms each.
cached = lru_cache(maxsize=64)(svg)

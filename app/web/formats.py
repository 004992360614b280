"""Filters: how numbers, dates and texts are written in pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.i18n import Text, gettext, language_of_request


def points(value: float | None) -> str:
    """Points without needless zeros: 3, 2.5; a dash for none."""
    if value is None:
        return "–"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def percent(value: float | None, digits: int = 0) -> str:
    """A fraction as per cent: 0.5 -> 50 %; a dash for none."""
    return "–" if value is None else f"{value * 100:.{digits}f}%"


def text(value: Mapping[str, Any] | Text | None) -> str:
    """A stored Text (JSON) in the reader's language."""
    if value is None:
        return ""
    return str(value if isinstance(value, Text) else Text.from_json(value))


def when(value: datetime | None) -> str:
    """A moment, in the server's time zone, short."""
    if value is None:
        return "–"
    local = value.astimezone()
    return f"{local:%Y-%m-%d %H:%M}"


def day(value: datetime | None) -> str:
    """The day of a moment, in the server's time zone."""
    return "–" if value is None else f"{value.astimezone():%Y-%m-%d}"


def size(value: int) -> str:
    """Bytes as B, kB or MB, in thousands as file managers count: 412 B, 30 kB, 2.5 MB."""
    if value < 1000:
        return f"{value} B"
    # From where kB would be rounded to a thousand of them.
    return f"{value / 1000:.0f} kB" if value < 999_500 else f"{value / 1_000_000:.1f} MB"


def duration(seconds: float | None) -> str:
    """Seconds as words: 1 min 20 s / 1 分 20 秒."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    if minutes == 0:
        return gettext("{seconds} s").format(seconds=rest)
    if minutes < 60:
        return gettext("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    return gettext("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)


def money(dollars: float) -> str:
    """US dollars, to the tenth of a cent where small."""
    return f"${dollars:.2f}" if dollars >= 1 else f"${dollars:.4f}".rstrip("0").rstrip(".")


def label(value: str) -> str:
    """A question's label as a heading: 第6题 / Question 6; labels that are words stay as they are."""
    if language_of_request.get() == "zh" and value[:1].isalnum() and value.isascii():
        return f"第{value}题"
    return gettext("Question {label}").format(label=value) if value.isascii() else value


FILTERS = {
    "points": points,
    "percent": percent,
    "text": text,
    "when": when,
    "day": day,
    "size": size,
    "duration": duration,
    "money": money,
    "label": label,
}

"""Texts for people, in their language.

English is the source: a message's id is its English text. Every other language is a set of catalogues,
`app/locales/<language>/*.po`, one a room (accounts.po, intake.po, ...), read at start; nothing is compiled.

Layers below the pages never format a sentence: they return a `Text` (message and values), which can be stored as
JSON and is put into words where a person reads it, in that person's language.
"""

from __future__ import annotations

import gettext as _gettext
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

LANGUAGES: Mapping[str, str] = {"zh": "中文", "en": "English"}
DEFAULT_LANGUAGE = "en"
LOCALES = Path(__file__).parent / "locales"

language_of_request: ContextVar[str] = ContextVar("language_of_request", default=DEFAULT_LANGUAGE)


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark this for translation"
    """Mark a message for the catalogues without translating it yet."""
    return message


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence for a person: the English message with {named} places, and the values for them.

    Values are strings and numbers only, so that a Text can be stored as JSON (`to_json`, `from_json`).
    """

    message: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """This text as a JSON object: {"message": str, "values": object}."""
        return {"message": self.message, "values": dict(self.values)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Text:
        """The inverse of `to_json`."""
        return cls(data["message"], dict(data.get("values") or {}))

    def render(self, language: str) -> str:
        """This text in a language; an unknown language reads as English."""
        message = translations(language).gettext(self.message)
        return message.format(**self.values) if self.values else message

    def __str__(self) -> str:
        return self.render(language_of_request.get())


class ProblemError(Exception):
    """Something a person can understand and mend; its `text` is shown to them in their language."""

    def __init__(self, text: Text | str, **values: Any) -> None:
        self.text = text if isinstance(text, Text) else Text(text, values)
        super().__init__(self.text.render(DEFAULT_LANGUAGE))


@cache
def translations(language: str) -> _gettext.NullTranslations:
    """All catalogues of a language merged into one; English needs none."""
    folder = LOCALES / language
    if language not in LANGUAGES or not folder.is_dir():
        return _gettext.NullTranslations()
    # Babel is imported here: the command line starts faster without it.
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    merged = Catalog(locale=language)
    for path in sorted(folder.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id:
                    merged[message.id] = message
    packed = BytesIO()
    write_mo(packed, merged)
    packed.seek(0)
    return _gettext.GNUTranslations(packed)


def gettext(message: str) -> str:
    """A message in the language of the request being served."""
    return translations(language_of_request.get()).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """The form of a message that fits a number, in the language of the request being served."""
    return translations(language_of_request.get()).ngettext(singular, plural, number)

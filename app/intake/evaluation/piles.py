"""What is measured on a pile: how many papers are split off right, how many are asked about, how many are wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.i18n import Text
from app.intake.evaluation.truth import PilePage, Pupil


class Entry(Protocol):
    """A roster entry."""

    @property
    def number(self) -> str: ...


class BundleLike(Protocol):
    """A paper to be, as splitting proposes it (`app.intake.splitting.Bundle`)."""

    @property
    def pages(self) -> tuple[int, ...]: ...

    @property
    def student(self) -> Entry | None: ...

    @property
    def match(self) -> str: ...

    @property
    def doubt(self) -> Text | None: ...


@dataclass(frozen=True, slots=True)
class PileFigures:
    """Papers of a pile: `right` without a question, `asked` about, `wrong` silently; `needless`: of those asked,
    papers whose pages say for certain whose they are. `examples`: what went wrong, for people who mend it."""

    papers: int
    right: int
    asked: int
    wrong: int
    needless: int
    examples: tuple[str, ...] = ()


def split_figures(
    truth: Sequence[PilePage], roster: Sequence[Pupil], bundles: Sequence[BundleLike]
) -> PileFigures:
    """Compare proposed papers with the truth; ids of pages are their numbers in the file.

    Covers and blank pages may be in a paper or not. A paper is wrong silently when a bundle without doubt has other
    pages than its pupil wrote, or is another's; and when some of its pages are in no bundle at all.
    """
    numbers = {pupil.id: pupil.number for pupil in roster}
    optional = {page.page for page in truth if page.cover or page.blank}
    wanted: dict[int, set[int]] = {}
    for page in truth:
        if page.page not in optional:
            wanted.setdefault(page.student, set()).add(page.page)
    asks = {page.student for page in truth if page.asked}
    certain = [bundle for bundle in bundles if _certain(bundle)]
    doubtful = {page for bundle in bundles if not _certain(bundle) for page in bundle.pages}
    verdicts = {
        student: _verdict(pages, numbers[student], certain, doubtful, optional)
        for student, pages in wanted.items()
    }
    return PileFigures(
        papers=len(wanted),
        right=_count(verdicts, "right"),
        asked=_count(verdicts, "asked"),
        wrong=_count(verdicts, "wrong"),
        needless=sum(verdict == "asked" and student not in asks for student, verdict in verdicts.items()),
        examples=tuple(
            _example(numbers[student], wanted[student], verdict, bundles)
            for student, verdict in verdicts.items()
            if verdict == "wrong" or (verdict == "asked" and student not in asks)
        ),
    )


def _certain(bundle: BundleLike) -> bool:
    return bundle.match == "matched" and bundle.student is not None and bundle.doubt is None


def _verdict(
    pages: set[int],
    number: str,
    certain: Sequence[BundleLike],
    doubtful: Collection[int],
    optional: Collection[int],
) -> str:
    """ "right", "asked" or "wrong" of one pupil's paper."""
    own = [bundle for bundle in certain if pages & set(bundle.pages) or _number(bundle) == number]
    if not own:
        return "asked" if pages & set(doubtful) else "wrong"
    exact = len(own) == 1 and _number(own[0]) == number and set(own[0].pages) - set(optional) == pages
    return "right" if exact else "wrong"


def _number(bundle: BundleLike) -> str:
    return bundle.student.number if bundle.student else ""


def _count(verdicts: Mapping[int, str], verdict: str) -> int:
    return sum(each == verdict for each in verdicts.values())


def _example(number: str, pages: set[int], verdict: str, bundles: Sequence[BundleLike]) -> str:
    touching = [bundle for bundle in bundles if pages & set(bundle.pages)]
    told = "; ".join(
        f"pages {list(bundle.pages)} -> {_number(bundle) or '?'} ({bundle.match}"
        f"{', ' + bundle.doubt.render('en') if bundle.doubt else ''})"
        for bundle in touching
    )
    return f"{verdict}: {number}, pages {sorted(pages)}: {told or 'in no paper'}"

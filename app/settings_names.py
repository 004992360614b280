"""Variables that look like a setting and are none: a slip of the pen must stop the start, not be ignored.

Looked at are names that begin with ZHUPI_, and names that differ from a setting's by a slip. An environment is full of
other people's variables, so what could be one of those is let pass:

- what Kubernetes and Docker say of services, of any name (`REDIS_PORT=tcp://...`, `ZHUPI_SERVICE_HOST`);
- names that other programs use and that are a letter away from one of ours (`COMMON`);
- names shorter than SHORTEST, and short ones that differ by more than a letter;
- a name beside which the setting that it resembles is given, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from app.i18n import Text

PREFIX = "ZHUPI_"
SHORTEST = 8  # letters of a setting's name; shorter ones resemble too much
LONG = 12  # from here on two slips are still a slip

# Other programs' names that are a slip away from one of ours (LOG_FILE, LOG_LEVEL, LANGUAGE, DATABASE_URL).
COMMON = frozenset(["LOGFILE", "LOGLEVEL", "LANGUAGES", "DATABASE_SSL"])
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_LINK_NAME = re.compile(
    r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?|ENV_\w+)"
)
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://\S+")


def unknown(environment: Mapping[str, str], settings: Collection[str]) -> list[Text]:
    """One sentence for each variable that looks like a setting and is none, in the order of their names.

    `settings` are the settings' names in capitals; with `_FILE` behind them they are known as well.
    """
    known = {name + ending for name in settings for ending in ("", "_FILE")}
    problems = []
    for name in sorted(environment):
        if name in known or not environment[name].strip() or _is_of_others(name, environment[name]):
            continue
        meant = next(_meant(name, known), None)
        resembles = meant is not None and not _given(meant, environment)
        if name.upper().startswith(PREFIX) or resembles:
            problems.append(_unknown(name, meant))
    return problems


def _unknown(name: str, meant: str | None) -> Text:
    if meant is None:
        return Text("{name} is not a setting; docs/settings.md lists them all.", {"name": name})
    return Text("{name} is not a setting. Did you mean {meant}?", {"name": name, "meant": meant})


def _is_of_others(name: str, value: str) -> bool:
    return name in COMMON or bool(_LINK_NAME.fullmatch(name)) or bool(_LINK_VALUE.fullmatch(value))


def _given(name: str, environment: Mapping[str, str]) -> bool:
    """Whether a setting is given, itself or as a file."""
    plain = name.removesuffix("_FILE") if name.removesuffix("_FILE") + "_FILE" == name else name
    return any(environment.get(each) for each in (name, plain, plain + "_FILE"))


def _meant(name: str, known: Collection[str]) -> Iterator[str]:
    """The settings that a name may have meant, the likeliest first."""
    written = name.upper()
    if written.startswith(PREFIX):
        written = written.removeprefix(PREFIX)
        if written in known:
            yield written
    if written in known and len(written) >= SHORTEST:
        yield written  # in small letters
    near = sorted((slips(written, each), each) for each in known if len(each) >= SHORTEST)
    for distance, each in near:
        if 0 < distance <= (2 if len(each) >= LONG else 1):
            yield each
    singular = _singular(written)
    yield from (each for each in sorted(known) if len(each) >= SHORTEST and _singular(each) == singular)


def _singular(name: str) -> str:
    """A name whose last word is no plural: TRUSTED_PROXIES and TRUSTED_PROXY are the same."""
    return re.sub(r"(IES|S)(?=_FILE$|$)", lambda found: "Y" if found[1] == "IES" else "", name)


def slips(one: str, other: str) -> int:
    """How many letters were left out, put in, mistaken or swapped with their neighbour between two words.

    The restricted Damerau-Levenshtein distance ("optimal string alignment"); words of one another's length plus three
    or more are not compared and count as that far apart.
    """
    if abs(len(one) - len(other)) > 2:
        return abs(len(one) - len(other))
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        earlier, before, row = before, row, [place]
        for column, wanted in enumerate(other, 1):
            best = min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (letter != wanted))
            swapped = place > 1 and column > 1 and letter == other[column - 2] and one[place - 2] == wanted
            row.append(min(best, earlier[column - 2] + 1) if swapped else best)
    return row[-1]

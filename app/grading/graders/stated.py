"""Which number an answer states as its result, and what makes that unclear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from app.grading.graders.quantity import Quantity, chinese_quantity, comma_doubt, quantities
from app.grading.graders.units import Unit, convert, read_unit
from app.grading.normalise import normalise
from app.i18n import N_, Text

NO_NUMBER = N_("No number was found in this answer")
SEVERAL = N_("The answer holds several numbers and does not say which is the result")
UNDECIDED = N_("The answer is corrected, a range or undecided; please read it")
EXPRESSION = N_("The result is left as an expression (“{said}”)")
UNKNOWN_UNIT = N_("The words after the number could not be read as a unit: “{said}”")
COMMA = N_("The comma in “{said}” may be a decimal comma or separate two numbers")
TOO_LARGE = N_("A number in this answer is out of range")

RESULT = re.compile(r"=|≈|≒|≃|约等于|等于|约为|约是")
_MARKER = re.compile(
    r"答案?|所以|因此|故|∴|结果|为|是|\b(?:therefore|so|thus|hence|answer|is|was|result|equals)\b",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(
    r"->|→|=>|⇒|改|或|不是|不等|不对|错|~|±|\\pm|≠|<|>|≤|≥|大于|小于|至|到|\bor\b|\bnot\b|n't\b|\bbetween\b|"
    r"\bless\b|\bmore\b|\bwrong\b|(?<=\d)\s?-\s?(?=\d)",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^\(?\d{1,2}(?:\)|[:,](?=\s)|\.(?!\d))\s*(?=.*\d)", re.DOTALL)
_OPERATOR = re.compile(r"\s?(?:[*×·/÷^+√π!]|\\(?:sqrt|pi|times|cdot|div)|[A-Za-z]\b|-\s?[A-Za-z0-9])")
_OPERATOR_BEFORE = re.compile(
    r"(?:[*×·/÷^√+]|\\(?:sqrt|times|cdot|div)\{?|sqrt\(?|\^\{?\(?)\s?$|[A-Za-z]\s?[-+]\s?$"
)
_COUNTER = re.compile(
    r"\s?(?:个|人|次|只|条|张|本|块|倍|颗|辆|名|支|件|棵|头|位|组|种|题|页|枝|朵|台|间|座|层|排|袋|箱|瓶|道|幅|匹|粒|艘|架|把|双|份)"
    r"[\u4e00-\u9fff]{0,6}(?=$|[\s.,;:!?)=])"
)
_NOUN = re.compile(r"\s[A-Za-z]{3,}(?:\s[A-Za-z]{3,}){0,2}(?=$|[\s.,;:!?)]*$)")
_NO_NOUN = re.compile(
    r"\b(?:and|squared|cubed|over|per|percent|half|third|quarter|minus|plus|times|divided|point|halves|thirds|hundred|"
    r"thousand|million|billion|dozen|wrong|pairs?|gross)\b",
    re.IGNORECASE,
)
_STOP = re.compile(
    r"\s?(?:$|[.,;:!?)\n\"'\]]|\(|because\b|since\b|as\b|if\b|when\b|in\b|for\b|at\b|due\b|因为|由于|[\u4e00-\u9fff])"
)
_STOP_PLAIN = re.compile(
    r"\s?(?:$|[.,;:?)\n\"'\]]|\((?!\d)|because\b|since\b|as\b|if\b|when\b|due\b|因为|由于)"
)
_CHINESE_LEAD = re.compile(r"^(?:答案?|解|约|大约|结果|是|为|等于|[a-zA-Z]\s?=|\s|:|≈|=)*")


class Unclear(Exception):  # noqa: N818 - a way out of the reading, caught by the grader
    """The result cannot be told; `reason` is the sentence for the teacher."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason.message)
        self.reason = reason


def read_result(text: str) -> Quantity:
    """The stated result in normalised text (case kept); raises Unclear with the reason for the teacher."""
    if len(text) > 4000:
        raise Unclear(Text(SEVERAL))
    lead = _LEAD.match(text)
    start = lead.end() if lead else 0
    if not any(char.isdigit() for char in text[start:]):
        return _in_words(text)
    begin, end = _last_segment(text, start)
    if _UNDECIDED.search(_without_signs(text[begin:end])) or re.search(
        r"或|\bor\b|->|→|改|不是|\bnot\b", text
    ):
        raise Unclear(Text(UNDECIDED))
    if comma_doubt(text[begin:end]):
        raise Unclear(Text(COMMA, {"said": text[begin:end].strip()[:60]}))
    found = _listed(text, begin, end)
    if len(found) > 1:
        found = _after_marker(text, begin, end, found)
    result = found[0] if len(found) == 1 else _summed(text, found)
    if result is None:
        raise Unclear(Text(SEVERAL))
    _check_surroundings(text, result, end)
    return result


_ASKS_UNIT = re.compile(
    r"(?:写|注|标|带|给)[出明上]?[^。，,;；]{0,6}单位"
    r"|(?:give|state|write|include|show|name|add)\b[^.?!]{0,25}\bunits?\b|with (?:its |the |their )?units?\b",
    re.IGNORECASE,
)
_BEFORE_UNIT = re.compile(
    r"多少(?:个)?\s?|几\s?|单位\s?(?:是|为|用|:)?\s?|how many\s|_{2,}\s?|\(\s?(?:in\s|单位:?\s?)"
    r"|(?:answer|expressed?|given|measured|calculated?)\s+in\s|\bin\s(?=[^.?!,]{1,20}[.?!)]*$)",
    re.IGNORECASE,
)


def names_unit(prompt: str, units: Sequence[Unit]) -> bool:
    """Whether a question already says in which of these units it wants the number ("多少℃", "How many metres"),

    so that a bare number is a whole answer. Not when it asks for the unit to be written.
    """
    text = normalise(prompt, fold_case=False).text
    if _ASKS_UNIT.search(text):
        return False
    for match in _BEFORE_UNIT.finditer(text):
        found, _ = read_unit(text, match.end())
        if any(one in units for one in found):
            return True
    return False


def _without_signs(segment: str) -> str:
    """The segment with powers of ten and signs of exponents out of the way of the search for ranges."""
    return re.sub(r"(?<=[eE^({])[+-](?=\d)", "", segment)


def _listed(text: str, begin: int, end: int) -> list[Quantity]:
    found = quantities(text, begin, end)
    if found is None:
        raise Unclear(Text(TOO_LARGE))
    if not found:
        raise Unclear(Text(NO_NUMBER))
    return found


def _last_segment(text: str, start: int) -> tuple[int, int]:
    """The stretch after the last "=" that still holds a number of its own."""
    borders = [(m.start(), m.end()) for m in RESULT.finditer(text, start)]
    end = len(text)
    for left, right in reversed(borders):
        if quantities(text, right, end) or quantities(text, right, end) is None:
            return right, end
        end = left
    return start, end


def _after_marker(text: str, begin: int, end: int, found: list[Quantity]) -> list[Quantity]:
    """Of several numbers, those after the last "so", 答 and the like that has numbers after it."""
    for marker in reversed(list(_MARKER.finditer(text, begin, end))):
        after = [quantity for quantity in found if quantity.start >= marker.end()]
        if after:
            return after
    return found


def _summed(text: str, found: list[Quantity]) -> Quantity | None:
    """Parts of one quantity side by side ("1 h 30 min", 3元5角) as one in the first part's unit; else None."""
    if len(found) < 2 or not all(part.units for part in found):
        return None
    total, unit = found[0].value, found[0].units[0]
    before: float | None = None
    for left, right in pairwise(found):
        if text[left.end : right.start].strip() not in ("", "and", "又", "零", ","):
            return None
        values = [v for u in right.units if (v := convert(1.0, u, unit)) is not None]
        # Parts grow smaller; "3 m 4 m" is not a sum but two answers.
        if not values or values[0] >= (1.0 if before is None else before):
            return None
        before = values[0]
        total += right.value * Fraction(values[0]).limit_denominator(10**9)
    last = found[-1]
    return Quantity(total, None, (unit,), False, found[0].start, found[0].unit_start, last.end)


def _check_surroundings(text: str, result: Quantity, end: int) -> None:
    """Raise Unclear when what stands around the number makes it part of something larger."""
    rest = text[result.end : end]
    before = text[: result.start]
    if _OPERATOR_BEFORE.search(before):
        raise Unclear(Text(EXPRESSION, {"said": text[max(0, result.start - 20) : result.end][:60]}))
    if result.units:
        if not _STOP.match(rest):
            raise Unclear(Text(UNKNOWN_UNIT, {"said": text[result.unit_start : end].strip()[:60]}))
        return
    if _STOP_PLAIN.match(rest) or _COUNTER.match(rest):
        return
    if _OPERATOR.match(rest):
        raise Unclear(Text(EXPRESSION, {"said": text[result.start : end].strip()[:60]}))
    if _NOUN.match(rest) and not _NO_NOUN.search(rest):
        return
    raise Unclear(Text(UNKNOWN_UNIT, {"said": rest.strip()[:60]}))


def _in_words(text: str) -> Quantity:
    """A number in Chinese words that is the whole answer (a 一 inside a sentence is no number)."""
    lead = _CHINESE_LEAD.match(text)
    start = lead.end() if lead else 0
    body = text[start:].rstrip(" .!;")
    quantity = chinese_quantity(body)
    rest = body[quantity.end :] if quantity else ""
    if quantity is None or (rest and not _COUNTER.fullmatch(rest)):
        raise Unclear(Text(NO_NUMBER))
    return Quantity(
        quantity.value, quantity.step, quantity.units, quantity.percent,
        start + quantity.start, start + quantity.unit_start, start + quantity.end,
    )  # fmt: skip

"""The words that schemes are written with, Chinese and English: kinds of question, and lines that begin with a word.

Collected from Chinese exam papers and their answer sheets, and from the published mark schemes of English-speaking
exam boards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from app.scheme.types import Kind

_I = re.IGNORECASE

# Tried in this order: the first that occurs wins, so the narrower words stand first.
_KIND_WORDS: tuple[tuple[Kind, str], ...] = (
    (Kind.CHOICE, r"(?:单项|多项|不定项|单|多)?选择?题?|multiple[- ]choices?|single[- ]choice|choices?|mcqs?"
        r"|判断题?|true(?:\s?/\s?|\s?or\s?| and )false"),
    (Kind.BLANK, r"填空题?|fill[- ]in(?:[- ](?:the[- ])?(?:blanks?|gaps?))?"
        r"|(?:gap|blank)[- ]fill(?:ing)?|blanks?|cloze"),
    (Kind.ESSAY, r"作文题?|写作题?|书面表达|大作文|小作文|essays?|composition|extended (?:response|writing)|writing"),
    (Kind.NUMBER, r"数值题?|numerical|numeric|numbers?"),
    (Kind.MATHS, r"解方程|化简题?|数学题|maths|math|algebra|expressions?|equations?"),
    (Kind.TEXT, r"(?:简答|论述|问答|名词解释|材料分析|案例分析|阅读理解|阅读|翻译|证明|分析|材料|辨析"
        r"|解答|实验|探究|综合)题?"
        r"|short[- ]answers?|long[- ]answers?|open[- ]ended|open|structured|explanations?|text|comprehension"),
)  # fmt: skip
_TAIL = r"(?:\s*(?:questions?|items?|problems?|section|部分|题))?"
_KINDS = tuple((kind, re.compile(rf"(?:{words}){_TAIL}", _I)) for kind, words in _KIND_WORDS)
# Words that name a section without saying what its answers are: the answers decide.
_OPEN_SECTION = re.compile(
    rf"(?:计算题?|应用题?|解答题?|解决问题|口算|calculations?|calculate|problems?){_TAIL}", _I
)


def kind_named(text: str) -> Kind | None:
    """The kind that a phrase such as "选择题" or "Short answer questions" names as a whole; None when it names none."""
    phrase = text.strip(" :：.。、-*").strip()
    if not phrase or len(phrase) > 40:
        return None
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(phrase)), None)


def names_open_section(text: str) -> bool:
    """Whether a phrase names a section whose kind the answers decide: 计算题, 应用题, Calculations."""
    phrase = text.strip(" :：.。、-*").strip()
    return len(phrase) <= 40 and _OPEN_SECTION.fullmatch(phrase) is not None


class Mark(StrEnum):
    """What a line that begins with a known word holds."""

    ANSWER = "answer"
    ALSO = "also"  # one more acceptable answer
    CRITERIA = "criteria"
    POINTS = "points"
    KIND = "kind"
    TOLERANCE = "tolerance"
    UNIT = "unit"
    TOTAL = "total"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class Marker:
    """A line that begins with a known word: what it is, what follows, and what stood in brackets after the word."""

    mark: Mark
    rest: str
    aside: str = ""


_ANSWER_STRONG = (
    r"参考答案|标准答案|正确答案|示例答案|示范答案|答案|model answers?|sample answers?|expected answers?"
    r"|reference answers?|correct answers?|answers?|answer key|ans|key"
)
_WORDS: tuple[tuple[Mark, str], ...] = (
    (Mark.ANSWER, _ANSWER_STRONG + r"|范文|参考例文|答|解|reference|solutions?"),
    (Mark.ALSO, r"also accept|accept(?: also)?|allow|alternative(?: answers?)?|or|或者?|也可以?|亦可|也可答"),
    (Mark.CRITERIA, r"评分标准|评分细则|评分要点|评分参考|评分说明|评分|给分点|得分点|采分点|给分标准|答案要点"
        r"|criteria|criterion|marking(?: scheme| criteria| guide| points)?|mark scheme|rubric|scoring"
        r"|grading(?: criteria)?"),
    (Mark.POINTS, r"分值|分数|本题满分|points?|marks?|pts"),
    (Mark.KIND, r"题型|类型|kind|type"),
    (Mark.TOLERANCE, r"允许误差|误差范围|允许偏差|允差|误差|容差|tolerance|margin of error|margin"),
    (Mark.UNIT, r"单位|units?"),
    (Mark.PROMPT, r"题目|题干|问题|prompt|question text|stem"),
)  # fmt: skip
_GROUPS = "|".join(f"(?P<{mark.value}>{words})" for mark, words in _WORDS)
_ASIDE = r"(?:\s?[(（](?P<aside>[^()（）]{1,40})[)）])?"
_MARKER = re.compile(rf"(?:\*\*)?(?:{_GROUPS}){_ASIDE}\s?(?:\*\*)?\s?[:：](?:\*\*)?\s*(?P<rest>.*)", _I)
_BRACKETED = re.compile(rf"[【\[]\s?(?:{_GROUPS})\s?[】\]]{_ASIDE}\s?[:：]?\s*(?P<rest>.*)", _I)
_ALONE = re.compile(rf"(?:{_GROUPS}){_ASIDE}", _I)
_BARE_TOLERANCE = re.compile(r"(?:允许误差|误差范围|误差|容差|tolerance)\s*(?P<rest>[±+\d不在].{0,40})", _I)
_SIGN_ONLY = re.compile(r"(?:±|\+/-)\s*\d.{0,30}")
_TOTAL = re.compile(
    r"[\[(（【]?\s?(?:本卷|全卷|试卷|卷面)?(?:总分值?|满分|合计|总计|共计?|全卷共|total(?: marks?| points?| score)?"
    r"(?: for (?:question|q)\s*(?P<q>\w{1,6}))?|full marks|maximum(?: marks?)?|grand total)"
    r"\s?(?:[:：=]|is|为|是)?\s?(?P<n>\d{1,5}(?:\.\d{1,3})?)\s?(?P<u>分|marks?|points?|pts?)?\s?[\])）】]?\s?[.。]?",
    _I,
)
_FIRST = frozenset(
    "参标正示答范解或也亦评给得采分本题类允误容单问±+[【(（*总满合共全试卷mseracktpulogfMSERACKTPULOGFqQ"
)
_STRONG_INLINE = re.compile(
    rf"(?:[【\[(（]\s?(?P<b>{_ANSWER_STRONG})\s?(?:[】\]]\s?[:：]?|[:：])|(?<![\w\u4e00-\u9fff])(?P<w>{_ANSWER_STRONG})"
    rf"\s?[:：])\s*",
    _I,
)
_INLINE_CRITERIA = re.compile(
    r"[【\[]?(?:评分标准|评分细则|评分要点|mark scheme|criteria|rubric)[】\]]?\s?[:：]\s*", _I
)


def _found(match: re.Match[str], rest: str) -> Marker:
    mark = next(mark for mark, _ in _WORDS if match[mark.value])
    return Marker(mark, rest.strip(), (match["aside"] or "").strip())


def marker(line: str) -> Marker | None:
    """What a line (without spaces before it) begins with; None for an ordinary line.

    The canonical form escapes every line of a prompt for which this is not None, so both readers may rely on it.
    """
    if not line or line[0] not in _FIRST:
        return None
    line_end = line.rstrip()
    total = _TOTAL.fullmatch(line_end) if len(line_end) <= 60 else None
    if total:
        return Marker(Mark.TOTAL, total["n"], total["q"] or "")
    for pattern in (_MARKER, _BRACKETED):
        match = pattern.match(line)
        if match:
            return _found(match, match["rest"])
    if len(line_end) <= 60:
        bare = _BARE_TOLERANCE.fullmatch(line_end)
        if bare or _SIGN_ONLY.fullmatch(line_end):
            return Marker(Mark.TOLERANCE, (bare["rest"] if bare else line_end).strip())
        match = _ALONE.fullmatch(line_end)
        if match and not (match[Mark.ALSO.value] or match[Mark.KIND.value]):
            return _found(match, "")
    return None


_EXPLANATION = re.compile(
    r"[【\[]?(?:解析|试题分析|分析|点评|点拨|explanation)[】\]]?\s?[:：]|【(?:解析|分析|点评)】", _I
)


def explains(line: str) -> bool:
    """Whether a line begins an explanation for readers ("解析：…"), which is no answer and no criterion."""
    return _EXPLANATION.match(line[:30]) is not None


def split_inline(line: str) -> list[str]:
    """A line cut before an answer or criteria that follows on it: "2+2? 答案：4" gives ["2+2?", "答案：4"].

    A bracket around the answer, "（答案：4）", is taken off.
    """
    parts: list[str] = []
    begins = marker(line.strip())
    if begins is not None and begins.mark != Mark.PROMPT:
        return split_criteria(line)
    found = _STRONG_INLINE.search(line, 1) if len(line) > 3 else None
    if found:
        parts.append(line[: found.start()].rstrip())
        rest = line[found.end() :].strip()
        if line[found.start()] in "(（" and rest.endswith((")", "）")):
            rest = rest[:-1].rstrip()
        line = f"{found['b'] or found['w']}：{rest}"
    return [*parts, *split_criteria(line)]


def split_criteria(line: str) -> list[str]:
    """A line cut before criteria that follow on it: "答案：4 评分标准：…" gives two lines."""
    criteria = _INLINE_CRITERIA.search(line, 1)
    if not criteria:
        return [line]
    return [line[: criteria.start()].rstrip(), "Criteria: " + line[criteria.end() :]]

"""Multiple choice and true/false: the option letters in an answer, compared with the scheme's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.grading.graders.computed import (
    EXACT,
    NO_REFERENCE,
    Span,
    all_points,
    doubt,
    gives_up,
    graded,
    no_points,
)
from app.grading.likeness import words
from app.grading.model import GradeOptions
from app.grading.normalise import Mapped, comparable, normalise
from app.grading.state import Answer, QuestionMark
from app.i18n import N_, Text
from app.scheme.types import Question

NO_LETTER = N_("No option letter was found in this answer")
SEVERAL = N_("One option was asked for, but the answer names several: {letters}")
CORRECTED = N_("The answer seems to be corrected or undecided, please read it")
UNKNOWN_LETTER = N_("The answer names {letters}, which is not among the options")
MIXED = N_("The letter and the words of the answer point to different options")
PARTLY = N_("Some of the right options are there; the criteria do not say what that is worth")
BAD_REFERENCE = N_("The reference answer of this question names no option")

_LETTER = "A-H"
_OPTION = re.compile(rf"(?:^|\n|\s{{1,}})[(]?([{_LETTER}a-h])(?:[)\].,:]|\)\.)\s*(?=\S)")
_LEAD = re.compile(
    r"^(?:(?:q(?:uestion)?\s*)?\(?\d{1,3}[).:,]\s*|第\s*\d{1,3}\s*题[.:,]?\s*|"
    r"(?:the\s+)?(?:correct\s+|right\s+|my\s+|final\s+)?(?:answer|ans|option|choice|solution)s?"
    r"\s*(?:is|are|=|:)?\s*:?\s*|i\s+(?:choose|chose|pick|think|select|believe)\s*(?:it\s+is|it's)?\s*|"
    r"(?:choose|select|pick|it\s+is|it's)\s+|(?:选项|选择|正确答案|参考答案|答案|我选|故选|应选|应该选|本题选|"
    r"所以选|因此选|选|答|解|我认为|我觉得|正确的|是|为|应为|应该是)\s*[是为:]?\s*:?\s*)",
    re.IGNORECASE,
)
_SEPARATOR = r"(?:\s*(?:,|;|·|&|\+|和|与|及|以及|\band\b)\s*|\s+|(?<=[)\]])(?=[(\[]))"
_GROUP = rf"(?:[(\[]\s?)?[{_LETTER}]{{1,8}}(?:\s?[)\]])?"
_LETTERS = re.compile(rf"(?:both\s+)?({_GROUP}(?:{_SEPARATOR}{_GROUP})*)(?![A-Za-z0-9])", re.IGNORECASE)
_ALONE = re.compile(rf"(?<![A-Za-z])[{_LETTER}]+(?![A-Za-z])")
# Letters that the student or a reader says are crossed out: they are not the answer.
_CROSSED_OUT = re.compile(
    rf"~~[^~\n]{{1,40}}~~|\b[{_LETTER}]{{1,8}}\s*[(\[]\s*"
    r"(?:已?(?:划|画|删|涂|勾)[掉去除]?了?|作废|crossed(?: it)? out|deleted|struck(?: out)?)\s*[)\]]",
    re.IGNORECASE,
)
# What a crossed-out or hesitating answer looks like once it is text.
_DOUBTFUL = re.compile(
    r"->|→|⇒|=>|改|不是|不选|并非|非|划掉|或|还是|不对|错误|排除|~~|\bor\b|\bnot\b|n't\b|\binstead\b|\bchanged?\b|"
    r"\bwrong\b|\bexcept\b|(?<=[A-Ha-h])\s*/\s*(?=[A-Ha-h])|×|✗",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    rf"(?:故|所以|因此|综上,?|应)(?:答案)?[是为选]+\s*:?\s*({_GROUP}(?:{_SEPARATOR}{_GROUP})*)[.!]?$|"
    rf"(?:therefore|so|hence)[, ]+(?:the )?(?:correct )?(?:answer|option)(?: is|:)\s*({_GROUP})[.!]?$|"
    rf"(?:therefore|so|hence)[, ]+(?:it(?:'s| is) )?(?-i:([{_LETTER}]))[.!]?$",
    re.IGNORECASE,
)
_CONCLUDED = 0.9
"""Confidence when other letters are discussed before a final "故选B": chosen below EXACT, not measured."""

_BECAUSE = re.compile(r"^\s*(?:[,.;:]|\n|\(|because\b|since\b|as\b|因为|由于|理由)", re.IGNORECASE)
_AFTER = re.compile(
    r"^\s*(?:is|are|was)\s+(?:the\s+)?(?:correct|right|true|best)?\s*(?:answers?|options?|choices?|ones?)?[.!]?$|"
    r"^\s*(?:选项|项|答案)?\s*(?:是)?\s*(?:正确|对)的?(?:答案|选项)?[.!]?$|^\s*(?:选)?项[.!]?$",
    re.IGNORECASE,
)
_TRUE = frozenset(("对", "正确", "是", "√", "✓", "✔", "t", "true", "yes", "right", "correct", "真", "○"))
_FALSE = frozenset(
    ("错", "错误", "不对", "不正确", "否", "×", "x", "✗", "✘", "f", "false", "no", "wrong", "incorrect", "假")
)
_PARTIAL_WORDS = re.compile(
    r"部分|不全|漏选|少选|partial|some of|at least one|incomplete|missing", re.IGNORECASE
)
_PARTIAL_POINTS = re.compile(
    r"(?:漏选|少选|选对但不全|部分选对|选不全|不全)[^0-9。;；]{0,8}?(\d+(?:\.\d+)?)\s*分|"
    r"(?:partially correct|partial credit|incomplete)[^0-9.;]{0,12}(\d+(?:\.\d+)?)\s*(?:points?|marks?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Letters found, where (original offsets), and how surely."""

    letters: frozenset[str]
    span: Span
    confidence: float = EXACT


class _Unclear(Exception):  # noqa: N818 - a way out of the reading, never out of this module
    def __init__(self, reason: Text) -> None:
        self.reason = reason


class ChoiceGrader:
    """Marks option letters.

    The letters must be stated cleanly ("B", "选B", "Answer: b.", "A、C", "AC"), or the options' words be
    repeated, or a worked answer end in "故选B"; letters marked as crossed out ("A（划掉） C", "~~A~~ C") do not
    count. Corrections ("A→B"), alternatives ("A or B"), letters outside the options and a letter beside words
    that speak of another option go to the teacher. Everything right gives every criterion in full. A wrong
    letter, or "I don't know", gives 0.

    Some right letters and no wrong one (several-answer questions), in this order: criteria that each name one
    letter are given for the letters found; a criterion that names the partly right case (漏选, 部分,
    partial) is given alone; a stated sum ("漏选得2分") in the prompt or the criterion is given; otherwise 0
    with a single criterion, and the teacher's decision with several, for nothing says what half an answer
    is worth.

    True/false questions (references such as 对, √, T, False) are read the same way.
    """

    name = "choice"

    async def grade(self, question: Question, answer: Answer, options: GradeOptions) -> QuestionMark:
        """The mark for the option letters of an answer; see the class for the rules."""
        if not question.references:
            return doubt(question, self.name, Text(NO_REFERENCE))
        if gives_up(question, answer):
            return no_points(question, answer, normalise(answer.text).whole(), self.name)
        sides = [_truth(reference) for reference in question.references]
        if all(side is not None for side in sides):
            return self._true_false(question, answer, sides)
        choices = prompt_options(question.prompt)
        right = [_reference_letters(reference, choices) for reference in question.references]
        if not all(right):
            return doubt(question, self.name, Text(BAD_REFERENCE))
        try:
            chosen = read_letters(answer.text, choices)
        except _Unclear as unclear:
            return doubt(question, self.name, unclear.reason)
        return self._compare(question, answer, chosen, right)

    def _true_false(self, question: Question, answer: Answer, sides: list[bool | None]) -> QuestionMark:
        said = _truth(answer.text)
        if said is None:
            return doubt(
                question, self.name, Text(N_("The answer is neither clearly true nor clearly false"))
            )
        span = normalise(answer.text).whole()
        verdict = all_points if said in sides else no_points
        return verdict(question, answer, span, self.name)

    def _compare(
        self, question: Question, answer: Answer, chosen: _Chosen, right: list[frozenset[str]]
    ) -> QuestionMark:
        if chosen.letters in right:
            return all_points(question, answer, chosen.span, self.name, chosen.confidence)
        if len(chosen.letters) > 1 and all(len(letters) == 1 for letters in right):
            return doubt(question, self.name, Text(SEVERAL, {"letters": "".join(sorted(chosen.letters))}))
        wider = [letters for letters in right if chosen.letters < letters]
        if not wider:
            return no_points(question, answer, chosen.span, self.name, chosen.confidence)
        return self._partly(question, answer, chosen, wider[0])

    def _partly(
        self, question: Question, answer: Answer, chosen: _Chosen, right: frozenset[str]
    ) -> QuestionMark:
        given = partial_points(question, chosen.letters, right)
        if given is None:
            return doubt(question, self.name, Text(PARTLY))
        pairs = [(points, chosen.span) for points in given]
        return graded(question, answer, pairs, self.name, chosen.confidence)


def partial_points(question: Question, letters: frozenset[str], right: frozenset[str]) -> list[float] | None:
    """Points a criterion when `letters` are some of the right ones; None when the scheme does not say."""
    named = [frozenset(_ALONE.findall(normalise(c.text, fold_case=False).text)) for c in question.criteria]
    if all(len(names) == 1 for names in named) and frozenset().union(*named) == right:
        return [
            c.points if names <= letters else 0.0 for c, names in zip(question.criteria, named, strict=True)
        ]
    partial = [bool(_PARTIAL_WORDS.search(c.text)) for c in question.criteria]
    if len(partial) > 1 and sum(partial) == 1:
        return [c.points if half else 0.0 for c, half in zip(question.criteria, partial, strict=True)]
    if len(question.criteria) > 1:
        return None
    stated = _PARTIAL_POINTS.search(question.prompt) or _PARTIAL_POINTS.search(question.criteria[0].text)
    if stated is None:
        return [0.0]
    points = float(stated[1] or stated[2])
    return [points] if points <= question.points else None


def prompt_options(prompt: str) -> dict[str, str]:
    """The options that a prompt lists, a line each or in one line: letter -> comparable text; {} if none.

    Letters count only in their order from A, so that "see B) above" inside a sentence is no option.
    """
    text = normalise(prompt, fold_case=False).text
    expected, found = ord("A"), []
    for match in _OPTION.finditer(text):
        if ord(match[1].upper()) == expected:
            found.append(match)
            expected += 1
    if len(found) < 2:
        return {}
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {
        match[1].upper(): comparable(text[match.end() : end]) for match, end in zip(found, ends, strict=True)
    }


def read_letters(text: str, choices: dict[str, str]) -> _Chosen:
    """The option letters that an answer states; raises _Unclear with the reason for the teacher."""
    mapped = _without_crossed_out(normalise(text, fold_case=False))
    span = mapped.whole()
    by_words = _letters_of_words(text, choices)
    start = _after_lead(mapped.text)
    body = mapped.text[start:]
    concluded = _CONCLUSION.search(body)
    if concluded and by_words is None:
        group = next(number for number in (1, 2, 3) if concluded[number])
        found = concluded[group]
        at = start + concluded.start(group)
        letters = _listed(found, choices)
        # Other letters before "故选B" were being discussed; without them the statement is simply clean.
        sure = set(_ALONE.findall(body)) == set(_ALONE.findall(found))
        return _Chosen(letters, mapped.span(at, at + len(found)), EXACT if sure else _CONCLUDED)
    match = _LETTERS.match(body)
    if match is None or not _clean(body, match, choices):
        if by_words is not None:
            return _Chosen(by_words, span)
        if _DOUBTFUL.search(body) and _ALONE.search(body.upper()):
            raise _Unclear(Text(CORRECTED))
        several = sorted(set("".join(_ALONE.findall(body))))
        if match is not None and len(several) > 1:
            raise _Unclear(Text(SEVERAL, {"letters": "".join(several)}))
        raise _Unclear(Text(NO_LETTER))
    letters = _listed(match[1], choices)
    if by_words is not None and letters != by_words:
        raise _Unclear(Text(MIXED))
    if _about_another(body[match.end() :], letters, choices):
        raise _Unclear(Text(MIXED))
    return _Chosen(letters, mapped.span(start + match.start(1), start + match.end(1)))


def _after_lead(text: str) -> int:
    """Where the statement begins after "Answer:", "3.", "我选" and the like, however many there are."""
    start = 0
    while match := _LEAD.match(text[start:]):
        if match.end() == 0:
            break
        start += match.end()
    while start < len(text) and text[start] in " \n\"':.,*_":
        start += 1
    return start


def _clean(body: str, match: re.Match[str], choices: dict[str, str]) -> bool:
    """Whether what follows the letters leaves them standing: nothing, the option's own words, or a reason."""
    rest = body[match.end() :]
    if not comparable(rest) and not _DOUBTFUL.search(rest):
        return True
    if _AFTER.match(rest):
        return True
    letters = match[1].upper().strip("()[] ")
    if len(letters) == 1 and letters in choices and comparable(rest) == choices[letters]:
        return True
    if len(letters) == 1 and comparable(rest) in choices.values():
        raise _Unclear(Text(MIXED))
    if _DOUBTFUL.search(rest) or not _BECAUSE.match(rest):
        return False
    others = set("".join(_ALONE.findall(rest))) - set(letters)
    return not others


def _listed(found: str, choices: dict[str, str]) -> frozenset[str]:
    """The letters of a list such as "A, C" or "AC"."""
    words = re.sub(r"\band\b|\bboth\b", " ", found, flags=re.IGNORECASE)
    letters = frozenset(char for char in words.upper() if "A" <= char <= "H")
    outside = sorted(letters - set(choices)) if choices else []
    if outside:
        raise _Unclear(Text(UNKNOWN_LETTER, {"letters": "".join(outside)}))
    return letters


def _without_crossed_out(mapped: Mapped) -> Mapped:
    """The text with crossed-out letters as blanks, its length and offsets unchanged."""
    text = _CROSSED_OUT.sub(lambda match: " " * len(match[0]), mapped.text)
    return Mapped(text, mapped.starts, mapped.ends)


def _letters_of_words(text: str, choices: dict[str, str]) -> frozenset[str] | None:
    """The options whose words, and nothing else, the answer repeats exactly; None when it says anything else."""
    letters = {words: letter for letter, words in choices.items() if words}
    if len(letters) < len(choices) or not letters:
        return None
    if (said := comparable(text)) in letters:
        return frozenset((letters[said],))
    said_parts = (comparable(part) for part in re.split(r"[,;\n]|\band\b|[和与及]", normalise(text).text))
    found = [letters.get(part, "") for part in said_parts if part]
    return frozenset(found) if len(found) > 1 and all(found) else None


def _about_another(rest: str, letters: frozenset[str], choices: dict[str, str]) -> bool:
    """Whether the words after one letter speak of another option and not of the chosen one.

    Told by words (pairs of Chinese characters) that only one option has.
    """
    if len(letters) != 1 or not rest.strip():
        return False
    said = set(words(rest.casefold()))
    own = next(iter(letters))
    options = {letter: set(words(text)) for letter, text in choices.items()}
    only = {
        letter: found - set().union(*(other for name, other in options.items() if name != letter))
        for letter, found in options.items()
    }
    return own in only and not said & only[own] and any(said & found for found in only.values())


def _reference_letters(reference: str, choices: dict[str, str]) -> frozenset[str]:
    """The letters of a reference answer; empty when it names none."""
    try:
        return read_letters(reference, choices).letters
    except _Unclear:
        return frozenset()


def _truth(text: str) -> bool | None:
    """What a true/false answer says; None when it is neither."""
    said = normalise(text).text
    start = _after_lead(said) if comparable(said) not in _TRUE | _FALSE else 0
    word = comparable(said[start:])
    return True if word in _TRUE else False if word in _FALSE else None

"""What a paper says about whose it is: claims out of its file name and its first lines, not judged yet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from app.intake.normal import CJK, normal_name, normal_text, number_key, words

FIRST_LINES = 20  # lines that may hold labelled names and numbers
TOP_LINES = 5  # lines that may be nothing but a name
MAX_LINE = 300  # characters; what follows in a line is an answer
SPACED_NAME = 5  # characters of a Chinese name in two parts, the space counted
MAX_VALUE = 40  # characters of a name or number after its label
LOOSE_NUMBER = 5  # characters from which a number without a label counts; "3" is a question, "2024" a year
MIXED_NUMBER = 3  # the same for one of letters and digits

NAME_LABELS = (
    "学生姓名",
    "考生姓名",
    "姓名",
    "名字",
    "student name",
    "full name",
    "name of student",
    "name",
    "student",
)
NUMBER_LABELS = (
    "学生学号", "学生编号", "准考证号", "学籍号", "考生号", "学号", "考号", "编号",
    "student number", "student no", "student id", "student nr", "id number", "matriculation number",
    "candidate number", "candidate no", "roll number", "roll no", "number", "id",
)  # fmt: skip
OTHER_LABELS = (
    "班级", "年级", "学校", "座位号", "座号", "得分", "成绩", "总分", "分数", "日期", "时间", "科目", "学科", "学院",
    "专业", "教师", "老师",
    "class", "grade", "date", "score", "marks", "mark", "total", "school", "subject", "course", "teacher", "period",
    "section", "file name", "filename", "school name", "class name", "teacher name", "course name", "parent name",
    "group", "email", "seat", "form", "year", "time",
)  # fmt: skip
KINDS = dict.fromkeys(NAME_LABELS, "name") | dict.fromkeys(NUMBER_LABELS, "number")

# Words that file names have beside a person's name. Chinese ones are cut out of unparted runs, so only words that
# are parts of no usual name stand here.
CHINESE_NOISE = re.compile(
    "实验报告|练习册|练习题|答题卡|答题纸|最终版|修改版|扫描件|作业|作文|试卷|答卷|答案|试题|考试|期中|期末|月考|周测|测验|练习|报告|扫描|副本|提交"
    "|语文|数学|英语|物理|化学|生物课|历史|地理|政治|论文|班级|姓名|学号|同学|高[一二三]|初[一二三]|[一二三四五六七八九]年级"
    "|[一二三四五六七八九十]+班|第[一二三四五六七八九十]+[次章课单元题回周]元?|年|月|日|班|版|号"
)
NOISE = frozenset({
    "essay", "homework", "hw", "work", "final", "draft", "assignment", "assign", "exam", "test", "quiz",
    "paper", "scan", "scanned", "img", "image", "copy", "version", "rev", "submission", "assignsubmission",
    "file", "onlinetext", "document", "doc", "pdf", "docx", "txt", "maths", "math", "english", "physics",
    "chemistry", "biology", "history", "geography", "science", "week", "unit", "chapter", "page", "pages",
    "answer", "answers", "lab", "report", "class", "name", "student", "id", "no", "number", "term",
    "midterm", "the", "of", "by", "for", "and", "new", "late", "v", "p", "q",
})  # fmt: skip
# Marks of Markdown around a label or at the head of a title; _ may be the rule of a form.
MARKDOWN = re.compile(r"[*`]+|^\s*#+\s")
# 8A01, v2, 20230801: a word of a number and at most two letters a side is no part of a name; "Ann2" holds one.
CODE = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{0,2}\d[0-9A-Za-z]{0,12}(?![0-9A-Za-z])")
SPREAD = re.compile(f"(?<![{CJK}])[{CJK}](?: [{CJK}])+(?![{CJK}])")


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement: `kind` "name" or "number"; `value` as it reads in its normal spelling.

    `labelled`: it stands after a label such as 姓名 on the page. `exact`: the value is all there is (a labelled
    value, a whole line, the file name without its usual words); else names may only be part of it.
    `place`: "file" or "page".
    """

    kind: str
    value: str
    place: str
    labelled: bool = False
    exact: bool = True


def file_claims(file_name: str) -> list[Claim]:
    """Claims of a file name: its numbers, and the words left when usual words of file names are taken out."""
    stem = _stem(normal_text(file_name))
    claims = [Claim("number", token, "file") for token in number_tokens(stem)]
    for part in re.split(r" - |[()\[\]{}【】]|__", stem):
        claims += _part_claims(part)
    # "Ann - Lee" and "Lee (Ann)" are names as well, if nothing else stands there.
    whole = _without_noise(stem)
    value = " ".join(whole)
    if len(whole) > 1 and not any(claim.value == value for claim in claims):
        # 欧阳 修文 may be one name; a longer line of Chinese words is a title.
        one = not any(map(_chinese, whole)) or (all(map(_chinese, whole)) and len(value) <= SPACED_NAME)
        claims.append(Claim("name", value, "file", exact=one))
    return claims


def page_claims(text: str) -> list[Claim]:
    """Claims of the first lines of a paper: labelled names and numbers, lines that are a name, loose numbers."""
    kept = (MARKDOWN.sub("", line[:MAX_LINE]) for line in text[: FIRST_LINES * MAX_LINE].split("\n"))
    lines = [line for line in kept if line.strip()][:FIRST_LINES]
    claims: list[Claim] = []
    for index, line in enumerate(lines):
        found = _labelled(line, lines[index + 1] if index + 1 < len(lines) else "")
        claims += found
        claims += [Claim("number", token, "page") for token in number_tokens(normal_text(line))]
        if not found and index < TOP_LINES and (value := _bare_name(line)):
            # "priya nair 8a06 science": the subject beside a name is no part of it; "Jimmy Page" is one.
            values = dict.fromkeys((value, _without_usual_words(value)))
            claims += [Claim("name", name, "page") for name in values if len(name) > 1]
    return claims


def number_tokens(text: str) -> list[str]:
    """Everything in a text that could be a student number: runs of letters and digits with at least one digit.

    Runs joined by - _ . / are given whole and in parts ("2024-01-07" too, if numbers are written so).
    """
    found: dict[str, None] = {}
    for match in re.finditer(r"[0-9a-z]+(?:[-_./][0-9a-z]+)*", number_key_text(text)):
        parts = re.split(r"([-_./])", match[0])
        for start in range(0, len(parts), 2):
            for end in range(start + 1, min(len(parts), start + 8) + 1, 2):
                if re.search(r"\d", token := "".join(parts[start:end])):
                    found[token] = None
    return list(found)


def tells_itself(number: str) -> bool:
    """Whether a student's number is one without a label: long enough, or letters and digits mixed (8A10)."""
    return len(number) >= (MIXED_NUMBER if re.search(r"[^\W\d]", number) else LOOSE_NUMBER)


def number_key_text(text: str) -> str:
    """A text in the spelling of `number_key`, its spaces kept."""
    return normal_text(text).casefold()


def _stem(name: str) -> str:
    suffix = PurePath(name).suffix
    # "Lee, Ann M. Jr" has no extension.
    return name[: -len(suffix)] if re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{0,4}", suffix) else name


def _part_claims(part: str) -> list[Claim]:
    left = _without_noise(part)
    if not left:
        return []
    # A comma turns the order of a name; it must survive for the forms to be found.
    comma = re.fullmatch(r"\s*([^\d,]+),\s*([^\d,]+?)\s*", part)
    if comma and not any(map(_chinese, left)):
        return [Claim("name", " ".join((*_without_noise(comma[2]), *_without_noise(comma[1]))), "file")]
    chinese = [word for word in left if _chinese(word)]
    others = [word for word in left if not _chinese(word)]
    claims = [Claim("name", word, "file") for word in chinese]
    return [*claims, Claim("name", " ".join(others), "file")] if others else claims


def _without_noise(text: str) -> list[str]:
    # 李 娜: single characters with spaces between are one name that was spread to the width of the others.
    text = SPREAD.sub(lambda match: match[0].replace(" ", ""), text)
    spaced = CHINESE_NOISE.sub(" ", re.sub(r"([a-z])([A-Z])", r"\1 \2", _without_codes(text)))
    parts = [word for part in re.split(r"[\s_\-+,，、.;；—–]+", spaced) for word in words(part)]
    return [word for word in parts if word not in NOISE]


def _without_codes(text: str) -> str:
    """A text without numbers and what is glued to them: the A of 8A01 is no initial. Longer runs of letters stay."""
    parted = text.replace("_", " ")
    return CODE.sub(lambda code: " ".join(re.findall(r"[A-Za-z]{3,}", code[0])), parted)


def _chinese(word: str) -> bool:
    return re.match(f"[{CJK}]", word) is not None


def _pattern() -> re.Pattern[str]:
    labels = sorted((*NAME_LABELS, *NUMBER_LABELS, *OTHER_LABELS), key=len, reverse=True)
    spelled = [r"\s*".join(map(re.escape, label)) if _chinese(label) else r"[\s_]*".join(map(re.escape, label.split()))
               for label in labels]  # fmt: skip
    # A Chinese label may be parted by a space or a rule from its value; "Name the capital" is a question.
    return re.compile(
        rf"(?:^|(?<=[\s_|,，;；:：。)）]))(?P<label>{'|'.join(spelled)})\.?\s*(?:\([^)]*\))?"
        r"(?P<mark>\s*[:：=]\s*|\s*\t\s*|\s+|_+|$)",
        re.IGNORECASE,
    )


LABEL = _pattern()


def _labelled(line: str, following: str) -> list[Claim]:
    # Tabs part the cells of a table, and normal_text would make spaces of them.
    plain = "\t".join(normal_text(cell) for cell in line.replace("|", "\t").split("\t"))
    marks = [match for match in LABEL.finditer(plain) if _counts(match)]
    claims: list[Claim] = []
    for match, after in zip(marks, [*marks[1:], None], strict=False):
        kind = KINDS.get(_bare(match["label"]))
        value = _value(plain[match.end() : after.start() if after else None])
        if kind and not value and after is None and len(marks) == 1:
            value = _on_next_line(kind, following)
        if kind == "name" and value:
            claims.append(Claim(kind, normal_name(value), "page", True))
        elif kind == "number" and (number := _labelled_number(value)):
            claims.append(Claim(kind, number, "page", True))
    return claims


def _on_next_line(kind: str, following: str) -> str:
    """The value of a label that ends its line, if the next line is nothing else; "1. ..." there is an answer."""
    if LABEL.search(normal_text(following)):
        return ""
    if kind == "name":
        return "" if re.search(r"\d|、", following) else _bare_name(following)
    return _value(normal_text(following))


def _labelled_number(value: str) -> str:
    """The number in a filled-in value: all of it ("2024 0101"), or its first token ("20240101 (again)")."""
    whole = number_key(value)
    if re.fullmatch(r"[0-9a-z./_-]*\d[0-9a-z./_-]*", whole):
        return whole
    return next(iter(number_tokens(value)), "")


def _counts(match: re.Match[str]) -> bool:
    return _chinese(match["label"]) or any(mark in match["mark"] for mark in ":=\t_") or match["mark"] == ""


def _bare(label: str) -> str:
    if _chinese(label):
        return re.sub(r"\s", "", label)
    return re.sub(r"[\s_]+", " ", label).casefold()


def _value(text: str) -> str:
    """What was filled in: rules and brackets off, the first cell, nothing when it is as long as a sentence."""
    cells = [
        cell.strip(" _:：-—.…。()（）[]【】<>《》\"'“”")
        for cell in re.split(r"\t| {3,}|_{2,}|[;；,，](?= *$)", text)
    ]
    value = next((cell for cell in cells if cell), "")
    return value if len(value) <= MAX_VALUE else ""


def _bare_name(line: str) -> str:
    """A line that is a name and perhaps a number, and nothing else; "" for other lines and numbered answers."""
    if re.match(r"\s*[(（]?\d{1,3}\s*[.)、．）]", line):
        return ""
    plain = re.sub(r"[0-9a-z]*\d[0-9a-z]*", " ", normal_text(line), flags=re.IGNORECASE).strip(
        " ,，、-_/|()（）"
    )
    if not 2 <= len(plain) <= MAX_VALUE or re.search(r"[^\w\s,，.'’·\-]", plain):
        return ""
    return normal_name(plain)


def _without_usual_words(name: str) -> str:
    return " ".join(word for word in name.split() if word.casefold() not in NOISE)

"""Characters that text recognition takes for one another: near, never the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

# Groups of one shape, from the confusions that PP-OCR and readers of handwriting make of school forms.
GROUPS = (
    "0Oo〇", "1lI|!i", "2Zz", "5Ss", "6b", "8B", "9gq", "uv", "ce", "己已巳", "未末", "土士", "日曰",
    "人入八", "王玉主", "大太犬", "天夭", "干千于", "木本", "田由甲申", "刀力", "瓜爪", "晴睛", "伟炜玮",
    "明朋", "宇字", "侯候", "今令", "史吏", "免兔", "戊戌戍", "辰展", "杨扬", "陈阵", "张弘", "洋详",
    "婷娉", "琪淇祺", "浩洁", "佳住", "辉晖", "晓哓", "敏每", "季李", "肖尚", "崔催", "姓性牲妊", "名各",
    "学字", "号呈", "班斑", "级极",
)  # fmt: skip
GROUP_OF: Mapping[str, str] = {mark: group[0] for group in reversed(GROUPS) for mark in group}


@lru_cache(maxsize=16384)
def shape(text: str) -> str:
    """A text with every character replaced by one that stands for its look, and "rn" by "m": as long or shorter."""
    return "".join(GROUP_OF.get(mark, mark) for mark in text.replace("rn", "m").replace("vv", "w"))


def lookalike(one: str, other: str) -> bool:
    """Whether two different texts may be the same one misread."""
    return one != other and shape(one) == shape(other)

"""Chinese names in Latin letters, and short names."""

from __future__ import annotations

import pytest

from app.intake.lookalikes import lookalike
from app.intake.nicknames import may_be_called
from app.intake.romanise import may_be_pinyin, short_spellings, spellings


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("王小明", "wangxiaoming"), ("王小明", "xiaomingwang"), ("欧阳修文", "xiuwenouyang"),
        ("单雄信", "shanxiongxin"),
        ("吕布", "lvbu"), ("吕布", "lubu"), ("吕布", "lyubu"), ("解缙", "xiejin"), ("曾国藩", "zengguofan"),
    ],
)  # fmt: skip
def test_whole_names(name: str, spelling: str) -> None:
    assert spelling in spellings(name)


@pytest.mark.parametrize("name", ["Ann Lee", "王", "", "阿依古丽·买买提", "王Tom", "啊" * 30])
def test_what_is_no_chinese_name_has_no_pinyin(name: str) -> None:
    assert spellings(name) == short_spellings(name) == frozenset()


def test_initials() -> None:
    assert {"wangxm", "xmwang", "wxm"} <= short_spellings("王小明")
    assert "wangxiaoming" not in short_spellings("王小明")


def test_what_may_be_pinyin() -> None:
    assert may_be_pinyin("Wang Xiaoming")
    assert not may_be_pinyin("王小明")
    assert not may_be_pinyin("123")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("王小明", "小明"), ("王小明", "明明"), ("张伟", "小伟"), ("张伟", "小张"), ("欧阳修文", "修文"),
        ("Robert Smith", "Bob"), ("Robert Smith", "Bob Smith"), ("Elizabeth Jones", "Liz Jones"), ("Ann Lee", "Ann"),
    ],
)  # fmt: skip
def test_short_names(name: str, said: str) -> None:
    assert may_be_called(name, said)


@pytest.mark.parametrize(
    ("name", "said"),
    [("王小明", "王小明"), ("王小明", "大伟"), ("Robert Smith", "Bob Jones"), ("Ann Lee", "Bob"), ("", "")],
)
def test_other_names(name: str, said: str) -> None:
    assert not may_be_called(name, said)


def test_lookalikes_are_near_and_never_the_same() -> None:
    assert lookalike("2O24", "2024")
    assert lookalike("己", "已")
    assert lookalike("Bamard", "Barnard")
    assert not lookalike("2024", "2024")
    assert not lookalike("2024", "2025")

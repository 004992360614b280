"""Names and passwords in the form in which they are kept."""

from __future__ import annotations

import pytest

from app.accounts import passwords
from app.accounts.passwords import WeakPasswordError
from app.accounts.service import normal, shown_name


@pytest.mark.parametrize(
    ("given", "kept"),
    [("Alice", "alice"), ("  ALICE ", "alice"), ("ａｌｉｃｅ", "alice"), ("王老师", "王老师"), ("ﬁ", "fi")],
)
def test_user_names(given: str, kept: str) -> None:
    assert normal(given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Ms\tO'Neil \n", "Ms O'Neil"),
        ("a\0b\x07c", "abc"),
        ("user\u202eevil", "userevil"),
        ("\u200b\u2066", ""),
        ("王\u3000老师", "王 老师"),
        ("x" * 500, "x" * 100),
        ("<b>x</b>", "<b>x</b>"),
        ("\ud800", ""),
    ],
)
def test_shown_names(given: str, kept: str) -> None:
    assert shown_name(given) == kept


@pytest.mark.parametrize("password", ["short", "x" * 12, "ababababab", "alice.alice", "y9" * 101, ""])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(WeakPasswordError):
        passwords.check(password, "alice.alice")


async def test_a_hash_fits_its_password_and_no_other() -> None:
    stored = await passwords.make("correct horse 7")
    assert "correct" not in stored
    assert await passwords.verify(stored, "correct horse 7")
    assert not await passwords.verify(stored, "correct horse 8")
    assert not await passwords.verify(None, "nobody")
    assert not await passwords.verify("no hash at all", "correct horse 7")

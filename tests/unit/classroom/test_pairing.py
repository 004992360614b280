"""Codes as people type them, and what is kept of a screen's token."""

from __future__ import annotations

import pytest

from app.classroom import pairing
from app.classroom.limits import Limit


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("ACD346", "ACD346"),
        ("acd346", "ACD346"),
        (" acd 346\n", "ACD346"),
        ("acd-346", "ACD346"),
        ("ＡＣＤ　３４６", "ACD346"),
        ("A C D 3 4 6", "ACD346"),
        ("", ""),
        ("ACD34", ""),
        ("ACD3467", ""),
        ("ACD340", ""),  # no zero in any code
        ("OIL125", ""),
        ("АСD346", ""),  # Cyrillic
        ("٣٤٦٧٩A", ""),
        ("ACD346" + " " * 10_000 + "x", "ACD346"),  # what follows a hundred characters is not looked at
        ("*" * 1_000_000, ""),
        ("ACD3\0046", ""),
    ],
)
def test_a_code_is_read_as_people_type_it(typed: str, code: str) -> None:
    assert pairing.normal(typed) == code


def test_no_two_characters_look_alike() -> None:
    for alike in ("0OQD", "1IL", "2Z", "5S", "8B", "6G", "UV", "VY"):
        assert len(set(alike) & set(pairing.ALPHABET)) <= 1, alike
    assert len(pairing.ALPHABET) == len(set(pairing.ALPHABET))
    # All wrong tries of an address in a day, against a thousand open codes, meet one less often than once in ten days.
    tries = pairing.WRONG_BY_ADDRESS.most * 86_400 / pairing.WRONG_BY_ADDRESS.seconds
    assert tries * 1_000 / len(pairing.ALPHABET) ** pairing.LENGTH < 0.1


def test_a_token_is_random_and_its_digest_does_not_tell_it() -> None:
    tokens = {pairing.new_token() for _ in range(100)}
    assert len(tokens) == 100 and min(map(len, tokens)) >= 43
    token = tokens.pop()
    assert len(pairing.digest(token)) == 64 and token not in pairing.digest(token)
    assert pairing.digest("\ud800") == pairing.digest("\ud800")  # half a character is no reason to fail


def test_a_counter_holds_no_name_and_no_long_key() -> None:
    limit = Limit("x", 1, 60)
    assert "192.0.2.1" not in limit.key("192.0.2.1") and len(limit.key("y" * 100_000)) < 60
    assert limit.key("a") != limit.key("b") != Limit("z", 1, 60).key("b")

"""Static files: for ever under their own hash, asked for again under any other address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from app.accounts.models import User
from app.web.pages import asset
from tests.conftest import Client

SignIn = Callable[[User | None], Awaitable[Client]]


async def test_a_file_under_its_own_hash_is_kept_for_ever(sign_in: SignIn) -> None:
    client = await sign_in(None)
    answer = await client.get(asset("css/zhupi.css"))
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789", "?v=0123456789&x", "?x"])
async def test_under_another_hash_it_is_asked_for_again(sign_in: SignIn, query: str) -> None:
    # While a version is replaced, an old replica may be asked for a new one's file.
    client = await sign_in(None)
    answer = await client.get(f"/static/css/zhupi.css{query}")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-cache"

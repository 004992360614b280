"""The shell: a signed-in teacher sees the start page, others the sign-in page."""

from __future__ import annotations

from typing import Any

from tests.conftest import World


async def test_sign_in_is_asked_for_and_works(sign_in: Any, world: World) -> None:
    nobody = await sign_in(None)
    response = await nobody.get("/", allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"].startswith("/sign-in")
    alice = await sign_in(world.alice)
    response = await alice.get("/")
    assert response.status == 200
    assert "Alice" in await response.text()

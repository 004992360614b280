"""The shell: a signed-in teacher sees the start page, others the sign-in page."""

from __future__ import annotations

from typing import Any

from tests.conftest import World
from tests.functional.papers_help import HTMX


async def test_sign_in_is_asked_for_and_works(sign_in: Any, world: World) -> None:
    nobody = await sign_in(None)
    response = await nobody.get("/", allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"].startswith("/sign-in")
    alice = await sign_in(world.alice)
    response = await alice.get("/")
    assert response.status == 200
    assert "Alice" in await response.text()


async def test_a_problem_reaches_its_place_whatever_the_form_asks_for(sign_in: Any, world: World) -> None:
    alice = await sign_in(world.alice)
    response = await alice.post("/classes", data={"name": " "}, headers=HTMX)
    assert response.status == 422
    assert response.headers["HX-Retarget"] == "#problems" and response.headers["HX-Reswap"] == "innerHTML"
    # A form's own target, way of swapping and selection are all overruled.
    assert response.headers["HX-Reselect"] == ".notice"
    assert (await response.text()).startswith('<p class="notice bad">')

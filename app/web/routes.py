"""The one route table: every address, its handler and its name."""

from __future__ import annotations

from aiohttp import web

from app.web import health, home, sign_in


def add(app: web.Application) -> None:
    """Register all pages and actions."""
    router = app.router
    router.add_get("/health/live", health.live, name="health-live")
    router.add_get("/health/ready", health.ready, name="health-ready")
    router.add_get("/", home.show, name="home")
    router.add_get("/sign-in", sign_in.show, name="signin")
    router.add_post("/sign-in", sign_in.submit, name="signin-submit")
    router.add_post("/sign-out", sign_in.sign_out, name="signout")
    router.add_post("/language", sign_in.set_language, name="set-language")
    router.add_get("/set-up/{token}", sign_in.setup_page, name="set-up")
    router.add_post("/set-up/{token}", sign_in.set_up, name="set-up-submit")

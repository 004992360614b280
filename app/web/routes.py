"""The one route table: every address, its handler and its name."""

from __future__ import annotations

from aiohttp import web

from app.web import health, home, paper_file, papers, sign_in, upload


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

    router.add_get("/assignments/{id}/papers", papers.show, name="papers")
    router.add_post("/assignments/{id}/papers", upload.submit, name="papers_upload")
    router.add_post("/assignments/{id}/papers/match", papers.match_again, name="papers_match")
    router.add_get("/papers/{id}/row", papers.row, name="paper_row")
    router.add_post("/papers/{id}/student", papers.confirm, name="paper_confirm")
    router.add_post("/papers/{id}/read", papers.read_again, name="paper_read")
    router.add_post("/papers/{id}/remove", papers.remove, name="paper_remove")
    router.add_get("/papers/{id}/file", paper_file.show, name="paper_file")

"""The start page."""

from __future__ import annotations

from aiohttp import web

from app.web.pages import render


async def show(request: web.Request) -> web.StreamResponse:
    """A teacher's classes."""
    return await render(request, "pages/home.html")

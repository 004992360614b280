"""Rendering: one Jinja environment, what every template can use, and the small things handlers say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp_session import get_session
from yarl import URL

from app import i18n
from app.i18n import LANGUAGES, Text
from app.keys import PLAIN, SETTINGS, USER
from app.web import formats, qr

APP = Path(__file__).parent.parent
STATIC = APP / "static"


def environment_options() -> dict[str, Any]:
    """The options of the one Jinja environment; shared by the server, the stream's renderer and the template check."""
    return {
        "loader": jinja2.FileSystemLoader(APP / "templates"),
        "autoescape": True,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "undefined": jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.i18n"],
    }


def equip(env: jinja2.Environment) -> None:
    """Give an environment our translations, filters and globals."""
    env.install_gettext_callables(  # type: ignore[attr-defined]  # added by jinja2.ext.i18n
        i18n.gettext, i18n.ngettext, newstyle=True
    )
    env.filters.update(formats.FILTERS)
    env.filters["qr"] = qr.cached
    env.globals.update(LANGUAGES=LANGUAGES, asset=asset, language=i18n.language_of_request.get)


def setup(app: web.Application) -> None:
    """Install templates and static files."""
    env = aiohttp_jinja2.setup(app, **environment_options())
    env.auto_reload = app[SETTINGS].debug
    equip(env)
    app.router.add_static("/static", STATIC, name="static")


@cache
def _digest(path: str) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:10]


def asset(path: str) -> str:
    """The address of a static file with its content's hash, so that it can be cached for ever."""
    try:
        return f"/static/{path}?v={_digest(path)}"
    except FileNotFoundError:
        return f"/static/{path}"


async def _every_page(request: web.Request) -> dict[str, Any]:
    return {
        "request": request,
        "user": request.get(USER),
        "here": page_of(request),
        # The page of an error must not need the services whose absence it reports.
        "flashes": [] if request.get(PLAIN) or is_partial(request) else await take_flashes(request),
    }


def page_of(request: web.Request) -> URL:
    """The page that a person sees: this one, or, where a form's answer is shown, the one that the form was on."""
    return request.rel_url if request.method in ("GET", "HEAD") else came_from(request) or URL("/")


def came_from(request: web.Request) -> URL | None:
    """The page of ours that led here, by the Referer; None when that is not known or not ours."""
    try:
        referer = URL(request.headers.get("Referer", ""))
        ours = referer.is_absolute() and referer.authority == request.host
    except ValueError:
        return None
    return referer.relative() if ours else None


async def render(
    request: web.Request, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> web.Response:
    """A page or partial as a response."""
    # Built here and not by aiohttp-jinja2's context processors: those run before the sessions are there.
    whole = {**await _every_page(request), **(context or {})}
    response = aiohttp_jinja2.render_template(template, request, whole, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def is_partial(request: web.Request) -> bool:
    """Whether htmx asks, and wants a piece of a page."""
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def url(request: web.Request, name: str, /, **parts: object) -> str:
    """The address of a named route."""
    return str(request.app.router[name].url_for(**{key: str(value) for key, value in parts.items()}))


def go(request: web.Request, name: str, /, **parts: object) -> web.Response:
    """Send the browser to another page after a form: a redirect, or htmx's own header where htmx asked."""
    location = url(request, name, **parts)
    if is_partial(request):
        return web.Response(headers={"HX-Redirect": location})
    return web.Response(status=303, headers={"Location": location})


async def flash(request: web.Request, text: Text, tone: str = "good") -> None:
    """Show a sentence once on the next full page. `tone` is "good", "ask" or "bad"."""
    session = await get_session(request)
    session["flashes"] = [*session.get("flashes", []), {"text": text.to_json(), "tone": tone}]


async def take_flashes(request: web.Request) -> list[dict[str, Any]]:
    """The waiting sentences, each shown once."""
    session = await get_session(request)
    waiting = session.pop("flashes", None) if "flashes" in session else None
    return [{"text": Text.from_json(entry["text"]), "tone": entry["tone"]} for entry in waiting or []]

"""The yardstick of `make bench-web`: aiohttp and jinja2 alone, the results page's own templates, values ready made.

`python -m benchmarks.bare_results PORT`, with DATABASE_URL naming the benchmark's database: the values are loaded
once at start; every request renders the whole page from them.
"""

from __future__ import annotations

import sys
from typing import Any

import aiohttp_jinja2
import uvloop
from aiohttp import web
from markupsafe import Markup
from yarl import URL

from app.assignments import store
from app.classes.models import Class
from app.db import Database
from app.main import create_app
from app.reports import results, table
from app.settings import load_settings
from app.web import pages


async def make() -> web.Application:
    """The bare application; the real one only lends its route names to the templates' links."""
    settings = load_settings()
    database = Database(settings.sqlalchemy_url)
    async with database.begin() as db:
        assignment = await store.for_teacher(db, 1, 1)
        assert assignment is not None
        klass = await db.get(Class, assignment.class_id)
        view = table.view(await results.load(db, assignment), table.SORTS[0])
    await database.close()
    named = create_app(settings, grading=False).router

    app = web.Application()
    env = aiohttp_jinja2.setup(app, **pages.environment_options())
    pages.equip(env)
    env.auto_reload = False
    env.globals["url"] = lambda name, **parts: named[name].url_for(**parts)
    values: dict[str, Any] = {
        "assignment": assignment, "klass": klass, "tab": "results", "view": view, "user": None, "flashes": [],
        "cursor": "0-0",
        "sort": table.SORTS[0],
        "here": URL("/"),
    }  # fmt: skip

    async def show(request: web.Request) -> web.Response:
        body = env.get_template("partials/charts_body.html").render(values)
        html = env.get_template("pages/results.html").render({**values, "body": Markup(body)})
        return web.Response(text=html, content_type="text/html")

    app.router.add_get("/", show)
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(make(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)

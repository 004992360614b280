"""Write docs/routes.md from the route table and the handlers' docstrings; --check says whether it is up to date."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler

TARGET = Path(__file__).parents[1] / "docs" / "routes.md"

HEAD = """# Addresses

Made from `app/web/routes.py` by `tools/route_docs.py`; what happens is the first line of the handler's docstring.

Who is not signed in is asked to sign in, except where it says *anybody*; `/users` is for administrators (403 for
others). What belongs to a class answers 404 to teachers who do not work with that class. `GET` shows, `POST` changes;
another method answers 405. Every page works without scripts: a form answers with a redirect to the page to look at
next, and to htmx with the parts of the page that changed. Files of the pages themselves lie under `/static/`.

| method | address | name | what happens | for |
| --- | --- | --- | --- | --- |
"""


class Row(NamedTuple):
    """One route of the table."""

    method: str
    path: str
    name: str
    handler: Handler
    public: bool


def document() -> str:
    """The whole text of docs/routes.md, in the table's order. Raises ValueError for a handler without docstring."""
    rows = [
        f"| {row.method} | `{row.path}` | `{row.name}` | {sentence(row.handler)} "
        f"| {'anybody' if row.public else 'signed in'} |"
        for row in routes()
    ]
    return HEAD + "\n".join(rows) + "\n"


def routes() -> list[Row]:
    """Every route of the table; HEAD goes with GET."""
    from app.web import routes as table

    app = web.Application()
    table.add(app)
    return [
        Row(
            route.method,
            route.resource.canonical,
            route.name or "",
            route.handler,
            bool(getattr(route.handler, "public", False)),
        )
        for route in app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    ]


def sentence(handler: object) -> str:
    """The first line of a handler's docstring, as a cell of a table."""
    text = inspect.getdoc(handler)
    if not text:
        raise ValueError(f"{handler!r} has no docstring")
    return text.splitlines()[0].replace("|", "\\|")


def main() -> int:
    """Write the file, or compare it."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.read_text(encoding="utf-8") == document() else 1
    TARGET.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main())

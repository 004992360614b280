"""Who is marking what, as a teacher sees it: colleagues by name, oneself never (two tabs are no colleague)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import aiohttp_jinja2
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from app.classroom import presence
from app.classroom.presence import Here, Present
from app.keys import DATABASE, REDIS
from app.marks import store
from app.web.middleware.sign_in import user_of
from app.web.sse import frame

MARKS = "partials/presence_marks.html"
LINE = "partials/presence_line.html"
Names = Mapping[int, tuple[str, ...]]  # colleagues by paper id


async def colleagues(request: web.Request, assignment_id: int) -> Names:
    """The colleagues at each paper of an assignment, for a page's first rendering; none while Redis is away."""
    found = await presence.present(request.app[REDIS], assignment_id)
    return await Naming(request).by_paper(found)


class Naming:
    """Knows what colleagues are called, asking for each once."""

    def __init__(self, request: web.Request) -> None:
        self._app = request.app
        self._me = user_of(request).id
        self._names: dict[int, str] = {}

    def others(self, heres: Iterable[Here]) -> tuple[Here, ...]:
        """Who of these is a colleague."""
        return tuple(here for here in heres if here.user_id != self._me)

    async def names(self, heres: Iterable[Here]) -> tuple[str, ...]:
        """Their names; who cannot be named (a deleted account, the database away) is left out."""
        wanted = [here.user_id for here in heres]
        unknown = set(wanted) - set(self._names)
        if unknown:
            try:
                async with self._app[DATABASE].begin() as db:
                    self._names.update(await store.names(db, unknown))
            except (SQLAlchemyError, OSError):
                pass  # asked again with the next heartbeat
        return tuple(self._names[each] for each in wanted if each in self._names)

    async def by_paper(self, found: Present) -> Names:
        """Colleagues' names by paper, without papers that have none."""
        await self.names(here for heres in found.values() for here in self.others(heres))
        named = {paper_id: await self.names(self.others(heres)) for paper_id, heres in found.items()}
        return {paper_id: names for paper_id, names in named.items() if names}


class Marks:
    """The small marks at the rows of one open matrix or list."""

    def __init__(self, request: web.Request, assignment_id: int) -> None:
        self._redis = request.app[REDIS]
        self._template = aiohttp_jinja2.get_env(request.app).get_template(MARKS)
        self._assignment_id = assignment_id
        self._naming = Naming(request)
        self._shown: Names = {}
        self._until = float("inf")

    async def changed(self, redrawn: bool = False) -> str:
        """The marks that changed since the last call, all of them where the rows were drawn anew."""
        found = await presence.present(self._redis, self._assignment_id)
        here = await self._naming.by_paper(found)
        self._until = first_end(found.values())
        papers = sorted(
            each for each in {*here, *self._shown} if redrawn or here.get(each) != self._shown.get(each)
        )
        self._shown = here
        return frame("", self._template.render(papers=papers, marking=here)) if papers else ""

    def patience(self) -> float:
        """Until the first of those who are there would be gone."""
        return max(0.0, self._until - time.time())


def first_end(heres: Iterable[Iterable[Here]]) -> float:
    """When the first one's time is over, a little after it; infinity when nobody is there."""
    return min((here.until for each in heres for here in each), default=float("inf")) + 0.05

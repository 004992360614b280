"""An upgrade under load: a newer image with one more migration; no request fails, no stream's event is lost."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.compose.figures import Figures
from tests.compose.load import loading
from tests.compose.runs import MARKS, grading
from tests.compose.stack import REPLICAS, Stack, timed
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose
SLOW = 1.0  # seconds an answer of the model takes, so that the run lasts as long as the upgrade
ROLL_SECONDS = 30.0
MIGRATION = '''"""One more column, which the version before does not know: a drill."""

import sqlalchemy as sa
from alembic import op

revision: str = "{revision}"
down_revision: str | None = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("classes", sa.Column("drill_{revision}", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("classes", "drill_{revision}")
'''


def newer(stack: Stack) -> str:
    """Give the clone a further migration, as a newer version would; its revision."""
    folder = stack.folder / "migrations/versions"
    before = max(path.stem.partition("_")[0] for path in folder.glob("[0-9]*.py"))
    revision = f"{int(before) + 1:04}"
    (folder / f"{revision}_drill.py").write_text(MIGRATION.format(revision=revision, before=before))
    return revision


async def test_upgrade_under_load(school: Stack, teacher: Teacher, figures: Figures) -> None:
    """`make upgrade` at fifty requests a second (DRILL_RATE), a run going on, three pages open."""
    revision = newer(school)
    before = {told["Image"] for told in school.inspect(*school.containers("app"))}
    old = set(school.containers("app"))
    # Building is no part of what users feel; `make upgrade` finds it done.
    await asyncio.to_thread(school.make, "build")
    async with grading(teacher, "Upgrade") as run:
        await asyncio.to_thread(school.model.control, latency=SLOW)
        paths = ["/account", f"/assignments/{run.assignment}/run", f"/assignments/{run.assignment}/results"]
        async with loading(teacher, "upgrade", paths) as load:
            await asyncio.sleep(2)
            with timed() as took:
                said = await asyncio.to_thread(school.make, "upgrade")
            await asyncio.sleep(3)
        done = await teacher.done(run.assignment)
        await run.finished()
        run.check_marks()
        run.check_calls(0)
        await run.check_pages()
        away = run.longest_away
    figures.note("upgrade: the run when it had ended", done * 100 / MARKS, "%")
    figures.note("upgrade: longest time a page had no stream", away, "s", limit=10)
    load.told(figures, "upgrade")
    figures.note("upgrade: median answer meanwhile", load.median_ms, "ms")
    # Looking whether there is something to build is part of it; the limit is for the rolling alone, below.
    figures.note(f"upgrade: with a migration, {REPLICAS} replicas", took[0], "s")
    assert school.sql("select version_num from alembic_version") == [[revision]], said
    replicas = school.inspect(*school.containers("app"))
    assert len(replicas) == REPLICAS and not {told["Image"] for told in replicas} & before
    assert not set(school.containers("app")) & old
    confirmed_once(school, load.made)


def confirmed_once(stack: Stack, made: list[str]) -> None:
    """Every form that was confirmed has been taken, and once."""
    found = Counter(row[0] for row in stack.sql("select name from classes"))
    assert made and {name: found[name] for name in made} == dict.fromkeys(made, 1)


async def test_restart_under_load(school: Stack, teacher: Teacher, figures: Figures) -> None:
    """`make restart`: all replicas are other ones, no request has failed, every form was taken once."""
    old = set(school.containers("app"))
    async with loading(teacher, "restart", ["/account", "/classes/new"]) as load:
        await asyncio.sleep(2)
        with timed() as took:
            await asyncio.to_thread(school.make, "restart")
        await asyncio.sleep(3)
    load.told(figures, "rolling restart")
    figures.note(f"rolling restart: {REPLICAS} replicas", took[0], "s", limit=ROLL_SECONDS)
    assert len(school.containers("app")) == REPLICAS and not set(school.containers("app")) & old
    confirmed_once(school, load.made)


async def test_upgrade_to_the_same(school: Stack, teacher: Teacher) -> None:
    """Nothing new: the verb ends well, all are healthy, nobody is signed out."""
    await asyncio.to_thread(school.make, "upgrade")
    assert len(school.containers("app")) == REPLICAS
    assert await teacher.signed_in()

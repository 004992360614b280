"""The verbs that look inside, as processes: what they print for people and for scripts, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.db import Database
from app.marks import runs
from app.settings import Settings
from tests import graded
from tests.conftest import World

ROOT = Path(__file__).parents[2]


def zhupi(settings: Settings, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    services = {
        "VAR_DIR": str(settings.var_dir),
        "DATABASE_URL": settings.postgres_url,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "LANGUAGE": "en",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env={**kept, **services, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def printed(done: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert (done.returncode, done.stderr) == (code, ""), done.stderr
    return json.loads(done.stdout)


def test_the_doctor_for_scripts(settings: Settings) -> None:
    key = "tJ7Qm0zXw4c1yVf9Lr2NnB8sKd5HgEuAioP3"
    told = printed(
        zhupi(settings, "doctor", "--json", SECRET_KEY=key), code=2
    )  # the tests' database has no fsync
    checks = {each["check"]: each for each in told["findings"]}
    assert told["status"] == "problem" and checks["database"]["level"] == "ok"
    assert [name for name, each in checks.items() if each["level"] == "problem"] == ["database.durability"]
    assert checks["storage"]["advice"] is None and checks["database.durability"]["advice"]
    assert checks["queue"]["waiting"] == 0 and checks["disk"]["free_bytes"] > 0


def test_the_doctor_for_people_when_nothing_answers(settings: Settings) -> None:
    away = {"DATABASE_URL": "postgresql://u:secret-word@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = zhupi(settings, "doctor", **away)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("problem  database: PostgreSQL at 127.0.0.1:1 cannot be reached")
    assert lines[1].startswith("    → ")
    assert lines[-1].startswith("3 problems, ") and "secret-word" not in done.stdout
    levels = [line.split("  ")[0] for line in lines[:-1] if not line.startswith(" ")]
    assert levels == sorted(levels, key=["problem", "warning", "ok", "not looked at"].index)
    chinese = zhupi(settings, "doctor", LANGUAGE="zh", **away)
    assert "故障  database: 无法连接 127.0.0.1:1 的 PostgreSQL" in chinese.stdout


def test_the_doctor_when_the_settings_are_wrong(settings: Settings) -> None:
    done = zhupi(settings, "doctor", PORT="web", LOG_LEVEL="loud")
    assert done.returncode == 2
    assert "problem  settings: PORT=web is not a whole number." in done.stdout
    assert "2 problems, 0 warnings, 0 in order." in done.stdout
    told = printed(zhupi(settings, "doctor", "--json", PORT="web"), code=2)
    assert [each["check"] for each in told["findings"]] == ["settings"]


@pytest.mark.parametrize("arguments", [("--minutes", "0"), ("--minutes", "x"), ("--paint",)])
def test_the_doctor_is_asked_wrongly(settings: Settings, arguments: tuple[str, ...]) -> None:
    done = zhupi(settings, "doctor", *arguments)
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr


async def test_stats_runs_and_retry(settings: Settings, db: Database, world: World) -> None:
    async with db.begin() as session:
        assignment, papers = await graded.assignment(session, world.klass, papers=3)
        run = await runs.start(session, assignment, world.alice)
        await session.execute(
            text("update run_papers set state = 'failed' where paper_id = :p"), {"p": papers[0].id}
        )
    number = str(run.id)
    assert printed(zhupi(settings, "stats", "--json"))["runs"] == {"running": 1}
    table = zhupi(settings, "stats")
    assert "Papers by state" in table.stdout and "3 (read 3)" in table.stdout

    listed = printed(zhupi(settings, "runs", "--json"))
    assert [(each["id"], each["state"], each["failed"], each["stuck"]) for each in listed] == [
        (run.id, "running", 1, False)
    ]
    shown = zhupi(settings, "runs").stdout
    assert "Heat" in shown and "0/6" in shown and "alice" in shown
    assert printed(zhupi(settings, "runs", "--state", "finished", "--json")) == []
    assert "No such run" in zhupi(settings, "runs", "--state", "paused").stdout

    unasked = zhupi(settings, "retry", number)
    assert unasked.returncode == 2 and "say --yes" in unasked.stderr
    done = zhupi(settings, "retry", number, "--yes")
    assert done.stdout == f"Run {number}: 1 failed and 0 stuck papers went back into the queue.\n"
    again = zhupi(settings, "retry", number, "--yes")
    assert again.returncode == 2 and "is at work" in again.stderr
    async with db.begin() as session:
        noted = await session.execute(
            text(
                "select action, object_kind, object_id, details from audit_entries where object_kind = 'run'"
            )
        )
        assert [tuple(row) for row in noted] == [("run-resumed", "run", run.id, {"failed": 1, "stuck": 0})]
        await session.execute(text("update pgqueuer set status = 'failed'"))
        await session.execute(
            text("update run_papers set state = 'grading', job_id = (select min(id) from pgqueuer)")
        )
    told = printed(zhupi(settings, "retry", number, "--yes", "--json"))
    assert told == {"run": run.id, "failed": 0, "stuck": 3, "state": "running"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runs", "--state", "green"), "green is no state of a run; states are running, "),
        (("retry", "999", "--yes"), "There is no run 999; zhupi runs --all lists them."),
        (("retry", "x", "--yes"), "valid integer"),
        (("retry",), "RUN"),
    ],
)
def test_verbs_are_asked_wrongly(settings: Settings, arguments: tuple[str, ...], said: str) -> None:
    done = zhupi(settings, *arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr

"""Which of PostgreSQL's programs are taken, and that no password is where others can read it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from app.upkeep.backups import programs
from app.upkeep.backups.programs import ProgramError, Programs

URL = "postgresql://zhupi:p%3Aa%5Css%20@db.example:5433/marks?sslmode=verify-full&sslpassword=hidden"


def versions(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    here = [Programs(Path(f"/pg/{number}"), number) for number in numbers]
    monkeypatch.setattr(programs, "found", lambda: list(here))


@pytest.mark.parametrize(
    ("here", "server", "taken"),
    [((15, 18), 18, 18), ((18, 17), 17, 17), ((15, 18, 17), 16, 17), ((18,), 9, 18)],
)
def test_the_servers_own_version_or_the_next(
    monkeypatch: pytest.MonkeyPatch, here: tuple[int, ...], server: int, taken: int
) -> None:
    versions(monkeypatch, *here)
    assert programs.for_dump(server).version == taken


def test_older_programs_than_the_server_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    versions(monkeypatch, 15, 16)
    with pytest.raises(ProgramError, match="16 and cannot read a server of PostgreSQL 17"):
        programs.for_dump(17)
    versions(monkeypatch)
    with pytest.raises(ProgramError, match="not here"):
        programs.for_dump(17)
    with pytest.raises(ProgramError, match="not here"):
        programs.for_restore(b"PGDMP", 17)


@pytest.mark.parametrize(
    ("reads", "server", "taken"),
    [({15, 17, 18}, 17, 17), ({17, 18}, 16, 17), ({15, 17}, 18, 17), ({18}, 17, 18), ({15, 18}, None, 18)],
)
def test_whichever_reads_the_dump_restores_it(
    monkeypatch: pytest.MonkeyPatch, reads: set[int], server: int | None, taken: int
) -> None:
    versions(monkeypatch, 15, 17, 18)
    monkeypatch.setattr(
        programs, "_unread", lambda one, dump: None if one.version in reads else "unsupported version"
    )
    assert programs.for_restore(b"PGDMP", server).version == taken


def test_a_dump_that_none_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert programs.found(), "the tests' own PostgreSQL brings them"
    with pytest.raises(ProgramError, match="cannot read the database"):
        programs.for_restore(b"PGDMP" + bytes(3000), 18)
    with pytest.raises(ProgramError, match="cannot read the database"):
        programs.for_restore(b"no dump", 18)


def test_secrets_are_in_private_files_only(tmp_path: Path) -> None:
    with programs.access(URL, tmp_path) as access:
        [folder] = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        seen = access.dbname + str(access.environment)
        assert "p:a" not in seen and "hidden" not in seen and "db.example" not in seen
        service = Path(access.environment["PGSERVICEFILE"]).read_text()
        assert "host=db.example\n" in service and "sslpassword=hidden\n" in service
        assert "p:a" not in service
        assert Path(access.environment["PGPASSFILE"]).read_text() == "*:*:*:*:p\\:a\\\\ss \n"
    assert list(tmp_path.iterdir()) == []


def test_the_files_go_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), programs.access(URL, tmp_path):
        raise SystemExit
    assert list(tmp_path.iterdir()) == []


def test_our_environment_does_not_steer_the_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("SECRET_KEY", "s" * 40)
    with programs.access("postgresql:///marks", tmp_path) as access:
        assert "PGPORT" not in access.environment and "SECRET_KEY" not in access.environment
        assert "PGPASSFILE" not in access.environment


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="DATABASE_URL"), programs.access("postgresql://[", tmp_path):
        pass


def script(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return [str(path)]


def test_only_the_error_is_passed_on(tmp_path: Path) -> None:
    """Details and contexts repeat rows, and in them what students wrote."""
    body = (
        "echo 'pg_dump: warning: something' >&2; echo 'ERROR:  value too long' >&2;"
        "echo 'CONTEXT:  COPY papers, line 3: Ann Lee' >&2; exit 3"
    )
    with programs.running(script(tmp_path, body), os.environ) as program:
        assert program.process.wait() == 3
        assert program.complaint() == "ERROR:  value too long"
    with programs.running(script(tmp_path, "exit 4"), os.environ) as program:
        program.process.wait()
        assert program.complaint() == "exit code 4"


def test_a_program_ends_with_its_block(tmp_path: Path) -> None:
    with programs.running(script(tmp_path, "exec sleep 60"), os.environ) as program:
        pass
    assert program.process.returncode == -9


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    with (
        pytest.raises(ProgramError, match="cannot be started"),
        programs.running([str(tmp_path / "none")], {}),
    ):
        pass


def test_versions_are_read_from_the_programs(tmp_path: Path) -> None:
    assert programs._version(tmp_path) is None
    for name in programs.NEEDED:
        path = tmp_path / name
        path.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 17.6 (Debian 17.6-1)'\n")
        path.chmod(0o755)
    assert programs._version(tmp_path) == 17
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho nonsense\n")
    assert programs._version(tmp_path) is None
    assert subprocess.run([str(tmp_path / "psql")], capture_output=True, check=True).stdout

"""Fills a database from a dump in one transaction: pg_restore writes the SQL, psql runs it, we say COMMIT."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from psycopg import sql

from app import migrate
from app.i18n import ProblemError
from app.upkeep.backups import programs
from app.upkeep.backups.programs import Programs

APPLICATION = "zhupi restore"  # how its sessions are named in pg_stat_activity
LOCK_MS = 30_000  # for the tables, while a live server works with them
TRY_MS = (
    2_000  # for one try: longer than the second after which PostgreSQL ends an autovacuum that is in the way
)

# All tables at once before any is dropped: one after the other, a live server's statements and ours would wait for each
# other in a circle. A try that meets such a circle, or waits too long, is undone and made again.
TAKE = """
do $zhupi$
declare
  tables text;
  latest timestamptz := clock_timestamp() + interval '{wait} ms';
begin
  select string_agg(format('public.%I', relname), ', ' order by oid) into tables from pg_class
   where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and pg_has_role(relowner, 'USAGE');
  while tables is not null loop
    begin
      perform set_config('lock_timeout', '{once}', true);
      execute format('lock table %s in access exclusive mode', tables);
      perform set_config('lock_timeout', '{wait}', true);
      return;
    exception when lock_not_available or deadlock_detected then
      if clock_timestamp() > latest then raise; end if;
    end;
    if {ending} then
      perform pg_stat_clear_snapshot();  -- else a transaction sees its first look at the sessions for ever
      perform pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and usename = current_user and application_name <> '{application}';
    end if;
  end loop;
end
$zhupi$;
"""

# Everything of ours in the schema goes, and the schema stays, with the rights that it has: its owner may be another.
# What belongs to an extension stays with it. Tables take their indexes, triggers and own sequences along.
EMPTY = """
do $zhupi$
declare one record;
begin
  for one in
    select format(case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                  when 'f' then 'foreign table' else 'table' end) as kind, c.oid::regclass::text as name
      from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
       and pg_has_role(c.relowner, 'USAGE')
       and not exists (
             select from pg_depend d
              where d.objid = c.oid and d.deptype in ('e', 'i', 'a') and d.refobjid <> c.oid)
     order by c.relkind <> 'r'
  loop
    execute format('drop %s if exists %s cascade', one.kind, one.name);
  end loop;
  for one in
    select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end as kind,
           p.oid::regprocedure::text as name
      from pg_proc p
     where p.pronamespace = 'public'::regnamespace and pg_has_role(p.proowner, 'USAGE')
       and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
  loop
    execute format('drop %s if exists %s cascade', one.kind, one.name);
  end loop;
  for one in
    select t.oid::regtype::text as name
      from pg_type t
     where t.typnamespace = 'public'::regnamespace and t.typtype in ('e', 'd', 'r', 'c')
       and pg_has_role(t.typowner, 'USAGE')
       and (t.typrelid = 0 or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
       and not exists (select from pg_depend d where d.objid = t.oid and d.deptype in ('e', 'i'))
  loop
    execute format('drop type if exists %s cascade', one.name);
  end loop;
end
$zhupi$;
"""


class FillingError(ProblemError):
    """The database did not take the dump, and is as it was."""


@dataclass(frozen=True, slots=True)
class Filling:
    """Which database is filled (`server` is its major version), the rows that its tables must have then, which tables.

    No `tables` means all of the schema. `ending` ends other sessions that hold one.
    """

    url: str
    server: int
    scratch: Path
    counts: Mapping[str, int]
    tables: tuple[str, ...] = ()
    ending: bool = False


def fill(filling: Filling, dump: Iterator[bytes]) -> None:
    """Replace what is there by a dump; an empty one leaves nothing. Raises FillingError, and what `dump` raises."""
    head = programs.beginning(dump)
    tools = programs.for_restore(head, filling.server) if head else programs.for_dump(0)
    with programs.access(filling.url, filling.scratch, APPLICATION) as access:
        command = [
            tools.path("psql"),
            f"--dbname={access.dbname}",
            "--no-psqlrc",
            "--no-password",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--output=/dev/null",
            "--file=-",
        ]
        with programs.running(
            command, access.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as psql:
            try:
                assert psql.process.stdin is not None
                _script(filling, tools, chain((head,), dump), access.environment, psql.process.stdin)
            except BrokenPipeError:
                pass  # it ended early and says why
            if psql.process.wait():
                raise FillingError(
                    "The database did not take the backup and is as it was: {why}", why=psql.complaint()
                )


def _script(
    filling: Filling,
    tools: Programs,
    dump: Iterator[bytes],
    environment: Mapping[str, str],
    out: IO[bytes],
) -> None:
    """Write the whole transaction."""
    out.write(f"set lock_timeout = {LOCK_MS};\nset statement_timeout = 0;\nbegin;\n".encode())
    # A migration waits until this is done, and this until a migration is.
    out.write(f"select pg_advisory_xact_lock({migrate.LOCK});\n".encode())
    ending = "true" if filling.ending else "false"
    out.write(
        TAKE.format(wait=LOCK_MS, once=min(TRY_MS, LOCK_MS), ending=ending, application=APPLICATION).encode()
    )
    if filling.tables:
        names = ", ".join(f"public.{table}" for table in filling.tables)
        out.write(f"drop table if exists {names} cascade;\n".encode())
    else:
        out.write(EMPTY.encode())
    out.flush()
    first = next(dump, b"")
    if first:
        _sql_of(tools, chain((first,), dump), environment, out)
    for table, rows in filling.counts.items():
        out.write(_counted(table, rows).encode())
    out.write(b"commit;\n")
    out.close()


def _sql_of(tools: Programs, dump: Iterator[bytes], environment: Mapping[str, str], out: IO[bytes]) -> None:
    """Have pg_restore write a dump's SQL into `out`."""
    command = [
        tools.path("pg_restore"),
        "--file=-",
        "--schema=public",
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
    ]
    with programs.running(command, environment, stdin=subprocess.PIPE, stdout=out.fileno()) as restoring:
        pipe = restoring.process.stdin
        assert pipe is not None
        broken = False
        try:
            for chunk in dump:
                pipe.write(chunk)
            pipe.close()
        except BrokenPipeError:
            broken = True
        code = restoring.process.wait()
        if code < 0 or (broken and not code):
            raise BrokenPipeError  # by SIGPIPE: psql ended before it
        if code:
            raise FillingError(
                "The database did not take the backup and is as it was: {why}", why=restoring.complaint()
            )


def _counted(table: str, rows: int) -> str:
    """SQL that fails when a table has not so many rows."""
    name = sql.Identifier(table).as_string()
    told = sql.Literal(f"{table}: {rows} rows were saved, and not as many came back").as_string()
    return (  # `name` and `told` are quoted above
        f"do $zhupi$ begin if (select count(*) from public.{name}) <> {rows:d} then"  # noqa: S608
        f" raise exception using message = {told}; end if; end $zhupi$;\n"
    )

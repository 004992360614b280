#!/bin/sh
# Once, when the volume is empty: the application's role and its database. Runs as postgres, over the socket. It must be
# executable: the image's entrypoint would take a script that is not into its own shell, with this `set -u`.
set -eu

# The image makes the cluster by POSTGRES_INITDB_ARGS; one that does not know them gets its checksums here.
if [ "$(psql -U postgres -d postgres -Atqc 'show data_checksums')" = off ]; then
  pg_ctl -D "$PGDATA" -w -m fast stop >/dev/null
  pg_checksums --enable -D "$PGDATA" >/dev/null
  pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start >/dev/null
fi

# The role owns its database and is no superuser. Sorting is PostgreSQL's own (builtin): an update of the image's C
# library cannot spoil an index.
psql -v ON_ERROR_STOP=1 -U postgres -d postgres -q <<'SQL'
\set password `cat /run/zhupi/db_password`
create role zhupi login nosuperuser nocreatedb nocreaterole noreplication password :'password';
create database zhupi owner zhupi template template0 encoding 'UTF8'
  locale_provider builtin builtin_locale 'C.UTF-8' locale 'C';
revoke all on database zhupi from public;
revoke connect on database postgres, template1 from public;
alter role postgres password null;
SQL

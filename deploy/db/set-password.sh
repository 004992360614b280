#!/bin/sh
# Give the application's role the password of secrets/db_password: `docker compose exec db sh /zhupi/set-password.sh`.
# For a volume that was made with other secrets. Over the socket, as the superuser; the old password ends at once.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -d postgres -q <<'SQL'
\set password `cat /run/secrets/db_password`
set log_min_error_statement = panic;
alter role zhupi password :'password';
SQL

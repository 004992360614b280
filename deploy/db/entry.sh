#!/bin/sh
# Before the image's own entrypoint, as root: hand the application's password to the first start's script.
#
# The superuser gets a password that nobody has seen, because the image wants one; init.sh takes it away again. Nothing
# of this is in the container's settings, which `docker inspect` shows.
set -eu
umask 077
password=/run/zhupi/db_password
cat /run/secrets/db_password >"$password"
[ -s "$password" ] || { echo "secrets/db_password is empty: run make secrets" >&2; exit 78; }
# init.sh runs as postgres.
chown postgres "$password"
# Root has no way into a folder of postgres here (no DAC_OVERRIDE), and postgres none into a fresh disk's root.
mkdir -p "$PGDATA" 2>/dev/null ||
  setpriv --reuid postgres --regid postgres --clear-groups mkdir -p "$PGDATA"
POSTGRES_PASSWORD=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
export POSTGRES_PASSWORD
exec docker-entrypoint.sh "$@"

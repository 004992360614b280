#!/bin/sh
# Healthy: a query as the application, over TCP, with its password. The first start's own server listens on the socket
# alone, so it does not count.
set -eu
PGPASSWORD=$(cat /run/secrets/db_password)
export PGPASSWORD PGCONNECT_TIMEOUT=3
[ "$(psql -h 127.0.0.1 -U zhupi -d zhupi -Atqc 'select 1')" = 1 ]

#!/bin/sh
# As root: read the password, write the configuration (with the password's SHA-256 alone), go on as redis.
#
# The image's own entrypoint is not used: it would load search modules that cost memory and do nothing here.
set -eu
umask 077
password=$(cat /run/secrets/redis_password)
[ -n "$password" ] || { echo "secrets/redis_password is empty: run make secrets" >&2; exit 78; }
hash=$(printf %s "$password" | sha256sum | cut -d' ' -f1)

# Sessions, limits and streams must not be evicted, so writes fail when the memory is full; `zhupi doctor` warns before.
cat >/run/redis/redis.conf <<CONF
bind * -::*
port 6379
protected-mode no
dir /data
appendonly yes
appendfsync everysec
save ""
maxmemory ${REDIS_MAXMEMORY:-256mb}
maxmemory-policy noeviction
tcp-keepalive 60
timeout 0
user default on #$hash ~* &* +@all
CONF
chown -R redis /run/redis
find /data ! -user redis -exec chown redis {} +
exec setpriv --reuid redis --regid redis --clear-groups --no-new-privs redis-server /run/redis/redis.conf

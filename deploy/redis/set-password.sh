#!/bin/sh
# Make the password of secrets/redis_password the only one that is valid, without a restart. Signs in with it, so it
# must be valid already (`zhupi rotate-secret redis_password` sees to that).
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH
hash=$(printf %s "$REDISCLI_AUTH" | sha256sum | cut -d' ' -f1)
[ "$(redis-cli -h 127.0.0.1 acl setuser default resetpass "#$hash")" = OK ]

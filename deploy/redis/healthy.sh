#!/bin/sh
# Healthy: answers to its password. While it loads, or cannot write its log to a full disk, PING is answered by an error.
set -eu
REDISCLI_AUTH=$(cat /run/secrets/redis_password)
export REDISCLI_AUTH
[ "$(redis-cli -h 127.0.0.1 ping)" = PONG ]

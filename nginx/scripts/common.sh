# shellcheck shell=sh disable=SC2034 # used by those who source this
# What the scripts share: folders, the log, and a reload that is known to have been taken. To be sourced.
#
# The variables exist for the tests; in the container they keep these values.

home=${ZHUPI_HOME:-/zhupi}   # this folder, mounted read-only
run=${ZHUPI_RUN:-/run/zhupi} # what is rendered and remembered; a tmpfs, so that a start begins anew
conf=$run/conf
main=$home/nginx.conf
port=8080 # the replicas' (docs/decisions/0010)
log=${ZHUPI_LOG:-/proc/1/fd/1} # the container's, also for what is called by `docker compose exec`

# say EVENT [TEXT]: a line of the container's log, as JSON like the requests'.
say() {
  text=$(printf '%s' "${2:-}" | tr -d '"\\' | tr '\n\t' '  ')
  printf '{"at":"%s","event":"%s","text":"%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%S+00:00)" "$1" "$text" >>"$log" || true
}

# fail SENTENCE: what is wrong and what to do, for a person. Exit code 2, as everywhere in Zhupi.
fail() {
  printf '%s\n' "$1" >&2
  exit 2
}

# locked COMMAND...: one change of the configuration at a time. Fails when another one takes longer than 30 s.
locked() {
  (
    flock -w 30 9 || fail "Another change of nginx's configuration is still going on. Try again in a minute."
    "$@"
  ) 9>"$run/lock"
}

running() {
  [ -s "$run/nginx.pid" ] && kill -0 "$(cat "$run/nginx.pid")" 2>/dev/null
}

# tested: whether nginx would take the configuration as it lies there; what it objects to on standard error.
tested() {
  nginx -e stderr -q -t -c "$main"
}

# reload: new workers with the configuration as it lies there; the old ones end as soon as nobody is served by them.
#
# Before 1.27.4 an old worker closes its idle connections at once, also one on which a request is just coming in. So clients
# of HTTP/1.1 are asked first, with every answer of the last second, not to use theirs again (those of HTTP/2 are told
# which of their requests were not served, and send them again).
reload() {
  if [ ! -s "$conf/extras.conf" ]; then
    : >"$run/closing"
    sleep "${ZHUPI_CLOSING:-1}"
  fi
  kill -HUP "$(cat "$run/nginx.pid")"
}

# ask WHAT: what the newest workers say of themselves: `replicas` or `rendered`. Empty when none answers.
ask() {
  curl -fsS --max-time 2 "http://127.0.0.1:8081/$1" 2>/dev/null || true
}

# taken WHAT VALUE: wait until workers with this value serve. 1 when there are none within 10 s.
taken() {
  tries=${ZHUPI_TRIES:-50}
  while [ "$(ask "$1")" != "$2" ] && [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    sleep 0.2
  done
  # Old workers have stopped listening by then.
  sleep 0.2
  rm -f "$run/closing"
  [ "$tries" -gt 0 ]
}

# settled: old workers listen for 0.1 s longer, and may take one more request on a connection that is kept open.
settled() {
  sleep "${ZHUPI_SETTLE:-2}"
}

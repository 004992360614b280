# shellcheck shell=sh disable=SC2154 # from common.sh
# The settings, checked and put into the templates. To be sourced after common.sh.
#
# Every value goes into nginx's configuration, so what is not of the expected form stops the start with a sentence.

MIB=1048576
FORM_BYTES=$((5 * MIB)) # typed fields beside a file; the app takes 4 MiB of them
BATCH_FILES=100         # of the largest files in one request; see the location of the papers

# number NAME VALUE LEAST MOST
number() {
  case $2 in
    '' | *[!0-9]* | ????????????????*) fail "$1=$2 is not a number from $3 to $4." ;;
  esac
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
    fail "$1=$2 is not a number from $3 to $4."
  fi
}

# size BYTES: for people, as the app writes it.
size() {
  if [ "$1" -ge $((1024 * MIB)) ]; then
    awk -v n="$1" 'BEGIN { n = int(n / 107374182.4 + .5) / 10; print n " GB" }'
  elif [ "$1" -ge "$MIB" ]; then
    awk -v n="$1" 'BEGIN { n = int(n / 104857.6 + .5) / 10; print n " MB" }'
  else
    echo "$(($1 / 1024)) kB"
  fi
}

# names: ALLOWED_HOSTS as the words of server_name.
names() {
  found=
  set -f
  for name in $(printf '%s' "${ALLOWED_HOSTS:-localhost,127.0.0.1,::1}" | tr ',[]' '   '); do
    case $name in
      \*) name='~.' ;;
      *[!A-Za-z0-9.:*_-]* | *\**\** | ?*\** | \*[!.]* | \*.) fail "ALLOWED_HOSTS: $name is not the name of a host." ;;
      *:*:*) name="[$name]" ;;
      *:*) fail "ALLOWED_HOSTS: $name is not the name of a host; leave the port out." ;;
    esac
    found="$found${found:+ }$name"
  done
  set +f
  [ -n "$found" ] || fail "ALLOWED_HOSTS names no host."
  printf '%s' "$found"
}

# real_ip: the lines that let a further proxy in front say whom it speaks for. Empty without one.
real_ip() {
  set -f
  for network in $(printf '%s' "${REAL_IP_FROM:-}" | tr ',' ' '); do
    case $network in
      *[!0-9A-Fa-f.:/]*) fail "REAL_IP_FROM: $network is not an address or a network such as 10.0.0.0/8." ;;
    esac
    printf 'set_real_ip_from %s;\n' "$network"
  done
  set +f
  if [ -n "${REAL_IP_FROM:-}" ]; then
    printf 'real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n'
  fi
}

# settings: read and check them; sets and exports what the templates name.
settings() {
  MAX_FILE_SIZE=${MAX_FILE_SIZE:-$((100 * MIB))} MAX_FILES=${MAX_FILES:-500}
  HTTPS_PORT=${HTTPS_PORT:-443} HSTS_SECONDS=${HSTS_SECONDS:-0} NGINX_WORKERS=${NGINX_WORKERS:-2}
  number MAX_FILE_SIZE "$MAX_FILE_SIZE" 1024 $((1024 * 1024 * MIB))
  number MAX_FILES "$MAX_FILES" 1 100000
  number HTTPS_PORT "$HTTPS_PORT" 1 65535
  number HSTS_SECONDS "$HSTS_SECONDS" 0 315360000
  number NGINX_WORKERS "$NGINX_WORKERS" 1 64

  files=$BATCH_FILES
  [ "$MAX_FILES" -ge "$files" ] || files=$MAX_FILES
  FILE_BYTES=$((MAX_FILE_SIZE + FORM_BYTES)) BATCH_BYTES=$((MAX_FILE_SIZE * files + FORM_BYTES))
  FILE_LIMIT=$(size "$MAX_FILE_SIZE") BATCH_LIMIT=$(size $((MAX_FILE_SIZE * files)))
  SERVER_NAMES=$(names) || exit 2
  REAL_IP=$(real_ip) || exit 2
  PORT_SUFFIX= HSTS= PAGE_LANGUAGE=en
  [ "$HTTPS_PORT" = 443 ] || PORT_SUFFIX=":$HTTPS_PORT"
  [ "$HSTS_SECONDS" = 0 ] || HSTS="max-age=$HSTS_SECONDS"
  case ${LANGUAGE:-} in [Zz][Hh]*) PAGE_LANGUAGE=zh ;; esac
  RENDERED=$$-$(date +%s) # so that a reload can see whether it was taken
  export FILE_BYTES BATCH_BYTES FILE_LIMIT BATCH_LIMIT SERVER_NAMES REAL_IP PORT_SUFFIX HSTS PAGE_LANGUAGE RENDERED
}

# page LANGUAGE NAME: one of nginx's own pages, from its three lines: title, sentence, hint.
page() {
  file=$home/html/$1/$2.txt
  PAGE_TAG=$1 PAGE_REFRESH='' PAGE_WAIT=''
  [ "$1" != zh ] || PAGE_TAG=zh-CN
  if [ "$2" = away ]; then
    PAGE_REFRESH='<meta http-equiv="refresh" content="5">' PAGE_WAIT=' wait'
  fi
  PAGE_TITLE=$(sed -n 1p "$file")
  # shellcheck disable=SC2016 # envsubst wants the names, not the values
  PAGE_TEXT=$(sed -n 2p "$file" | envsubst '${FILE_LIMIT} ${BATCH_LIMIT}')
  PAGE_HINT=$(sed -n 3p "$file")
  export PAGE_TAG PAGE_REFRESH PAGE_WAIT PAGE_TITLE PAGE_TEXT PAGE_HINT
  # shellcheck disable=SC2016
  envsubst '${PAGE_TAG} ${PAGE_REFRESH} ${PAGE_WAIT} ${PAGE_TITLE} ${PAGE_TEXT} ${PAGE_HINT}' \
    <"$home/html/page.html.template" >"$run/html/$1/$2.html"
}

# render: everything that depends on the settings.
render() {
  settings
  mkdir -p "$conf" "$run/html/en" "$run/html/zh"
  for language in en zh; do
    for text in "$home/html/$language"/*.txt; do
      page "$language" "$(basename "$text" .txt)"
    done
  done
  # Named one by one: nginx's own variables look the same.
  # shellcheck disable=SC2016
  envsubst '${FILE_BYTES} ${BATCH_BYTES} ${SERVER_NAMES} ${REAL_IP} ${PORT_SUFFIX} ${HSTS} ${PAGE_LANGUAGE} ${RENDERED}' \
    <"$home/templates/servers.conf.template" >"$conf/servers.conf.new"
  mv "$conf/servers.conf.new" "$conf/servers.conf"
  extras
}

# extras: what newer versions of nginx know. From 1.27.4 on a kept connection is not closed in the very moment in which
# the client may be using it again: a reload then breaks off no request over HTTP/1.1 either.
extras() {
  printf 'keepalive_min_timeout 1s;\n' >"$conf/extras.conf"
  [ -e "$conf/replicas.conf" ] || printf '%s\n' 'upstream replicas { server 127.0.0.1:1 down; }' \
    'upstream replicas_kept { server 127.0.0.1:1 down; }' 'map "" $replicas { default ""; }' >"$conf/replicas.conf"
  nginx -e stderr -q -t -c "$main" 2>/dev/null || : >"$conf/extras.conf"
}

# certificate_usable: whether the files are there, can be read, and belong together.
certificate_usable() {
  for file in fullchain.pem privkey.pem; do
    [ -e "$home/certs/$file" ] || fail "nginx/certs/$file is not there. Make a certificate: make certificate"
    [ -r "$home/certs/$file" ] ||
      fail "nginx/certs/$file cannot be read by user $(id -u). Hand it over: make certificate"
  done
  mine=$(openssl x509 -in "$home/certs/fullchain.pem" -noout -pubkey 2>/dev/null) ||
    fail "nginx/certs/fullchain.pem is no certificate in PEM form."
  theirs=$(openssl pkey -in "$home/certs/privkey.pem" -pubout 2>/dev/null </dev/null) ||
    fail "nginx/certs/privkey.pem is no private key in PEM form without a passphrase."
  [ "$mine" = "$theirs" ] || fail "nginx/certs: the key does not belong to the certificate."
}

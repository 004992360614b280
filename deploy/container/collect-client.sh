#!/bin/sh
# collect-client.sh BIN BEFORE OUT: copy pg_dump, pg_restore and psql from BIN, and those libraries they load that the
# base image does not have (BEFORE lists the libraries it has), into OUT under their own paths.
set -eu
bin=$1 before=$2 out=$3

put() { # PATH: a copy under OUT, links followed so that one file arrives under the name that is asked for
  mkdir -p "$out$(dirname "$1")"
  cp -L "$1" "$out$1"
}

mkdir -p "$out/usr/local/bin"
for name in pg_dump pg_restore psql; do
  cp -L "$bin/$name" "$out/usr/local/bin/$name"
  ldd "$bin/$name" | awk '$2 == "=>" && $3 ~ /^\// {print $3}'
done | sort -u | while read -r library; do
  # /lib is a link to /usr/lib: the list before has the real name, and the copy needs it.
  real=$(readlink -f "$(dirname "$library")")/$(basename "$library")
  grep -qxF -e "$real" "$before" || put "$real"
done
# Their licences go along.
for package in "$(basename "$(dirname "$bin")" | sed 's/^/postgresql-client-/')" libpq5; do
  put "/usr/share/doc/$package/copyright"
done
"$out/usr/local/bin/pg_dump" --version

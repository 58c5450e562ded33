#!/bin/sh
# What the official PostgreSQL image does at its start, as far as a rehearsal needs it: a cluster in $PGDATA with the
# user, password and database of POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, and then the server.
set -eu
[ "${1:-postgres}" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown postgres:postgres "$PGDATA"
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?has to be set}"
  secret=$(mktemp)
  printf '%s' "$POSTGRES_PASSWORD" > "$secret"
  initdb --username="${POSTGRES_USER:-postgres}" --pwfile="$secret" --auth=scram-sha-256 --encoding=UTF8 \
    --locale=C.UTF-8 --no-sync --no-instructions >/dev/null
  rm -f "$secret"
  printf "host all all all scram-sha-256\n" >> "$PGDATA/pg_hba.conf"
  printf "listen_addresses = '*'\n" >> "$PGDATA/postgresql.conf"
  name=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
  if [ "$name" != postgres ]; then
    printf 'CREATE DATABASE "%s";\n' "$name" | postgres --single -jE postgres >/dev/null
  fi
fi
exec "$@"

#!/bin/sh
# Make .env beside this script with random secrets, once; readable by its owner only.
set -eu
cd "$(dirname "$0")"
[ -e .env ] && { echo ".env is there already"; exit 0; }
umask 077
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
for name in CLICKHOUSE_PASSWORD POSTGRES_PASSWORD MINIO_PASSWORD REDIS_PASSWORD DESK_PEPPER; do
  echo "$name=$(random)"
done > .env
echo "made deploy/compose/.env"

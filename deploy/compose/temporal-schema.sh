#!/bin/sh
# Temporal's two databases, created and brought to its version's schema; nothing changes where they are current.
set -eu
tool() { temporal-sql-tool --plugin postgres12 --endpoint postgres --port 5432 --user temporal --database "$@"; }
for name in temporal temporal_visibility; do
    tool "$name" create || echo "$name is there"
    tool "$name" setup-schema --version 0.0 || echo "$name has a schema"
    tool "$name" update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/${name#temporal_}/versioned"
done

#!/bin/sh
# The node's namespace. Its retention is how long a run can be looked at, and how long old payload keys are needed.
set -eu
for _ in 1 2 3 4 5 6; do
    temporal operator namespace describe --namespace ledger >/dev/null 2>&1 && exit 0
    temporal operator namespace create --namespace ledger --retention 30d && exit 0
    sleep 5
done
exit 1

"""What the pages' shells live through: which blocks in which order, and what stands for a placeholder.

The organisation's shell begins before there is a ledger, and goes on to its eighth epoch; `$NAME` is of its world.
"""

from __future__ import annotations

from typing import Final

from tests.documents.shell import Scene

# The reader's own ledger.toml: as `ledger init` wrote it, with a GitHub beside it, and a file of work. A server that is
# not api.github.com has a name of its own.
_POLICY: Final = """
cat >> ledger.toml <<END
[[sources.github]]
source = "ghe"
repos = ["acme/docs"]
base_url = "$GITHUB"
streams = ["issues"]
[approvals.approvers]
ann = "$ANN"
END
sed -i 's|^name = "web"|name = "acme/web"|; s|^offset = .*|offset = "0h"|; s|^\\[weights\\].*|&\\n"ghe:issue_closed" = 500|' ledger.toml
echo '{"id": "talk-1", "event_type": "talk_given", "event_time": "2026-11-18T15:00:00Z", "platform_user_id": "grace"}' > work.jsonl
"""
_PAST: Final = """
PYTHONPATH="$CLONE" python -m tests.documents.past
ledger epoch collect >&2 || [ $? = 3 ]
"""
_OTHER_WEIGHTS: Final = """
sed 's|^"git:commit_authored" = .*|"git:commit_authored" = 3000|' ledger.toml > new.toml
"""
# What her wallet answers to what `sign-data` prints, which has no end of line.
_WALLET: Final = """
SIGNATURE=$(PYTHONPATH="$CLONE" python -c 'import sys
from tests.signers import APPROVER, signature_of
print(signature_of(APPROVER, sys.argv[1]))' "$(ledger statement sign-data 7)")
"""
_ADDRESSES: Final = """
printf 'user_id,address\\n' > a.csv
printf '%s,there\\n' ada grace ben >> a.csv
"""
_BAD_LINES: Final = """
mkdir "$HOME/lines" && cd "$HOME/lines"
for line in 1 2 3 4 5 6 7 8 9; do
    printf '{"id": "%s", "event_type": "talk_given", "event_time": "2026-11-18T15:00:00Z", "platform_user_id": "ada"}\\n' $line
done > work.jsonl
sed -i '3s/"event_time": [^,]*, //; 7s/"id": "7"/"id": "2"/' work.jsonl
"""
_RECEIVER_AND_WORKER_END: Final = """
until grep -q webhooks_served webhook.log; do sleep 0.2; done
for ending in '%ledger webhook' '%ledger worker'; do kill "$ending" && wait "$ending"; done
"""
# The old build's worker and the new one's, both known to Temporal; they take the key that the page has come to.
_TWO_BUILDS: Final = """
for build in OLD NEW; do
    LEDGER_WORKER_BUILD_ID=$build ledger worker &
    until temporal worker deployment describe-version --deployment-name cogni-scheduler-worker --build-id $build
    do sleep 0.2; done > /dev/null 2>&1
done
"""
_NEW_KEY_AND_BUILD_WORK: Final = """
ledger schedule apply >&2
ledger identity bind git ben@elsewhere.example ben >&2
"""
# Scripts are run in a copy, as they write beside themselves; the policy stays that of the organisation.
_COPY: Final = """
export LEDGER_CONFIG="$HOME/web/ledger.toml"
mkdir "$HOME/copy" && cd "$HOME/copy"
cp -r "$CLONE/deploy" "$CLONE/ledger.toml.example" .
"""
_MACHINE: Final = """
export MACHINE="$HOME/machine"
mkdir -p "$MACHINE/etc/systemd/system"
echo "LEDGER_DATABASE_URL=$LEDGER_DATABASE_URL" > worker.env
"""
_URLS: Final = "URL=$OWNER_URL LIVE_URL=$OWNER_URL SCRATCH_URL=$SERVER_URL"

ORGANISATION: Final = (
    Scene(page="README.md", numbers=(2,), before='cd "$CLONE"'),
    Scene(page="README.md", numbers=(4,), before='cd "$HOME/web"'),
    Scene(
        page="README.md",
        numbers=(5, 6),
        before=_POLICY,
        fills={
            "postgresql://owner:...@db/ledger": "$OWNER_URL",
            "postgresql://ledger_app:...@db/ledger": "$APP_URL",
            "temporal:7233": "$TEMPORAL",
            "LEDGER_GITHUB_TOKEN=...": "LEDGER_GITHUB_TOKEN=$TOKEN",
            "source check github": "source check ghe",
            "LEDGER_GRANT_PASSWORD=...": "LEDGER_GRANT_PASSWORD=$APP_PASSWORD",
        },
    ),
    Scene(page="docs/completeness.md", ends=(3,), before=_PAST),
    Scene(page="docs/identities.md"),
    Scene(page="README.md", numbers=(7,), before=_OTHER_WEIGHTS, fills={"0a1b...": "$COMMIT"}),
    Scene(page="docs/explanations.md", fills={"0a1b...": "$COMMIT"}),
    Scene(page="docs/reports.md"),
    Scene(page="docs/policy-trials.md"),
    Scene(page="docs/amendments.md", numbers=(1, 2)),
    Scene(page="docs/amendments.md", numbers=(3, 4), before=_WALLET, fills={"0x5290...": "$ANN"}),
    Scene(page="docs/exports.md", before=_ADDRESSES),
    Scene(page="docs/sources-jsonl.md", before=_BAD_LINES, ends=(1,)),
    Scene(page="docs/operating.md", numbers=(1,), before='cd "$HOME/web"'),
    Scene(page="docs/command-line.md"),
    Scene(
        page="docs/webhooks.md",
        fills={"webhook serve": "webhook serve --source ghe --listen 127.0.0.1:0 2> webhook.log"},
    ),
    Scene(page="docs/temporal.md", numbers=(3, 4), before=_RECEIVER_AND_WORKER_END),
    Scene(page="docs/temporal.md", numbers=(2,), before=_TWO_BUILDS),
    Scene(page="docs/proof.md", numbers=(1,), before=_NEW_KEY_AND_BUILD_WORK + 'cd "$CLONE"'),
    Scene(page="docs/guides/install.md", numbers=(1,), before=_COPY),
    Scene(page="docs/guides/install.md", numbers=(7,), before=_MACHINE, fills={" /etc/": ' "$MACHINE"/etc/'}),
    Scene(page="docs/guides/restore.md", numbers=(1, 2), before=_URLS),
    Scene(page="docs/guides/uninstall.md", before='mkdir "$HOME/kept" && cd "$HOME/kept"'),
)

# What tests/deploying/test_restoring.py types while it lives through a disaster; `$NAME` is of its world.
RESTORED: Final = {
    "archive": Scene(page="docs/guides/restore.md", numbers=(3,), fills={"/backup/wal": "$ARCHIVE"}),
    "back up": Scene(
        page="docs/guides/restore.md", numbers=(4,), fills={"/backup/base-2026-11-26": '"$BACKUP"'}
    ),
    "prepare": Scene(
        page="docs/guides/restore.md",
        numbers=(5,),
        fills={
            "/backup/base-2026-11-26": '"$BACKUP"',
            "/backup/wal": '"$ARCHIVE"',
            "/srv/restored": '"$RESTORED"',
            "'2026-11-26 17:30:00+00'": '"$MOMENT"',
        },
    ),
    "check": Scene(page="docs/guides/restore.md", numbers=(7,), fills={"hashes-2026-11-26.txt": '"$HASHES"'}),
}

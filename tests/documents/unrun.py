"""The closed list of the commands that no test can run as they stand: why not, and what looks after them instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrun:
    """A block of commands by its whole text.

    Holds: `instead` names files from the root, and words that stand in each.
    """

    page: str
    code: str
    why: str
    instead: tuple[tuple[str, str], ...]


_FROM_THE_INDEX: Final = "takes a package from the package index, which no test may lean on"
_NO_CLUSTER: Final = "needs a live cluster, whose API server no package of Python or Debian has"
_NO_REGISTRY: Final = "pulls images of others from their registries"
_THE_MACHINE_S: Final = "changes the machine that it runs on"
_LONG: Final = "takes hours; its short form, or a part of it, is in the ordinary run"

UNRUN: Final = (
    Unrun(
        page="README.md",
        code="pip install uv\n",
        why=_FROM_THE_INDEX,
        instead=((".ci/run", "python3 -m pip install --quiet uv"),),
    ),
    Unrun(
        page="README.md",
        code="uv run pytest\n",
        why="is the run that this test is a part of",
        instead=((".ci/run", "    uv run pytest\n"),),
    ),
    Unrun(
        page="CONTRIBUTING.md",
        code="""\
pip install uv
uv run pytest            # starts its own PostgreSQL and Temporal
.ci/run                  # the same beside style, types, import contracts, wheels, pages and images
""",
        why="is the run that this test is a part of",
        instead=(
            (".ci/run", "together tests code wheels pages images"),
            (".github/workflows/ci.yml", ".ci/run"),
        ),
    ),
    Unrun(
        page="CONTRIBUTING.md",
        code="""\
uv run python -m tests.canaries                          # plants faults; each must turn a test red
uv run --group mutation python -m tests.mutation         # mutates the core; each mutant is killed or explained
""",
        why=_LONG,
        instead=(
            ("tests/canaries/test_canaries.py", "def test_"),
            ("tests/mutation/test_mutation.py", "def test_"),
        ),
    ),
    Unrun(
        page="CONTRIBUTING.md",
        code="""\
uv run python -m tests.faults                          # prints N faults, and what they cost
uv run python -m tests.faults.simulate --seeds 2000    # prints the seeds that failed
""",
        why=_LONG,
        instead=(("tests/faults/test_simulator.py", "def test_"),),
    ),
    Unrun(
        page="docs/operating.md",
        code="""\
uv run pytest tests/operating                                            # all of the above, on real servers
LEDGER_EXITS=200,50 uv run pytest -n 0 -s tests/operating/test_clean_exits.py   # 200 commands and 50 stopped workers
""",
        why="is a part of the run that this test is a part of, and its long form",
        instead=(("tests/operating/test_clean_exits.py", "LEDGER_EXITS=200,50 uv run pytest -n 0 -s"),),
    ),
    Unrun(
        page="docs/operating.md",
        code="""\
promtool check rules deploy/alerts/ledger.rules.yml                      # where Prometheus is installed, the tests ask it too
""",
        why="Prometheus is no package of Python, and is not to be had without its own downloads",
        instead=(
            ("tests/operating/alert_rules.py", "promtool"),
            ("tests/operating/promql.py", "promql_parser"),
        ),
    ),
    Unrun(
        page="docs/proof.md",
        code="""\
uv run python -m tests.canaries                  # all of them; or name some
uv run python -m tests.canaries --json > trials.json
""",
        why=_LONG,
        instead=(("tests/canaries/test_canaries.py", "def test_"),),
    ),
    Unrun(
        page="docs/proof.md",
        code="""\
uv run --group mutation python -m tests.mutation                            # everything
uv run --group mutation python -m tests.mutation 'ledger_core.domain.*'     # what a pattern names
uv run --group mutation python -m tests.mutation --folder /var/tmp/mutants  # killed ones stay killed
""",
        why=_LONG,
        instead=(("tests/mutation/test_mutation.py", "def test_"),),
    ),
    Unrun(
        page="docs/proof.md",
        code="uv run python -m tests.faults\n",
        why=_LONG,
        instead=(("tests/faults/test_worker_faults.py", "def test_"),),
    ),
    Unrun(
        page="docs/proof.md",
        code="uv run python -m tests.faults.simulate --seeds 2000\n",
        why=_LONG,
        instead=(("tests/faults/test_simulator.py", "def test_"),),
    ),
    Unrun(
        page="docs/proof.md",
        code="uv run python -m tests.tamper_matrix\n",
        why=_LONG,
        instead=(("tests/unit/test_bundle_tampering.py", "tamper_matrix"),),
    ),
    Unrun(
        page="docs/temporal.md",
        code="""\
uv run python -m benchmarks at-scale --events 10000000 --streams 200    # any number of either; 15 GB of disk
""",
        why=_LONG,
        instead=(("tests/workflow/test_bounded_histories.py", "def test_"),),
    ),
    Unrun(
        page="docs/guides/install.md",
        code="""\
docker compose -f deploy/compose.yaml up --detach
docker compose -f deploy/compose.yaml run --rm ledger epoch collect
docker compose -f deploy/compose.yaml run --rm ledger epoch finalize 1
""",
        why=_NO_REGISTRY,
        instead=(
            ("deploy/image/test_compose.py", "def test_three_commands_take_a_machine_to_its_first_statement"),
            ("deploy/check", "docker compose"),
        ),
    ),
    Unrun(
        page="docs/guides/install.md",
        code="""\
kubectl create namespace ledger
kubectl label namespace ledger pod-security.kubernetes.io/enforce=restricted
kubectl -n ledger create secret generic ledger-database \\
    --from-literal=url='postgresql://ledger_app:...@db.example.org/ledger?sslmode=verify-full&sslrootcert=system'
kubectl -n ledger create secret generic ledger-owner --from-literal=url='postgresql://ledger_owner:...@db.example.org/ledger?...'
helm install ledger deploy/helm/ledger -n ledger --timeout 20m \\
    --set-file policy=ledger.toml --set temporal.address=temporal.example.org:7233
""",
        why=_NO_CLUSTER,
        instead=(("deploy/helm/guides.py", "def problems"), ("deploy/check", "deploy.helm.guides")),
    ),
    Unrun(
        page="docs/guides/install.md",
        code="kubectl -n ledger exec deploy/ledger-ledger-worker -- ledger status\n",
        why=_NO_CLUSTER,
        instead=(("deploy/helm/guides.py", "def problems"), ("deploy/check", "deploy.helm.guides")),
    ),
    Unrun(
        page="docs/guides/install.md",
        code="pip install 'cogni-scheduler-worker[otel]'\n",
        why=_FROM_THE_INDEX,
        instead=(("deploy/check-wheels", "cogni_ledger_core"),),
    ),
    Unrun(
        page="docs/guides/install.md",
        code="""\
python3 -m venv /opt/ledger && /opt/ledger/bin/pip install 'cogni-scheduler-worker[otel]'
useradd --system --no-create-home --shell /usr/sbin/nologin ledger
""",
        why=_THE_MACHINE_S + ", and " + _FROM_THE_INDEX,
        instead=(("deploy/check-wheels", "cogni_ledger_core"),),
    ),
    Unrun(
        page="docs/guides/install.md",
        code="systemctl daemon-reload && systemctl enable --now ledger-worker\n",
        why=_THE_MACHINE_S + ", and needs one that systemd started",
        instead=(("deploy/check", "systemd-analyze verify"), ("deploy/check", "systemd-analyze security")),
    ),
    Unrun(
        page="docs/guides/restore.md",
        code="postgres -D /srv/restored\n",
        why="serves until it is told to stop, as an account of its own; the test starts the same program on the same folder",
        instead=(
            ("tests/deploying/test_restoring.py", "with local_postgres(restored, durable=False) as server"),
        ),
    ),
    Unrun(
        page="docs/guides/release.md",
        code="git ls-remote https://github.com/actions/checkout refs/tags/v7.0.1\n",
        why="asks GitHub, which is not reached here",
        instead=(("deploy/check", "an action that is not pinned"),),
    ),
)

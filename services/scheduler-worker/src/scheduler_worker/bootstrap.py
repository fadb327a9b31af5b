"""The composition root: the only module that names concrete adapters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from db_client.database_url import parse_database_url
from db_client.engine import create_database_if_missing, create_ledger_engine
from db_client.payload_seed import read_payload_seed
from db_client.postgres_ledger import PostgresLedger
from db_client.roles import LedgerRole, grant_login, grant_roles
from db_client.schema_revision import SchemaState, current_revision, current_state, newest_revision
from ledger_core.domain.approvals import ApprovalPolicy
from ledger_core.domain.finding import Finding
from ledger_core.domain.operating_facts import OperatingFacts
from ledger_core.domain.statement import PayoutStatement
from ledger_core.errors import LedgerError
from ledger_core.identifiers import EpochId, NodeId, StreamRef
from ledger_core.ports.activity_source import ActivitySource, SourceDirectory
from ledger_core.ports.ledger import Ledger, LedgerReader, ProgramOutdated
from ledger_core.ports.watcher import Watcher
from ledger_core.use_cases.build_statement import preview_statement
from ledger_core.use_cases.check_coherence import check_coherence
from ledger_core.use_cases.read_operating_facts import read_operating_facts
from scheduler_worker.bootstrap_sources import policy_sources
from scheduler_worker.github_policy import GithubSourcePolicy
from scheduler_worker.gitlab_policy import GitlabSourcePolicy
from scheduler_worker.passing_problems import may_come_up
from scheduler_worker.payload_keys import PayloadKey, PayloadKeys, node_payload_keys
from scheduler_worker.policy import Policy
from scheduler_worker.policy_table import PolicyInvalid

if TYPE_CHECKING:
    from scheduler_worker.sources.github.check import CheckReport
    from scheduler_worker.sources.gitlab.check import CheckedProject


class DatabaseUnreachable(LedgerError):
    """No database answers at the configured address, or it lets nobody in."""

    code = "database-unreachable"

    def __init__(self, problem: str, *, may_come_up: bool = False) -> None:
        """Name the problem; it may come up by itself where nobody answered, or a server that is not there yet."""
        super().__init__(f"the database can't be used: {problem}")
        self.problem = problem
        self.may_come_up = may_come_up


class SchemaOutdated(LedgerError):
    """The database has another schema than this version of the program works with."""

    code = "schema-outdated"

    def __init__(self, found: str | None, wanted: str) -> None:
        where = "has no ledger schema yet" if found is None else f"has schema {found}, not {wanted}"
        super().__init__(f"the database {where}; run `ledger db upgrade`")


def system_clock() -> datetime:
    """Return now, in UTC."""
    return datetime.now(tz=UTC)


@contextmanager
def opened_ledger(database_url: str, node_id: NodeId, *, application_name: str) -> Iterator[Ledger]:
    """Open the node's ledger to read and write.

    Raises: DatabaseUnreachable, SchemaOutdated, DatabaseUrlInvalid.
    """
    with _opened(database_url, node_id, application_name=application_name, read_only=False) as ledger:
        yield ledger


@contextmanager
def opened_reader(database_url: str, node_id: NodeId) -> Iterator[LedgerReader]:
    """Open the node's ledger to read only (WRITES_VIA_TEMPORAL): its sessions refuse every write.

    Raises: DatabaseUnreachable, SchemaOutdated, DatabaseUrlInvalid.
    """
    with (
        _opened(database_url, node_id, application_name="ledger-cli", read_only=True) as ledger,
        database_errors(),
    ):
        yield ledger


def read_payload_keys(database_url: str, node_id: NodeId, configured: tuple[PayloadKey, ...]) -> PayloadKeys:
    """Return what hides the node's messages in Temporal: the configured keys, and its own from the database.

    Raises: DatabaseUnreachable, SchemaOutdated, DatabaseUrlInvalid.
    """
    with (
        _connected(database_url, application_name="ledger-keys", read_only=True) as engine,
        database_errors(),
    ):
        return node_payload_keys(read_payload_seed(engine), node_id, configured)


@contextmanager
def _opened(
    database_url: str, node_id: NodeId, *, application_name: str, read_only: bool
) -> Iterator[PostgresLedger]:
    with _connected(database_url, application_name=application_name, read_only=read_only) as engine:
        yield PostgresLedger(engine, node_id)


@contextmanager
def _connected(database_url: str, *, application_name: str, read_only: bool) -> Iterator[Engine]:
    engine = create_ledger_engine(database_url, application_name=application_name, read_only=read_only)
    try:
        with database_errors():
            found = current_state(engine)
        _check_schema(found)
        yield engine
    finally:
        engine.dispose()


def _check_schema(found: SchemaState | None) -> None:
    known = newest_revision()
    if found is None or found.revision < known:
        raise SchemaOutdated(None if found is None else found.revision, known)
    if not found.takes(known):
        raise ProgramOutdated(found=found.revision, oldest=found.oldest_program, known=known)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn a database that can't be reached into one sentence, without its address.

    Raises: DatabaseUnreachable.
    """
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        lines = str(error.orig).strip().splitlines() or ["no reason given"]
        raise DatabaseUnreachable(lines[0][:300], may_come_up=may_come_up(str(error.orig))) from error


def check_ledger(reader: LedgerReader, *, approvals: ApprovalPolicy, watcher: Watcher) -> tuple[Finding, ...]:
    """Return everything in the ledger that does not fit together; it is read only, so a command line may.

    Raises: DatabaseUnreachable.
    """
    return check_coherence(reader, approvals=approvals, watcher=watcher)


def preview_close(reader: LedgerReader, epoch_id: EpochId, *, at: datetime) -> PayoutStatement:
    """Return what a close of the open epoch would write; it is read only, so a command line may.

    Raises: EpochNotFound, EpochClosed, PoolBaseMissing, StreamIncomplete, DatabaseUnreachable.
    """
    with database_errors():
        return preview_statement(reader, epoch_id, at=at)


def read_facts(
    reader: LedgerReader,
    sources: Iterable[StreamRef],
    directories: Mapping[StreamRef, SourceDirectory],
) -> OperatingFacts:
    """Return how the ledger stands; it is read only, so a command line may.

    Raises: DatabaseUnreachable.
    """
    with database_errors():
        return read_operating_facts(
            reader,
            sources,
            directories=directories,
            is_read=lambda stream: any(found.find_source(stream) for found in directories.values()),
        )


def create_sources(policy: Policy) -> Mapping[StreamRef, ActivitySource]:
    """Return the policy's sources by the streams that they serve.

    Raises: SourcePackageBroken, PolicyInvalid.
    """
    sources: dict[StreamRef, ActivitySource] = {}
    for source in policy_sources(policy, system_clock):
        for stream in source.streams():
            if stream in sources:
                raise PolicyInvalid("sources", f"has {stream} twice")
            sources[stream] = source
    return sources


def create_directories(policy: Policy) -> Mapping[StreamRef, SourceDirectory]:
    """Return the policy's patterns of repositories, whose streams only the platform can list."""
    directories: dict[StreamRef, SourceDirectory] = {}
    if policy.github_sources:
        from scheduler_worker.bootstrap_github import github_directories  # noqa: PLC0415 - a quarter of a second

        for github in policy.github_sources:
            directories |= github_directories(github, system_clock)
    return directories


def check_github_source(
    policy: GithubSourcePolicy, *, window_start: datetime, watcher: Watcher
) -> CheckReport:
    """Return what a GitHub source's credentials see, and what reading it will cost; nothing is collected."""
    from scheduler_worker.bootstrap_github import check_source  # noqa: PLC0415 - a quarter of a second

    return check_source(policy, system_clock, window_start=window_start, watcher=watcher)


def check_gitlab_source(policy: GitlabSourcePolicy, *, watcher: Watcher) -> Sequence[CheckedProject]:
    """Return what a GitLab source's token sees; nothing is collected."""
    from scheduler_worker.bootstrap_gitlab import check_projects  # noqa: PLC0415 - a quarter of a second

    return check_projects(policy, system_clock, watcher=watcher)


def create_database(server_url: str, name: str) -> str:
    """Create the database on the server if need be, and return its URL.

    Raises: DatabaseUnreachable, DatabaseUrlInvalid.
    """
    engine = create_ledger_engine(server_url, application_name="ledger-create")
    try:
        with database_errors():
            return create_database_if_missing(engine, name)
    finally:
        engine.dispose()


def login_url(database_url: str, login: str, password: str) -> str:
    """Return the URL of the same database for another login."""
    url = parse_database_url(database_url).set(username=login, password=password)
    return url.render_as_string(hide_password=False)


def upgrade_database(database_url: str) -> str:
    """Migrate the database to the newest schema and return its revision.

    Raises: DatabaseUnreachable, DatabaseUrlInvalid.
    """
    from db_client.migrate import upgrade_schema  # noqa: PLC0415 - half a second, and every command is without it

    engine = create_ledger_engine(database_url, application_name="ledger-upgrade")
    try:
        with database_errors():
            return upgrade_schema(engine)
    finally:
        engine.dispose()


def database_revisions(database_url: str) -> tuple[str | None, str]:
    """Return the database's revision and the one that this version migrates to.

    Raises: DatabaseUnreachable, DatabaseUrlInvalid.
    """
    engine = create_ledger_engine(database_url, application_name="ledger-upgrade")
    try:
        with database_errors():
            return current_revision(engine), newest_revision()
    finally:
        engine.dispose()


def grant_database_roles(
    database_url: str, *, logins: Mapping[str, str], passwords: Mapping[str, str] | None = None
) -> None:
    """Create and set up the roles, and let each login act as `worker` or `reader`.

    Raises: RoleRightsMissing, DatabaseUnreachable, DatabaseUrlInvalid.
    """
    roles = {"worker": LedgerRole.WORKER, "reader": LedgerRole.READER}
    engine = create_ledger_engine(database_url, application_name="ledger-grant")
    try:
        with database_errors():
            grant_roles(engine)
            for login, role in logins.items():
                grant_login(engine, roles[role], login, password=(passwords or {}).get(login))
    finally:
        engine.dispose()

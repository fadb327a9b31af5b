"""`ledger report`: an epoch, or all of them, as pages that a person reads in a browser."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click

from ledger_core.identifiers import EpochId
from ledger_core.ports.ledger import LedgerReader
from ledger_core.ports.watcher import Counted, Watcher
from scheduler_worker.cli.arguments import epoch_argument, epoch_unless
from scheduler_worker.cli.output import json_option, print_json, say
from scheduler_worker.cli.progress import Progress, Watch
from scheduler_worker.cli.session import open_reader
from scheduler_worker.cli.whole_files import ExportFailed, whole_file

MAX_EPOCH_PAGES: Final = 520  # ten years of weeks, as the page of all epochs shows


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPage:
    """One page: of an epoch, or of all of them where epoch_id is None."""

    file: str
    epoch_id: int | None
    is_final: bool
    statement_hash: str | None


@click.command(cls=epoch_unless("--all"))
@epoch_argument
@click.option("--all", "is_of_all", is_flag=True, help="All epochs together, in place of EPOCH.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    metavar="PATH",
    help="The page, or `-`; with --all a folder for a page an epoch and index.html, or one FILE.html.",
)
@json_option
@click.pass_obj
def report(
    config: Path | None, output: Path, is_of_all: bool, as_json: bool, epoch_id: int | None = None
) -> None:
    """Write an epoch as one page for a browser: no network, no other file.

    It has the payouts, the activity, how each number came to be down to the
    events, the pool, what admins decided, what is late or of nobody, and how
    to verify all of it. An open epoch is a preview, and marked as that. The
    same stored facts give the same bytes.

    \b
    Examples:
      ledger report 7 -o epoch-7.html
      ledger report --all -o pages
      ledger report --all -o history.html
    """
    is_to_stdout = str(output) == "-"
    if is_to_stdout and (as_json or is_of_all):
        raise click.UsageError("`-o -` takes one page, and no --json.")
    written = []
    with Progress(is_quiet=as_json) as progress, open_reader(config) as reader:
        watch = Watch(progress, "reading")
        with closing(_pages(reader, epoch_id, output, watch)) as pages:
            for page, data in pages:
                if is_to_stdout:
                    progress.clear()
                    click.echo(data, nl=False)
                else:
                    _write(Path(page.file), data)
                    written.append(page)
    if as_json:
        print_json({"pages": [asdict(page) for page in written]})
        return
    for page in written:
        note = "" if page.is_final else " (a preview: the epoch is open)"
        say(f"{page.file} written{note}")


def _pages(
    reader: LedgerReader, epoch_id: int | None, output: Path, watcher: Watcher
) -> Generator[tuple[WrittenPage, bytes]]:
    """Yield the pages that were asked for, one in memory at a time."""
    if epoch_id is None:
        yield from _all_pages(reader, output, watcher)
    else:
        yield _one_page(reader, EpochId(epoch_id), output, watcher)


def _one_page(
    reader: LedgerReader, epoch_id: EpochId, output: Path, watcher: Watcher
) -> tuple[WrittenPage, bytes]:
    from scheduler_worker.reports import pages, read_epoch  # noqa: PLC0415 - templates, which no other command needs

    with reader.read() as view:
        view.epochs.get(epoch_id)
        found = read_epoch.read_epoch_report(
            view, epoch_id, node_id=str(reader.node_id), chain=read_epoch.read_chain(view), watcher=watcher
        )
    return _written(output, found.epoch.id, found.hashes.statement), pages.epoch_page(found)


def _all_pages(reader: LedgerReader, output: Path, watcher: Watcher) -> Generator[tuple[WrittenPage, bytes]]:
    from scheduler_worker.reports import pages, read_epoch, read_history  # noqa: PLC0415 - the same

    node_id, is_one_file = str(reader.node_id), output.suffix == ".html"
    with reader.read() as view:
        history = read_history.read_history(view, node_id=node_id, watcher=watcher)
        index = output if is_one_file else output / "index.html"
        page = WrittenPage(file=str(index), epoch_id=None, is_final=True, statement_hash=history.head_hash)
        yield page, pages.history_page(history, linked=not is_one_file)
        if is_one_file:
            return
        chain = read_epoch.read_chain(view)
        shown = {found.statement.epoch_id for found in history.epochs.items}
        latest = reversed(view.epochs.list_latest(limit=MAX_EPOCH_PAGES + 1))
        wanted = [epoch.id for epoch in latest if epoch.is_open or epoch.id in shown]
        for each in Counted(watcher, total=len(wanted), what="pages").of(wanted):
            found = read_epoch.read_epoch_report(view, each, node_id=node_id, chain=chain)
            path = output / f"epoch-{each}.html"
            yield _written(path, each, found.hashes.statement), pages.epoch_page(found, has_history=True)


def _written(path: Path, epoch_id: int, statement_hash: str | None) -> WrittenPage:
    return WrittenPage(
        file=str(path),
        epoch_id=epoch_id,
        is_final=statement_hash is not None,
        statement_hash=statement_hash,
    )


def _write(path: Path, data: bytes) -> None:
    """Write a page, whole or not at all, into a folder that is made if need be.

    Raises: ExportFailed.
    """
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ExportFailed(path.parent, error) from error
    with whole_file(path) as file:
        file.write(data)

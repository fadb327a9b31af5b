"""Bindings as CSV, read with every mistake by its line, and mailmaps as what they say of addresses."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger_core.domain.identity import MAX_IMPORTED, IdentityBinding
from ledger_core.errors import InvalidValue, LedgerError
from ledger_core.identifiers import user_id
from scheduler_worker.cli.arguments import account_of
from scheduler_worker.exports.tables import harmless, original

COLUMNS: Final = ("provider", "account", "user_id")
MAX_FILE_BYTES: Final = 8_388_608
MAX_COMMAND_CHARACTERS: Final = 1_400_000  # Temporal carries 2 MB at once, and hiding it takes some of that
MOST_TOLD: Final = 20  # mistakes of one file; the rest are counted
_MAILMAP: Final = re.compile(r"([^<>#]*)<([^<>]*)>(?:([^<>]*)<([^<>]*)>)?\s*(?:#.*)?")


class BindingsInvalid(LedgerError):
    """A file of bindings has mistakes; nothing of it was taken."""

    code = "bindings-invalid"

    def __init__(self, path: Path, mistakes: Sequence[str]) -> None:
        more = len(mistakes) - MOST_TOLD
        told = "; ".join(mistakes[:MOST_TOLD])
        super().__init__(f"{path}: {told}" + (f"; and {more} more" if more > 0 else ""))


class FileUnreadable(LedgerError):
    """There is no such file of text, or nobody lets us read it."""

    code = "file-unreadable"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} can't be read: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingLine:
    """A binding, and the line of the file that wants it."""

    line: int
    binding: IdentityBinding

    @property
    def key(self) -> tuple[str, str]:
        """The account."""
        return self.binding.provider, self.binding.external_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MailmapLine:
    """Two addresses that a mailmap's line says are one person's, in small letters; `name` limits it to one author."""

    line: int
    proper: str
    alias: str
    name: str | None


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises: FileUnreadable.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise FileUnreadable(path, f"it is larger than {MAX_FILE_BYTES} bytes")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise FileUnreadable(path, error.strerror or "no reason given") from error
    except UnicodeDecodeError as error:
        raise FileUnreadable(path, "it is no UTF-8") from error


def read_bindings(path: Path) -> list[BindingLine]:
    """Return the bindings of a CSV file with the columns provider, account and user_id.

    Raises: FileUnreadable, BindingsInvalid with every line that is wrong.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    mistakes: list[str] = []
    found: dict[tuple[str, str], BindingLine] = {}
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise BindingsInvalid(path, [f"line 1 must be {','.join(COLUMNS)}"])
        for row in reader:
            if not row:
                continue
            try:
                made = _binding_line(reader.line_num, row)
            except InvalidValue as error:
                mistakes.append(f"line {reader.line_num}: {error}")
                continue
            known = found.setdefault(made.key, made)
            if known is not made:
                mistakes.append(
                    f"line {made.line}: {' account '.join(made.key)} is on line {known.line}, too"
                )
            if len(found) > MAX_IMPORTED:
                raise BindingsInvalid(path, [f"has more than {MAX_IMPORTED} bindings; split it"])
    except csv.Error as error:
        raise BindingsInvalid(path, [f"line {reader.line_num}: is no CSV: {error}"]) from error
    if mistakes:
        raise BindingsInvalid(path, mistakes)
    check_fits(path, [each.binding for each in found.values()])
    return list(found.values())


def check_fits(path: Path, bindings: Sequence[IdentityBinding]) -> None:
    """Refuse what is none, or too much for one write.

    Raises: BindingsInvalid.
    """
    if not bindings:
        raise BindingsInvalid(path, ["it has no binding"])
    size = sum(
        len(repr(part)) + 8 for each in bindings for part in (each.provider, each.external_id, each.user_id)
    )
    if len(bindings) > MAX_IMPORTED or size > MAX_COMMAND_CHARACTERS:
        raise BindingsInvalid(path, [f"its {len(bindings)} bindings are more than one write takes; split it"])


def bindings_csv(bindings: Iterable[IdentityBinding]) -> Iterable[str]:
    """Yield the lines of a CSV file that `read_bindings` reads back as they are, no cell of it a formula."""
    yield _line(COLUMNS)
    for each in bindings:
        yield _line((each.provider, harmless(each.external_id), harmless(each.user_id)))


def parse_mailmap(text: str) -> tuple[list[MailmapLine], list[int]]:
    """Return what a mailmap says of addresses, and the lines that are none of a mailmap.

    Holds: a line that only spells a name says nothing of addresses; of two lines for one address, git takes the last.
    """
    found: dict[tuple[str, str | None], MailmapLine] = {}
    odd: list[int] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _MAILMAP.fullmatch(stripped)
        if match is None:
            odd.append(number)
            continue
        proper, commit = account_of("git", match[2].strip()), match[4]
        if commit is None:
            continue
        commit = account_of("git", commit.strip())
        name = (match[3] or "").strip() or None
        if not proper or not commit:
            odd.append(number)
        elif proper != commit:
            found[commit, name] = MailmapLine(line=number, proper=proper, alias=commit, name=name)
    return sorted(found.values(), key=lambda each: each.line), odd


def _binding_line(number: int, row: Sequence[str]) -> BindingLine:
    if len(row) != len(COLUMNS):
        raise InvalidValue("it", f"must have {len(COLUMNS)} cells, and has {len(row)}")
    provider, account, user = row
    external_id = account_of(provider, original(account))
    binding = IdentityBinding(provider=provider, external_id=external_id, user_id=user_id(original(user)))
    return BindingLine(line=number, binding=binding)


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()

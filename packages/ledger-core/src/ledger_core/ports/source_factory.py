"""What a package of sources offers under the entry point group `ledger.sources`: a factory, called with its settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from ledger_core.errors import InvalidValue
from ledger_core.identifiers import check_text
from ledger_core.ports.activity_source import ActivitySource
from ledger_core.ports.clock import Clock

SOURCE_ENTRY_POINTS: Final = "ledger.sources"
MAX_SETTING_CHARACTERS: Final = 4_096  # a path, at its longest


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One table `[[sources.<kind>]]` of ledger.toml, and what a source may need from its surroundings.

    Holds: `table` is as TOML gives it, unchecked; relative paths in it start at `folder`; secrets are in
           `environment`, and in no table. Nothing of it but `clock` changes.
    """

    kind: str
    table: Mapping[str, object]
    folder: str
    environment: Mapping[str, str] = field(repr=False)
    clock: Clock

    def allow(self, *keys: str) -> None:
        """Refuse every other key, so that a misspelt one is not ignored.

        Raises: InvalidValue.
        """
        for key in self.table:
            if key not in keys:
                raise InvalidValue(ascii(key[:60]), f"is unknown; known are {', '.join(keys)}")

    def text(self, key: str) -> str:
        """Return a key's text: one line, not empty.

        Raises: InvalidValue.
        """
        value = self.table.get(key)
        if value is None:
            raise InvalidValue(key, "is missing")
        check_text(key, value, most_characters=MAX_SETTING_CHARACTERS)
        return str(value)

    def find_text(self, key: str) -> str | None:
        """Return a key's text; None where there is none.

        Raises: InvalidValue.
        """
        return None if self.table.get(key) is None else self.text(key)


class SourceFactory(Protocol):
    """Makes the sources that one table names; nothing is read or asked yet."""

    def __call__(self, settings: SourceSettings) -> Iterable[ActivitySource]:
        """Return the sources.

        Holds:  the `source` of their streams is the kind, or begins with it and a hyphen; so do, with a colon
                after it, the ids of their events.
        Raises: InvalidValue where the table has no meaning.
        """

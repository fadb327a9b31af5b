"""What a log never holds: passwords, e-mail addresses, and the text of errors that may quote people's data."""

from __future__ import annotations

import re
import traceback
from typing import Final

from temporalio.exceptions import ApplicationError, TemporalError
from temporalio.service import RPCError

from ledger_core.errors import LedgerError, SourceUnavailable

WITHHELD: Final = "(text withheld: it may quote data)"
MAX_TEXT_CHARACTERS: Final = 2_000
LOOKED_AT_CHARACTERS: Final = 2_500  # the patterns take time by the square: 20 s for one word of 32,000
MOST_CAUSES: Final = 10  # a chain of errors is not followed for ever
_PASSWORD: Final = re.compile(r"(://[^\s:/@]*:)[^\s@]*@")
_MAIL: Final = re.compile(r"[\w.!#$%&'+=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*")
_MASK: Final = "***"
# Whose words are about machines, and our own; a failure's are what its raiser chose for a history.
_PLAIN_SPOKEN: Final = (OSError, SourceUnavailable, RPCError)
_SPEAKING_FAILURES: Final = ("source-unavailable", "worker-fault")


def redacted(text: str) -> str:
    """Return text without passwords of URLs and without e-mail addresses, and not too long."""
    looked_at = text
    if len(text) > LOOKED_AT_CHARACTERS:  # whole words of it, as half a password is not seen to be one
        looked_at = text[:LOOKED_AT_CHARACTERS].replace("\n", " ").rpartition(" ")[0]
    shown = _MAIL.sub(_MASK, _PASSWORD.sub(rf"\1{_MASK}@", looked_at))
    is_whole = looked_at is text and len(shown) <= MAX_TEXT_CHARACTERS
    return shown if is_whole else shown[:MAX_TEXT_CHARACTERS] + "..."


def error_lines(error: BaseException) -> list[str]:
    """Return an error and its causes, the first cause first: where each was raised, and what may be said of it.

    Holds: the text of an error is left out unless its kind is known to speak of machines alone. A driver
           quotes rows, and a KeyError a login.
    """
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain and len(chain) < MOST_CAUSES:
        chain.append(found)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    lines = []
    for each in reversed(chain):
        lines += [line.rstrip("\n") for line in traceback.format_tb(each.__traceback__)]
        lines.append(f"{type(each).__qualname__}: {_words(each)}")
    return lines


def _words(error: BaseException) -> str:
    diagnosis = getattr(error, "diag", None)
    if diagnosis is not None:  # psycopg's; what a statement met is told by its state and constraint alone
        state = getattr(error, "sqlstate", None)
        if state is not None:
            return " ".join(filter(None, ["sqlstate", state, diagnosis.constraint_name]))
        return redacted(str(error).splitlines()[0]) if str(error) else WITHHELD
    if isinstance(error, LedgerError):
        return error.code
    if isinstance(error, ApplicationError):
        speaks = error.type in _SPEAKING_FAILURES
        return f"{error.type}: {redacted(error.message)}" if speaks else str(error.type)
    if isinstance(error, _PLAIN_SPOKEN) or (isinstance(error, TemporalError) and not error.__cause__):
        return redacted(str(error))
    return WITHHELD

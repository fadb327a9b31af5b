"""Why a file is no `ledger-bundle/1`: each refusal by name, with a stable code.

A refusal says that the file cannot be checked at all; a bundle that can be checked and is wrong is no
refusal but a report with a difference. Neither is verified.
"""

from __future__ import annotations

from ledger_core.errors import LedgerError
from ledger_core.verification.report import printable


class BundleRefused(LedgerError):
    """The file is no well-formed bundle; the root of all refusals of this package."""

    code = "bundle-refused"


class NotABundle(BundleRefused):
    """The file is no zip at all, or no file."""

    code = "not-a-bundle"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the file is no ledger bundle: {problem}")
        self.problem = problem


class SignaturesRefused(BundleRefused):
    """The file of signatures is none."""

    code = "signatures-refused"

    def __init__(self, problem: str) -> None:
        self.problem = printable(problem)
        super().__init__(f"the file of signatures is no ledger-signatures/1: {self.problem}")


class BundleTruncated(BundleRefused):
    """The file begins like a bundle and has no end."""

    code = "bundle-truncated"

    def __init__(self) -> None:
        super().__init__("the file begins like a bundle, but its end is missing")


class BundleFormatUnsupported(BundleRefused):
    """The bundle, or a document in it, is of a format or algorithm that this verifier does not know."""

    code = "bundle-format-unsupported"

    def __init__(self, what: str, supported: str, found: object) -> None:
        self.found = printable(found if isinstance(found, str) else type(found).__name__)
        super().__init__(f"the {what} is {self.found}, and only {supported} is supported")
        self.what = what
        self.supported = supported


class BundleLayoutDiffers(BundleRefused):
    """The zip is not laid out byte for byte as the format says."""

    code = "bundle-layout-differs"

    def __init__(self, problem: str) -> None:
        self.problem = printable(problem)
        super().__init__(f"the zip is not laid out as ledger-bundle/1 is: {self.problem}")


class BundleEntryRefused(BundleRefused):
    """One entry of the zip is not what a bundle may hold."""

    code = "bundle-entry-refused"
    problem = "cannot be in a bundle"

    def __init__(self, name: str) -> None:
        self.name = printable(name)
        super().__init__(f"the entry {self.name} {self.problem}")


class BundleEntryMissing(BundleEntryRefused):
    """An entry that every bundle has is not there."""

    code = "bundle-entry-missing"
    problem = "is missing"


class BundleEntryUnknown(BundleEntryRefused):
    """An entry has a name that no bundle has; paths, drives and odd spellings are such names."""

    code = "bundle-entry-unknown"
    problem = "is none of a bundle's"


class BundleEntryRepeated(BundleEntryRefused):
    """Two entries have one name."""

    code = "bundle-entry-repeated"
    problem = "occurs twice"


class BundleEntryCompressed(BundleEntryRefused):
    """An entry is compressed; a bundle's are stored, so that its bytes do not depend on a compressor."""

    code = "bundle-entry-compressed"
    problem = "is compressed"


class BundleEntryEncrypted(BundleEntryRefused):
    """An entry is encrypted."""

    code = "bundle-entry-encrypted"
    problem = "is encrypted"


class BundleEntrySize(BundleEntryRefused):
    """An entry's sizes contradict each other or the file, or exceed the format's limit."""

    code = "bundle-entry-size"
    problem = "has sizes that contradict the file, or that exceed the format's limits"


class BundleLineTooLong(BundleRefused):
    """A line exceeds the limit of its file."""

    code = "bundle-line-too-long"

    def __init__(self, name: str, line: int, limit_bytes: int) -> None:
        super().__init__(f"line {line} of {name} is longer than {limit_bytes} bytes")
        self.name = name
        self.line = line
        self.limit_bytes = limit_bytes


class BundleRecordInvalid(BundleRefused):
    """A record is not canonical JSON, or does not have its format's fields."""

    code = "bundle-record-invalid"

    def __init__(self, name: str, line: int, problem: str) -> None:
        self.problem = printable(problem)
        super().__init__(f"line {line} of {name} is invalid: {self.problem}")
        self.name = name
        self.line = line

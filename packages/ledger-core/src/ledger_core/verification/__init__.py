"""The bundle of a statement, and its offline verifier: who has the file needs neither network nor database.

`python -m ledger_core.verification FILE` is the same on a command line.
"""

from ledger_core.verification.bundle_writer import BundleSummary, write_bundle
from ledger_core.verification.refusals import BundleRefused
from ledger_core.verification.report import Check, VerificationReport
from ledger_core.verification.verifier import verify_bundle

__all__ = [
    "BundleRefused",
    "BundleSummary",
    "Check",
    "VerificationReport",
    "verify_bundle",
    "write_bundle",
]

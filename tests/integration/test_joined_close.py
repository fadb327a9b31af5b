"""A close that joins somebody else's is held to what it asked for itself."""

from __future__ import annotations

import signal
import subprocess
from contextlib import ExitStack

from tests.command_line import read_until, running_program
from tests.node import Node, collect
from tests.signers import APPROVER, signature_of


def test_a_joined_close_without_the_approvals_that_were_asked_for_is_refused(
    node: Node, worker: subprocess.Popen[str], settings: dict[str, str]
) -> None:
    """The close that runs already asked for none: the epoch is closed, and who joined is told what is missing."""
    epoch = collect(node)
    node.does("pool", "add", epoch, "base_issuance", 1000, "--yes")
    approval = signature_of(APPROVER, node.does("statement", "sign-data", epoch))
    asked = {
        "approvals-missing": ("--require-approvals", "1"),
        "approvals-too-late": ("--approval", approval),
        "": (),
    }
    told = {}
    with ExitStack() as running:
        worker.send_signal(signal.SIGSTOP)  # it holds the close where it is, until the others have joined
        try:
            node.does("epoch", "finalize", epoch, "--yes", "--no-wait")
            joined = {}
            for code, options in asked.items():
                words = ("epoch", "finalize", str(epoch), "--yes", *options)
                joined[code] = running.enter_context(running_program(*words, settings=settings))
                read_until(joined[code], "joined, it was running already")
        finally:
            worker.send_signal(signal.SIGCONT)
        for code, process in joined.items():
            assert process.stderr is not None
            told[code] = (process.stderr.read(), process.wait())

    for code, (errors, status) in told.items():
        assert (status, f"ledger: {code}: " in errors) == ((1, True) if code else (0, False)), errors
    assert node.says("statement", "signatures", epoch)["signatures"] == []
    assert node.says("epoch", "show", epoch)["status"] == "closed"

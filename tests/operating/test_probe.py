"""The probe of a container: what it asks, and what it ends with."""

from __future__ import annotations

import signal

import pytest

from scheduler_worker.local.startup import free_ports
from scheduler_worker.probe import main
from tests.operating.operated import OperatedNode


def test_the_probe_ends_with_what_the_endpoint_answers(
    operated_node: OperatedNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with operated_node.worker() as worker:
        worker.await_ready()
        for address in (f"127.0.0.1:{worker.health_port}", f"0.0.0.0:{worker.health_port}"):
            monkeypatch.setenv("LEDGER_HEALTH_ADDRESS", address)
            assert (main([]), main(["/healthz"]), main(["/readyz"])) == (0, 0, 0)
        assert '"worker": "running"' in capsys.readouterr().out
        worker.stop(signal.SIGTERM)

        assert main(["/healthz"]) == 1
        assert "no answer from 0.0.0.0" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["/metrics"], ["/healthz", "/readyz"]])
def test_the_probe_asks_for_nothing_else(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("LEDGER_HEALTH_ADDRESS", f"127.0.0.1:{port}")

    assert main(arguments) == 2
    assert "/healthz, /readyz" in capsys.readouterr().err


def test_the_probe_says_which_variable_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LEDGER_HEALTH_ADDRESS", raising=False)

    assert main([]) == 2
    assert "LEDGER_HEALTH_ADDRESS" in capsys.readouterr().err

"""Traces: one from a command to its activities where the environment asks for them, and nothing otherwise."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from ledger_core import InvalidValue
from scheduler_worker.observability import tracing as module
from scheduler_worker.observability.tracing import TracingNotInstalled, chosen_exporter, tracing
from tests.operating.operated import OperatedNode


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """A collector of OTLP over HTTP on loopback, and the spans that it got."""
    spans: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", spans
        finally:
            server.shutdown()
            thread.join()


def test_one_trace_leads_from_a_command_to_its_activities(operated_node: OperatedNode) -> None:
    with collector() as (endpoint, spans):
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with operated_node.worker(**traced) as worker:
            worker.await_event("worker_started")
            collected = operated_node.run("epoch", "collect", "--at", "2026-01-05", **traced)
            bound = operated_node.run("identity", "bind", "git", "ada@example.org", "ada", **traced)
            refused = operated_node.run("identity", "bind", "git", "ada@example.org", "linus", **traced)
            status = worker.stop(signal.SIGTERM)

    assert (collected.status, bound.status, refused.status, status) == (0, 0, 1, 0), (collected, refused)
    [root] = [span for span in spans if span.name == "StartWorkflow:CollectEpochWorkflow"]
    trace = [span for span in spans if span.trace_id == root.trace_id]
    assert {span.name for span in trace} >= {
        "StartWorkflow:CollectEpochWorkflow",
        "RunWorkflow:CollectEpochWorkflow",
        "StartActivity:open_epoch",
        "RunActivity:open_epoch",
        "RunActivity:collect_stream",
        "RunActivity:curate_epoch",
        "RunActivity:record_base_issuance",
    }
    assert leads_to(trace, root, "RunActivity:collect_stream")
    assert not any(span.status.code == Status.STATUS_CODE_ERROR for span in trace)
    assert [span.name for span in spans].count("RunActivity:bind_identities") == 2
    told = "".join(str(span) for span in spans)
    assert "example.org" not in told
    assert not any(span.events for span in spans)


def leads_to(trace: list[Span], root: Span, name: str) -> bool:
    parents = {span.span_id: span.parent_span_id for span in trace}
    [span_id] = [span.span_id for span in trace if span.name == name]
    while span_id in parents:
        if span_id == root.span_id:
            return True
        span_id = parents[span_id]
    return False


@pytest.mark.parametrize(
    ("environment", "exporter"),
    [
        ({}, None),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, None),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, None),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, "otlp"),
        ({"OTEL_SERVICE_NAME": "ledger"}, None),
    ],
)
def test_the_standard_environment_turns_traces_on(
    environment: Mapping[str, str], exporter: str | None
) -> None:
    assert chosen_exporter(environment) == exporter


def test_an_exporter_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidValue, match="OTEL_TRACES_EXPORTER"):
        chosen_exporter({"OTEL_TRACES_EXPORTER": "zipkin"})


def test_traces_that_can_t_be_made_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)

    with (
        pytest.raises(TracingNotInstalled, match=r"cogni-scheduler-worker\[otel\]"),
        tracing({"OTEL_TRACES_EXPORTER": "otlp"}),
    ):
        pass


def test_by_default_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, scheduler_worker.main\n"
        "from scheduler_worker.observability.tracing import tracing\n"
        "with tracing({}) as found: assert found == ()\n"
        "print(*(name for name in sys.modules if name.startswith('opentelemetry')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stdout.split() == []

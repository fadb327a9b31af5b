"""OpenTelemetry traces from a command through its workflow to its activities; off unless OTEL_* turns it on.

Without it nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from temporalio.client import Interceptor

from ledger_core.errors import InvalidValue, LedgerError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

SERVICE_NAME: Final = "ledger"
TRACER: Final = "scheduler_worker"
EXPORTERS: Final = ("otlp", "console", "none")
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class TracingNotInstalled(LedgerError):
    """The environment asks for traces, and the packages that make them are missing."""

    code = "tracing-not-installed"

    def __init__(self) -> None:
        super().__init__(
            "OTEL_* asks for traces; install cogni-scheduler-worker[otel], or set OTEL_SDK_DISABLED=true"
        )


def chosen_exporter(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return `otlp` or `console`; None where traces are off, as they are by default.

    Holds:  OTEL_TRACES_EXPORTER decides; without it an OTLP endpoint means `otlp`.
    Raises: InvalidValue.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    named = environment.get("OTEL_TRACES_EXPORTER") or None
    if named is None:
        return "otlp" if any(environment.get(name) for name in _ENDPOINTS) else None
    if named not in EXPORTERS:
        raise InvalidValue("OTEL_TRACES_EXPORTER", "must be otlp, console or none")
    return None if named == "none" else named


@contextmanager
def tracing(environment: Mapping[str, str] = os.environ) -> Iterator[Sequence[Interceptor]]:
    """Yield the interceptors that trace a client and its workers; at the end, what is left is sent.

    Raises: InvalidValue, TracingNotInstalled.
    """
    exporter = chosen_exporter(environment)
    if exporter is None:
        yield ()
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise TracingNotInstalled
    with traced_by(_processor(exporter)) as interceptors:
        yield interceptors


@contextmanager
def traced_by(processor: SpanProcessor) -> Iterator[Sequence[Interceptor]]:
    """Yield interceptors whose spans go to the processor.

    Holds: a span has names, ids and times. The events that would quote an error, and so people's data, are
           not kept; its status says that it failed.
    """
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only where it is asked for
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider  # noqa: PLC0415
    from temporalio.contrib.opentelemetry import TracingInterceptor  # noqa: PLC0415

    provider = TracerProvider(
        resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or SERVICE_NAME}),
        span_limits=SpanLimits(max_events=0),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)
    try:
        # A schedule starts workflows without a span of ours: those begin a trace of their own.
        yield [TracingInterceptor(provider.get_tracer(TRACER), always_create_workflow_spans=True)]
    finally:
        provider.shutdown()


def _processor(exporter: str) -> SpanProcessor:
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415 - only where it is asked for
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SimpleSpanProcessor,
    )

    if exporter == "console":
        return SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return BatchSpanProcessor(OTLPSpanExporter())

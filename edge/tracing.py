"""Traces by OpenTelemetry (the extra `otel`): what one request waited for, across services.

Nothing of it is imported, and `span` gives back one object that does nothing, until `use` was
called. Spans are made within a request that is traced, and nowhere else: a probe's look at the
networks begins no trace. The context goes with contextvars, so tasks and engine threads have it.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from edge.errors import SettingsError
from edge.settings import TracingSettings

Value = str | bool | int | float
Headers = Iterable[tuple[bytes, bytes]]
"""Of a request, as ASGI has them: names in lower case."""

_TRACE_CONTEXT = (b"traceparent", b"tracestate")


class Span:
    """One piece of work, from when the block is entered until it is left; this one is of a request
    that is not traced."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        return None

    def set(self, name: str, value: Value) -> None:
        """Say something of it; nothing happens where nobody records it."""

    def fail(self, kind: str) -> None:
        """It did not end well: the kind of error. One that leaves the block does this by itself."""


_NOTHING = Span()
_library: "_Library | None" = None


def span(name: str, attributes: Mapping[str, Value] | None = None, *, client: bool = False) -> Span:
    """A part of the request that is traced here.

    Args:
        name: of few values, such as `encode` or `network matting`.
        client: another process is waited for in it.
    """
    # Within a trace that is not sampled there is nothing to record either.
    if _library is None or not _library.recording():
        return _NOTHING
    kind = _library.trace.SpanKind.CLIENT if client else _library.trace.SpanKind.INTERNAL
    started = _library.tracer.start_span(name, kind=kind, attributes=attributes)
    return _Recorded(_library, started)


def serving(name: str, headers: Headers) -> Span:
    """A request from outside, as a part of the caller's trace where it sends `traceparent` (W3C
    Trace Context)."""
    return _NOTHING if _library is None else _Recorded(_library, _library.incoming(name, headers))


def served(
    name: str, headers: Headers, seconds: float, attributes: Callable[[], Mapping[str, Value]]
) -> str | None:
    """Record a request that is over already; its trace's id, None where it is not traced."""
    if _library is None:
        return None
    end = time.time_ns()
    span = _library.incoming(name, headers, end - round(seconds * 1e9))
    if span.is_recording():
        span.set_attributes(attributes())
        span.end(end)
    return str(_library.trace.format_trace_id(span.get_span_context().trace_id))


def stages(timings: Iterable[tuple[str, float]]) -> None:
    """Record what another process has done one after the other until now, as parts of the request
    that is traced here: names, and seconds."""
    if _library is None or not _library.recording():
        return
    lengths = [(name, round(seconds * 1e9)) for name, seconds in timings]
    end = time.time_ns() - sum(length for _, length in lengths)
    for name, length in lengths:
        span, end = _library.tracer.start_span(name, start_time=end), end + length
        span.end(end)


def outgoing() -> dict[str, str]:
    """Headers by which another service makes its spans a part of this trace; empty without one."""
    headers: dict[str, str] = {}
    if _library is not None:
        _library.propagator.inject(headers)
    return headers


def ids() -> tuple[str, str] | None:
    """Trace and span in whose context this runs, as hexadecimal digits."""
    if _library is None:
        return None
    trace, context = _library.trace, _library.trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return str(trace.format_trace_id(context.trace_id)), str(trace.format_span_id(context.span_id))


def on() -> bool:
    """Whether requests are traced."""
    return _library is not None


def use(provider: Any) -> Callable[[], None]:
    """Trace from now on with this `TracerProvider` of the SDK; what ends it."""
    global _library
    before, _library = _library, _Library(provider)

    def end() -> None:
        global _library
        _library = before

    return end


def start(given: TracingSettings, version: str, renderer: str) -> Callable[[], None]:
    """Export to a collector as the settings say; what ends it, and sends what is left.

    The SDK's own variables count as well, `OTEL_EXPORTER_OTLP_HEADERS` for instance.

    Raises:
        SettingsError: the extra is not installed.
    """
    if not given.url:
        return lambda: None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    except ImportError as error:
        raise SettingsError(
            "EDGE_TRACING_URL needs OpenTelemetry", allowed="pip install edge[otel]"
        ) from error
    facts = {
        "service.name": given.service,
        "service.version": version,
        "edge.render_version": renderer,
    }
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(given.share),
        resource=Resource.create(facts),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=f"{given.url.rstrip('/')}/v1/traces", timeout=_TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    end = use(provider)

    def stop() -> None:
        end()
        provider.shutdown()

    return stop


_TIMEOUT = 5
"""Seconds that a collector may take; what it does not take is lost."""


class _Library:
    """What is asked of OpenTelemetry, imported when it is used."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self.context = context
        self.trace = trace
        self.propagator = TraceContextTextMapPropagator()
        self.tracer = provider.get_tracer("edge")

    def recording(self) -> bool:
        """Whether this runs in a span that is recorded."""
        return self.trace.get_current_span().is_recording()

    def incoming(self, name: str, headers: Headers, start: int | None = None) -> Any:
        """A span in the caller's trace, and in nothing that is this process's own."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name in _TRACE_CONTEXT
        }
        parent = self.propagator.extract(carrier, self.context.Context())
        kind = self.trace.SpanKind.SERVER
        return self.tracer.start_span(name, context=parent, kind=kind, start_time=start)


class _Recorded(Span):
    """A span of the SDK, current while its block runs."""

    __slots__ = ("_library", "_span", "_token")

    def __init__(self, library: _Library, span: Any) -> None:
        self._library = library
        self._span = span
        self._token: Any = None

    def __enter__(self) -> Self:
        context = self._library.trace.set_span_in_context(self._span)
        self._token = self._library.context.attach(context)
        return self

    def __exit__(self, *raised: Any) -> None:
        self._library.context.detach(self._token)
        if raised[0] is not None:
            self.fail(raised[0].__name__)
        self._span.end()

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(self._library.trace.StatusCode.ERROR)

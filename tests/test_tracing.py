"""Traces: one request, what it waited for, and the same trace in the services that it asks."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from edge import tracing
from edge.deadline import Deadline
from edge.models.triton import TritonModels
from edge.settings import TracingSettings
from tests.collector import Collector
from tests.models import networks
from tests.models.conftest import noise
from tests.models.servers import TritonServer, installation
from tests.parts import Answer, free_port
from tests.running import running
from tests.web.test_access_log import Lines, lines

__all__ = ["lines"]

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"
UNSAMPLED = f"00-{TRACE}-{CALLER}-00"


class Spans:
    """What was recorded, in the order in which it ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        [span] = self.named(name)
        return span

    def ancestors(self, span: ReadableSpan) -> list[str]:
        """Names of the spans around it, the nearest first."""
        by_id = {one.context.span_id: one for one in self.all}
        found = []
        while span.parent is not None and span.parent.span_id in by_id:
            span = by_id[span.parent.span_id]
            found.append(span.name)
        return found


def traced(**options) -> Iterator[Spans]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False, **options)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    end = tracing.use(provider)
    try:
        yield Spans(exporter)
    finally:
        end()
        provider.shutdown()


@pytest.fixture
def spans() -> Iterator[Spans]:
    yield from traced()


@pytest.fixture
def unsampled() -> Iterator[Spans]:
    yield from traced(sampler=ParentBased(ALWAYS_OFF))


PICTURE = "GET /{path}"


async def test_a_render_is_one_trace_with_what_it_waited_for(serve, spans, tmp_path):
    server = await serve(EDGE_ORIGIN_URL="", EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
    answer = await server.get("/glass.jpg?fmt=amazon&w=500", traceparent=PARENT)
    await server.parts.background_tasks.drain(120)
    assert answer.status_code == 200
    whole = spans.one(PICTURE)
    assert (whole.kind, whole.parent.span_id) == (SpanKind.SERVER, int(CALLER, 16))
    assert {span.context.trace_id for span in spans.all} == {int(TRACE, 16)}
    names = {span.name for span in spans.all}
    assert {
        "origin", "origin fetch", "tier memory", "tier folder", "network matting", "decode",
        "encode", "verify",
    } <= names  # fmt: skip
    for span in spans.all:
        assert span is whole or PICTURE in spans.ancestors(span), span.name
    for network in spans.named("network matting"):
        assert network.attributes["edge.network"] == "matting"
        assert network.kind is SpanKind.INTERNAL, "it runs in this process"
    assert "origin" in spans.ancestors(spans.one("origin fetch"))
    told = dict(whole.attributes)
    assert told["http.response.status_code"] == 200
    assert (told["edge.preset"], told["edge.source"]) == ("amazon", "render")
    assert told["edge.verdict"] == "fail"
    assert whole.status.status_code is StatusCode.UNSET


async def test_stages_of_a_render_process_are_parts_of_the_trace(serve, spans):
    server = await serve(EDGE_SERVER_PROCESSES="1")
    inside: list[ReadableSpan] = []
    for number in range(6000):  # until the process is there: each is another picture
        await server.get(f"/sku/123.jpg?w={100 + number}")
        around = spans.named("render process")[-1]
        inside = [span for span in spans.all if spans.ancestors(span)[:1] == ["render process"]]
        if inside:
            break
        await asyncio.sleep(0.01)
    assert {"facts", "decode", "resize", "encode"} <= {span.name for span in inside}
    for one, other in pairwise(sorted(inside, key=lambda span: span.start_time)):
        assert one.end_time <= other.start_time
    assert around.start_time <= min(span.start_time for span in inside)
    assert max(span.end_time for span in inside) <= around.end_time


async def test_tiers_say_what_was_asked_of_them_and_whether_it_was_found(serve, spans, tmp_path):
    for _ in range(2):
        server = await serve(EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
        await server.get("/sku/123.jpg?w=60")
        await server.parts.background_tasks.drain(120)
    told = [
        (span.attributes["edge.operation"], span.attributes.get("edge.found"))
        for span in spans.named("tier folder")
    ]
    assert told[0] == ("get", False)
    assert told[-2:] == [("put", None), ("get", True)]


async def test_a_wait_for_another_replicas_render_is_a_span(serve, spans, redis_url):
    servers = [await serve(EDGE_CACHE_REDIS_URL=redis_url) for _ in range(2)]
    url = "/sku/123.jpg?w=517&h=401&fit=cover&up=2&fm=png"
    answers = await asyncio.gather(*(server.get(url) for server in servers))
    assert {answer.status_code for answer in answers} == {200}
    leases = spans.named("lease")
    assert all(PICTURE in spans.ancestors(lease) for lease in leases)
    assert {lease.attributes["edge.leads"] for lease in leases} == {True, False}
    [waited] = [lease for lease in leases if not lease.attributes["edge.leads"]]
    [led] = [lease for lease in leases if lease.attributes["edge.leads"]]
    assert waited.end_time > led.end_time


async def test_a_hit_is_a_span_as_well_and_as_long_as_it_took(serve, spans):
    server = await serve()
    for _ in range(2):
        await server.get("/sku/123.jpg?w=60", traceparent=PARENT)
    _, hit = spans.named(PICTURE)
    assert hit.attributes["edge.source"] == "memory"
    assert hit.parent.span_id == int(CALLER, 16)
    assert 0 < hit.end_time - hit.start_time < 1e9


async def test_without_a_caller_each_request_begins_a_trace(serve, spans):
    server = await serve()
    await asyncio.gather(*(server.get(f"/sku/123.jpg?w={w}") for w in (60, 61)))
    whole = spans.named(PICTURE)
    assert all(span.parent is None for span in whole)
    assert len({span.context.trace_id for span in whole}) == 2


async def test_who_sends_that_it_is_not_sampled_is_not_recorded(serve, spans):
    server = await serve()
    for _ in range(2):
        answer = await server.get("/sku/123.jpg?w=60", traceparent=UNSAMPLED)
        assert answer.status_code == 200
    assert spans.all == ()


async def test_a_share_of_none_records_only_for_those_who_ask(serve, unsampled):
    server = await serve()
    await server.get("/sku/123.jpg?w=60")
    await server.get("/sku/123.jpg?w=60", traceparent=PARENT)
    assert len(unsampled.named(PICTURE)) == 1


@pytest.mark.parametrize("wrong", ["nonsense", "00-0-0-01", f"{PARENT}-more", ""])
async def test_a_traceparent_that_is_none_is_passed_over(serve, spans, wrong):
    server = await serve()
    assert (await server.get("/sku/123.jpg?w=60", traceparent=wrong)).status_code == 200
    assert spans.one(PICTURE).parent is None


async def test_probes_begin_no_trace(serve, spans):
    server = await serve()
    for path in ("/-/healthz", "/-/readyz", "/-/metrics"):
        await server.get(path)
    assert spans.all == ()
    await server.get("/-/explain/sku/123.jpg?w=60")
    assert spans.one("/-/").attributes["url.path"] == "/-/explain/sku/123.jpg"


async def test_errors_of_this_side_are_errors_of_the_span_and_the_callers_are_not(
    serve, spans, photos
):
    server = await serve()
    await server.get("/sku/123.jpg?w=no")
    await server.get("/no/such.jpg?w=60")
    photos.rename(photos.parent / "gone")
    await server.get("/sku/456.png?w=60")
    told = [
        (span.attributes["http.response.status_code"], span.status.status_code)
        for span in spans.named(PICTURE)
    ]
    assert told[0] == (400, StatusCode.UNSET)
    assert all(status is StatusCode.UNSET for code, status in told if code < 500)
    assert all(status is StatusCode.ERROR for code, status in told if code >= 500)


async def test_nothing_secret_stands_in_a_span(serve, spans):
    server = await serve()
    await server.get("/sku/123.jpg?w=60&token=hush-hush")
    assert spans.one(PICTURE).attributes["url.query"] == "w=60&token=(hidden)"


async def test_the_log_names_the_trace(serve, spans, lines: Lines):
    server = await serve(EDGE_SERVER_ACCESS_LOG="all")
    for _ in range(2):
        await server.get("/sku/123.jpg?w=60", traceparent=PARENT)
    assert [told["trace_id"] for told in lines.facts] == [TRACE, TRACE]
    whole = spans.named(PICTURE)[0]
    assert lines.facts[0]["span_id"] == f"{whole.context.span_id:016x}"


async def test_an_http_origin_is_asked_within_the_trace(serve, spans, photos, http_origin):
    http_origin.answers["/a.jpg"] = Answer((photos / "sku" / "123.jpg").read_bytes())
    server = await serve(EDGE_ORIGIN_URL=http_origin.url, EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8")
    await server.get("/a.jpg?w=60", traceparent=PARENT)
    asked = {span.context.span_id for span in spans.all if span.name.startswith("origin ")}
    told = [seen.headers["traceparent"] for seen in http_origin.seen if seen.path == "/a.jpg"]
    assert told
    for value in told:
        version, trace, parent, flags = value.split("-")
        assert (version, trace, flags) == ("00", TRACE, "01")
        assert int(parent, 16) in asked


async def test_untraced_nothing_is_sent_along(serve, photos, http_origin):
    http_origin.answers["/a.jpg"] = Answer((photos / "sku" / "123.jpg").read_bytes())
    server = await serve(EDGE_ORIGIN_URL=http_origin.url, EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8")
    await server.get("/a.jpg?w=60", traceparent=PARENT)
    assert http_origin.seen
    assert not any("traceparent" in seen.headers for seen in http_origin.seen)


class Wiretap(grpc.GenericRpcHandler):
    """Hands every call on to another gRPC server, unread, and keeps its metadata."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.aio.insecure_channel(target)
        self.seen: list[tuple[str, dict[str, str]]] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        call = self._channel.unary_unary(details.method)

        async def handed_on(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            self.seen.append((details.method, dict(details.invocation_metadata)))
            return await call(request)

        return grpc.unary_unary_rpc_method_handler(handed_on)

    async def close(self) -> None:
        await self._channel.close()


@pytest.fixture
def triton(tmp_path) -> Iterator[TritonServer]:
    folder = tmp_path / "served"
    networks.nearest(folder, "tiny", 32, 2, overlap=4)
    server = TritonServer(installation(), folder, tmp_path / "log").start()
    yield server
    server.stop()


@pytest.fixture
async def wiretap(triton: TritonServer) -> AsyncIterator[tuple[str, Wiretap]]:
    tap, server = Wiretap(triton.url.removeprefix("grpc://")), grpc.aio.server()
    server.add_generic_rpc_handlers((tap,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"grpc://127.0.0.1:{port}", tap
    await server.stop(0)
    await tap.close()


@pytest.mark.slow
async def test_triton_is_asked_within_the_trace(triton, wiretap, spans):
    url, tap = wiretap
    models = TritonModels(url, triton.repository)
    with tracing.serving("test", [(b"traceparent", PARENT.encode())]):
        answer = await models.infer(
            "tiny", {"image": noise(32, 32)[None]}, deadline=Deadline.after(30)
        )
    await models.close()
    assert answer["enlarged"].shape == (1, 64, 64, 3)
    [told] = [given for method, given in tap.seen if method.endswith("/ModelInfer")]
    network = spans.one("network tiny")
    assert told["traceparent"] == f"00-{TRACE}-{network.context.span_id:016x}-01"
    assert network.kind is SpanKind.CLIENT


async def test_spans_come_to_a_collector_over_otlp(photos, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=studio")
    with Collector().running() as collector:
        given = {"EDGE_TRACING_URL": collector.url, "EDGE_TRACING_SERVICE": "shop-pictures"}
        async with running(photos, given) as server:
            await server.get("/sku/123.jpg?w=60", traceparent=PARENT)
        assert not tracing.on()
        assert PICTURE in collector.names
        resource, whole = next(s for s in collector.spans if s[1].name == PICTURE)
        assert resource["service.name"] == "shop-pictures"
        assert resource["deployment.environment.name"] == "test"
        assert resource["edge.render_version"]
        assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (TRACE, CALLER)
        assert {span.trace_id.hex() for _, span in collector.spans} == {TRACE}
        assert collector.headers[0]["x-team"] == "studio"
        kinds = {one.key: one.value for one in whole.attributes}
        assert kinds["http.response.status_code"].int_value == 200


def test_a_collector_that_is_away_holds_up_no_end(caplog):
    caplog.set_level(logging.CRITICAL)
    given = TracingSettings(url=f"http://127.0.0.1:{free_port()}")
    end = tracing.start(given, "0", "0")
    with tracing.serving("test", []):
        pass
    began = time.monotonic()
    end()
    assert time.monotonic() - began < 30, "far more than it takes"
    assert not tracing.on()


def test_without_the_library_a_server_does_all_but_trace():
    code = (
        "import asyncio, sys\n"
        "sys.modules['opentelemetry'] = None  # as where it is not installed\n"
        "from edge import app, settings, tracing\n"
        "async def run():\n"
        "    async with app.connect(settings.load({})):\n"
        "        with tracing.span('x') as span: span.set('a', 1)\n"
        "        with tracing.serving('x', []) as span: span.fail('a')\n"
        "        assert tracing.outgoing() == {} and tracing.ids() is None\n"
        "asyncio.run(run())\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.')]\n"
    )
    subprocess.run([sys.executable, "-c", code], timeout=120, check=True)


def test_without_the_library_the_setting_is_refused(monkeypatch):
    from edge.errors import SettingsError

    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match="EDGE_TRACING_URL") as caught:
        tracing.start(TracingSettings(url="http://127.0.0.1:4318"), "0", "0")
    assert "edge[otel]" in caught.value.allowed

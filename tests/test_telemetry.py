"""Telemetry: log lines that machines read, stages that add up."""

import json
import logging

import pytest

from edge.accounting import Stages
from edge.logs import JsonLines
from edge.telemetry import Metrics, request_id


def line(**extra: object) -> dict:
    record = logging.makeLogRecord(
        {"msg": "hello %s", "args": ("you",), "levelname": "INFO", **extra}
    )
    return json.loads(JsonLines().format(record))


def test_a_log_line_is_one_json_object_with_what_was_added():
    token = request_id.set("abc")
    try:
        told = line(name="edge", status=404)
    finally:
        request_id.reset(token)
    assert told["message"] == "hello you"
    assert told["level"] == "info"
    assert told["request_id"] == "abc"
    assert told["status"] == 404
    assert told["time"].endswith("Z")


def test_an_exception_stays_on_its_line():
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        record = logging.makeLogRecord({"exc_info": (ValueError, error, error.__traceback__)})
    formatted = JsonLines().format(record)
    assert "\n" not in formatted
    assert "ValueError" in json.loads(formatted)["exception"]


def test_stages_keep_their_order_and_add_up():
    stages = Stages()
    stages.add("decode", 0.5)
    stages.add("encode", 0.25)
    stages.add("decode", 0.5)
    with pytest.raises(ZeroDivisionError), stages.span("verify"):
        raise ZeroDivisionError
    assert [name for name, _ in stages.items()] == ["decode", "encode", "verify"]
    assert dict(stages.items())["decode"] == 1.0


def test_two_servers_in_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.deliveries.labels("memory").inc()
    assert b'edge_deliveries_total{source="memory"} 1.0' in one.exposition()
    assert b'edge_deliveries_total{source="memory"}' not in other.exposition()


def test_what_is_counted_at_every_hit_stands_in_the_metrics_whenever_they_are_read():
    metrics = Metrics()
    hits = metrics.tally(metrics.deliveries, "memory")
    hits.inc()
    hits.inc()
    assert b'edge_deliveries_total{source="memory"} 2.0' in metrics.exposition()
    hits.inc()
    metrics.deliveries.labels("memory").inc()
    found = metrics.registry.get_sample_value("edge_deliveries_total", {"source": "memory"})
    assert found == 4.0
    assert b'edge_deliveries_total{source="memory"} 4.0' in metrics.exposition()


def test_the_process_itself_is_measured_and_no_series_tells_when_it_was_made():
    metrics = Metrics()
    metrics.requests.labels("image", 200).inc()
    metrics.request_seconds.labels("image", "render").observe(0.1)
    text = metrics.exposition().decode()
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"):
        assert f"# TYPE {name}" in text
    assert "_created" not in text

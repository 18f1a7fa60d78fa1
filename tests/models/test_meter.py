"""What the metrics say of requests to the networks."""

import asyncio
from pathlib import Path

import pytest

from edge.deadline import Deadline
from edge.errors import DeadlineExceeded, ModelUnavailable
from edge.models.embedded import EmbeddedModels
from edge.models.triton import TritonModels
from edge.telemetry import Metrics
from tests.models.conftest import noise
from tests.models.servers import free_ports

TILE = {"image": noise(32, 32)[None]}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_requests_batches_and_times_are_counted_per_model(tiny: Path) -> None:
    metrics = Metrics()
    models = EmbeddedModels(tiny, threads=1, metrics=metrics)
    tiles = {"image": TILE["image"].repeat(11, 0)}
    await models.infer("upscale_x2", tiles, deadline=Deadline.after(30))
    with pytest.raises(DeadlineExceeded):
        await models.infer("upscale_x2", TILE, deadline=Deadline.after(0))
    await models.close()
    labels = {"model": "upscale_x2", "runtime": "embedded"}
    assert value(metrics, "edge_model_requests_total", **labels, outcome="ok") == 2
    assert value(metrics, "edge_model_requests_total", **labels, outcome="DeadlineExceeded") == 1
    assert value(metrics, "edge_model_batch_sum", **labels) == 12
    assert value(metrics, "edge_model_queue_seconds_count", **labels) == 3
    assert (value(metrics, "edge_model_seconds_sum", **labels) or 0) > 0


async def test_a_caller_who_leaves_is_counted_as_cancelled(tiny: Path) -> None:
    metrics = Metrics()
    models = EmbeddedModels(tiny, threads=1, metrics=metrics)
    run = asyncio.create_task(models.infer("upscale_x2", TILE, deadline=Deadline.after(30)))
    await asyncio.sleep(0)
    run.cancel()
    await asyncio.wait([run])
    await models.close()
    labels = {"model": "upscale_x2", "runtime": "embedded", "outcome": "cancelled"}
    assert value(metrics, "edge_model_requests_total", **labels) == 1


async def test_the_breakers_state_is_to_be_seen(tiny: Path) -> None:
    metrics = Metrics()
    models = TritonModels(f"grpc://127.0.0.1:{free_ports(1)[0]}", tiny, metrics=metrics)
    assert value(metrics, "edge_triton_breaker_open") == 0
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await models.infer("upscale_x2", TILE, deadline=Deadline.after(10))
    assert value(metrics, "edge_triton_breaker_open") == 1
    await models.close()

"""A server that is told to stop while an origin hangs: everybody hears what there is to hear."""

import asyncio
import signal
from pathlib import Path

import pytest

from edge.settings import ServerSettings
from tests.parts import Answer, WebServer
from tests.replicas import Start, start

__all__ = ["start"]

pytestmark = pytest.mark.slow


async def test_past_the_drain_limit_a_request_is_told_to_come_again(
    start: Start, http_origin: WebServer, photos: Path
):
    body = (photos / "sku" / "123.jpg").read_bytes()
    http_origin.answers["/slow.jpg"] = Answer(body, delay=300)
    replica = await start(
        EDGE_ORIGIN_URL=http_origin.url,
        EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8",
        EDGE_ORIGIN_TIMEOUT="300",
        EDGE_SERVER_DEADLINE="300",
        EDGE_SERVER_DRAIN="1",
        EDGE_SERVER_SHUTDOWN_DELAY="0",
    )
    waiting = asyncio.create_task(replica.http.get("/slow.jpg?w=40"))
    while not http_origin.seen:  # noqa: ASYNC110 - it lives in another thread
        await asyncio.sleep(0.05)
    replica.process.send_signal(signal.SIGTERM)
    answer = await waiting
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"] == "/-/problems/busy"
    assert await asyncio.wait_for(replica.process.wait(), 60) == 0


def test_by_default_a_server_drains_for_longer_than_any_request_may_take():
    assert ServerSettings().drain > ServerSettings().deadline
    assert ServerSettings().shutdown_delay > 0

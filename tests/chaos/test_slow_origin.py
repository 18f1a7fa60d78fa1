"""Several origins, one of which hangs: only what must come from that one waits."""

import asyncio
from pathlib import Path

import pytest

from tests.parts import Answer, WebServer
from tests.replicas import Start, start

__all__ = ["start"]

pytestmark = pytest.mark.slow
CROWD = 60


async def test_one_slow_origin_blocks_only_itself(
    start: Start, http_origin: WebServer, photos: Path
):
    """A crowd waits for an origin that hangs; meanwhile pictures of another origin are rendered,
    and so are new pictures of a photo of the slow one that lies in memory."""
    body = (photos / "sku" / "123.jpg").read_bytes()
    kept = {"ETag": '"1"'}
    http_origin.answers["/kept.jpg"] = Answer(body, headers=kept)
    for number in range(CROWD):
        http_origin.answers[f"/{number}.jpg"] = Answer(body, headers=kept, delay=120)
    replica = await start(
        EDGE_ORIGIN_URL=f"/slow={http_origin.url},/well={photos}",
        EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8",
        EDGE_ORIGIN_TIMEOUT="120",
        EDGE_SERVER_DEADLINE="120",
        EDGE_ORIGIN_REMEMBER="600",
    )
    assert (await replica.http.get("/slow/kept.jpg?w=40&fm=jpg")).status_code == 200
    crowd = [
        asyncio.create_task(replica.http.get(f"/slow/{number}.jpg?w=40&fm=jpg"))
        for number in range(CROWD)
    ]
    while len(http_origin.seen) < 6:  # noqa: ASYNC110 - it lives in another thread
        await asyncio.sleep(0.05)
    for width in range(50, 70):
        for path in ("/well/sku/123.jpg", "/well/sku/456.png", "/slow/kept.jpg"):
            answer = await asyncio.wait_for(replica.http.get(f"{path}?w={width}&fm=jpg"), 60)
            assert answer.status_code == 200, answer.text
            assert "fwd=uri-miss" in answer.headers["cache-status"]
    assert not any(task.done() for task in crowd), "the crowd still waits, in its own lane"
    assert await replica.metric('edge_admission_running{cost="origin"}') == 32
    assert await replica.metric('edge_admission_waiting{cost="origin"}') == CROWD - 32
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)

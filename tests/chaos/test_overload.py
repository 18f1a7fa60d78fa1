"""More is asked for than can be made: what is begun is ended and kept, the rest hears it soon."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.parts import Answer, WebServer
from tests.replicas import Start, start
from tests.running import photo, settle

__all__ = ["start"]

pytestmark = pytest.mark.slow


@pytest.fixture
def large(photos: Path) -> str:
    photo(3000, 4000).save(photos / "large.jpg", quality=95)
    settle(photos)
    return "/large.jpg?fm=avif"


async def test_what_was_mostly_made_when_its_client_left_is_kept(start: Start, large: str):
    replica = await start()
    begun = time.monotonic()
    assert (await replica.http.get("/large.jpg?w=60&fm=jpg")).status_code == 200
    typical = time.monotonic() - begun
    with pytest.raises(httpx.ReadTimeout):
        await replica.http.get(f"{large}&w=2800", timeout=typical)
    assert await replica.renders() == 1, "the large one takes much longer than the small one did"
    for _ in range(1800):
        if await replica.renders() == 2:
            break
        await asyncio.sleep(0.1)
    again = await replica.http.get(f"{large}&w=2800")
    assert "hit" in again.headers["cache-status"]
    assert await replica.renders() == 2


async def test_of_too_many_at_once_some_are_served_and_the_rest_is_told_when_to_come(
    start: Start, large: str
):
    """A third of them at most can be made before the deadline, whatever the machine."""
    unhurried = await start(EDGE_SERVER_THREADS="2")
    begun = time.monotonic()
    for width in (1797, 1798, 1799):
        assert (await unhurried.http.get(f"{large}&w={width}")).status_code == 200
    typical = (time.monotonic() - begun) / 3
    replica = await start(EDGE_SERVER_DEADLINE=f"{10 * typical:.2f}", EDGE_SERVER_THREADS="2")
    asked = (replica.http.get(f"{large}&w={width}") for width in range(1800, 1860))
    answers = await asyncio.gather(*asked)
    statuses = Counter(answer.status_code for answer in answers)
    assert 1 <= statuses[200] < 60
    assert statuses[200] + statuses[503] >= 58, "at most those that ran were late"
    waits = {answer.headers["retry-after"] for answer in answers if answer.status_code == 503}
    assert len(waits) > 1, "not all of them come again at the same moment"
    assert await replica.renders() <= statuses[200] + 2, "hardly a render for nobody"


async def test_who_joins_late_has_his_own_time(start: Start, http_origin: WebServer, photos: Path):
    body = (photos / "sku" / "123.jpg").read_bytes()
    http_origin.answers["/a.jpg"] = Answer(body, headers={"ETag": '"1"'}, delay=60, head=True)
    replica = await start(
        EDGE_ORIGIN_URL=http_origin.url,
        EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8",
        EDGE_ORIGIN_TIMEOUT="60",
        EDGE_SERVER_DEADLINE="8",
    )
    leader = asyncio.create_task(replica.http.get("/a.jpg?w=40"))
    await asyncio.sleep(4)
    joiner = asyncio.create_task(replica.http.get("/a.jpg?w=40"))
    await asyncio.sleep(1)
    http_origin.answers["/a.jpg"] = Answer(body, headers={"ETag": '"1"'})
    assert (await leader).status_code in (502, 503, 504)
    assert (await joiner).status_code == 200

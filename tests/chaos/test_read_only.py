"""The folder tier lies on a file system that is mounted for reading: what it holds is served on."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.parts import Answer, WebServer, absent
from tests.replicas import Replica, Start, start
from tests.running import TOKEN, photo

__all__ = ["start"]

pytestmark = pytest.mark.slow
HELD = 1050
"""More than as many uses as are kept in memory until they are noted in the index."""


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """`tmp_path/store` a second time, mounted for reading alone."""
    store, place = tmp_path / "store", tmp_path / "mounted"
    for folder in (store, place):
        folder.mkdir()
    run("mount", "--bind", str(store), str(place))
    try:
        run("mount", "-o", "remount,ro,bind", str(place))
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        absent(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def shop(tmp_path: Path, http_origin: WebServer) -> WebServer:
    photo(160, 120).save(tmp_path / "small.jpg", quality=80)
    body = (tmp_path / "small.jpg").read_bytes()
    for number in range(50):
        http_origin.answers[f"/{number}.jpg"] = Answer(body, headers={"ETag": f'"{number}"'})
    return http_origin


URLS = [f"/{n % 50}.jpg?w={16 + n // 50}&fm=jpg" for n in range(HELD)]


async def all_of(replica: Replica, urls: list[str]) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    for first in range(0, len(urls), 25):
        some = urls[first : first + 25]
        answers += await asyncio.gather(*(replica.http.get(url) for url in some))
    return answers


async def test_a_folder_that_can_only_be_read_serves_all_it_holds(
    start: Start, shop: WebServer, tmp_path: Path, mounted: Path
):
    given = {
        "EDGE_ORIGIN_URL": shop.url,
        "EDGE_ORIGIN_HTTP_PRIVATE": "127.0.0.0/8",
        "EDGE_CACHE_MEMORY_BYTES": "0",
        "EDGE_SERVER_LOG_LEVEL": "error",
    }
    first = await start(**given, EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
    made = await all_of(first, URLS)
    assert {answer.status_code for answer in made} == {200}
    first.process.terminate()
    assert await first.process.wait() == 0

    second = await start(**given, EDGE_CACHE_STORE_URL=str(mounted))
    for _ in range(2):  # each use is to be noted, and cannot be
        hits = await all_of(second, URLS)
        assert {answer.headers["cache-status"] for answer in hits} == {"edge; hit; detail=folder"}
    assert [answer.content for answer in hits] == [answer.content for answer in made]
    assert (await second.http.get("/1.jpg?w=99")).status_code == 200, "what it does not hold"
    ready = await second.http.get("/-/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert await second.metric('edge_tier_bytes{tier="folder"}') > 0
    token = {"authorization": f"Bearer {TOKEN}"}
    purged = await second.http.post("/-/purge", json={"original": "/1.jpg"}, headers=token)
    assert purged.status_code == 207, "it is told that it cannot be purged there"
    assert "folder" in purged.json()["unreached"]


async def test_with_the_origin_down_too_a_restarted_server_serves_what_lies_there(
    start: Start, shop: WebServer, tmp_path: Path, mounted: Path
):
    given = {
        "EDGE_ORIGIN_URL": shop.url,
        "EDGE_ORIGIN_HTTP_PRIVATE": "127.0.0.0/8",
        "EDGE_SERVER_LOG_LEVEL": "error",
    }
    first = await start(**given, EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
    made = await all_of(first, URLS[:100])
    first.process.terminate()
    assert await first.process.wait() == 0
    shop.stop()
    second = await start(**given, EDGE_CACHE_STORE_URL=str(mounted))
    after = await all_of(second, URLS[:100])
    assert {answer.status_code for answer in after} == {200}
    assert [answer.content for answer in after] == [answer.content for answer in made]

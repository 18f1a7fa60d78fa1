"""The origin goes away under a real server: what was made is served, after a restart too."""

import shutil
from pathlib import Path

import httpx
import pytest

from tests.parts import Answer, WebServer
from tests.replicas import Replica, Start, start
from tests.running import TOKEN

__all__ = ["start"]

pytestmark = pytest.mark.slow
PHOTOS = 20
FORGETFUL = "0.001"
"""Seconds for which a stamp is trusted: every hit would ask the origin."""


async def purge(replica: Replica, **what: str) -> httpx.Response:
    token = {"authorization": f"Bearer {TOKEN}"}
    return await replica.http.post("/-/purge", json=what, headers=token)


@pytest.fixture
def shop(photos: Path, http_origin: WebServer) -> WebServer:
    """A web server with a number of photos."""
    body = (photos / "sku" / "123.jpg").read_bytes()
    for number in range(PHOTOS):
        http_origin.answers[f"/{number}.jpg"] = Answer(body, headers={"ETag": f'"{number}"'})
    return http_origin


def on(shop: WebServer, **more: str) -> dict[str, str]:
    return {"EDGE_ORIGIN_URL": shop.url, "EDGE_ORIGIN_HTTP_PRIVATE": "127.0.0.0/8", **more}


async def every_photo(replica: Replica) -> list[httpx.Response]:
    return [await replica.http.get(f"/{number}.jpg?w=40&fm=jpg") for number in range(PHOTOS)]


async def test_a_purge_of_one_makes_nobody_ask_for_another(start: Start, shop: WebServer):
    replica = await start(**on(shop))
    await every_photo(replica)
    asked = len(shop.seen)
    assert (await purge(replica, original="/0.jpg")).status_code == 200
    assert (await purge(replica, tag="nobody has this")).status_code == 200
    assert (await purge(replica, preset="amazon")).status_code == 200
    again = await every_photo(replica)
    assert "fwd=uri-miss" in again[0].headers["cache-status"]
    assert all("detail=memory" in answer.headers["cache-status"] for answer in again[1:])
    assert {seen.path for seen in shop.seen[asked:]} == {"/0.jpg"}


async def test_with_the_origin_down_a_purge_of_one_costs_no_other(start: Start, shop: WebServer):
    replica = await start(**on(shop))
    await every_photo(replica)
    for answer in shop.answers.values():
        answer.status = answer.head_status = 500
    await purge(replica, original="/0.jpg")
    statuses = [answer.status_code for answer in await every_photo(replica)]
    assert statuses[0] >= 500, "what was purged is not served"
    assert statuses[1:] == [200] * (PHOTOS - 1)


@pytest.mark.parametrize("store", ["folder", "s3", "redis"])
async def test_with_the_origin_down_a_restarted_server_serves_what_its_tiers_hold(
    start: Start, shop: WebServer, store: str, tmp_path: Path, request: pytest.FixtureRequest
):
    place = {"EDGE_CACHE_STORE_URL": str(tmp_path / "store")}
    if store == "s3":
        bucket, endpoint = map(request.getfixturevalue, ("bucket", "s3_endpoint"))
        place = {"EDGE_CACHE_STORE_URL": f"s3://{bucket}/r", "EDGE_S3_ENDPOINT_URL": endpoint}
    if store == "redis":
        place = {"EDGE_CACHE_REDIS_URL": request.getfixturevalue("redis_url")}
    first = await start(**on(shop, **place))
    before = await every_photo(first)
    first.process.terminate()
    assert await first.process.wait() == 0
    shop.stop()
    second = await start(**on(shop, **place))
    after = await every_photo(second)
    assert [answer.status_code for answer in after] == [200] * PHOTOS
    assert [answer.content for answer in after] == [answer.content for answer in before]
    versioned = await second.http.get("/1.jpg?w=40&fm=jpg&v=later")
    assert versioned.status_code == 200
    assert "immutable" not in versioned.headers["cache-control"], "it may be of an older version"
    assert (await second.http.get("/1.jpg?w=41")).status_code == 502, "what nobody has made"


async def test_what_was_purged_is_not_recalled_by_a_restarted_server(
    start: Start, shop: WebServer, tmp_path: Path
):
    place = {"EDGE_CACHE_STORE_URL": str(tmp_path / "store")}
    first = await start(**on(shop, **place))
    await every_photo(first)
    await purge(first, original="/3.jpg")
    first.process.terminate()
    await first.process.wait()
    shop.stop()
    second = await start(**on(shop, **place))
    statuses = [answer.status_code for answer in await every_photo(second)]
    assert statuses == [200] * 3 + [502] + [200] * (PHOTOS - 4)


async def test_originals_rewritten_in_place_are_kept_for_moments_only(
    start: Start, photos: Path, tmp_path: Path
):
    replica = await start()
    whole = (photos / "sku" / "123.jpg").read_bytes()
    shutil.copy(photos / "sku" / "123.jpg", photos / "b.jpg")  # its time is now
    with (photos / "b.jpg").open("r+b") as file:
        file.write(whole[: len(whole) // 2])
        file.flush()
        answer = await replica.http.get("/b.jpg?w=40&fm=jpg")
        again = await replica.http.get("/b.jpg?w=40&fm=jpg", headers={"if-none-match": "*"})
    assert answer.status_code == 200
    for told in (answer, again):
        assert "must-revalidate" in told.headers["cache-control"]
        assert "must-revalidate" in told.headers["cdn-cache-control"]
    settled = await replica.http.get("/sku/123.jpg?w=40&fm=jpg")
    assert "must-revalidate" not in settled.headers["cache-control"]

"""A whole server on a web server, a bucket and several origins at once."""

import asyncio
import shutil
from pathlib import Path
from threading import Event

import pytest

from tests.parts import Answer, WebServer
from tests.running import TOKEN, Running, Serve

PRIVATE = {"EDGE_ORIGIN_HTTP_PRIVATE": "127.0.0.0/8"}


@pytest.fixture
def body(photos: Path) -> bytes:
    return (photos / "sku" / "123.jpg").read_bytes()


async def at(serve: Serve, url: str, **environ: str) -> Running:
    return await serve(EDGE_ORIGIN_URL=url, **PRIVATE, **environ)


async def test_a_web_server_is_asked_once_for_a_hundred_misses(serve, http_origin: WebServer, body):
    http_origin.answers["/shop/a.jpg"] = Answer(body, headers={"ETag": '"1"'}, delay=0.1)
    server = await at(serve, f"{http_origin.url}/shop")
    answers = await asyncio.gather(*(server.get("/a.jpg?w=90") for _ in range(100)))
    assert {a.status_code for a in answers} == {200}
    assert http_origin.count("GET", "/shop/a.jpg") == 1


async def test_a_body_cut_short_is_an_error_and_never_stored(serve, http_origin, body, tmp_path):
    http_origin.answers["/a.jpg"] = Answer(body, length=len(body), cut=len(body) // 2)
    server = await at(serve, http_origin.url, EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
    answer = await server.get("/a.jpg?w=90")
    assert answer.status_code == 502
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["type"].endswith("origin-truncated")
    http_origin.answers["/a.jpg"] = Answer(body)
    assert (await server.get("/a.jpg?w=90")).status_code == 200
    await server.parts.background_tasks.drain(120)
    assert await server.metric('edge_tier_writes_total{outcome="ok",tier="folder"}') == 1


async def test_a_slow_origin_is_a_504_that_no_cache_keeps(serve, http_origin, body):
    http_origin.answers["/a.jpg"] = Answer(body, delay=5)
    server = await at(serve, http_origin.url, EDGE_ORIGIN_TIMEOUT="0.2")
    answer = await server.get("/a.jpg?w=90")
    assert answer.status_code == 504
    assert answer.headers["cache-control"] == "no-store"
    assert "retry-after" in answer.headers


async def test_a_slow_origin_does_not_hold_up_what_another_has(serve, http_origin, photos, body):
    http_origin.answers["/a.jpg"] = Answer(body, held=(held := Event()))
    server = await at(
        serve,
        f"/slow={http_origin.url},/={photos}",
        EDGE_LIMITS_CLASSICAL_RUNNING="1",
        EDGE_LIMITS_CLASSICAL_WAITING="0",
        EDGE_ORIGIN_TIMEOUT="120",
        EDGE_SERVER_DEADLINE="120",
    )
    slow = asyncio.create_task(server.get("/slow/a.jpg?w=90"))
    while not http_origin.seen:  # noqa: ASYNC110 - it lives in another thread
        await asyncio.sleep(0.01)
    assert (await server.get("/sku/123.jpg?w=90")).status_code == 200
    assert not slow.done()
    held.set()
    assert (await slow).status_code == 200


async def test_an_origin_out_of_order_still_serves_what_was_made(serve, http_origin, body):
    http_origin.answers["/a.jpg"] = Answer(body)
    server = await at(
        serve, http_origin.url, EDGE_ORIGIN_REMEMBER="0", EDGE_CACHE_ORIGINAL_BYTES="0"
    )
    before = await server.get("/a.jpg?w=90")
    http_origin.answers["/a.jpg"] = Answer(b"oops", 500)
    after = await server.get("/a.jpg?w=90")
    assert after.status_code == 200
    assert after.headers["etag"] == before.headers["etag"]
    assert (await server.get("/a.jpg?w=91")).status_code == 502


async def test_a_private_address_is_refused_unless_it_is_allowed(serve, http_origin, body):
    http_origin.answers["/a.jpg"] = Answer(body)
    server = await serve(EDGE_ORIGIN_URL=http_origin.url)
    answer = await server.get("/a.jpg?w=90")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("address-forbidden")
    assert http_origin.seen == []


async def test_a_bucket_serves_by_template(serve, s3_endpoint, s3_client, bucket, body):
    s3_client.put_object(Bucket=bucket, Key="catalogue/123/main.jpg", Body=body)
    server = await serve(
        EDGE_ORIGIN_URL=f"/sku=s3://{bucket}/catalogue/{{stem}}/main.jpg",
        EDGE_S3_ENDPOINT_URL=s3_endpoint,
    )
    assert (await server.get("/sku/123.jpg?w=90")).status_code == 200
    assert (await server.get("/sku/124.jpg?w=90")).status_code == 404
    assert (await server.get("/other/123.jpg?w=90")).status_code == 404
    ready = (await server.get("/-/readyz")).json()
    assert all(part["ready"] for part in ready["origins"].values())


async def test_a_bucket_keeps_renditions_for_the_next_server(
    serve, s3_endpoint, s3_client, bucket
):  # fmt: skip
    store = {
        "EDGE_CACHE_STORE_URL": f"s3://{bucket}/renditions",
        "EDGE_S3_ENDPOINT_URL": s3_endpoint,
        "EDGE_CACHE_TIER_TIMEOUT": "10",
    }
    first = await serve(**store)
    made = await first.get("/sku/123.jpg?w=90")
    await first.parts.background_tasks.drain(120)
    second = await serve(**store)
    found = await second.get("/sku/123.jpg?w=90")
    assert found.headers["cache-status"] == "edge; hit; detail=s3"
    assert found.content == made.content
    again = await second.get("/sku/123.jpg?w=90")
    assert again.headers["cache-status"] == "edge; hit; detail=memory"
    token = {"authorization": f"Bearer {TOKEN}"}
    purged = await second.http.post("/-/purge", json={"original": "sku/123.jpg"}, headers=token)
    assert purged.json()["removed"]["s3"] == 1


async def test_a_durable_store_that_is_lost_is_no_outage(serve, tmp_path):
    store = tmp_path / "store"
    server = await serve(EDGE_CACHE_STORE_URL=str(store))
    shutil.rmtree(store)
    store.write_text("a file where the folder was")
    assert (await server.get("/sku/123.jpg?w=90")).status_code == 200
    await server.parts.background_tasks.drain(120)
    assert await server.metric('edge_tier_writes_total{outcome="error",tier="folder"}') >= 1
    assert (await server.get("/-/readyz")).json()["status"] == "degraded"


async def test_one_slow_origin_fills_only_its_own_places(serve, http_origin, photos, body):
    """The question whether a photo changed takes a place, as its bytes do."""
    held = Event()
    for number in range(4):
        http_origin.answers[f"/{number}.jpg"] = Answer(body, held=held)
    server = await at(
        serve,
        f"/slow={http_origin.url},/={photos}",
        EDGE_LIMITS_ORIGIN_RUNNING="1",
        EDGE_LIMITS_ORIGIN_WAITING="1",
        EDGE_ORIGIN_TIMEOUT="120",
        EDGE_SERVER_DEADLINE="120",
    )
    slow = [asyncio.create_task(server.get(f"/slow/{n}.jpg?w=90")) for n in range(4)]
    while sum(task.done() for task in slow) < 2:  # noqa: ASYNC110 - the two that are refused
        await asyncio.sleep(0.01)
    assert (await server.get("/sku/123.jpg?w=90")).status_code == 200
    assert not any(task.done() and task.result().status_code == 200 for task in slow)
    held.set()
    answers = await asyncio.gather(*slow)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 2, "one asks, one waits, the others are told at once"
    assert all("retry-after" in answer.headers for answer in refused)
    assert await server.metric('edge_admission_refused_total{cost="origin"}') == 2


async def test_an_origin_without_validators_is_downloaded_once(serve, http_origin, body):
    http_origin.answers["/a.jpg"] = Answer(body)
    server = await at(serve, http_origin.url, EDGE_CACHE_ORIGINAL_BYTES="0")
    answers = await asyncio.gather(*(server.get("/a.jpg?w=90") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert (http_origin.count("HEAD", "/a.jpg"), http_origin.count("GET", "/a.jpg")) == (1, 1)


async def test_a_missing_photo_is_looked_for_once_whatever_its_version(serve, http_origin):
    server = await at(serve, http_origin.url)
    for version in range(10):
        assert (await server.get(f"/a.jpg?v={version}")).status_code == 404
    assert http_origin.count("HEAD", "/a.jpg") == 1


async def test_an_etag_of_any_bytes_is_an_etag(serve, http_origin, body):
    server = await at(serve, http_origin.url)
    for etag in ("\xff\xfe", '"\x80"', "\xc3\xa9"):
        http_origin.answers["/a.jpg"] = Answer(body, headers={"ETag": etag})
        assert (await server.get(f"/a.jpg?w=90&v={ord(etag[-1])}")).status_code == 200

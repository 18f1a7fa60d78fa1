"""What stands in for a picture whose networks are late: the one before, a fast one, or a 503."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.running import Running, photo

URL = "/sku/123.jpg?w=1000&h=1000&fit=cover&up=2&fm=jpg"
LATE = f"{URL}&wait=0"
"""With no time at all the networks are late on every machine."""


def opened(answer) -> Image.Image:
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


async def finished(server: Running) -> None:
    """Until the final picture, which is made behind the answer, is there."""
    await server.parts.background_tasks.drain(120)


async def test_a_fast_picture_comes_first_and_the_final_one_after_it(serve):
    server = await serve(EDGE_HTTP_FALLBACK_MAX_AGE="7")
    fallback = await server.get(LATE)
    assert fallback.status_code == 200
    assert fallback.headers["x-edge-rendition"] == "fallback"
    assert fallback.headers["cache-status"] == "edge; fwd=uri-miss"
    control = fallback.headers["cache-control"]
    assert "max-age=0" in control
    assert "s-maxage=7" in control
    assert "stale" not in control
    assert fallback.headers["cdn-cache-control"] == "public, max-age=7, must-revalidate"
    assert "rendition:fallback" in fallback.headers["cache-tag"].split(",")
    await finished(server)
    final = await server.get(LATE)
    assert final.headers["cache-status"] == "edge; hit; detail=memory"
    assert "x-edge-rendition" not in final.headers
    assert "rendition:fallback" not in final.headers["cache-tag"]
    assert "stale-while-revalidate" in final.headers["cache-control"]
    assert final.headers["etag"] != fallback.headers["etag"]
    assert opened(final).size == opened(fallback).size == (1000, 1000)
    assert final.headers["x-edge-size"] == fallback.headers["x-edge-size"] == "1000x1000"


async def test_both_show_the_same_picture(serve):
    server = await serve()
    fallback = opened(await server.get(LATE))
    await finished(server)
    final = opened(await server.get(LATE))
    apart = np.asarray(fallback, dtype=np.float32) - np.asarray(final, dtype=np.float32)
    assert np.sqrt(np.mean(apart**2)) < 8


@pytest.mark.parametrize(
    "query",
    [
        "fmt=amazon&w=900",
        "fmt=shopify-cutout&w=900",
        "fmt=instagram&w=900",
        "w=900&h=700&fit=pad&up=auto",
        "up=2&fm=png",
    ],
)
async def test_whatever_is_asked_the_canvas_is_that_of_the_final_one(serve, query):
    samples = await serve(EDGE_ORIGIN_URL="")
    url = f"/bottle.jpg?{query}&wait=0"
    fallback = await samples.get(url)
    assert fallback.headers["x-edge-rendition"] == "fallback"
    await finished(samples)
    final = await samples.get(url)
    assert "x-edge-rendition" not in final.headers
    assert opened(final).size == opened(fallback).size


async def test_the_final_one_never_has_the_name_of_a_fast_one(serve, tmp_path):
    """Neither in a tier nor as a remembered ETag."""
    server = await serve(EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
    fallback = await server.get(LATE)
    tag = fallback.headers["etag"]
    assert await server.metric('edge_deliveries_total{source="fallback"}') == 1
    await finished(server)
    again = await server.get(LATE, if_none_match=tag)
    assert again.status_code == 200
    assert again.headers["etag"] != tag
    assert await server.metric('edge_tier_writes_total{outcome="ok",tier="folder"}') == 1


async def test_while_the_networks_are_away_the_fast_picture_comes_again(serve):
    """A caller who says how long he waits gets it at once; an unchanged one is a 304, as brief."""
    server = await serve(EDGE_TRITON_URL="grpc://127.0.0.1:1")
    first = await server.get(f"{URL}&wait=60000")
    assert first.headers["x-edge-rendition"] == "fallback"
    again = await server.get(f"{URL}&wait=60000", if_none_match=first.headers["etag"])
    assert again.status_code == 304
    assert again.headers["cdn-cache-control"] == first.headers["cdn-cache-control"]
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert (await server.get(URL)).status_code == 503
    assert (await server.get(f"{URL}&wait=60000&strict=1")).status_code == 503


async def test_strict_never_gets_a_fast_one(serve):
    server = await serve()
    for url in (f"{LATE}&strict=1", "/sku/123.jpg?fmt=etsy&wait=0&strict=1"):
        answer = await server.get(url)
        assert answer.status_code == 503
        assert answer.headers["cache-control"] == "no-store"
        assert int(answer.headers["retry-after"]) >= 1
    await finished(server)


async def test_where_none_is_wanted_a_late_picture_is_a_503_and_made_behind_it(serve):
    server = await serve(EDGE_HTTP_FALLBACK_MAX_AGE="0")
    early = await server.get(LATE)
    assert early.status_code == 503
    assert early.headers["cache-control"] == "no-store"
    assert int(early.headers["retry-after"]) >= 1
    await finished(server)
    late = await server.get(LATE)
    assert late.status_code == 200
    assert late.headers["cache-status"] == "edge; hit; detail=memory"


async def test_the_setting_chooses_where_the_url_says_nothing(serve):
    patient, hasty = await serve(), await serve(EDGE_HTTP_FALLBACK_AFTER="1")
    large = "/sku/123.jpg?w=2000&h=2000&fit=cover&up=4&fm=jpg"
    assert (await hasty.get(large)).headers["x-edge-rendition"] == "fallback"
    assert "x-edge-rendition" not in (await hasty.get(f"{URL}&wait=60000")).headers
    assert "x-edge-rendition" not in (await patient.get(URL)).headers
    await finished(hasty)


async def test_without_networks_in_it_nothing_is_ever_provisional(serve):
    answer = await (await serve()).get("/sku/123.jpg?w=300&wait=0")
    assert answer.status_code == 200
    assert "x-edge-rendition" not in answer.headers
    assert "stored" in answer.headers["cache-status"]


async def test_a_full_gate_is_late_as_well(serve):
    """No place for networks at all: the fallback picture waits in another lane."""
    server = await serve(EDGE_LIMITS_NETWORK_RUNNING="1", EDGE_LIMITS_NETWORK_WAITING="0")
    first = await server.get(f"{LATE}&q=81")
    second = await server.get(f"{URL}&q=82&wait=60000")
    assert first.headers["x-edge-rendition"] == "fallback"
    assert second.status_code == 200
    await finished(server)


async def test_the_picture_before_a_change_comes_before_a_fast_one(serve, photos):
    server = await serve(EDGE_ORIGIN_REMEMBER="0")
    before = await server.get(URL)
    photo(600, 800, 9).save(photos / "sku" / "123.jpg", quality=92)
    stale = await server.get(LATE)
    assert stale.headers["x-edge-rendition"] == "stale"
    assert stale.content == before.content
    assert "s-maxage" in stale.headers["cache-control"]
    await finished(server)
    assert (await server.get(LATE)).headers["etag"] != before.headers["etag"]


async def test_a_new_v_asks_for_the_new_picture_so_none_from_before_comes(serve, photos):
    server = await serve()
    await server.get(f"{URL}&v=1")
    photo(600, 800, 9).save(photos / "sku" / "123.jpg", quality=92)
    assert (await server.get(f"{LATE}&v=2")).headers["x-edge-rendition"] == "fallback"
    await finished(server)


async def test_head_says_the_same(serve):
    server = await serve()
    head = await server.http.head(LATE)
    assert head.headers["x-edge-rendition"] == "fallback"
    assert head.content == b""
    await finished(server)


@pytest.mark.parametrize("wait", ["0", "60000"])
@pytest.mark.parametrize(
    ("query", "lost"), [("w=1000&h=1000&fit=cover&up=2", "upscale_x2"), ("matte=on", "matting")]
)
async def test_a_network_that_is_not_installed_is_said_whatever_the_caller_waits(
    serve, tmp_path, wait, query, lost
):
    (tmp_path / "no_models").mkdir()
    server = await serve(EDGE_MODELS_FOLDER=str(tmp_path / "no_models"))
    for _ in range(2):
        answer = await server.get(f"/sku/123.jpg?{query}&fm=png&wait={wait}")
        assert answer.status_code == 503
        assert answer.json()["title"] == "A network that this picture needs is not installed"
        assert lost in answer.json()["detail"]
        await finished(server)

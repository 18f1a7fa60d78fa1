"""Client hints: what browsers tell of screen and connection, where a server listens."""

import io

import pytest
from PIL import Image

from tests.running import photo

PHONE = {"sec_ch_dpr": "2.625", "sec_ch_viewport_width": "412"}
DESKTOP_4K = {"sec_ch_dpr": "2", "sec_ch_viewport_width": "1905"}
SAVER = {"save_data": "on", **PHONE}


def size(answer) -> tuple[int, int]:
    return Image.open(io.BytesIO(answer.content)).size


@pytest.fixture
def small(photos):
    photo(150, 200).save(photos / "small.jpg", quality=97)
    return "/small.jpg?up=auto&fm=jpg"


async def test_a_phone_gets_twice_a_4k_desktop_four_times_a_saver_the_original(serve, small):
    server = await serve(EDGE_HTTP_CLIENT_HINTS="1")
    assert size(await server.get(small)) == (150, 200)
    assert size(await server.get(small, **PHONE)) == (300, 400)
    assert size(await server.get(small, **DESKTOP_4K)) == (600, 800)
    saved = await server.get(small, **SAVER)
    assert size(saved) == (150, 200)
    assert len(saved.content) < len((await server.get(small)).content)


async def test_dpr_auto_is_what_the_screen_has(serve):
    server = await serve(EDGE_HTTP_CLIENT_HINTS="1")
    url = "/sku/123.jpg?w=100&dpr=auto&fm=jpg"
    assert size(await server.get(url, sec_ch_dpr="2")) == (200, 267)
    assert size(await server.get(url, sec_ch_dpr="nonsense")) == (100, 133)
    assert size(await server.get(url)) == (100, 133)


async def test_every_answer_names_what_it_depends_on(serve, small):
    server = await serve(EDGE_HTTP_CLIENT_HINTS="1")
    all_three = "Sec-CH-DPR, Sec-CH-Viewport-Width, Save-Data"
    for hints in ({}, PHONE, SAVER):
        answer = await server.get(small, **hints)
        assert answer.headers["vary"] == all_three
        again = await server.get(small, **hints, if_none_match=answer.headers["etag"])
        assert again.status_code == 304
        assert again.headers["vary"] == all_three
    assert (await server.get("/sku/123.jpg?w=60")).headers["vary"] == "Accept, Save-Data"
    assert "vary" not in (await server.get("/sku/123.jpg?w=60&q=80&fm=jpg")).headers
    assert "vary" not in (await server.get("/sku/123.jpg?fmt=etsy-hero&up=off")).headers


async def test_browsers_are_asked_to_tell(serve):
    asking = await (await serve(EDGE_HTTP_CLIENT_HINTS="1")).get("/sku/123.jpg?w=60")
    assert asking.headers["accept-ch"] == "Sec-CH-DPR, Sec-CH-Viewport-Width"


async def test_a_thousand_screens_are_few_pictures(serve, small):
    server = await serve(EDGE_HTTP_CLIENT_HINTS="1")
    url = "/sku/123.jpg?w=50&dpr=auto&q=70&fm=jpg"
    tags = set()
    for step in range(40):
        answer = await server.get(url, sec_ch_dpr=f"{0.5 + step / 9:.3f}")
        tags.add(answer.headers["etag"])
    assert len(tags) == 3
    assert await server.metric('edge_renders_total{cost="classical"') == 3


async def test_what_would_be_too_large_for_a_device_comes_as_it_is(serve, photos):
    photo(2000, 1500).save(photos / "large.jpg")
    server = await serve(EDGE_HTTP_CLIENT_HINTS="1", EDGE_LIMITS_OUTPUT_PIXELS="5000000")
    answer = await server.get("/large.jpg?up=auto&fm=jpg", **DESKTOP_4K)
    assert answer.status_code == 200
    assert size(answer) == (2000, 1500)


async def test_what_is_too_large_for_everybody_is_still_refused(serve):
    server = await serve(EDGE_HTTP_CLIENT_HINTS="1", EDGE_LIMITS_OUTPUT_PIXELS="100000")
    answer = await server.get("/sku/123.jpg?up=4&w=2000&dpr=auto", **PHONE)
    assert answer.status_code == 422


async def test_by_default_nobody_listens(serve, small):
    server = await serve()
    plain = await server.get(small)
    told = await server.get(small, **DESKTOP_4K, save_data="on")
    assert told.content == plain.content
    assert "vary" not in told.headers
    assert "accept-ch" not in told.headers
    assert told.headers["cache-status"] == "edge; hit; detail=memory"


async def test_explain_tells_what_a_device_gets(serve, small):
    server = await serve(EDGE_HTTP_CLIENT_HINTS="1")
    explained = (await server.get(f"/-/explain{small}", **PHONE)).json()
    assert explained["canonical"] == "fm=jpg&up=2"

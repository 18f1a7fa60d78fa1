"""What a CDN and a browser get from one picture's URL."""

import asyncio
import re

import numpy as np
import pytest
from PIL import Image

from edge.rendering.render import RENDER_VERSION
from tests.running import photo


def opened(answer):
    import io

    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


async def test_one_url_is_one_picture(serve):
    server = await serve()
    answer = await server.get("/sku/123.jpg?w=300", accept="*/*")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert opened(answer).size == (300, 400)
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/avif,image/webp,*/*", "image/avif"),
        ("image/avif;q=0,image/webp,*/*", "image/webp"),
        ("image/avif;q=0", "image/jpeg"),
        ("image/webp;q=0.5,image/avif;q=0.4", "image/webp"),
        ("image/webp;q=0.1,image/jpeg", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("", "image/jpeg"),
        ("text/html", "image/jpeg"),
        ("image/avifx, image/webpfoo", "image/jpeg"),
        ("image/webp;q=nonsense", "image/jpeg"),
    ],
)
async def test_accept_is_read_with_its_weights(serve, accept, expected):
    server = await serve()
    answer = await server.get("/sku/123.jpg?w=60", accept=accept)
    assert answer.headers["content-type"] == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/sku/123.jpg", "image/jpeg"),
        ("/sku/456.png", "image/png"),
        ("/sku/789.webp", "image/webp"),
    ],
)
async def test_the_paths_extension_names_the_default(serve, path, expected):
    server = await serve()
    for headers in ({"accept": "*/*"}, {}):
        assert (await server.get(f"{path}?w=60", **headers)).headers["content-type"] == expected


async def test_representations_of_one_url_have_etags_of_their_own(serve):
    server = await serve()
    accepts = ("image/avif", "image/webp", "*/*")
    tags = {(await server.get("/sku/123.jpg?w=80", accept=a)).headers["etag"] for a in accepts}
    assert len(tags) == 3
    assert all(re.fullmatch(r'"[0-9a-f]{32}"', tag) for tag in tags)


async def test_vary_stands_where_the_url_negotiates_and_only_there(serve):
    server = await serve()
    assert (await server.get("/sku/123.jpg?w=60")).headers["vary"] == "Accept"
    assert (await server.get("/sku/123.jpg?w=60&fmt=auto")).headers["vary"] == "Accept"
    assert "vary" not in (await server.get("/sku/123.jpg?w=60&fm=webp")).headers
    assert "vary" not in (await server.get("/sku/123.jpg?w=60&fmt=png")).headers


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
async def test_a_304_repeats_what_a_cache_needs(serve, form):
    server = await serve()
    first = await server.get("/sku/123.jpg?w=60")
    tag = form.format(first.headers["etag"].strip('"'))
    again = await server.get("/sku/123.jpg?w=60", if_none_match=tag)
    assert again.status_code == 304
    assert again.content == b""
    for name in ("etag", "cache-control", "cdn-cache-control", "vary"):
        assert again.headers[name] == first.headers[name]


async def test_a_304_renders_nothing_even_when_no_tier_holds_the_picture(serve):
    server = await serve(EDGE_CACHE_MEMORY_BYTES="0")
    first = await server.get("/sku/123.jpg?w=60")
    again = await server.get("/sku/123.jpg?w=60", if_none_match=first.headers["etag"])
    assert again.status_code == 304
    assert await server.metric('edge_renders_total{cost="classical"') == 1


async def test_another_etag_gets_the_picture(serve):
    server = await serve()
    answer = await server.get("/sku/123.jpg?w=60", if_none_match='"0123"')
    assert answer.status_code == 200


async def test_head_has_the_headers_of_get_and_no_body(serve):
    server = await serve()
    got = await server.get("/sku/123.jpg?w=60")
    renders = await server.metric('edge_renders_total{cost="classical"')
    head = await server.http.head("/sku/123.jpg?w=60")
    assert head.content == b""
    once = {"date", "x-request-id", "cache-status", "server-timing"}
    assert {k: v for k, v in head.headers.items() if k not in once} == {
        k: v for k, v in got.headers.items() if k not in once
    }
    assert await server.metric('edge_renders_total{cost="classical"') == renders == 1


async def test_a_hit_says_so_and_names_its_tier(serve):
    server = await serve()
    miss = await server.get("/sku/123.jpg?w=60")
    hit = await server.get("/sku/123.jpg?w=60")
    assert miss.headers["cache-status"] == "edge; fwd=uri-miss; stored"
    assert hit.headers["cache-status"] == "edge; hit; detail=memory"
    assert "encode;dur=" in miss.headers["server-timing"]


async def test_the_headers_that_every_picture_carries(serve):
    answer = await (await serve()).get("/sku/123.jpg?fmt=thumb")
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["timing-allow-origin"] == "*"
    for word in (
        "public",
        "max-age=",
        "stale-while-revalidate=",
        "stale-if-error=",
        "no-transform",
    ):
        assert word in headers["cache-control"]
    assert "immutable" not in headers["cache-control"]
    assert "original:sku/123.jpg" in headers["cache-tag"].split(",")
    assert "preset:thumb" in headers["surrogate-key"].split()
    renderer = f"renderer:{RENDER_VERSION}"
    assert renderer in headers["cache-tag"].split(",")
    assert renderer in headers["surrogate-key"].split()


async def test_only_a_versioned_url_is_immutable(serve):
    server = await serve()
    assert "immutable" in (await server.get("/sku/123.jpg?w=60&v=7")).headers["cache-control"]


async def test_dl_offers_a_file_name(serve):
    answer = await (await serve()).get("/sku/123.jpg?w=60&dl=front.jpg")
    assert answer.headers["content-disposition"] == 'attachment; filename="front.jpg"'


async def test_what_the_client_sends_does_not_change_what_is_stored(serve):
    server = await serve()
    plain = await server.get("/sku/123.jpg?w=60")
    odd = await server.get(
        "/sku/123.jpg?w=60",
        cache_control="no-cache, no-store",
        pragma="no-cache",
        x_forwarded_host="evil.example",
        cookie="session=1",
        authorization="Bearer x",
    )
    assert odd.content == plain.content
    assert odd.headers["cache-status"] == "edge; hit; detail=memory"
    assert "evil" not in str(odd.headers)


async def test_unknown_and_tracking_parameters_do_not_reach_the_key(serve):
    server = await serve()
    await server.get("/sku/123.jpg?w=60")
    for extra in ("utm_source=mail", "gclid=1", "fbclid=2", "zzz=9"):
        again = await server.get(f"/sku/123.jpg?w=60&{extra}")
        assert again.headers["cache-status"] == "edge; hit; detail=memory"


async def test_a_hundred_identical_misses_are_one_fetch_and_one_render(serve):
    server = await serve()
    answers = await asyncio.gather(*(server.get("/sku/123.jpg?w=311") for _ in range(100)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert await server.metric('edge_renders_total{cost="classical"') == 1
    assert await server.metric('edge_origin_fetches_total{outcome="ok"}') == 1


async def test_the_first_clients_leaving_fails_nobody(serve, photos):
    photo(2400, 3200).save(photos / "large.jpg", quality=95)
    server = await serve()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /large.jpg?w=1500&fm=webp HTTP/1.1\r\nhost: x\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(0.02)
    others = [asyncio.create_task(server.get("/large.jpg?w=1500&fm=webp")) for _ in range(5)]
    await asyncio.sleep(0.02)
    writer.transport.abort()
    assert {(await other).status_code for other in others} == {200}
    assert await server.metric('edge_renders_total{cost="classical"') == 1


async def test_different_misses_at_once_never_swap_bodies(serve, photos):
    for number in range(12):
        photo(300, 300, number).save(photos / f"{number}.png")
    server = await serve()
    urls = [f"/{number}.png?w={width}&fm=png" for number in range(12) for width in (50, 90)]
    together = await asyncio.gather(*(server.get(url) for url in urls))
    for url, answer in zip(urls, together, strict=True):
        width = int(re.search(r"w=(\d+)", url)[1])
        expected = photo(300, 300, int(re.search(r"/(\d+)", url)[1])).resize((width, width))
        found = opened(answer).convert("RGB")
        assert found.size == (width, width)
        distance = abs(
            found.resize((8, 8)).getpixel((1, 6))[0] - expected.resize((8, 8)).getpixel((1, 6))[0]
        )
        assert distance < 12, url


async def test_a_changed_original_gives_a_new_rendition(serve, photos):
    server = await serve(EDGE_ORIGIN_REMEMBER="0")
    before = await server.get("/sku/123.jpg?w=60")
    photo(600, 800, 9).save(photos / "sku" / "123.jpg")
    after = await server.get("/sku/123.jpg?w=60")
    assert after.headers["etag"] != before.headers["etag"]


async def test_a_new_v_asks_the_origin_at_once(serve, photos):
    server = await serve(EDGE_ORIGIN_REMEMBER="3600")
    before = await server.get("/sku/123.jpg?w=60&v=1")
    photo(600, 800, 9).save(photos / "sku" / "123.jpg")
    assert (await server.get("/sku/123.jpg?w=60&v=1")).headers["etag"] == before.headers["etag"]
    assert (await server.get("/sku/123.jpg?w=60&v=2")).headers["etag"] != before.headers["etag"]


async def test_an_original_under_another_extension_is_found(serve):
    answer = await (await serve()).get("/sku/456.jpg?w=60", accept="*/*")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"


async def test_options_answers_a_preflight_and_other_methods_are_refused(serve):
    server = await serve()
    assert (await server.http.options("/sku/123.jpg")).status_code == 204
    refused = await server.http.post("/sku/123.jpg")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == 405


async def test_strict_never_serves_what_breaks_a_rule(serve, photos):
    photo(120, 90).save(photos / "small.jpg")
    server = await serve()
    url = "/small.jpg?fmt=instagram&up=off"
    lenient = await server.get(url)
    assert lenient.status_code == 200
    assert "; fail; rule=" in lenient.headers["x-edge-compliance"]
    for _ in range(2):
        strict = await server.get(f"{url}&strict=1")
        assert strict.status_code == 422
        assert strict.json()["type"].endswith("not-compliant")
        assert strict.json()["diagnostics"]["findings"]
    tag = lenient.headers["etag"]
    assert (await server.get(f"{url}&strict=1", if_none_match=tag)).status_code == 422


async def test_headers_say_what_a_picture_was_made_of(serve):
    server = await serve(EDGE_ORIGIN_URL="")
    answer = await server.get("/bottle.jpg?fmt=instagram&w=900")
    original = answer.headers["x-edge-original"]
    assert re.fullmatch(r"[0-9a-f]{16}", original)
    assert answer.headers["x-edge-preset"] == "instagram@2026-1"
    assert re.fullmatch(r"upscale_x2_photo@[0-9a-f]{8}", answer.headers["x-edge-models"])
    plain = await server.get("/bottle.jpg?w=90")
    assert plain.headers["x-edge-original"] == original
    assert "x-edge-models" not in plain.headers
    assert "x-edge-preset" not in plain.headers
    hit = await server.get("/bottle.jpg?fmt=instagram&w=900")
    assert hit.headers["cache-status"] == "edge; hit; detail=memory"
    assert hit.headers["x-edge-models"] == answer.headers["x-edge-models"]


@pytest.mark.parametrize(
    ("setting", "query", "expected"),
    [
        ("auto", "up=2", b"algorithmicallyEnhanced"),
        ("auto", "w=400&ar=1:1&fit=product&bg=fff&matte=on", b"digitalsourcetype/composite"),
        ("auto", "fmt=amazon&w=1600", None),
        ("auto", "w=300", None),
        ("always", "fmt=amazon&w=1600", b"digitalsourcetype/composite"),
        ("never", "up=2", None),
    ],
)
async def test_an_edited_picture_says_so_in_its_file(serve, setting, query, expected):
    server = await serve(EDGE_ORIGIN_URL="", EDGE_FILES_PROVENANCE=setting)
    answer = await server.get(f"/bottle.jpg?{query}")
    assert answer.status_code == 200
    assert (b"digitalsourcetype" in answer.content) is (expected is not None)
    assert expected is None or expected in answer.content
    assert "fail" not in answer.headers.get("x-edge-compliance", "")


async def test_print_takes_a_thousand_pixels_to_four(serve, photos):
    photo(1024, 640).save(photos / "poster.jpg", quality=97)
    server = await serve(EDGE_SERVER_DEADLINE="120")
    answer = await server.get("/poster.jpg?fmt=print")
    assert answer.status_code == 200, answer.text
    assert opened(answer).size == (4096, 2560)
    assert answer.headers["x-edge-compliance"] == "print/2026-1; pass"
    assert answer.headers["x-edge-models"].startswith("upscale_x4@")


async def test_the_photo_decides_which_network_enlarges_it(serve, photos):
    sharp = photo(120, 160)
    sharp.save(photos / "sharp.png")
    sharp.save(photos / "squeezed.jpg", quality=60)
    grain = np.random.default_rng(1).normal(0, 6, (160, 120, 3))
    noisy = np.clip(np.asarray(photo(120, 160), dtype=np.float32) + grain, 0, 255)
    Image.fromarray(noisy.astype(np.uint8)).save(photos / "noisy.png")
    server = await serve()
    for name, model in (
        ("sharp.png", "upscale_x2@"),
        ("squeezed.jpg", "upscale_x2_photo@"),
        ("noisy.png", "upscale_x2_photo@"),
    ):
        answer = await server.get(f"/{name}?w=240&up=auto&fm=jpg")
        assert answer.headers["x-edge-models"].startswith(model), name
        explained = (await server.get(f"/-/explain/{name}?w=240&up=auto&fm=jpg")).json()
        assert explained["plan"]["models"] == [model.removesuffix("@")]


async def test_what_no_camera_saw_is_told_and_held_against_the_presets_rules(serve, tmp_path):
    """The lamp stands in a scene, the bottle on white: only background beside the first is guessed;
    and more of it where no network says how little the lamp needs."""
    server = await serve(EDGE_ORIGIN_URL="")
    plain = await server.get("/bottle.jpg?fmt=display&w=900&wait=30")
    share = float(plain.headers["x-edge-synthesized"].split(";")[0])
    assert 0.4 < share < 0.7
    assert plain.headers["x-edge-synthesized"].endswith("; guessed=0.000")
    assert plain.headers["x-edge-compliance"].startswith("display/2026-1; pass")
    url = "/lamp.jpg?fmt=display-wide&w=900"
    scene = await server.get(url)
    assert "; guessed=0.5" in scene.headers["x-edge-synthesized"]
    assert "rule=guessed_max" not in scene.headers["x-edge-compliance"]
    (tmp_path / "none").mkdir()
    server = await serve(EDGE_ORIGIN_URL="", EDGE_MODELS_FOLDER=str(tmp_path / "none"))
    scene = await server.get(url)
    assert "rule=guessed_max" in scene.headers["x-edge-compliance"]
    hit = await server.get(url)
    assert hit.headers["x-edge-synthesized"] == scene.headers["x-edge-synthesized"]
    strict = await server.get(f"{url}&strict=1")
    assert strict.status_code == 422
    broken = {one["rule"] for one in strict.json()["diagnostics"]["findings"] if not one["passed"]}
    assert broken == {"guessed_max"}
    said = (await server.get("/-/explain/bottle.jpg?fmt=display&w=900")).json()
    assert "beyond the photo's edge" in " ".join(said["plan"]["notes"])
    whole = await server.get("/bottle.jpg?w=300")
    assert "x-edge-synthesized" not in whole.headers

"""Everything under `/-/`, and the page at `/`."""

import json
import shutil

import pytest

from edge.variants.parameters import PARAMETERS
from tests.parts import free_port
from tests.running import TOKEN

BEARER = {"authorization": f"Bearer {TOKEN}"}


async def test_healthz_asks_nothing_and_readyz_asks_everything(serve, tmp_path):
    server = await serve(EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
    assert (await server.get("/-/healthz")).json() == {"status": "ok"}
    answer = await server.get("/-/readyz")
    ready = answer.json()
    assert answer.status_code == 200
    assert ready["status"] == "ready"
    assert set(ready["tiers"]) == {"memory", "folder"}
    assert all(
        part["ready"]
        for kind in ("tiers", "origins", "scenes", "models")
        for part in ready[kind].values()
    )
    assert {"upscale_x2", "upscale_x4"} <= set(ready["models"])
    assert "illow" in ready["engine"]


async def test_without_its_origin_a_server_is_not_ready(serve, photos):
    server = await serve()
    photos.rename(photos.parent / "gone")
    answer = await server.get("/-/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert (await server.get("/-/healthz")).status_code == 200


@pytest.mark.parametrize("lost", [False, True])
async def test_readiness_tells_nobody_where_things_are(serve, photos, tmp_path, lost):
    """No folder, bucket, host or port, neither of what answers nor of what does not."""
    dead = free_port()
    server = await serve(
        EDGE_ORIGIN_URL=f"/sku={photos}/sku,/web=http://127.0.0.1:{dead}/media,/s3=s3://raw/pictures",
        EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8",
        EDGE_S3_ENDPOINT_URL=f"http://127.0.0.1:{dead}",
        EDGE_CACHE_STORE_URL=str(tmp_path / "store"),
        EDGE_CACHE_REDIS_URL=f"redis://127.0.0.1:{dead}/0",
    )
    if lost:
        shutil.rmtree(tmp_path / "store")
        (tmp_path / "store").write_text("a file")
        photos.rename(photos.parent / "gone")
    text = (await server.get("/-/readyz")).text
    assert set(json.loads(text)["origins"]) == {"/sku", "/web", "/s3"}
    for secret in (str(tmp_path), "127.0.0.1", str(dead), "raw", "pictures", "media"):
        assert secret not in text


async def test_a_kind_of_parts_that_is_excluded_is_not_asked(serve, photos):
    """What lies in a tier can be served without an origin."""
    server = await serve()
    assert (await server.get("/sku/123.jpg?w=60")).status_code == 200
    photos.rename(photos.parent / "gone")
    answer = await server.get("/-/readyz?exclude=origins")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert "origins" not in answer.json()
    assert "models" in answer.json()
    answer = await server.get("/-/readyz?exclude=models,tiers")
    assert answer.status_code == 503
    assert "origins" in answer.json()
    assert "models" not in answer.json()


async def test_a_misspelt_kind_of_parts_is_refused_with_what_there_is(serve):
    server = await serve()
    answer = await server.get("/-/readyz?exclude=origin")
    assert answer.status_code == 400
    assert answer.json()["param"] == "exclude"
    assert answer.json()["allowed"] == ["tiers", "origins", "scenes", "models"]


async def test_a_dead_tier_degrades_and_does_not_unready(serve):
    server = await serve(EDGE_CACHE_REDIS_URL="redis://127.0.0.1:1/0")
    answer = await server.get("/-/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["tiers"]["redis"]["detail"]
    assert (await server.get("/sku/123.jpg?w=60")).status_code == 200


async def test_metrics_count_what_happened(serve):
    server = await serve()
    await server.get("/sku/123.jpg?w=60")
    await server.get("/sku/123.jpg?w=60")
    await server.get("/no/such.jpg")
    assert await server.metric('edge_deliveries_total{source="render"}') == 1
    assert await server.metric('edge_deliveries_total{source="memory"}') == 1
    assert await server.metric('edge_failures_total{error="OriginalNotFound"}') == 1
    assert await server.metric('edge_tier_bytes{tier="memory"}') > 0


async def test_explain_says_what_would_be_done_and_makes_nothing(serve):
    server = await serve()
    explained = (await server.get("/-/explain/sku/123.jpg?width=300&utm_source=x&zzz=1")).json()
    assert explained["canonical"] == "fm=jpg&w=300"
    assert explained["facts"]["size"] == [600, 800]
    assert explained["plan"]["canvas"] == [300, 400]
    assert explained["ignored"] == ["utm_source", "zzz"]
    assert explained["cached"] is None
    assert await server.metric('edge_renders_total{cost="classical"') == 0
    await server.get("/sku/123.jpg?w=300")
    again = (await server.get("/-/explain/sku/123.jpg?w=300")).json()
    assert again["cached"] == "memory"
    assert again["key"] == explained["key"]


async def test_explain_fails_like_the_picture(serve):
    server = await serve()
    assert (await server.get("/-/explain/sku/123.jpg?w=abc")).status_code == 400
    assert (await server.get("/-/explain/no/such.jpg")).status_code == 404


@pytest.mark.parametrize(
    ("image_request", "left"),
    [
        ({"original": "/sku/123.jpg"}, {"456"}),
        ({"preset": "thumb"}, {"456"}),
        ({"tag": "original:sku/456.png"}, {"123"}),
    ],
)
async def test_purge_removes_what_is_named_and_nothing_else(serve, tmp_path, image_request, left):
    server = await serve(EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
    urls = {"123": "/sku/123.jpg?fmt=thumb&fm=jpg", "456": "/sku/456.png?w=60"}
    for url in urls.values():
        await server.get(url)
    await server.parts.background_tasks.drain(120)
    answer = await server.http.post("/-/purge", json=image_request, headers=BEARER)
    assert answer.status_code == 200
    assert answer.json()["removed"] == {"memory": 1, "folder": 1}
    for name, url in urls.items():
        hit = "hit" in (await server.get(url)).headers["cache-status"]
        assert hit == (name in left), name


async def test_purge_by_key_removes_one_rendition(serve):
    server = await serve()
    await server.get("/sku/123.jpg?w=60")
    await server.get("/sku/123.jpg?w=61")
    key = (await server.get("/-/explain/sku/123.jpg?w=60")).json()["key"]
    answer = await server.http.post("/-/purge", json={"key": key}, headers=BEARER)
    assert answer.json()["removed"] == {"memory": 1}
    assert "hit" in (await server.get("/sku/123.jpg?w=61")).headers["cache-status"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer no"}, {"authorization": TOKEN}])
async def test_purge_needs_the_token(serve, headers):
    server = await serve()
    answer = await server.http.post("/-/purge", json={"tag": "x"}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_purge_is_off_without_a_token(serve):
    server = await serve(EDGE_ADMIN_TOKEN="")
    answer = await server.http.post(
        "/-/purge", json={"tag": "x"}, headers={"authorization": "Bearer x"}
    )
    assert answer.status_code == 401
    assert "EDGE_ADMIN_TOKEN" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"{}", b'{"tag": 1}', b'{"tag": ""}', b'{"tag": "a", "key": "b"}',
     b'{"all": true}', b'{"tag": "a", "tag": "b"}', b"x" * 20_000],
)  # fmt: skip
async def test_a_purge_of_nothing_in_particular_is_refused(serve, body):
    server = await serve()
    answer = await server.http.post("/-/purge", content=body, headers=BEARER)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_purge_of_a_preset_that_there_is_not_is_refused_and_says_how_else(serve):
    server = await serve()
    answer = await server.http.post("/-/purge", json={"preset": "thumbs"}, headers=BEARER)
    told = answer.json()
    assert (answer.status_code, told["param"]) == (400, "preset")
    assert "thumb" in told["allowed"]
    assert "preset:thumbs" in told["detail"]
    by_tag = await server.http.post("/-/purge", json={"tag": "preset:thumbs"}, headers=BEARER)
    assert by_tag.status_code == 200


async def test_openapi_describes_every_parameter(serve):
    server = await serve()
    document = (await server.get("/-/openapi.json")).json()
    parameters = document["paths"]["/{path}"]["get"]["parameters"]
    assert [p["name"] for p in parameters] == [row.name for row in PARAMETERS]
    assert document["openapi"] == "3.1.0"
    json.dumps(document)


async def test_the_page_links_to_pictures_that_answer(serve):
    import re
    from html import unescape

    server = await serve()
    page = await server.get("/")
    assert page.headers["content-type"].startswith("text/html")
    sources = {unescape(s) for s in re.findall(r'src="(/[^"]+)"', page.text)}
    assert len(sources) == 3, "one of each photo"
    for source in sources:
        assert (await server.get(source)).status_code == 200, source
    for preset in ("amazon", "tiktok", "thumb"):
        assert f'"{preset}"' in page.text


async def test_the_page_can_be_switched_off(serve):
    server = await serve(EDGE_SERVER_PLAYGROUND="0")
    answer = await server.get("/")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_given_request_id_is_kept_and_a_bad_one_is_not(serve):
    server = await serve()
    given = await server.get("/sku/123.jpg?w=60", x_request_id="abc-123")
    assert given.headers["x-request-id"] == "abc-123"
    odd = await server.get("/sku/123.jpg?w=60", x_request_id="a b<script>")
    assert odd.headers["x-request-id"] != "a b<script>"


async def test_signed_urls_only_where_that_is_asked(serve):
    from edge.variants import signing

    keys = "old:the first of secrets,new:the second of secrets"
    server = await serve(EDGE_SIGNING_KEYS=keys, EDGE_SIGNING_REQUIRED="1")
    assert (await server.get("/sku/123.jpg?w=60")).json()["type"].endswith("signature-missing")
    query = signing.sign(
        "sku/123.jpg", "w=60", signing.SigningKeys.of([("new", "the second of secrets")])
    )
    assert (await server.get(f"/sku/123.jpg?{query}")).status_code == 200
    assert (await server.get(f"/sku/456.png?{query}")).status_code == 403
    assert (await server.get(f"/sku/123.jpg?{query.replace('w=60', 'w=61')}")).status_code == 403


async def test_a_remembered_url_still_expires(serve):
    import asyncio
    import time

    from edge.variants import signing

    server = await serve(EDGE_SIGNING_KEYS="a:only-for-a-moment", EDGE_SIGNING_REQUIRED="1")
    query = signing.sign(
        "sku/123.jpg",
        "w=60",
        signing.SigningKeys.of([("a", "only-for-a-moment")]),
        (expires := int(time.time()) + 6),
    )
    assert (await server.get(f"/sku/123.jpg?{query}")).status_code == 200
    await asyncio.sleep(expires + 0.1 - time.time())
    answer = await server.get(f"/sku/123.jpg?{query}")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("signature-expired")

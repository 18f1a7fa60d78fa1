"""Behind a real caching proxy: Varnish with the configuration that the docs give."""

import asyncio
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from edge.variants import signing
from tests.parts import free_port
from tests.replicas import Start, start
from tests.running import TOKEN, Running, Serve, photo

__all__ = ["start"]

pytestmark = pytest.mark.slow
SECRET = "a secret of some length"
VCL = Path(__file__).parent.parent / "docs" / "varnish.vcl"


class Cdn:
    """Varnish in front of one edge server."""

    def __init__(self, http: httpx.AsyncClient, edge: Running) -> None:
        self.http = http
        self.edge = edge

    async def get(self, url: str, **headers: str) -> httpx.Response:
        return await self.http.get(
            url, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    async def ban(self, tag: str) -> None:
        answer = await self.http.request("BAN", "/", headers={"x-tag": tag})
        assert answer.status_code == 200


async def answers(url: str) -> None:
    async with httpx.AsyncClient() as http:
        for _ in range(1200):
            try:
                await http.get(url)
                return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


@pytest.fixture
async def cdn(serve: Serve, tmp_path: Path) -> AsyncIterator[Cdn]:
    if not shutil.which("varnishd", path=os.environ["PATH"] + ":/usr/sbin"):
        if os.environ.get("CI") == "true":
            pytest.fail("varnishd is not installed")
        pytest.skip("varnishd is not installed")
    edge = await serve(
        EDGE_HTTP_CDN_MAX_AGE="1",
        EDGE_HTTP_FALLBACK_MAX_AGE="1",
        EDGE_SIGNING_KEYS=f"k:{SECRET}",
    )
    async with varnish(edge.port, tmp_path) as http:
        yield Cdn(http, edge)


@asynccontextmanager
async def varnish(edge_port: int, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Varnish in front of what listens on that port."""
    port, vcl = free_port(), tmp_path / "edge.vcl"
    text = VCL.read_text()
    assert '.port = "8080";' in text
    vcl.write_text(text.replace('.port = "8080";', f'.port = "{edge_port}";'))
    command = ["varnishd", "-F", "-j", "none", "-n", str(tmp_path / "varnish"), "-f", str(vcl)]
    command += ["-a", f"127.0.0.1:{port}", "-s", "malloc,64m"]
    log = (tmp_path / "varnish.log").open("wb")
    path = os.environ["PATH"] + ":/usr/sbin"
    process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        command, stdout=log, stderr=log, env={**os.environ, "PATH": path}
    )
    try:
        await answers(f"http://127.0.0.1:{port}/-/healthz")
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=180, verify=False
        ) as http:
            http.headers.clear()
            yield http
    finally:
        process.terminate()
        process.wait(120)
        log.close()


async def test_the_second_request_does_not_reach_edge(cdn: Cdn):
    first = await cdn.get("/sku/123.jpg?w=80")
    second = await cdn.get("/sku/123.jpg?w=80")
    assert first.headers["x-cache"] == "MISS"
    assert second.headers["x-cache"] == "HIT"
    assert second.content == first.content
    assert await cdn.edge.metric('edge_requests_total{route="image",status="200"}') == 1


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/avif,image/webp,*/*", "image/avif"),
        ("image/avif;q=0,image/webp,*/*", "image/webp"),
        ("image/avif;q=0.0, image/webp;q=0", "image/jpeg"),
        ("*/*", "image/jpeg"),
    ],
)
async def test_every_class_gets_its_own_copy(cdn: Cdn, accept, expected):
    for _ in range(2):
        for other in ("image/avif", "image/webp", "image/jpeg", "*/*"):
            await cdn.get("/sku/123.jpg?w=80", accept=other)
    answer = await cdn.get("/sku/123.jpg?w=80", accept=accept)
    assert answer.headers["content-type"] == expected
    assert answer.headers["x-cache"] == "HIT"


async def test_the_proxy_answers_304_with_what_a_browser_needs(cdn: Cdn):
    first = await cdn.get("/sku/123.jpg?w=80")
    again = await cdn.get("/sku/123.jpg?w=80", if_none_match=first.headers["etag"])
    assert again.status_code == 304
    for name in ("etag", "vary", "cache-control"):
        assert again.headers[name] == first.headers[name]


async def test_an_expired_copy_is_revalidated_not_fetched_again(cdn: Cdn):
    url = "/sku/123.jpg?w=80"
    first = await cdn.get(url)
    for _ in range(4):  # grace serves the old copy while it asks in the background
        await asyncio.sleep(1.2)
        await cdn.get(url)
    line = 'edge_requests_total{route="image",status="304"}'
    assert await cdn.edge.metric(line) >= 1
    assert (await cdn.get(url)).content == first.content
    assert await cdn.edge.metric('edge_renders_total{cost="classical"') == 1


async def test_a_ban_by_tag_brings_the_changed_original(cdn: Cdn, photos: Path):
    before = await cdn.get("/sku/123.jpg?w=80")
    other = await cdn.get("/sku/456.png?w=80")
    photo(600, 800, 9).save(photos / "sku" / "123.jpg")
    token = {"authorization": f"Bearer {TOKEN}"}
    await cdn.edge.http.post("/-/purge", json={"original": "/sku/123.jpg"}, headers=token)
    await cdn.ban("original:sku/123.jpg")
    after = await cdn.get("/sku/123.jpg?w=80")
    assert after.headers["etag"] != before.headers["etag"]
    again = await cdn.get("/sku/456.png?w=80")
    assert again.headers["etag"] == other.headers["etag"]
    assert again.headers["x-cache"] == "HIT"


async def test_a_ban_by_the_renderers_tag_drops_all_that_it_made(cdn: Cdn):
    urls = ("/sku/123.jpg?w=80", "/sku/456.png?w=80&fm=webp")
    made = [await cdn.get(url) for url in urls]
    [tag] = {
        tag
        for answer in made
        for tag in answer.headers["cache-tag"].split(",")
        if tag.startswith("renderer:")
    }
    await cdn.ban("renderer:1")
    assert [(await cdn.get(url)).headers["x-cache"] for url in urls] == ["HIT", "HIT"]
    await cdn.ban(tag)
    assert [(await cdn.get(url)).headers["x-cache"] for url in urls] == ["MISS", "MISS"]


async def test_no_failure_stays_long_in_the_proxy(cdn: Cdn):
    answer = await cdn.get("/no/such.jpg")
    assert answer.status_code == 404
    assert int(re.search(r"max-age=(\d+)", answer.headers["cache-control"])[1]) <= 60
    assert "cdn-cache-control" not in answer.headers


async def test_a_fast_picture_leaves_the_proxy_within_its_time(cdn: Cdn):
    url = "/sku/123.jpg?w=1000&h=1000&fit=cover&up=2&fm=jpg&wait=0"
    fallback = await cdn.get(url)
    assert fallback.headers["x-edge-rendition"] == "fallback"
    held = await cdn.get(url)
    assert held.headers.get("x-edge-rendition") == "fallback" or held.headers["x-cache"] == "MISS"
    await cdn.edge.parts.background_tasks.drain(120)
    await asyncio.sleep(1.5)  # its s-maxage; a proxy without grace for it has to ask again
    final = await cdn.get(url)
    assert "x-edge-rendition" not in final.headers
    assert final.headers["etag"] != fallback.headers["etag"]
    assert final.headers["x-edge-size"] == fallback.headers["x-edge-size"]


@pytest.mark.parametrize("query", ["w=80", "w=80&v=7"])
async def test_a_url_that_has_expired_is_served_by_nobody(cdn: Cdn, query):
    """Not even stale, in Varnish's grace."""
    expires = int(time.time()) + 6
    keys = signing.SigningKeys.of([("k", SECRET)])
    url = f"/sku/123.jpg?{signing.sign('sku/123.jpg', query, keys, expires)}"
    assert (await cdn.get(url)).status_code == 200
    assert (await cdn.get(url)).headers["x-cache"] == "HIT"
    await asyncio.sleep(expires - time.time() + 0.1)
    for _ in range(2):
        assert (await cdn.get(url)).status_code == 403


async def test_who_takes_neither_avif_nor_webp_gets_neither_from_the_cdn(cdn: Cdn):
    photo(60, 40).save(cdn.edge.photos / "a.webp", "WEBP")
    for accept, expected in (
        ("*/*", "image/webp"),
        ("image/jpeg", "image/jpeg"),
        ("image/png,image/*;q=0", "image/jpeg"),
        ("image/webp;q=0, */*", "image/jpeg"),
        ("text/html,*/*;q=0.8", "image/webp"),
        ("image/*", "image/webp"),
    ):
        answer = await cdn.get("/a.webp?w=30", accept=accept)
        assert answer.headers["content-type"] == expected, accept


@pytest.mark.parametrize(
    "tag",
    [
        "a\\E,|.*|\\Qb",
        "x, && req.url ~ .",
        'x" && obj.status == 200 && req.url ~ "',
        "",
        "a b",
        "a,b",
    ],
)
async def test_a_tag_that_is_none_bans_nothing(cdn: Cdn, tag):
    await cdn.get("/sku/123.jpg?w=80")
    answer = await cdn.http.request("BAN", "/", headers={"x-tag": tag})
    assert answer.status_code == 400
    assert (await cdn.get("/sku/123.jpg?w=80")).headers["x-cache"] == "HIT"


async def test_a_dot_in_a_tag_is_a_dot(cdn: Cdn):
    await cdn.get("/sku/123.jpg?w=80")
    await cdn.ban("original:sku/123xjpg")
    await cdn.ban("original:sku/.......")
    assert (await cdn.get("/sku/123.jpg?w=80")).headers["x-cache"] == "HIT"


CLOSED = (
    "/-/metrics", "/-/readyz", "/-/explain/sku/123.jpg", "/-/purge", "/-/jobs", "/-/review",
    "/-/pictures", "/-/sign", "/-/progress/abcdefgh", "/-/openapi.json", "//-/metrics",
    "/./-/metrics", "/../-/metrics", "/%2D/metrics", "/%2d/metrics", "/-%2Fmetrics",
    "/-%2fmetrics", "/-", "/-?x",
    "/-/", "/%2e/-/metrics", "/%2F-/metrics", "/-\\metrics", "/-/problems/../metrics",
    "http://edge.example/-/metrics",
)  # fmt: skip
"""What operators ask, in the spellings by which strangers try to reach it."""


@pytest.mark.parametrize("path", CLOSED)
async def test_what_operators_ask_is_closed_to_the_public(cdn: Cdn, path):
    told = await asked_as_written(cdn.http, path)
    assert re.match(r"HTTP/1.1 (400|404) ", told), told
    assert "edge_requests" not in told
    assert '"status":"ready"' not in told


async def asked_as_written(http: httpx.AsyncClient, path: str) -> str:
    """The whole answer to a path that no client has tidied up."""
    url = http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
    told = (await reader.read()).decode("latin-1")
    writer.close()
    return told


async def test_what_a_problems_type_leads_to_is_open(cdn: Cdn):
    problem = (await cdn.get("/sku/123.jpg?w=abc")).json()
    assert (await cdn.get(problem["type"])).status_code == 200


async def test_when_edge_is_dead_the_proxy_shows_what_it_has(start: Start, tmp_path: Path):
    """Past its time, as long as edge allowed it."""
    if not shutil.which("varnishd", path=os.environ["PATH"] + ":/usr/sbin"):
        pytest.skip("varnishd is not installed")
    edge = await start(EDGE_HTTP_CDN_MAX_AGE="1")
    url = "/sku/123.jpg?w=80"
    async with varnish(edge.http.base_url.port or 0, tmp_path) as http:
        first = await http.get(url)
        assert first.status_code == 200
        edge.process.kill()
        await edge.process.wait()
        await asyncio.sleep(4)
        for _ in range(3):
            stale = await http.get(url)
            assert (stale.status_code, stale.content) == (200, first.content)
            await asyncio.sleep(0.5)
        assert (await http.get("/sku/123.jpg?w=81")).status_code == 503, "what it never had"

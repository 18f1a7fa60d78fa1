"""`/-/` is one thing, under one spelling, and nothing leads out of it or into it by another."""

import asyncio
import json
import threading
import time

import pytest

from edge.admission import Cost
from edge.deadline import Deadline
from edge.origins import browse
from edge.origins.browse import Listing
from edge.origins.routes import parse_routes
from edge.variants import signing
from tests.running import Running, photo

SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
}


async def told(server: Running, path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Status, headers and body of a request whose path no client library has touched."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode("latin-1").partition("\r\n\r\n")
    writer.close()
    first, *lines = head.split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize(
    "path",
    [
        "/%2D/metrics", "/%2d/metrics", "/-%2Fmetrics", "/%2D%2Fmetrics", "/-/%6Detrics",
        "/-/metric%73", "//-/metrics", "/./-/metrics", "/x/../-/metrics", "/%2e/-/metrics",
        "/-//metrics", "/-/./metrics", "/%252D/metrics", "/-%5Cmetrics", "/-/metrics/",
        "/-/healthz%2F..%2Fmetrics", "/%2D/explain/sku/123.jpg", "/-/%65xplain/sku/123.jpg",
        "/-%2Fexplain/sku/123.jpg", "/-/explain%2Fsku/123.jpg",
    ],
)  # fmt: skip
async def test_no_other_spelling_leads_to_what_operators_ask(serve, path):
    status, headers, body = await told(await serve(), path)
    assert status in (400, 404), path
    assert headers["content-type"] == "application/problem+json"
    assert "edge_requests" not in body
    assert json.loads(body)["status"] == status
    assert "location" not in headers


@pytest.mark.parametrize("path", ["/-/metrics/", "/-/explain/", "/-/purge/", "/-", "/-/"])
async def test_nothing_is_redirected(serve, path):
    status, headers, _ = await told(await serve(), path)
    assert status in (400, 404)
    assert "location" not in headers


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/-/healthz", "GET"), ("/-/readyz", "GET"), ("/-/metrics", "GET"), ("/-/nothing", "GET"),
        ("/-/openapi.json", "GET"), ("/-/problems/busy", "GET"), ("/-/problems/none", "GET"),
        ("/-/explain/sku/123.jpg", "GET"), ("/-/explain/no.jpg", "GET"), ("/-/purge", "POST"),
        ("/-/purge", "GET"), ("/robots.txt", "GET"), ("/sku/123.jpg?w=60", "GET"),
        ("/no.jpg", "GET"), ("/sku/123.jpg?w=x", "GET"), ("/sku/123.jpg", "DELETE"),
        ("/sku/123.jpg", "OPTIONS"), ("//", "GET"), ("/-/metrics", "HEAD"),
    ],
)  # fmt: skip
async def test_every_answer_is_safe_to_look_at(serve, path, method):
    _, headers, _ = await told(await serve(), path, method)
    assert SAFE.items() <= headers.items()


async def test_the_page_has_a_policy_of_its_own_and_no_second_one(serve):
    answer = await (await serve()).get("/")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get_list("content-security-policy")[0].startswith("default-src 'none'; ")
    assert len(answer.headers.get_list("content-security-policy")) == 1


async def test_where_urls_are_signed_the_page_names_no_picture(serve):
    secret = "a secret for this test"
    server = await serve(EDGE_SIGNING_KEYS=f"a:{secret}", EDGE_SIGNING_REQUIRED="1")
    page = await server.get("/")
    assert page.status_code == 200
    assert "456.png" not in page.text
    assert "789.webp" not in page.text
    query = signing.sign("sku/123.jpg", "w=60", signing.SigningKeys.of([("a", secret)]))
    assert (await server.get(f"/sku/123.jpg?{query}")).status_code == 200


async def test_explain_waits_at_the_gate_like_a_render(serve):
    server = await serve(EDGE_LIMITS_CLASSICAL_RUNNING="1", EDGE_LIMITS_CLASSICAL_WAITING="0")
    admission = server.parts.delivery._renderer.admission
    async with admission.enter(Cost.CLASSICAL, Deadline.after(20)):
        answer = await server.get("/-/explain/sku/123.jpg?w=60")
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
    assert (await server.get("/-/explain/sku/123.jpg?w=60")).status_code == 200


class TestListing:
    @pytest.fixture
    async def listing(self, photos):
        made = Listing(parse_routes(str(photos)))
        yield made
        await made.close()

    async def test_a_folder_is_walked_once_for_many(self, listing, photos):
        found = await asyncio.gather(*(listing.paths() for _ in range(50)))
        assert set(found) == {("sku/123.jpg", "sku/456.png", "sku/789.webp")}
        photo(20, 20).save(photos / "another.jpg")
        assert "another.jpg" not in await listing.paths()

    async def test_hidden_files_are_not_named(self, listing, photos):
        photo(20, 20).save(photos / "sku" / ".secret.jpg")
        assert not [path for path in await listing.paths() if "secret" in path]

    async def test_a_huge_folder_is_left_alone(self, tmp_path):
        for number in range(2_500):
            (tmp_path / f"{number:05}.txt").touch()
        photo(20, 20).save(tmp_path / "z.jpg")
        listing = Listing(parse_routes(str(tmp_path)))
        assert len(await listing.paths()) <= 1
        await listing.close()

    async def test_a_folder_that_hangs_holds_up_nobody_else(self, listing, monkeypatch):
        hanging, seconds = threading.Event(), 0.2
        monkeypatch.setattr(browse, "_WALK_SECONDS", seconds)
        monkeypatch.setattr(browse, "_entries", lambda *_: hanging.wait(120) and [])
        start = time.monotonic()
        try:
            answers = [listing.paths() for _ in range(40)]
            assert set(await asyncio.gather(*answers)) == {()}
            assert await asyncio.to_thread(lambda: "the other threads are free")
            assert time.monotonic() - start < 60
        finally:
            hanging.set()

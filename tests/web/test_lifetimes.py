"""No cache keeps anything of a URL beyond its `exp`: neither fresh nor stale, not even the CDN."""

import re
import time

import pytest

from edge.errors import OriginalNotFound, SignatureExpired
from edge.settings import HttpSettings
from edge.variants import signing
from edge.web import failures, headers
from tests.running import Running

KEY = "a secret of some length"
KEYS = signing.SigningKeys.of([("k", KEY)])
SIGNING = {"EDGE_SIGNING_KEYS": f"k:{KEY}"}
SECONDS = re.compile(r"([a-z-]+)=(\d+)")


def signed(path: str, query: str, left: float) -> str:
    expires = int(time.time() + left)
    return f"/{path}?{signing.sign(path, query, KEYS, expires)}"


def reach(answer) -> int:
    """The longest that any cache may keep an answer, in seconds."""
    longest = 0
    for name in ("cache-control", "cdn-cache-control", "surrogate-control"):
        ages = {word: int(age) for word, age in SECONDS.findall(answer.headers.get(name, ""))}
        fresh = max(ages.get("max-age", 0), ages.get("s-maxage", 0))
        stale = max(ages.get("stale-while-revalidate", 0), ages.get("stale-if-error", 0))
        longest = max(longest, fresh + stale)
    return longest


async def every_way(server: Running, url: str):
    """A miss, a hit through the application and from memory, HEAD, and 304."""
    first = await server.get(url)
    yield first
    yield await server.get(url)
    yield await server.http.head(url)
    if first.status_code == 200:
        answer = await server.get(url, if_none_match=first.headers["etag"])
        assert answer.status_code == 304
        yield answer
        yield await server.http.head(url, headers={"if-none-match": first.headers["etag"]})


@pytest.mark.parametrize("left", [30, 100, 100_000, 700_000, 40_000_000])
@pytest.mark.parametrize("query", ["w=80", "w=80&v=7", "w=80&v=8&fm=webp&dl=a.jpg"])
async def test_a_picture_is_kept_no_longer_than_its_url_holds(serve, left, query):
    server = await serve(**SIGNING)
    url = signed("sku/123.jpg", query, left)
    async for answer in every_way(server, url):
        assert answer.status_code in (200, 304)
        assert 0 < reach(answer) <= left
        assert "no-transform" in answer.headers["cache-control"]


async def test_headers_that_were_prepared_once_grow_old(serve):
    server = await serve(**SIGNING)
    expires = int(time.time() + 5)
    url = f"/sku/123.jpg?{signing.sign('sku/123.jpg', 'w=80&v=7', KEYS, expires)}"
    answered = 0
    while True:
        before = time.time()
        answer = await server.get(url)
        after = time.time()
        if answer.status_code != 200:
            break
        answered += 1
        assert expires - after - 1 <= reach(answer) <= expires - before
    assert answer.status_code == 403
    assert after > expires
    assert answered


async def test_a_url_that_never_expires_is_kept_as_long_as_ever(serve):
    server = await serve(**SIGNING)
    url = f"/sku/123.jpg?{signing.sign('sku/123.jpg', 'w=80&v=7', KEYS)}"
    async for answer in every_way(server, url):
        assert "immutable" in answer.headers["cache-control"]
        assert "max-age=31536000" in answer.headers["cdn-cache-control"]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("nowhere.jpg", "w=80", 404),
        ("notes.txt", "w=80", 404),
        ("sku/123.jpg", "w=abc", 400),
        ("sku/123.jpg", "w=60000&h=60000&up=4&fit=cover", 422),
        ("broken.jpg", "w=80", 422),
    ],
)
async def test_an_error_is_kept_no_longer_either(serve, photos, path, query, status):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    server = await serve(**SIGNING)
    async for answer in every_way(server, signed(path, query, 7)):
        assert answer.status_code == status
        assert reach(answer) <= 7
    long = await server.get(signed(path, query, 7_000))
    assert 30 <= reach(long) <= 60


async def test_a_wrong_signature_is_kept_no_longer_than_the_url_says(serve):
    server = await serve(**SIGNING)
    answer = await server.get(signed("sku/123.jpg", "w=80", 7).replace("w=80", "w=81"))
    assert (answer.status_code, reach(answer) <= 7) == (403, True)


def test_what_stands_in_ends_with_its_url_too():
    lifetimes = headers.Lifetimes.of(HttpSettings())
    for left in (1, 10, 29, 30, 1_000):
        fields = dict(lifetimes.fields(left, versioned=True, lasting=False))
        for value in fields.values():
            assert max(int(age) for _, age in SECONDS.findall(value.decode())) <= min(left, 30)


@pytest.mark.parametrize("final", [True, False])
def test_a_url_that_ended_while_its_picture_was_made_is_kept_nowhere(final):
    fields = headers.Lifetimes.of(HttpSettings()).fields(0, versioned=True, lasting=final)
    assert {value for _, value in fields} == {b"no-store"}


def test_the_news_that_a_url_has_ended_may_be_kept():
    assert failures.answer(SignatureExpired("over"), "/", left=-5).headers["cache-control"] == (
        "public, max-age=60"
    )
    gone = failures.answer(OriginalNotFound("gone"), "/", left=0).headers
    assert gone["cache-control"] == "no-store"

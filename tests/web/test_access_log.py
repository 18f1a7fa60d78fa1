"""The log: one line for each request, with what came of it and nothing secret."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from edge.logs import JsonLines, TextLines
from edge.variants import signing
from edge.web.access_log import shown_path, shown_query
from tests.running import TOKEN, photo

ID = "abc-123"


class Lines:
    """What the access log wrote, in one of its two forms."""

    def __init__(self, form: logging.Formatter) -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(form)

    @property
    def text(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    @property
    def facts(self) -> list[dict]:
        return [json.loads(line) for line in self.text]


@pytest.fixture
def lines(request) -> Iterator[Lines]:
    """At the level `info`, as by default."""
    form = getattr(request, "param", JsonLines)
    log, lines = logging.getLogger("edge.access"), Lines(form())
    before = log.level
    log.addHandler(lines.handler)
    log.setLevel("INFO")
    yield lines
    log.setLevel(before)
    log.removeHandler(lines.handler)


as_text = pytest.mark.parametrize("lines", [TextLines], indirect=True)


async def test_a_render_says_what_was_made_of_what_and_how_long_it_took(serve, lines):
    server = await serve(EDGE_ORIGIN_URL="")
    answer = await server.get("/glass.jpg?fmt=amazon&w=500&matte=on", x_request_id=ID)
    [told] = lines.facts
    key = (await server.get("/-/explain/glass.jpg?fmt=amazon&w=500&matte=on")).json()["key"]
    assert told["message"] == "request"
    assert (told["method"], told["path"], told["query"]) == (
        "GET", "/glass.jpg", "fmt=amazon&w=500&matte=on",
    )  # fmt: skip
    assert (told["status"], told["source"], told["preset"]) == (200, "render", "amazon")
    assert (told["key"], told["format"], told["request_id"]) == (key, "jpg", ID)
    assert told["bytes"] == len(answer.content)
    assert (told["verdict"], told["rules"], told["review"]) == ("fail", ["long_min"], ["doubt"])
    assert {"origin", "queue", "decode", "encode", "verify"} <= set(told["stages"])
    assert told["networks"]["matting"] > 0
    assert told["ms"] >= told["stages"]["encode"]


async def test_of_a_hit_in_memory_and_of_probes_there_is_no_line(serve, lines):
    server = await serve()
    for _ in range(3):
        await server.get("/sku/123.jpg?w=60")
        await server.get("/-/readyz")
        await server.get("/-/metrics")
    assert [told["source"] for told in lines.facts] == ["render"]


async def test_all_means_all(serve, lines):
    server = await serve(EDGE_SERVER_ACCESS_LOG="all")
    etag = (await server.get("/sku/123.jpg?w=60")).headers["etag"]
    hit = await server.get("/sku/123.jpg?w=60", x_request_id=ID)
    await server.get("/sku/123.jpg?w=60", if_none_match=etag)
    await server.get("/-/healthz")
    _, second, third, probe = lines.facts
    assert (second["source"], second["status"], second["request_id"]) == ("memory", 200, ID)
    assert second["bytes"] == len(hit.content)
    assert second["key"] == third["key"]
    assert (third["status"], third["bytes"]) == (304, 0)
    assert (probe["path"], probe["status"]) == ("/-/healthz", 200)


async def test_errors_means_what_was_refused_or_failed(serve, lines):
    server = await serve(EDGE_SERVER_ACCESS_LOG="errors")
    await server.get("/sku/123.jpg?w=60")
    await server.get("/sku/123.jpg?w=no")
    [told] = lines.facts
    assert (told["status"], told["error"], told["level"]) == (400, "InvalidParameter", "warning")


async def test_another_tier_than_memory_is_a_line(serve, lines, tmp_path):
    for _ in range(2):
        server = await serve(EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
        await server.get("/sku/123.jpg?w=60")
        await server.parts.background_tasks.drain(120)
    assert [told["source"] for told in lines.facts] == ["render", "folder"]
    assert "stages" not in lines.facts[1]
    assert lines.facts[0]["key"] == lines.facts[1]["key"]


async def test_nothing_secret_stands_in_it(serve, lines):
    secret = "a secret of some length"
    server = await serve(EDGE_SIGNING_KEYS=f"k:{secret}")
    keys = signing.SigningKeys.of([("k", secret)])
    query = signing.sign("sku/123.jpg", "w=60", keys)
    signature = query.rpartition("sig=")[2]
    assert (await server.get(f"/sku/123.jpg?{query}")).status_code == 200
    await server.http.post(
        "/-/purge", json={"tag": "x"}, headers={"authorization": f"Bearer {TOKEN}"}
    )
    await server.get("/sku/123.jpg?token=hush-hush&w=61")
    told = "\n".join(lines.text)
    assert len(lines.text) == 3
    for word in (signature, TOKEN, "hush-hush", secret):
        assert word not in told


@pytest.mark.parametrize("name", ["sig", "%73ig", "s%69g", "%73%69%67", "%2573ig", "s", "%73"])
def test_no_spelling_of_a_signature_comes_into_the_log(name):
    text = shown_query(f"w=80&{name}=c0ffee&v=1&{name}=c0ffee")
    assert text == f"w=80&{name}=(hidden)&v=1&{name}=(hidden)"


def test_the_rest_of_a_query_stays_as_it_was():
    assert shown_query("w=80&sigma=1&&a=%73ig&sig") == "w=80&sigma=1&&a=%73ig&sig"
    assert shown_query("preset=amazon&monkey=1") == "preset=amazon&monkey=1"
    assert shown_query("") == ""


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("X-Amz-Signature=c0ffee&w=1", "X-Amz-Signature=(hidden)&w=1"),
        ("access_token=c0ffee", "access_token=(hidden)"),
        ("url=https%3A%2F%2Fa.example%2Fb.jpg%3Fkey%3Dc0ffee&w=1",
         "url=https://a.example/b.jpg?(hidden)&w=1"),
    ],
)  # fmt: skip
def test_secrets_of_other_services_are_hidden_as_well(query, shown):
    assert shown_query(query) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/thumbor/c0ffee-_=/300x200/a.jpg", "/thumbor/(hidden)/300x200/a.jpg"),
        ("/thumbor/unsafe/300x200/a.jpg", "/thumbor/unsafe/300x200/a.jpg"),
        ("/imgproxy/c0ffee/rs:fit:9/plain/a.jpg", "/imgproxy/(hidden)/rs:fit:9/plain/a.jpg"),
        ("/image/upload/s--c0ffee12--/w_9/a.jpg", "/image/upload/(hidden)/w_9/a.jpg"),
        ("/sku/123.jpg", "/sku/123.jpg"),
    ],
)
def test_signatures_in_paths_are_hidden(path, shown):
    assert shown_path(path) == shown


@as_text
async def test_the_same_as_text(serve, lines, photos):
    photo(120, 90).save(photos / "small.jpg")
    server = await serve()
    await server.get("/small.jpg?fmt=instagram&up=off", x_request_id=ID)
    [line] = lines.text
    assert " INFO    edge.access: request " in line
    for words in (
        "method=GET path=/small.jpg", "status=200", "preset=instagram", "source=render",
        "verdict=fail", f"request_id={ID}", "bytes=", "stages=origin:", "key=",
    ):  # fmt: skip
        assert words in line
    assert 'query="fmt=instagram&up=off"' in line, "it is quoted, for it has signs of equality"


@as_text
async def test_no_url_begins_a_line_of_its_own(serve, lines):
    server = await serve()
    await server.get("/sku/%0A2026-01-01T00:00:00.000Z%20ERROR%20forged.jpg?w=60")
    await server.get("/sku/123.jpg?w=60&x=%0Aforged")
    assert len(lines.text) == 2
    assert all(" edge.access: request " in line for line in lines.text)


def test_text_shows_what_a_line_adds():
    record = logging.makeLogRecord(
        {"msg": "a file was read anew", "levelname": "INFO", "name": "edge", "file": "/a b"}
    )
    assert TextLines().format(record).endswith('INFO    edge: a file was read anew file="/a b"')

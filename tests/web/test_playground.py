"""The page at `/`: every link on it is a request that the server takes, and nothing else may
run."""

import asyncio
import base64
import hashlib
import re
from html import unescape
from urllib.parse import urlsplit

import pytest

from edge import app
from edge.variants import paths, presets
from edge.variants.parameters import PARAMETERS, Group
from edge.variants.query import read
from edge.variants.tables import RULES
from edge.web import pages
from tests.running import TOKEN, photo


@pytest.fixture
async def page(serve):
    server = await serve()
    return await server.get("/")


def links(text: str) -> set[str]:
    return {unescape(url) for url in re.findall(r'(?:src|href)="(/[^"]+)"', text)}


async def test_every_link_is_a_request_that_even_the_strict_grammar_takes(page):
    pictures = [url for url in links(page.text) if not url.startswith("/-/")]
    assert len(pictures) >= 7
    for url in pictures:
        parts = urlsplit(url)
        assert paths.read(parts.path)
        read(parts.query, presets.load(), strict=True)


async def test_without_a_script_every_picture_is_shown_and_linked(page):
    for path in ("/sku/123.jpg", "/sku/456.png", "/sku/789.webp"):
        queries = {urlsplit(url).query for url in links(page.text) if urlsplit(url).path == path}
        assert {"w=240&h=240", "w=1200"} <= queries


async def test_every_preset_is_there(page):
    for name in presets.load().names:
        assert f'data-preset="{name}"' in page.text


async def test_the_form_has_a_field_for_every_word_of_a_picture(page):
    named = set(re.findall(r'<(?:input|select)[^>]* name="([^"]+)"', page.text))
    groups = (Group.SIZE, Group.CHANGE, Group.SUBJECT, Group.FILE, Group.DELIVERY)
    assert named >= {"path", "fmt", "fm"} | {p.name for p in PARAMETERS if p.group in groups}


async def test_only_the_pages_own_script_and_style_may_run(page):
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"<[^>]+\son\w+=|<[^>]+\sstyle=", page.text)


async def test_a_strange_name_of_a_picture_cannot_break_out(serve, tmp_path):
    folder = tmp_path / "strange"
    folder.mkdir()
    photo(40, 40).save(folder / '"><script>alert(1)<.jpg')
    server = await serve(folder)
    text = (await server.get("/")).text
    assert "<script>alert" not in text
    assert "%3Cscript%3Ealert" in text


async def test_an_origin_that_cannot_list_still_has_a_page(serve, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    server = await serve(folder)
    answer = await server.get("/")
    assert answer.status_code == 200
    assert "cannot list" in answer.text


async def test_names_of_pictures_come_in_pages_by_search(serve):
    server = await serve()
    first = (await server.get("/-/pictures?limit=2")).json()
    assert (len(first["pictures"]), first["matches"], first["next"]) == (2, 3, 2)
    rest = (await server.get(f"/-/pictures?limit=2&start={first['next']}")).json()
    assert (len(rest["pictures"]), rest["next"]) == (1, None)
    found = (await server.get("/-/pictures?search=SKU+456")).json()
    assert found["pictures"] == ["sku/456.png"]
    refused = await server.get("/-/pictures?limit=1000")
    assert (refused.status_code, refused.json()["param"]) == (400, "limit")


async def test_where_urls_are_signed_names_and_signatures_take_a_token(serve):
    secret = "a-secret-of-enough-length"
    server = await serve(EDGE_SIGNING_KEYS=f"a:{secret}", EDGE_SIGNING_REQUIRED="1")
    assert (await server.get("/-/pictures")).status_code == 401
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert len((await server.get("/-/pictures", **bearer)).json()["pictures"]) == 3
    image_request = {"urls": ["/sku/123.jpg?w=60"], "expires": 60}
    assert (await server.http.post("/-/sign", json=image_request)).status_code == 401
    [url] = (await server.http.post("/-/sign", json=image_request, headers=bearer)).json()["urls"]
    assert (await server.get(url)).status_code == 200
    assert (await server.get(url.replace("w=60", "w=61"))).status_code == 403
    for wrong in ([], {"urls": []}, {"urls": [1]}, {"urls": ["/a.jpg"], "expires": 0}):
        refused = await server.http.post("/-/sign", json=wrong, headers=bearer)
        assert refused.status_code == 400
        assert refused.json()["type"] == "/-/problems/upload-rejected"


async def test_the_stage_of_a_picture_is_told_while_it_is_made(serve):
    server = await serve(app.SAMPLES)
    assert (await server.get("/-/progress/nobody-waits")).json() == {"stage": None}
    asked = {"x_edge_progress": "watched-1"}
    making = asyncio.create_task(server.get("/mug.jpg?matte=on&w=300", **asked))
    seen = set()
    while not making.done():
        seen.add((await server.get("/-/progress/watched-1")).json()["stage"])
        await asyncio.sleep(0.01)
    assert (await making).status_code == 200
    assert "matting" in seen
    assert (await server.get("/-/progress/watched-1")).json() == {"stage": None}


async def test_explain_says_which_word_overrules_which(serve):
    server = await serve()
    told = (await server.get("/-/explain/sku/123.jpg?w=100&size=1k&blur=2&flip=off")).json()
    assert told["words"] == [
        {"word": "w", "given": "100", "counts": True},
        {"word": "size", "given": "1k", "counts": False, "by": "w"},
        {"word": "blur", "given": "2", "counts": True},
        {"word": "flip", "given": "off", "counts": False},
    ]
    assert told["original"]["bytes"] == (server.photos / "sku" / "123.jpg").stat().st_size


def test_every_rule_of_the_presets_has_a_name_for_people():
    script = pages.text_of("page/report.js")
    named = script[script.index("const NAMES") : script.index("const REVIEWS")]
    assert {name for name in RULES if not re.search(rf"\b{name}:", named)} == set()

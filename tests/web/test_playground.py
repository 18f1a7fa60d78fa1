"""The page at `/`: every link on it is a wish that the server takes, and nothing else may run."""

import base64
import hashlib
import re
from html import unescape
from urllib.parse import urlsplit

import pytest

from edge.variants import paths, presets
from edge.variants.parameters import PARAMETERS, Group
from edge.variants.query import read
from tests.running import photo


@pytest.fixture
async def page(serve):
    server = await serve()
    return await server.get("/")


def links(text: str) -> set[str]:
    return {unescape(url) for url in re.findall(r'(?:src|href)="(/[^"]+)"', text)}


async def test_every_link_is_a_wish_that_even_the_strict_grammar_takes(page):
    pictures = [url for url in links(page.text) if not url.startswith("/-/")]
    assert len(pictures) > 60
    for url in pictures:
        parts = urlsplit(url)
        assert paths.read(parts.path)
        read(parts.query, presets.load(), strict=True)


async def test_every_picture_is_linked_in_sizes_formats_and_presets(page):
    for path in ("/sku/123.jpg", "/sku/456.png", "/sku/789.webp"):
        queries = {urlsplit(url).query for url in links(page.text) if urlsplit(url).path == path}
        assert {"w=160", "w=1200", "size=1k", "w=480&fm=avif", "fmt=amazon"} <= queries


async def test_every_preset_is_there(page):
    for name in presets.load().names:
        assert f"fmt={name}" in page.text


async def test_the_form_has_a_field_for_every_word_of_a_picture(page):
    named = set(re.findall(r'<(?:input|select) name="([^"]+)"', page.text))
    groups = (Group.SIZE, Group.CHANGE, Group.SUBJECT, Group.FILE)
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

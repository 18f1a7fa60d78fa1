"""Held pictures before a person: shown, decided on by keyboard alone, and never forgotten."""

import os
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.running import TOKEN, photo
from tests.web.jobs import AUTH, RULED, get, items, over, post, run

THUMBS = "/-/jobs?preset=thumb&accept=webp"


@pytest.fixture
def serve(serve, tmp_path: Path):
    """Servers by whose presets every thumbnail is held."""
    file = tmp_path / "presets.toml"
    file.write_text(RULED)

    async def start(**environ: str):
        return await serve(**{"EDGE_PRESETS_FILE": str(file)} | environ)

    return start


@pytest.fixture
def small(photos: Path) -> Path:
    """Some photos more."""
    for number in range(5):
        photo(120, 90, number).save(photos / f"small{number}.jpg")
        # as if written a while ago: what has just changed may be changing still
        os.utime(photos / f"small{number}.jpg", (1e9, 1e9))
    return photos


def feed(count: int = 5) -> str:
    return "sku,url\n" + "".join(f"chair-{n},/small{n}.jpg\n" for n in range(count))


async def held(server) -> list[dict]:
    return (await get(server, "/-/review/items")).json()["items"]


async def decide(server, item: dict, **decision: str):
    return await post(server, item["links"]["self"], decision)


async def compliance(server, item: dict) -> str:
    return (await server.get(item["url"], accept="image/webp")).headers["x-edge-compliance"]


async def test_what_is_held_is_listed_with_reasons_and_both_pictures(serve, small):
    server = await serve()
    facts = await run(server, THUMBS, feed())
    assert facts["counts"]["held"] == 5
    listed = await held(server)
    assert [item["sku"] for item in listed] == [f"chair-{n}" for n in range(5)]
    assert all(item["rules"] or item["reasons"] for item in listed)
    original = await get(server, listed[0]["links"]["original"] + "?side=300")
    result = await get(server, listed[0]["links"]["result"])
    assert original.headers["content-type"] == "image/webp"
    assert len(result.content) == listed[0]["bytes"]


async def test_a_decision_shows_in_the_answer_and_survives_purge_and_another_run(serve, small):
    server = await serve()
    await run(server, THUMBS, feed(2))
    first, second = await held(server)
    before = await compliance(server, first)
    assert (await decide(server, first, verdict="approved", by="ana")).status_code == 200
    assert (await decide(server, second, verdict="rejected")).json()["state"] == "rejected"
    assert await compliance(server, first) == f"{before}; decision=approved"
    assert await held(server) == []
    purge = await post(server, "/-/purge", {"preset": "thumb"})
    assert purge.status_code == 200
    assert await compliance(server, first) == f"{before}; decision=approved"
    again = await run(server, THUMBS, feed(3))
    assert (again["counts"]["succeeded"], again["counts"]["rejected"]) == (1, 1)
    assert [item["sku"] for item in await held(server)] == ["chair-2"]
    done = await items(server, again["id"], "succeeded")
    assert done[0]["decision"] == "approved"


async def test_a_new_photo_under_the_same_path_is_looked_at_anew(serve, small):
    server = await serve(EDGE_ORIGIN_REMEMBER="0")
    await run(server, THUMBS, feed(1))
    [item] = await held(server)
    await decide(server, item, verdict="approved")
    photo(120, 90, 77).save(small / "small0.jpg")
    again = await run(server, THUMBS, feed(1))
    assert again["counts"]["held"] == 1


async def test_a_picture_is_approved_with_other_parameters(serve, small):
    server = await serve()
    facts = await run(server, THUMBS, feed(1))
    [item] = await held(server)
    answer = await decide(server, item, verdict="approved", query="w=111&bg=f0f0f0")
    assert answer.status_code == 200, answer.text
    facts = await over(server, facts["id"])
    assert facts["counts"]["succeeded"] == 1
    [done] = await items(server, facts["id"], "succeeded")
    assert done["width"] == 111
    assert "w=111" in done["url"]
    assert "decision=approved" in done["compliance"]
    again = await run(server, THUMBS, feed(1))
    [same] = await items(server, again["id"], "succeeded")
    assert same["sha256"] == done["sha256"]


async def test_what_nobody_approved_is_kept_out_of_an_export_that_requires_it(
    serve, small, tmp_path
):
    out = tmp_path / "out"
    server = await serve(EDGE_JOBS_EXPORT=str(out), EDGE_REVIEW_REQUIRED="1")
    facts = await run(server, f"{THUMBS}&to={out}", feed(3))
    assert sorted(p.name for p in out.iterdir()) == ["manifest.csv", "manifest.jsonl"]
    first, second, _ = await held(server)
    await decide(server, first, verdict="approved")
    await decide(server, second, verdict="rejected")
    await over(server, facts["id"])
    assert sorted(p.name for p in out.glob("*.webp")) == ["chair-0.thumb.webp"]
    assert "decision=approved" in (out / "manifest.csv").read_text()


async def test_without_that_a_rejected_picture_leaves_the_export(serve, small, tmp_path):
    out = tmp_path / "out"
    server = await serve(EDGE_JOBS_EXPORT=str(out))
    facts = await run(server, f"{THUMBS}&to={out}", feed(2))
    assert len(list(out.glob("*.webp"))) == 2
    [first, _] = await held(server)
    await decide(server, first, verdict="rejected")
    await over(server, facts["id"])
    assert [p.name for p in out.glob("*.webp")] == ["chair-1.thumb.webp"]


@pytest.mark.parametrize(
    ("decision", "status", "param"),
    [
        ({}, 400, "verdict"),
        ({"verdict": "maybe"}, 400, "verdict"),
        ({"verdict": "approved", "wibble": "1"}, 400, "wibble"),
        ({"verdict": "rejected", "query": "w=5"}, 400, "query"),
        ({"verdict": "approved", "query": "w=-5"}, 400, "w"),
        ({"verdict": "approved", "query": "wibble=5"}, 400, "wibble"),
        ({"verdict": "approved", "note": 7}, 400, "note"),
        ([1], 400, None),
    ],
)
async def test_a_wrong_decision_is_named_and_nothing_is_kept(serve, small, decision, status, param):
    server = await serve()
    await run(server, THUMBS, feed(1))
    [item] = await held(server)
    answer = await post(server, item["links"]["self"], decision)
    assert answer.status_code == status, answer.text
    assert answer.json().get("param") == param
    assert len(await held(server)) == 1


async def test_items_that_are_not_there_are_not_decided_on(serve, small):
    server = await serve()
    facts = await run(server, THUMBS, "url\n/none.jpg\n")
    for place, status in ((f"{facts['id']}/0", 409), (f"{facts['id']}/9", 404), ("none/0", 404)):
        answer = await post(server, f"/-/review/{place}", {"verdict": "approved"})
        assert answer.status_code == status, place
    answer = await server.http.get(f"/-/review/{facts['id']}/0/third", headers=AUTH)
    assert answer.status_code == 404


async def test_the_page_tells_nothing_without_a_token_and_runs_nothing_foreign(serve):
    server = await serve()
    page = await server.get("/-/review")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


async def test_the_page_is_used_with_the_keyboard_alone(serve, small, tmp_path):
    folder = Path(os.environ.get("EDGE_TEST_SCREENSHOTS", tmp_path))
    server = await serve()
    await run(server, THUMBS, feed())
    async with chromium() as page:
        await page.open(f"http://127.0.0.1:{server.port}/-/review")
        await page.until("document.activeElement.id === 'token'")
        await page.screenshot(folder / "review-token.png")
        await page.type("wrong-token-of-some-length")
        await page.press("Enter")
        await page.until("document.getElementById('status').className === 'bad'")
        await page.value("document.getElementById('token').select()")
        await page.type(TOKEN)
        await page.press("Enter")
        loaded = "[...document.querySelectorAll('.stage img')].every((i) => i.naturalWidth > 0)"
        await page.until(f"!document.getElementById('room').hidden && {loaded}")
        await page.screenshot(folder / "review-first.png")
        title = "document.getElementById('title').textContent"
        await page.press("j")
        assert (await page.value(title)).startswith("chair-1")
        await page.press("k")
        assert (await page.value(title)).startswith("chair-0")
        await page.press("a")
        await page.until(f"{title}.startsWith('chair-1')")
        await page.press("r")
        await page.until(f"{title}.startsWith('chair-2')")
        await page.press("e")
        await page.until("document.activeElement.id === 'query'")
        await page.type("w=99")
        await page.screenshot(folder / "review-other.png")
        await page.press("Enter")
        await page.until(f"{title}.startsWith('chair-3') && {loaded}")
        await page.screenshot(folder / "review-some.png")
        await page.press("a")
        await page.until(f"{title}.startsWith('chair-4')")
        await page.press("a")
        await page.until("document.getElementById('status').textContent === 'All is decided.'")
        await page.screenshot(folder / "review-done.png")
        assert not [error for error in page.errors if "401" not in error]
    assert await held(server) == []
    [job] = (await get(server, "/-/jobs")).json()["jobs"]
    facts = await over(server, job["id"])
    assert (facts["counts"]["succeeded"], facts["counts"]["rejected"]) == (4, 1)
    done = {item["sku"]: item for item in await items(server, job["id"])}
    assert done["chair-2"]["width"] == 99

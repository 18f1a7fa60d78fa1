"""The page at `/` in headless Chromium: it is clean, reachable, and tells what the server told."""

import asyncio
import os
import re

import pytest

from edge import app
from edge.variants.parameters import PARAMETERS, Group
from tests.running import TOKEN, photo
from tests.web.page import SIZES, Bench, bench

pytestmark = pytest.mark.slow

MUG = "/mug.jpg?w=300"
TRIED = {
    "fmt": ("thumb", {"w": "300"}),
    "fm": ("png", {}),
    "q": ("20", {}),
    "w": ("200", {}),
    "h": ("100", {}),
    "dpr": ("2", {}),
    "ar": ("1:1", {}),
    "size": ("500", {"w": ""}),
    "fit": ("pad", {"h": "300"}),
    "g": ("n", {"ar": "3:1"}),
    "frame": ("0.5", {"h": "300", "fit": "product"}),
    "crop": ("0.1,0.1,0.5,0.5", {}),
    "trim": ("60", {"trim": ""}),
    "rot": ("90", {}),
    "flip": ("h", {}),
    "sharp": ("100", {}),
    "blur": ("8", {}),
    "bg": ("ff0000", {"h": "300", "fit": "pad"}),
    "matte": ("on", {}),
    "up": ("auto", {"w": "900"}),
    "shadow": ("1", {"bg": "ffffff", "matte": "on"}),
    "harmonize": ("1", {"bg": "scene:sand"}),
    "maxbytes": ("1500", {}),
}
"""A value for each control that shapes the picture, and what must stand beside it to be seen."""


@pytest.fixture
async def mug(serve):
    server = await serve(app.SAMPLES)
    async with bench(server) as opened:
        yield opened


async def test_console_and_axe_are_clean_in_four_widths_and_both_schemes(mug: Bench):
    for width, height in SIZES:
        for scheme in ("light", "dark"):
            await mug.sized(width, height, scheme)
            await mug.open("/mug.jpg?fmt=amazon&w=400&size=300&old=1")
            assert await mug.violations() == [], (width, scheme)
            across = await mug.run("return document.documentElement.scrollWidth")
            assert across <= width, "nothing is cut off at the side"
            small = await mug.run(
                "return [...document.querySelectorAll('button, input, select, summary, nav a,"
                " .shot, [role=slider]')].filter((one) => one.offsetParent).map((one) => ["
                "one.outerHTML.slice(0, 90), one.getBoundingClientRect()]).filter(([, box]) =>"
                " box.width < 24 || box.height < 24).map(([html]) => html)"
            )
            assert small == [], (width, "targets have 24 pixels and more")
    assert mug.page.errors == []


async def test_nothing_is_asked_of_another_host(mug: Bench):
    await mug.open(MUG)
    asked = await mug.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert len(asked) > 5
    assert all(url.startswith((mug.base, f"blob:{mug.base}")) for url in asked)


def test_every_control_that_shapes_a_picture_is_tried():
    shaping = (Group.REQUEST, Group.SIZE, Group.CHANGE, Group.SUBJECT, Group.FILE)
    named = {row.name for row in PARAMETERS if row.group in shaping}
    assert set(TRIED) == named - {"preset", "swatch"}, "fmt takes presets; swatch only tells"


async def test_every_control_changes_the_picture(mug: Bench):
    same = []
    for name, (value, beside) in TRIED.items():
        await mug.open(MUG)
        await mug.set(**{word: text for word, text in beside.items() if word != name})
        before = await mug.drawn()
        await mug.set(**{name: value})
        after = await mug.drawn()
        problem = await mug.text("#problem")
        assert before, (name, problem)
        assert after, (name, problem)
        if before == after:
            same.append(name)
    assert same == []


async def test_what_is_overruled_or_ignored_is_said_beside_its_control(mug: Bench):
    await mug.open("/mug.jpg?w=300&size=1k&old=1&h=9000&flip=q")
    assert "flip" in await mug.text("#problem")
    assert "flip" in await mug.text("#note-flip")
    await mug.set(more="old=1", h="")
    assert await mug.text("#note-size") == "Overruled by w."
    assert await mug.text("#note-more") == "Ignored: old."
    assert await mug.run("return document.getElementById('note-flip').hidden")
    await mug.open("/mug.jpg?w=3000")
    assert "nothing is enlarged without up" in await mug.text("#note-w")


async def test_a_preset_shows_its_rules_as_a_checklist_and_its_own_values(mug: Bench):
    await mug.open("/mug.jpg?fmt=amazon&w=400")
    rules = await mug.text("#rules")
    assert re.search(r"1 of \d+ rules broken", rules)
    assert re.search(r"Long side, at least\s+fails\s+measured 400 px, wanted 1,600 px", rules)
    assert re.search(r"Aspect ratio\s+passes", rules)
    assert await mug.run("return document.forms.try.elements.frame.placeholder") == "0.85"
    steps = await mug.text("#steps")
    assert re.search(r"encode\s+\d+ ms", steps)
    assert "resize" in steps
    assert "{" not in steps, "steps are no JSON"
    assert "Saved" in await mug.text("#numbers")


async def test_how_far_a_product_is_from_its_swatch_is_told(mug: Bench):
    await mug.open("/mug.jpg?fmt=amazon&w=400&swatch=8fa9a0")
    assert "Colour" in await mug.text("#numbers")


async def test_no_old_fact_stands_under_a_new_picture(mug: Bench):
    """While a picture is made, its stage is told and nothing of the last one can be read."""
    await mug.open(MUG)
    await mug.run("document.querySelector('[data-preset=walmart]').click()")
    stages = set()
    while told := await mug.run(  # all in one evaluation, as the picture may be there at any moment
        "if (document.body.dataset.shown !== '/mug.jpg?w=300') return null;"
        "const text = (id) => document.getElementById(id).innerText;"
        "return [document.getElementById('stage').className,"
        " text('numbers'), text('rules'), text('stage-name')];"
    ):
        assert told[:3] == ["stage busy", "", ""]
        stages.add(told[3])
        await asyncio.sleep(0.05)
    assert stages & {"Cutting out by network", "Enlarging by network"}, stages


async def test_the_address_holds_the_state_and_the_browser_goes_back(mug: Bench):
    await mug.open("/mug.jpg?fmt=thumb&blur=3", search="?view=side&zoom=200")
    assert await mug.run("return document.forms.try.elements.blur.value") == "3"
    assert await mug.run("return document.getElementById('stage').dataset.view") == "side"
    await mug.run("document.querySelector('.shot[data-path=\"chair.jpg\"]').click()")
    await mug.page.until("document.body.dataset.shown === '/chair.jpg?fmt=thumb&blur=3'")
    assert (await mug.run("return location.href")).endswith(
        "?view=side&zoom=200#/chair.jpg?fmt=thumb&blur=3"
    )
    await mug.run("history.back()")
    await mug.page.until("document.body.dataset.shown === '/mug.jpg?fmt=thumb&blur=3'")


async def test_it_is_worked_by_keys(mug: Bench):
    await mug.open(MUG)
    await mug.run("document.getElementById('divider').focus()")
    await key(mug, "ArrowRight", 39)
    assert await mug.run("return document.getElementById('divider').ariaValueNow") == "52"
    await mug.run("document.querySelector('.tab[aria-selected=true]').focus()")
    await key(mug, "End", 35)
    await mug.settled()
    assert await mug.run("return document.forms.try.elements.fmt.value") == "thumb"
    assert await mug.run("return document.activeElement.dataset.preset") == "thumb"


async def key(mug: Bench, name: str, code: int) -> None:
    for kind in ("keyDown", "keyUp"):
        await mug.page.ask(
            "Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code
        )


async def test_zoom_shows_a_pixel_as_four_and_original_and_rendition_lie_on_each_other(mug: Bench):
    await mug.open("/mug.jpg?w=300&ar=1:1", search="?zoom=200")
    boxes = await mug.run(
        "return ['canvas', 'original'].map((id) => document.getElementById(id)."
        "getBoundingClientRect().toJSON())"
    )
    canvas, original = boxes
    assert (canvas["width"], canvas["height"]) == (600, 600)
    assert original["width"] == pytest.approx(600, abs=1)
    assert original["height"] == pytest.approx(600 * 800 / 600, abs=1)
    assert original["top"] == pytest.approx(canvas["top"] - 100, abs=1)


async def test_what_is_copied_is_answered(mug: Bench, serve):
    await mug.open("/mug.jpg?w=300&ar=1:1&bg=ffffff")
    snippet = await mug.text("#snippet")
    urls = re.findall(rf"{mug.base}(/mug\.jpg\?[^ \"]+) (\d+)w", snippet.replace("&amp;", "&"))
    assert len(urls) == 1
    assert 'sizes="' in snippet
    assert 'width="300" height="300"' in snippet
    for name, found in {
        "curl": "curl -o 'mug.avif' 'http://",
        "Liquid": "{% render 'edge-image', image: product.featured_image,\n   width: 300",
        "Next": '<Image src="/mug.jpg?ar=1:1&bg=ffffff" width={300}',
        "URL": f"{mug.base}/mug.jpg?w=300&ar=1:1&bg=ffffff",
    }.items():
        await mug.run(
            f"[...document.getElementById('forms').children].find((one) => one.innerText === "
            f"'{name}').click()"
        )
        await mug.page.until(f"document.getElementById('snippet').textContent.includes({found!r})")


async def test_a_gallery_of_thousands_is_paged_and_searched(serve, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    photo(60, 60).save(many / "one.jpg")
    for number in range(3_000):
        folder = many / f"range-{number % 10}"
        folder.mkdir(exist_ok=True)
        os.link(many / "one.jpg", folder / f"sku-{number:04}.jpg")
    server = await serve(many)
    async with bench(server) as page:
        await page.open()
        assert await page.text("#count") == "1 to 24 of 3,001"
        await page.click("#next")
        await page.page.until("document.getElementById('count').innerText.startsWith('25 to 48')")
        await page.run(
            "const field = document.getElementById('search'); field.value = 'RANGE-7 sku-29';"
            "field.dispatchEvent(new Event('input'))"
        )
        await page.page.until("document.getElementById('count').innerText === '1 to 10 of 10'")
        await page.run("document.querySelector('.shot').click()")
        await page.page.until("document.body.dataset.shown.startsWith('/range-7/sku-29')")
        assert page.page.errors == []


async def test_where_urls_are_signed_the_page_signs_for_an_operator(serve):
    settings = {"EDGE_SIGNING_KEYS": "a:a-secret-of-enough-length", "EDGE_SIGNING_REQUIRED": "1"}
    server = await serve(**settings)
    async with bench(server) as page:
        await page.open()
        assert "signed URLs only" in await page.text("#problem")
        await page.run(
            "document.getElementById('operator').showModal();"
            f"document.getElementById('token').value = '{TOKEN}';"
            "document.querySelector('#operator [value=keep]').click()"
        )
        await page.page.until("!document.getElementById('canvas').hidden")
        await page.page.until("document.querySelectorAll('.shot').length === 3")
        link = await page.wait(
            "(async () => { [...document.getElementById('forms').children].at(-1).click();"
            " while (!document.getElementById('snippet').textContent.startsWith('http'))"
            " await new Promise((done) => setTimeout(done, 50));"
            " return document.getElementById('snippet').textContent; })()"
        )
        assert (await server.get(link)).status_code == 200


async def test_an_origin_that_cannot_list_opens_a_path(serve, http_origin):
    server = await serve(EDGE_ORIGIN_URL=http_origin.url, EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8")
    async with bench(server) as page:
        await page.open()
        assert "cannot list" in await page.text("#count")
        assert "Give the path" in await page.text("#problem")

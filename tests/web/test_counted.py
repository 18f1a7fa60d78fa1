"""What operators count: verdicts, reasons for review, formats, and which edge it is."""

from edge import __version__
from edge.rendering.render import RENDER_VERSION
from tests.running import photo

_PASS = 'edge_compliance_total{preset="instagram",verdict="pass"}'
_FAIL = 'edge_compliance_total{preset="instagram",verdict="fail"}'


async def test_verdicts_are_counted_by_preset_once_for_each_render(serve, photos):
    photo(120, 90).save(photos / "small.jpg")
    server = await serve()
    for _ in range(3):
        told = await server.get("/small.jpg?fmt=instagram&up=off")
        assert "; fail" in told.headers["x-edge-compliance"]
    await server.get("/sku/123.jpg?w=60")
    assert (await server.metric(_PASS), await server.metric(_FAIL)) == (0, 1)
    text = (await server.get("/-/metrics")).text
    assert [line for line in text.splitlines() if line.startswith("edge_compliance_total{")] == [
        f"{_FAIL} 1.0"
    ]


async def test_reasons_for_review_are_counted_by_preset(serve):
    server = await serve(EDGE_ORIGIN_URL="")
    told = (await server.get("/glass.jpg?fmt=amazon&w=500&matte=on")).headers["x-edge-compliance"]
    assert told.endswith("; review=doubt"), "glass, of which no network is sure"
    await server.get("/mug.jpg?fmt=amazon&w=500")
    line = 'edge_review_reasons_total{preset="amazon",reason="doubt"}'
    assert await server.metric(line) == 1


async def test_formats_are_counted_where_accept_chose_them_hits_as_well(serve):
    server = await serve()
    for accept in ("image/avif,*/*", "image/webp,*/*", "image/webp,*/*", "*/*"):
        await server.get("/sku/123.jpg?w=60", accept=accept)
    await server.get("/sku/123.jpg?w=60&fm=png", accept="image/avif,*/*")
    counted = {
        name: await server.metric(f'edge_negotiated_total{{format="{name}"}}')
        for name in ("avif", "webp", "jpg", "png")
    }
    assert counted == {"avif": 1, "webp": 2, "jpg": 1, "png": 0}


async def test_the_build_is_told(serve):
    server = await serve()
    text = (await server.get("/-/metrics")).text
    [line] = [line for line in text.splitlines() if line.startswith("edge_build_info{")]
    assert f'version="{__version__}"' in line
    assert f'render_version="{RENDER_VERSION}"' in line
    assert line.endswith(" 1.0")
    assert 'engine="pillow' in line.lower()

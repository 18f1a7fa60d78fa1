"""Nobody gets a format that they do not take, and transparency stays where it can."""

import io

import pytest
from PIL import Image

from edge.rendering.engine import pillow
from edge.variants.query import AcceptClass
from edge.web.negotiation import accept_class

assert pillow.describe()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", AcceptClass.BASE),
        ("*/*", AcceptClass.BASE),
        ("image/*", AcceptClass.BASE),
        (",", AcceptClass.BASE),
        ("image/avif,image/webp,*/*;q=0.8", AcceptClass.AVIF),
        ("image/webp,*/*;q=0.8", AcceptClass.WEBP),
        ("IMAGE/WEBP", AcceptClass.WEBP),
        ("image/jpeg", AcceptClass.PLAIN),
        ("image/png, image/jpeg;q=0.9", AcceptClass.PLAIN),
        ("text/html", AcceptClass.PLAIN),
        ("image/jpeg, */*;q=0.1", AcceptClass.PLAIN),
        ("image/png,image/*;q=0.8,*/*;q=0.5", AcceptClass.PLAIN),
        ("*/*;q=0", AcceptClass.PLAIN),
        ("image/*;q=0, */*", AcceptClass.PLAIN),
        ("image/avif;q=0, */*", AcceptClass.NO_AVIF),
        ("image/webp;q=0.0, image/*", AcceptClass.NO_WEBP),
        ("image/avif;q=0, image/webp;q=0, */*", AcceptClass.PLAIN),
        ("image/avif;q=0, image/webp", AcceptClass.WEBP),
    ],
)
def test_a_header_is_read_by_its_ranges_and_weights(header, expected):
    assert accept_class(header.encode()) is expected


def lay(folder, name: str, *, alpha: bool) -> None:
    picture = Image.new("RGBA" if alpha else "RGB", (64, 48), (200, 30, 30))
    if alpha:
        picture.paste((0, 0, 0, 0), (0, 0, 32, 48))
    kind = {"tif": "TIFF", "avif": "AVIF", "webp": "WEBP", "heic": "HEIF"}.get(name[-4:].strip("."))
    picture.save(folder / name, kind or "PNG")


@pytest.mark.parametrize("name", ["a.heic", "a.tif", "a", "a.v2"])
@pytest.mark.parametrize("accept", ["*/*", "image/jpeg", None])
async def test_a_path_that_names_no_format_keeps_transparency(serve, photos, name, accept):
    server = await serve()
    for alpha, expected in ((True, "image/png"), (False, "image/jpeg")):
        path = f"{alpha}{name}"
        lay(photos, path, alpha=alpha)
        answer = await server.get(f"/{path}?w=32", **({"accept": accept} if accept else {}))
        assert answer.headers["content-type"] == expected
        if alpha:
            assert Image.open(io.BytesIO(answer.content)).convert("RGBA").getpixel((2, 2))[3] == 0


@pytest.mark.parametrize("name", ["a.avif", "a.webp"])
@pytest.mark.parametrize("accept", ["image/jpeg", "image/png,image/*;q=0.8,*/*;q=0.5", "text/html"])
async def test_who_takes_neither_avif_nor_webp_gets_neither(serve, photos, name, accept):
    server = await serve()
    for alpha, expected in ((True, "image/png"), (False, "image/jpeg")):
        lay(photos, f"{alpha}{name}", alpha=alpha)
        for _ in range(2):
            answer = await server.get(f"/{alpha}{name}?w=32", accept=accept)
            assert answer.headers["content-type"] == expected
            assert answer.headers["vary"] == "Accept"


async def test_a_weight_of_0_is_a_no_for_the_paths_own_format_too(serve, photos):
    lay(photos, "a.avif", alpha=False)
    server = await serve()
    answer = await server.get("/a.avif?w=32", accept="image/avif;q=0, */*")
    assert answer.headers["content-type"] == "image/jpeg"
    assert (await server.get("/a.avif?w=32", accept="*/*")).headers["content-type"] == "image/avif"


async def test_an_opaque_background_needs_no_alpha(serve, photos):
    lay(photos, "a.tif", alpha=True)
    answer = await (await serve()).get("/a.tif?w=32&bg=ff0000", accept="*/*")
    assert answer.headers["content-type"] == "image/jpeg"

"""`dl=`: a name that every browser saves as it was meant, with the extension of what is in it."""

import pytest

from edge.images import Format
from edge.web.headers import disposition


@pytest.mark.parametrize(
    ("name", "format", "header"),
    [
        ("shoe.jpg", Format.JPEG, 'attachment; filename="shoe.jpg"'),
        ("shoe.JPEG", Format.JPEG, 'attachment; filename="shoe.JPEG"'),
        ("shoe.jpg", Format.WEBP, 'attachment; filename="shoe.webp"'),
        ("shoe.tif", Format.PNG, 'attachment; filename="shoe.png"'),
        ("shoe", Format.AVIF, 'attachment; filename="shoe.avif"'),
        ("shoe.v2", Format.JPEG, 'attachment; filename="shoe.v2.jpg"'),
        ("report.html", Format.JPEG, 'attachment; filename="report.html.jpg"'),
        ("a.jpg.exe", Format.PNG, 'attachment; filename="a.jpg.exe.png"'),
        ("red shoe, left.jpg", Format.JPEG, 'attachment; filename="red shoe, left.jpg"'),
        (
            "Größe 1.jpg",
            Format.JPEG,
            "attachment; filename=\"Groe 1.jpg\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%201.jpg",
        ),
        (
            "靴.webp",
            Format.WEBP,
            "attachment; filename=\"picture.webp\"; filename*=UTF-8''%E9%9D%B4.webp",
        ),
        (
            "it's ¼.jpg",
            Format.JPEG,
            "attachment; filename=\"it's 14.jpg\"; filename*=UTF-8''it%27s%20%C2%BC.jpg",
        ),
        ("／：＂.jpg", Format.JPEG,
         "attachment; filename=\"___.jpg\"; filename*=UTF-8''%EF%BC%8F%EF%BC%9A%EF%BC%82.jpg"),
    ],
)  # fmt: skip
def test_the_header_of_a_name(name, format, header):
    assert disposition(name, format).decode("ascii") == header


async def test_it_follows_what_the_browser_got(serve):
    server = await serve()
    for accept, extension in (("image/avif", "avif"), ("image/webp", "webp"), ("*/*", "jpg")):
        for _ in range(2):
            answer = await server.get("/sku/123.jpg?w=60&dl=Tasche.jpg", accept=accept)
            told = answer.headers["content-disposition"]
            assert told == f'attachment; filename="Tasche.{extension}"'


@pytest.mark.parametrize("name", ["%FF.jpg", "a%0d%0ab.jpg", "%ED%A0%80.jpg"])
async def test_a_name_that_is_none_is_a_400(serve, name):
    answer = await (await serve()).get(f"/sku/123.jpg?w=60&dl={name}")
    assert answer.status_code == 400

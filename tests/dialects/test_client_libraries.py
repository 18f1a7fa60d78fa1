"""What the services' own libraries build is answered with the size that the service documents."""

import io
import json

import numpy as np
import pytest
from imgix import UrlBuilder
from libthumbor import CryptoURL
from PIL import Image, ImageOps

from tests.clients.running import packages, run

PHOTO = "sku/123.jpg"


def _built_in_python() -> list[dict[str, object]]:
    """URLs of imgix's and thumbor's Python libraries, for a photo of 600x800."""
    imgix = UrlBuilder("shop.imgix.net", include_library_param=True)
    thumbor = CryptoURL(key="a-key-of-thumbors")
    made = [
        ("imgix", imgix.create_url(PHOTO, {"w": 300, "h": 200, "fit": "crop"}), 300, 200),
        ("imgix", imgix.create_url(PHOTO, {"h": 200, "fm": "png"}), 150, 200),
        ("thumbor", thumbor.generate(image_url=PHOTO, width=300, height=300), 300, 300),
        ("thumbor", thumbor.generate(image_url=PHOTO, width=300, smart=True), 300, 400),
        (
            "thumbor",
            thumbor.generate(
                image_url=PHOTO, width=300, height=300, fit_in=True,
                filters=["fill(ffffff)", "quality(80)"],
            ),
            300,
            300,
        ),
        (
            "thumbor",
            thumbor.generate(
                image_url=PHOTO, width=100, height=100, crop=((0, 0), (400, 400)), halign="left"
            ),
            100,
            100,
        ),
    ]  # fmt: skip
    return [
        {"service": name, "library": "python", "url": "/" + url.split("://")[-1].partition("/")[2]
         if "://" in url else url, "width": width, "height": height}
        for name, url, width, height in made
    ]  # fmt: skip


@pytest.mark.slow
async def test_every_url_that_they_build(serve):
    built = json.loads(run("node", "services.mjs", cwd=packages("packages")))
    hosts = {name: f"{name}.shop.example" for name in ("imgix", "shopify", "wordpress")}
    words = ["all", *(f"{name}@{host}" for name, host in hosts.items())]
    server = await serve(EDGE_DIALECTS=",".join(words), EDGE_QUERY_SOURCES="shop.example")
    libraries = {row["library"] for row in built}
    assert len(libraries) >= 16
    assert {"nuxt ipx", "nuxt shopify", "hydrogen loader", "hydrogen component"} <= libraries
    photo = Image.open(server.photos / PHOTO).convert("RGB")
    for row in built + _built_in_python():
        prefix = "/thumbor" if row["service"] == "thumbor" else ""
        host = hosts.get(row["service"], "images.shop.example")
        answer = await server.get(prefix + row["url"], host=host, accept="image/webp,*/*")
        assert answer.status_code == 200, (row, answer.text)
        picture = Image.open(io.BytesIO(answer.content)).convert("RGB")
        assert picture.size == (row["width"], round(row["height"])), row
        if row.get("centring"):
            cut = ImageOps.fit(photo, picture.size, Image.Resampling.LANCZOS, 0, row["centring"])
            apart = np.asarray(cut, np.int16) - np.asarray(picture, np.int16)
            assert np.abs(apart).mean() < 4, row

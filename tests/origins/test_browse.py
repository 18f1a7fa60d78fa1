"""The pictures that the page of examples shows."""

import os

from edge.origins.browse import Listing, SearchPage
from edge.origins.routes import parse_routes
from tests.parts import S3Server


async def test_only_what_a_url_can_name_is_shown(tmp_path):
    """A name that is no UTF-8, with a backslash or a line break, and hidden files are left out."""
    root = os.fsencode(tmp_path)
    os.mkdir(root + b"/.git")
    for name in (b"a.jpg", b"100%.png", b"b\xff.jpg", b"c\\d.jpg", b"e\n.jpg", b".f.jpg", b"g.html",
                 b".git/h.jpg", b"gr\xc3\xbcn #1?.webp"):  # fmt: skip
        os.close(os.open(root + b"/" + name, os.O_CREAT | os.O_WRONLY))
    assert await Listing(parse_routes(str(tmp_path))).paths() == (
        "100%.png",
        "a.jpg",
        "grün #1?.webp",
    )


async def test_a_bucket_is_listed_below_its_prefix(bucket, s3_client, s3_endpoint, monkeypatch):
    monkeypatch.setattr("edge.origins.browse._WALK_SECONDS", 120.0)
    for number in range(S3Server.page + 10):
        s3_client.put_object(Bucket=bucket, Key=f"shop/sku-{number:04}.jpg", Body=b"x")
    for key in ("shop/notes.txt", "shop/.hidden.jpg", "other/a.jpg"):
        s3_client.put_object(Bucket=bucket, Key=key, Body=b"x")
    listing = Listing(parse_routes(f"/media=s3://{bucket}/shop"), s3_endpoint)
    found = await listing.find("sku-00", start=98)
    assert found.paths == ("media/sku-0098.jpg", "media/sku-0099.jpg")
    assert (found.matches, found.complete, found.lists) == (100, True, True)
    assert (await listing.find()).matches == S3Server.page + 10
    await listing.close()


async def test_a_bucket_that_may_not_be_listed_shows_nothing(s3_endpoint):
    listing = Listing(parse_routes("s3://there-is-no-such-bucket"), s3_endpoint)
    assert await listing.find() == SearchPage((), 0, complete=False, lists=True)
    await listing.close()


async def test_web_servers_and_templates_are_not_listed():
    routes = parse_routes("/a=https://shop.example/files,/b=/srv/photos/{stem}.tif")
    assert not (await Listing(routes).find()).lists

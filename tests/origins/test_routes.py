"""The setting that says where originals live: what it may be, and where each path then leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.deadline import Deadline
from edge.errors import InvalidPath, OriginalNotFound, OriginUnavailable, SettingsError
from edge.images import Original, Stamp
from edge.origins.folder import FolderOrigin
from edge.origins.http import HttpOrigin
from edge.origins.opening import open_origin
from edge.origins.routes import Origins, Route, parse_routes
from edge.origins.s3 import S3Origin

TABLE = {
    "a folder": ("/srv/photos", [Route("", "folder", "/srv/photos")]),
    "a relative folder": ("photos", [Route("", "folder", "photos")]),
    "a file url": ("file:///srv/my%20photos", [Route("", "folder", "/srv/my photos")]),
    "a bucket": ("s3://raw", [Route("", "s3", "raw")]),
    "a bucket's folder": ("s3://raw/a/b/", [Route("", "s3", "raw/a/b")]),
    "a web server": ("https://shop.example", [Route("", "https", "https://shop.example")]),
    "its port and path": ("http://h:81/a/", [Route("", "http", "http://h:81/a")]),
    "a bucket with a template": (
        "s3://raw/catalogue/{stem}/main.tif",
        [Route("", "s3", "raw/catalogue", "{stem}/main.tif")],
    ),
    "a template right after the host": (
        "https://h/{path}",
        [Route("", "https", "https://h", "{path}")],
    ),
    "a folder with a template": (
        "/srv/{ext}/{stem}.{ext}",
        [Route("", "folder", "/srv", "{ext}/{stem}.{ext}")],
    ),
    "one prefix": ("/sku=s3://raw", [Route("/sku", "s3", "raw")]),
    "the longest prefix first": (
        "/=/srv,/sku=s3://raw/x, /sku/new/=https://h/y",
        [
            Route("/sku/new", "https", "https://h/y"),
            Route("/sku", "s3", "raw/x"),
            Route("", "folder", "/srv"),
        ],
    ),
    "a comma inside a url": (
        "/a=https://h/x,y,/b=/srv/1,2",
        [Route("/a", "https", "https://h/x,y"), Route("/b", "folder", "/srv/1,2")],
    ),
}


@pytest.mark.parametrize(("text", "routes"), TABLE.values(), ids=TABLE)
def test_the_setting_is_read_as_it_is_meant(text, routes):
    assert list(parse_routes(text)) == routes


WRONG = {
    "empty": "",
    "no folder": "/sku=",
    "no bucket": "s3://",
    "no bucket but a prefix": "s3:///prefix",
    "no host": "https:///x",
    "another scheme": "ftp://host/x",
    "a template as bucket": "s3://{stem}/x",
    "an unknown placeholder": "s3://raw/{name}.jpg",
    "an open brace": "s3://raw/{stem",
    "a closing brace": "s3://raw/stem}",
    "empty braces": "s3://raw/{}",
    "a prefix twice": "/a=/srv/1,/a/=/srv/2",
    "a double slash": "/a//b=/srv",
    "a user": "https://user:secret@host/x",
    "a query": "https://host/x?id={stem}",
    "a fragment": "https://host/x#{stem}",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_wrong_stops_the_start_and_names_the_setting(text):
    with pytest.raises(SettingsError) as caught:
        parse_routes(text, variable="EDGE_ORIGIN_SCENES")
    assert "EDGE_ORIGIN_SCENES" in caught.value.detail
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    ("route", "path", "inner"),
    [
        (Route("", "folder", "/srv"), "sku/123.jpg", "sku/123.jpg"),
        (Route("/sku", "folder", "/srv"), "sku/123.jpg", "123.jpg"),
        (Route("/sku", "folder", "/srv"), "sku/a/123.jpg", "a/123.jpg"),
        (Route("/sku", "folder", "/srv"), "skunk/123.jpg", None),
        (Route("/sku", "folder", "/srv"), "sku.jpg", None),
        (Route("/sku", "folder", "/srv"), "sku", None),
        (Route("/sku", "folder", "/srv"), "a/sku/123.jpg", None),
        (Route("/sku", "s3", "raw", "{stem}/main.tif"), "sku/123.jpg", "123/main.tif"),
        (Route("/sku", "s3", "raw", "{stem}/main.tif"), "sku/a/123.jpg", "a/123/main.tif"),
        (Route("/sku", "s3", "raw", "{ext}/{stem}.{ext}"), "sku/a.b.jpg", "jpg/a.b.jpg"),
        (Route("/sku", "s3", "raw", "x/{path}"), "sku/123.jpg", "x/123.jpg"),
        (Route("", "s3", "raw", "{stem}.png"), "123", "123.png"),
        (Route("", "s3", "raw", "{stem}.png"), "v1.2/123", "v1.2/123.png"),
    ],
)
def test_a_path_leads_where_its_row_says(route, path, inner):
    assert route.inner_path(path) == inner


@pytest.mark.parametrize(
    ("template", "path"),
    [("{ext}/a.jpg", "123"), ("a.{stem}/{ext}", "x/..jpg/b"), ("{stem}/x", "...jpg")],
)
def test_a_template_cannot_be_led_out(template, path):
    with pytest.raises(InvalidPath):
        Route("", "folder", "/srv", template).inner_path(path)


@given(
    st.sampled_from(["{stem}", "{path}", "{ext}/{stem}", "a/{stem}.{ext}"]),
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30),
)
def test_whatever_is_asked_a_template_makes_a_safe_path_or_an_error(template, path):
    try:
        inner = Route("", "folder", "/srv", template).inner_path(path)
    except InvalidPath:
        return
    assert inner is None or not {"", ".", ".."} & set(inner.split("/"))


class Named:
    """An origin that has every original, and says of each who served it."""

    def __init__(self, name: str, trouble: str = "") -> None:
        self.name = name
        self._trouble = trouble
        self.closed = False

    async def stamp(self, path, deadline):
        return Stamp(f"{self.name} {path}")

    async def fetch(self, path, deadline):
        return Original(path, self.name.encode(), Stamp("1"))

    async def ping(self):
        if self._trouble:
            raise OriginUnavailable(self._trouble)

    async def close(self):
        self.closed = True


def soon() -> Deadline:
    return Deadline.after(120)


async def test_the_longest_prefix_that_ends_at_a_slash_serves():
    origins = Origins(
        {
            Route("", "folder", "/"): Named("rest"),
            Route("/sku", "folder", "/"): Named("sku"),
            Route("/sku/new", "s3", "raw", "{stem}.tif"): Named("new"),
        }
    )
    served = {
        "sku/1.jpg": "sku 1.jpg",
        "sku/new/1.jpg": "new 1.tif",
        "sku/newer/1.jpg": "sku newer/1.jpg",
        "skunk.jpg": "rest skunk.jpg",
        "1.jpg": "rest 1.jpg",
    }
    for path, said in served.items():
        assert (await origins.stamp(path, soon())).version == said
    assert (await origins.fetch("sku/1.jpg", soon())).body == b"sku"


async def test_a_path_that_no_origin_serves_is_not_found():
    origins = Origins({Route("/sku", "folder", "/"): Named("sku")})
    for path in ("1.jpg", "sku", "skunk/1.jpg"):
        with pytest.raises(OriginalNotFound):
            await origins.stamp(path, soon())
    with pytest.raises(InvalidPath):
        await origins.fetch("sku/../1.jpg", soon())


async def test_each_origin_answers_for_itself_and_is_closed():
    well, ill = Named("well"), Named("ill", "no connection")
    origins = Origins({Route("/a", "s3", "a"): well, Route("/b", "s3", "b"): ill})
    assert await origins.states() == {"/a": "", "/b": "no connection"}
    with pytest.raises(OriginUnavailable):
        await origins.ping()
    await origins.close()
    assert well.closed
    assert ill.closed


@pytest.mark.parametrize(
    ("url", "kind"),
    [("/srv", FolderOrigin), ("s3://raw/x", S3Origin), ("https://shop.example/x", HttpOrigin)],
)
async def test_each_row_opens_the_origin_that_it_names(url, kind):
    origin = open_origin(parse_routes(url)[0], max_bytes=1_000, timeout=1.0)
    assert isinstance(origin, kind)
    assert url in origin.name
    await origin.close()


async def test_a_template_says_exactly_where_so_no_neighbour_is_looked_for(tmp_path):
    (tmp_path / "123.png").write_bytes(b"a photo")

    async def found(url: str) -> bool:
        (route,) = parse_routes(url)
        origins = Origins({route: open_origin(route, max_bytes=1_000, timeout=1.0)})
        try:
            return bool(await origins.fetch("123.jpg", soon()))
        except OriginalNotFound:
            return False

    assert await found(str(tmp_path))
    assert await found(f"{tmp_path}/{{stem}}.png")
    assert not await found(f"{tmp_path}/{{path}}")


@pytest.mark.parametrize("asked", ["größe/1.jpg", "gro\u0308\u00dfe/1.jpg"])
def test_a_prefix_is_found_in_either_unicode_form(asked):
    (route,) = parse_routes("/größe=/srv/photos")
    assert route.inner_path(asked) == "1.jpg"
    assert route.inner_path("größer/1.jpg") is None
    assert route.inner_path("größe") is None


def test_a_template_of_a_web_server_is_written_as_in_a_url():
    (route,) = parse_routes("/a=https://host/x%20y/gr%C3%B6%C3%9Fe%201/{path}")
    assert route.target == "https://host/x%20y/gr%C3%B6%C3%9Fe%201"
    (route,) = parse_routes("/a=https://host/{stem}%20main.{ext}")
    assert route.inner_path("a/100%.jpg") == "100% main.jpg"
    for wrong in (
        "https://host/{path}/%2e%2e/x.jpg",
        "https://host/{path}%00",
        "https://host/{stem}%ff",
    ):
        with pytest.raises(SettingsError):
            parse_routes(f"/a={wrong}")

"""No path of a URL leaves its origin, however it is encoded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import InvalidPath, OriginalNotFound
from edge.variants import paths

GOOD = [
    ("/sku/123.jpg", "sku/123.jpg"),
    ("/a%20b.jpg", "a b.jpg"),
    ("/caf%C3%A9/%E9%9D%B4.png", "café/靴.png"),
    ("/a+b.jpg", "a+b.jpg"),
    ("/100%25%20cotton.jpg", "100% cotton.jpg"),
    ("/100%25baumwolle.jpg", "100%baumwolle.jpg"),
    ("/100%2525.jpg", "100%25.jpg"),
    ("/sale%2520shirt.jpg", "sale%20shirt.jpg"),
    ("/1%252f2.jpg", "1%2f2.jpg"),
    ("/a%23b%3Fc=d%26e.jpg", "a#b?c=d&e.jpg"),
    ("/S:42.jpg", "S:42.jpg"),
    ("/c%3a/x.jpg", "c:/x.jpg"),
    ("/sku/shirt.v2", "sku/shirt.v2"),
    ("/a..b/c.jpg", "a..b/c.jpg"),
    ("/sku%2D1.jpg", "sku-1.jpg"),
]


@pytest.mark.parametrize(("raw", "path"), GOOD, ids=[raw for raw, _ in GOOD])
def test_a_harmless_path_is_decoded_once(raw, path):
    assert paths.read(raw) == path
    assert paths.read(paths.encoded(path)) == path


BAD = [
    "", "sku/1.jpg", "/", "//sku/1.jpg", "/sku//1.jpg", "/sku/", "/..", "/../etc/passwd",
    "/sku/../../x.jpg", "/sku/..", "/./x.jpg", "/%2e%2e/x.jpg", "/%2E./x.jpg", "/.%2e/x.jpg",
    "/%252e%252e/x.jpg", "/%25252e/x.jpg", "/a%252f%252e%252e%252fb.jpg", "/a%2fb.jpg",
    "/..%252fx.jpg", "/a/%25252e%25252e/x.jpg", "/a%255cb.jpg", "/a%2500.jpg", "/a%250a.jpg",
    "/..%2fx.jpg",
    "/a%5cb.jpg", "/..%5c..%5cx.jpg", "/a\\b.jpg", "/a%00.jpg", "/a%0d%0aX.jpg", "/a%7f.jpg",
    "/a%C2%85.jpg", "/a\x00.jpg", "/a b.jpg", "/é.jpg", "/%c0%ae%c0%ae/x.jpg", "/%ff.jpg",
    "/%zz.jpg", "/%2", "/.../x.jpg", "/.. /x.jpg",
    "/..%20/x.jpg", "/%20/x.jpg", "/" + "a" * 256, "/" + "a/" * 600 + "b", "/" + "%41" * 5000,
    "/" + "%C3%A9" * 200,
]  # fmt: skip


@pytest.mark.parametrize("raw", BAD, ids=[ascii(raw[:30]) for raw in BAD])
def test_what_could_leave_the_origin_is_refused(raw):
    with pytest.raises(InvalidPath):
        paths.read(raw)


@pytest.mark.parametrize(
    "path", ["", "/abs.jpg", "../x", "a/../b", "a\\b", "%2e%2e/b", "a\x00", "\ud800"]
)
def test_a_decoded_path_is_held_to_the_same_rules(path):
    with pytest.raises(InvalidPath):
        paths.clean(path)


@given(
    st.text(max_size=60).map(lambda text: "/" + text) | st.from_regex(r"(/|%2e|\.|%25|a|%5c){1,12}")
)
def test_a_path_that_is_read_stays_inside(raw):
    try:
        path = paths.read(raw)
    except (InvalidPath, OriginalNotFound):
        return
    assert not path.startswith("/")
    assert all(part.strip(". ") for part in path.split("/"))
    assert "\\" not in path
    assert paths.clean(path) == path
    assert paths.read(paths.encoded(path)) == path


@pytest.mark.parametrize(
    "raw",
    [
        "/.hidden.jpg", "/sku/.hidden.jpg", "/.git/x.jpg", "/%2Egit/x.jpg", "/%252Egit/x.jpg",
        "/a/.jpg", "/._x.jpg", "/.well-known/x.jpg", "/1%252f.x.jpg", "/.env",
        "/index.html", "/INDEX.HTML", "/notes.txt", "/a/b.json", "/a.jpg.js", "/a.%70hp", "/x.pdf",
    ],
)  # fmt: skip
def test_hidden_files_and_what_is_no_picture_are_not_found(raw):
    with pytest.raises(OriginalNotFound):
        paths.read(raw)


@pytest.mark.parametrize(
    ("path", "extension"),
    [("a/b.JPG", "jpg"), ("a.b/c", ""), ("a/.jpg", ""), ("x.tar.gz", "gz"), ("x.", "")],
)
def test_the_extension_is_that_of_the_last_part(path, extension):
    assert paths.extension(path) == extension

"""A line names an original and requests for it; what cannot be is refused by line and field."""

import pytest

from edge.errors import EdgeError, FeedRejected
from edge.images import Format
from edge.jobs import naming
from edge.jobs.feeds import Line
from edge.jobs.items import Names, Reader, collision, digest
from edge.jobs.model import Item, Options, Refusal
from edge.variants import presets

SHIPPED = presets.load()


def items(*lines: dict, origins=(), **options):
    reader = Reader(SHIPPED, Options(**options), origins=origins)
    reader.check()
    return list(reader.items(iter([Line(n, fields) for n, fields in enumerate(lines, 1)])))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"path": "sku/1.jpg"}, "sku/1.jpg"),
        ({"url": "/sku/1.jpg"}, "sku/1.jpg"),
        ({"image_link": "https://cdn.shop.example/sku/1.jpg?v=7"}, "sku/1.jpg"),
        ({"url": "https://cdn.shop.example/sku/St%C3%BChle%201.jpg"}, "sku/Stühle 1.jpg"),
        ({"url": "/sku/Stühle 1.jpg"}, "sku/Stühle 1.jpg"),
    ],
)
def test_the_original_is_told_by_path_or_url(given, path):
    [item] = items(given, presets=("amazon",))
    assert item.path == path


def test_what_of_a_url_is_the_origin_can_be_said():
    base = "https://cdn.shop.example/files/"
    first, second = items(
        {"url": f"{base}sku/1.jpg"}, {"url": "https://other.example/1.jpg"},
        base=base, presets=("amazon",),
    )  # fmt: skip
    assert first.path == "sku/1.jpg"
    assert isinstance(second, Refusal)
    assert second.field == "url"


def test_a_url_of_an_http_origin_becomes_a_path_under_its_prefix():
    [item] = items(
        {"url": "https://cdn.shop.example/files/1.jpg"},
        origins=(("https://cdn.shop.example/files", "/media"),),
        presets=("amazon",),
    )
    assert item.path == "media/1.jpg"


def test_each_preset_of_a_line_is_an_item():
    found = items(
        {"sku": "a", "url": "/a.jpg", "presets": "etsy|thumb"}, {"id": "b", "url": "/b.jpg"},
        presets=("amazon",), query="frame=0.9",
    )  # fmt: skip
    assert [(i.index, i.line, i.sku, i.preset) for i in found] == [
        (0, 1, "a", "etsy"), (1, 1, "a", "thumb"), (2, 2, "b", "amazon"),
    ]  # fmt: skip
    assert found[2].query == "fmt=amazon&frame=0.9"


def test_without_presets_a_lines_own_query_or_that_of_its_url_is_the_request():
    first, second, third = items(
        {"url": "/a.jpg", "query": "w=200"}, {"url": "https://img.shop/b.jpg?w=300"},
        {"url": "/c.jpg"},
    )  # fmt: skip
    assert (first.query, second.query, third.query) == ("w=200", "w=300", "")


def test_a_sku_that_is_missing_is_the_files_name():
    [item] = items({"url": "/deep/chair-7.jpg"}, presets=("amazon",))
    assert item.sku == "chair-7"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"sku": "a"}, "url"),
        ({"url": ""}, "url"),
        ({"url": 7}, "url"),
        ({"url": "ftp://x/a.jpg"}, "url"),
        ({"url": "/../etc/passwd"}, "url"),
        ({"url": "/a%2e%2e%2fb.jpg"}, "url"),
        ({"path": "a\\b.jpg"}, "path"),
        ({"url": "/a.jpg", "presets": "amazn"}, "presets"),
        ({"url": "/a.jpg", "presets": [1]}, "presets"),
        ({"url": "/a.jpg", "query": "w=-5"}, "w"),
        ({"url": "/a.jpg", "query": "wibble=1"}, "wibble"),
        ({"url": "/a.jpg", "sku": {"deep": 1}}, "sku"),
    ],
)
def test_a_bad_line_is_refused_by_line_and_field_and_the_rest_goes_on(line, field):
    before, refused, after = items({"url": "/1.jpg"}, line, {"url": "/2.jpg"}, presets=("thumb",))
    assert isinstance(refused, Refusal)
    assert (refused.line, refused.field) == (2, field)
    assert (before.index, after.index) == (0, 1)


def test_an_unknown_preset_of_the_job_is_refused_with_the_nearest():
    with pytest.raises(FeedRejected) as caught:
        items(presets=("amazn",))
    assert (caught.value.param, caught.value.nearest) == ("presets", "amazon")


@pytest.mark.parametrize(
    "options",
    [
        {"query": "w=x"},
        {"accept": "gif"},
        {"to": "x", "pattern": "../{sku}.{ext}"},
        {"to": "x", "pattern": "/{sku"},
        {"to": "x", "pattern": ""},
        {"to": "x", "pattern": "a/./{sku}.jpg"},
    ],
)
def test_a_bad_option_is_refused_before_any_line(options):
    with pytest.raises(EdgeError):
        items(**options)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{sku}.{preset}.{ext}", "A-1.amazon.jpg"),
        ("{asin}.MAIN.jpg", "B00X.MAIN.jpg"),
        ("{preset}/{sku}-{n}.{ext}", "amazon/A-1-1.jpg"),
    ],
)
def test_files_are_named_by_the_feeds_columns(pattern, name):
    [item] = items(
        {"sku": "A-1", "asin": "B00X", "url": "/a.jpg"},
        presets=("amazon",), to="out", pattern=pattern,
    )  # fmt: skip
    assert item.file == name


@pytest.mark.parametrize(
    "sku", ["../../etc/passwd", "/etc/passwd", "a\\b", "..", ".hidden", "a\nb", "con:1", "x" * 500]
)
def test_no_value_leads_out_of_its_folder(sku):
    for found in items({"sku": sku, "url": "/a.jpg"}, presets=("amazon",), to="out"):
        if isinstance(found, Refusal):
            assert found.field == "sku"
            continue
        assert "/" not in found.file
        assert not found.file.startswith(".")
        assert len(found.file.encode()) <= 255


def test_a_field_that_a_line_does_not_have_is_named():
    [refused] = items({"url": "/a.jpg"}, presets=("amazon",), to="out", pattern="{asin}.jpg")
    assert refused.field == "asin"


def test_an_extension_of_another_format_than_the_picture_is_refused():
    [refused] = items({"url": "/a.jpg"}, presets=("amazon",), to="out", pattern="{sku}.png")
    assert refused.field == "pattern"
    assert naming.file_name("{sku}.jpeg", {"sku": "a"}, Format.JPEG) == "a.jpeg"


@pytest.mark.parametrize("path", ["/a", "/a.tif", "/a.heic"])
def test_a_file_whose_format_only_the_picture_tells_is_refused_by_line(path):
    """It was an assertion of ours, which ended the whole job."""
    good, refused = items({"url": "/b.jpg"}, {"url": path}, presets=("thumb",), to="out")
    assert isinstance(good, Item)
    assert refused.field == "query"
    [named] = items({"url": path}, presets=("thumb",), query="fm=jpg", to="out")
    assert named.file == "a.thumb.jpg"


def test_two_items_for_one_file_are_found_with_both_lines():
    found = [Item(0, 2, "a", "a.jpg", "", "", "A.jpg"), Item(1, 9, "b", "b.jpg", "", "", "a.JPG")]
    names = Names()
    for item in (*found, Item(2, 10, "c", "c.jpg", "", "", "c.jpg")):
        names.add(item.file)
    assert names.twice() == {digest("a.jpg")}
    error = collision(found)
    assert error.diagnostics["lines"] == [2, 9]
    assert collision(found[:1]) is None


def test_options_that_do_not_exist_or_are_of_another_kind_are_named():
    for given, name in (
        ({"colour": "red"}, "colour"), ({"presets": 5}, "presets"), ({"strict": "yes"}, "strict"),
        ({"label": 7}, "label"), ({"query": "x" * 5000}, "query"),
    ):  # fmt: skip
        with pytest.raises(FeedRejected) as caught:
            Options.of(given)
        assert caught.value.param == name


@pytest.mark.parametrize(
    ("pattern", "sku"),
    [
        ("{sku}.csv", "manifest"),
        ("{sku}", "Manifest.jsonl"),
        (".edge-{sku}.part", "0123456789abcdef"),
        ("a/.edge-{sku}.part", "0123456789abcdef"),
    ],
)
def test_no_picture_takes_the_name_of_a_file_that_an_export_makes_itself(pattern, sku):
    [refused] = items({"path": "1.jpg", "sku": sku}, presets=("amazon",), to="out", pattern=pattern)
    assert isinstance(refused, Refusal)
    assert refused.field == "pattern"


def test_an_accent_that_stands_alone_joins_its_letter():
    """As file systems of some machines write it."""
    [item] = items(
        {"path": "1.jpg", "sku": "cafe\u0301"}, presets=("amazon",), to="out", pattern="{sku}.{ext}"
    )
    assert item.file == "caf\u00e9.jpg"

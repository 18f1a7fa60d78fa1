"""Feeds are read line by line, whatever their form; what is wrong is said of its line."""

import gzip
import io
import json

import pytest

from edge.errors import FeedRejected
from edge.jobs.feeds import LONGEST_LINE, Line, read_feed
from edge.jobs.model import Refusal

GOOGLE = "http://base.google.com/ns/1.0"
MB = 2**20


def read(text: str | bytes, kind: str = "", content_type: str = "", limit: int = MB):
    body = text.encode() if isinstance(text, str) else text
    return list(read_feed(io.BytesIO(body), limit, kind, content_type))


def rss(items: str) -> str:
    return (
        f'<?xml version="1.0"?>\n<rss version="2.0" xmlns:g="{GOOGLE}"><channel>\n'
        f"<title>Shop</title><image><url>https://x/logo.png</url></image>\n{items}</channel></rss>"
    )


def test_csv_lines_carry_their_columns_and_numbers():
    first, second = read("SKU,Image Link,colour\na,/a.jpg,red\nb,/b.jpg,\n")
    assert first == Line(2, {"sku": "a", "image_link": "/a.jpg", "colour": "red"})
    assert second.number == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_takes_the_delimiters_that_spreadsheets_write(delimiter):
    [line] = read(f"sku{delimiter}url\na{delimiter}/a.jpg\n")
    assert line.fields == {"sku": "a", "url": "/a.jpg"}


def test_csv_with_a_byte_order_mark_quotes_and_line_breaks_in_them():
    first, second = read('\ufeffsku,url,title\na,/a.jpg,"two\nlines, one ""cell"""\nb,/b.jpg,x\n')
    assert first.fields["title"] == 'two\nlines, one "cell"'
    assert (first.number, second.number) == (2, 4)


def test_malformed_lines_of_csv_are_named_by_number_and_the_rest_is_read():
    good = [b"a,/a.jpg", b"b,/b.jpg", b"e,/e.jpg"]
    bad = [b"only-one", b"\xff\xfe,/c.jpg", b"d,/d.jpg,extra", b"x\0,/y.jpg"]
    lines = [b"sku,url", good[0], bad[0], good[1], bad[1], bad[2], b"", bad[3], good[2]]
    found = read(b"\n".join(lines))
    assert [one.fields["sku"] for one in found if isinstance(one, Line)] == ["a", "b", "e"]
    refused = {one.line: one.detail for one in found if isinstance(one, Refusal)}
    assert set(refused) == {3, 5, 6, 8}
    assert "UTF-8" in refused[5]
    assert "3 columns" in refused[6]


def test_a_line_of_csv_without_end_is_passed_over_in_bounded_memory():
    found = read(b"sku,url\n" + b"x" * (5 * LONGEST_LINE) + b"\nb,/b.jpg\n", limit=10 * MB)
    assert [type(one) for one in found] == [Refusal, Line]
    assert found[0].line == 2


def test_a_quote_that_never_closes_does_not_hide_all_that_follows():
    rows = "".join(f"s{n},/{n}.jpg\n" for n in range(20_000))
    found = read(f'sku,url\nbad,"open\n{rows}', limit=10 * MB)
    assert any(isinstance(one, Refusal) and one.line == 2 for one in found)
    assert sum(isinstance(one, Line) for one in found) > 9_000


@pytest.mark.parametrize("text", ["sku,price\na,1\n", "hello\n", "sku,url,url\na,b,c\n"])
def test_a_csv_without_a_head_that_serves_is_refused_with_line_and_field(text):
    with pytest.raises(FeedRejected) as caught:
        read(text)
    assert caught.value.diagnostics["line"] == 1
    assert caught.value.diagnostics["field"]


def test_json_lines_are_read_one_by_one():
    lines = [{"sku": "a", "path": "/a.jpg", "presets": ["amazon"]}, [1], {"Url": "/b.jpg"}]
    text = "\n".join(map(json.dumps, lines)) + '\n\n{"broken\n' + "[" * 5000 + "\n"
    found = read(text, "jsonl")
    assert [one.fields for one in found if isinstance(one, Line)] == [lines[0], {"url": "/b.jpg"}]
    assert [one.line for one in found if isinstance(one, Refusal)] == [2, 5, 6]


def test_json_is_a_list_or_an_object_with_items():
    items = [{"url": "/a.jpg"}, 7]
    for document in (items, {"items": items}):
        line, refused = read(json.dumps(document, indent=1))
        assert line.fields == {"url": "/a.jpg"}
        assert refused.line == 2


def test_one_form_is_told_from_another_by_the_first_bytes():
    assert read('{"url": "/a.jpg"}\n{"url": "/b.jpg"}\n')[1].fields["url"] == "/b.jpg"
    assert read("  \n<urlset/>") == []
    assert read("url\n/a.jpg\n")[0].fields == {"url": "/a.jpg"}


def test_a_google_feed_gives_each_picture_of_each_product_with_its_line():
    items = (
        "<item><g:id>A1</g:id><title>Chair &amp; co</title><link>https://shop/a</link>\n"
        "<g:image_link>https://cdn/a.jpg</g:image_link>\n"
        "<g:additional_image_link>https://cdn/a2.jpg</g:additional_image_link></item>\n"
        "<item><g:id>B2</g:id></item>\n"
    )
    first, second, third = read(rss(items))
    assert first == Line(
        4, {"id": "A1", "title": "Chair & co", "url": "https://cdn/a.jpg", "n": "1"}
    )
    assert (second.fields["url"], second.fields["n"]) == ("https://cdn/a2.jpg", "2")
    assert third.fields == {"id": "B2"}
    assert third.number == 7


def test_atom_names_products_by_googles_id_rather_than_its_own():
    text = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="{GOOGLE}"><title>Shop</title>'
        "<entry><id>tag:shop,2026:1</id><g:id>A1</g:id>"
        "<g:image_link>https://cdn/a.jpg</g:image_link></entry></feed>"
    )
    [line] = read(text)
    assert line.fields == {"id": "A1", "url": "https://cdn/a.jpg", "n": "1"}


def test_a_sitemap_gives_its_images():
    text = (
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">'
        "<url><loc>https://shop/p/1</loc><image:image><image:loc>https://cdn/1.jpg</image:loc>"
        "</image:image><image:image><image:loc>https://cdn/2.jpg</image:loc></image:image></url>"
        "</urlset>"
    )
    first, second = read(text)
    assert first.fields == {"url": "https://cdn/1.jpg", "n": "1", "page": "https://shop/p/1"}
    assert second.fields["url"] == "https://cdn/2.jpg"


BOMB = (
    '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<rss><channel><item><title>&b;</title></item></channel></rss>"
)
EXTERNAL = (
    '<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><rss><item><id>&f;</id></item></rss>'
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        EXTERNAL,
        '<!DOCTYPE rss SYSTEM "http://127.0.0.1/x.dtd"><rss/>',
        "<html><body>no</body></html>",
        "<sitemapindex><sitemap><loc>https://x/s.xml</loc></sitemap></sitemapindex>",
        "<rss>" + "<a>" * 200,
        "<rss><channel><item>",
        "<rss><channel></item>",
    ],
)
def test_xml_that_attacks_or_is_no_feed_is_refused(text):
    with pytest.raises(FeedRejected):
        read(text)


def test_xml_text_is_bounded():
    [line] = read(rss(f"<item><g:id>{'x' * 500_000}</g:id></item>"))
    assert len(line.fields["id"]) <= 64 * 1024


def test_broken_xml_is_named_by_its_line():
    with pytest.raises(FeedRejected) as caught:
        read(rss("<item><g:id>A</g:id></item>\n<item><g:id>B</item>\n"))
    assert caught.value.diagnostics["line"] == 5


def test_gzipped_feeds_are_read_and_bounded_once_unpacked():
    assert read(gzip.compress(b"url\n/a.jpg\n"))[0].fields == {"url": "/a.jpg"}
    with pytest.raises(FeedRejected, match="over"):
        read(gzip.compress(b"url\n" + b"/a.jpg\n" * 1_000_000))
    with pytest.raises(FeedRejected, match="damaged"):
        read(gzip.compress(b"url\n/a.jpg\n" * 1000)[:40])


@pytest.mark.parametrize("body", [b"", b"  \n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"[1", b"7"])
def test_what_is_no_feed_is_refused(body):
    with pytest.raises(FeedRejected):
        read(body)


def test_a_feed_over_the_limit_is_refused():
    with pytest.raises(FeedRejected, match="over"):
        read(b"url\n" + b"/a.jpg\n" * 1000, limit=1000)


def test_there_are_no_other_forms():
    with pytest.raises(FeedRejected) as caught:
        read("url\n/a.jpg\n", "excel")
    assert "csv" in caught.value.allowed


def test_an_item_with_more_columns_than_any_feed_has_is_passed_over():
    line = {"path": "a.jpg"} | {f"c{n}": 1 for n in range(1001)}
    [refused, kept] = read(json.dumps([line, {"path": "b.jpg"}]))
    assert (refused.line, refused.field) == (1, "line")
    assert kept.fields == {"path": "b.jpg"}


def test_a_tag_that_never_seems_to_end_is_refused():
    attributes = " ".join(f'a{n}="1"' for n in range(100_000))
    with pytest.raises(FeedRejected, match="a tag is over"):
        read(rss(f"<item {attributes}><link>x</link></item>"))


def test_a_csv_head_that_is_no_text_or_too_long_is_called_so():
    with pytest.raises(FeedRejected, match="first line: the line is longer"):
        read("path," + "x" * 70_000 + "\na.jpg,1\n")
    with pytest.raises(FeedRejected, match="first line: the line is not UTF-8"):
        read("path;gr\xfcn\na.jpg;1\n".encode("latin-1"))

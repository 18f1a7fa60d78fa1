"""A value is read by one grammar wherever it is written."""

from contextlib import suppress
from urllib.parse import quote

import pytest
from starlette.requests import Request

from edge import settings
from edge.cli import main
from edge.connections import retry_after_seconds
from edge.dialects import ALL, Dialects
from edge.errors import InvalidParameter, RequestError, SettingsError
from edge.kinds import FLAG, Kind, byte_count, integer, listed, number, whole
from edge.variants import presets
from edge.variants.query import read
from edge.web.bodies import query_value
from edge.web.negotiation import accept_class, device

ODD = (
    "nan", "inf", "1e3", "1e400", "+1", "-1", "１", "²", "٣", "0x10", "1_000", "1 0", "1,0", "--1",
    "9" * 20, "9" * 400, "one", "½", "1\u200b",
)  # fmt: skip
"""Which Python's own `int`, `float` and `isdigit` take in part."""

SHIPPED = presets.load()


def from_a_url(text: str) -> None:
    read(f"w={quote(text)}", SHIPPED)


def from_a_route(text: str) -> None:
    query = f"limit={quote(text)}".encode()
    query_value(Request({"type": "http", "query_string": query}), "limit", whole(1, 1000), 9)


@pytest.mark.parametrize("where", [from_a_url, from_a_route])
@pytest.mark.parametrize("text", ODD)
def test_a_url_takes_plain_numbers_only(where, text):
    with pytest.raises(InvalidParameter) as caught:
        where(text)
    assert caught.value.param
    assert caught.value.allowed


@pytest.mark.parametrize("variable", ["EDGE_SERVER_PORT", "EDGE_DECODE_SECONDS"])
@pytest.mark.parametrize("text", ODD)
def test_a_setting_takes_plain_numbers_only(variable, text):
    with pytest.raises(SettingsError, match=f"{variable}=.*: allowed is "):
        settings.load({variable: text})


@pytest.mark.parametrize(
    "option",
    [
        "models bench --runs", "models add x.onnx --as matting --side",
        "models add x.onnx --as matting --mean", "models add x.onnx --as matting --batch",
        "jobs list --limit", "jobs cost --samples", "worker --at-once", "sign /a --expires",
        "triton --grpc-port",
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ODD)
def test_an_option_takes_plain_numbers_only(option, text, capsys):
    *before, last = option.split()
    with pytest.raises(SystemExit) as left:
        main.run([*before, f"{last}={text}"])
    assert left.value.code == main.USAGE
    assert "is not possible; allowed is " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1", " 1", "1 ", "\t1\n"])
def test_spaces_around_a_value_are_none_of_it(text):
    assert whole(1, 9).value(text, "w") == 1
    assert read(f"w={quote(text.strip(chr(9) + chr(10)))}", SHIPPED).transform.width == 1
    assert settings.load({"EDGE_SERVER_PORT": text}).server.port == 1
    assert FLAG.value(text, "strict") is True


@pytest.mark.parametrize("text", ["", *ODD])
def test_every_reader_of_numbers_refuses_by_the_same_error(text):
    for reads in (integer, number, byte_count):
        with pytest.raises((ValueError, KeyError)):
            Kind(reads, "a number").read(text)


def test_a_number_may_have_the_decimals_that_programs_write():
    assert number("0.3333333333333333") == 1 / 3
    assert accept_class(b"image/avif;q=0.3333333333") == accept_class(b"image/avif")


@pytest.mark.parametrize("text", ["maybe", "2", "ON!", "yes please", "１"])
def test_a_flag_is_no_other_word(text):
    with pytest.raises(InvalidParameter):
        FLAG.value(text, "strict")


def test_a_list_has_no_empty_words():
    assert listed(" a, ,b,,c d ,") == ("a", "b", "c d")


@pytest.mark.parametrize("text", ["nan", "inf", "+1", "1_0", "１", "", "²"])
def test_a_header_says_nothing_by_what_is_no_number(text):
    odd = text.encode("latin-1", "replace")
    assert accept_class(b"image/avif;q=" + odd + b", image/webp") == accept_class(b"image/webp")
    assert device(odd, odd, None) == device(None, None, None)
    assert retry_after_seconds(text) is None


def test_a_server_may_ask_for_seconds_or_until_a_date():
    assert retry_after_seconds(" 12 ") == 12
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_seconds("Fri, 31 Dec 9999 23:59:59 GMT") > 1e9


NUMBERS = (
    "/thumbor/unsafe/{}x1:30x40/fit-in/9x9/a.jpg",
    "/thumbor/unsafe/9x9/filters:rotate({})/a.jpg",
    "/wordpress/a.jpg?crop={},1,1,1",
    "/wordpress/a.jpg?resize={},1",
    "/cdn-cgi/image/sharpen={}/a.jpg",
    "/image/upload/c_crop,x_{},y_1,w_1,h_1/w_9/a.jpg",
    "/imgproxy/_/bg:{}:1:1/plain/a.jpg",
    "/imgix/a.jpg?w={}",
)


@pytest.mark.parametrize("url", NUMBERS)
@pytest.mark.parametrize("text", ODD)
def test_another_services_url_ends_in_a_picture_or_an_error_of_the_request(url, text):
    path, _, query = url.format(quote(text)).partition("?")
    with suppress(RequestError):
        found = Dialects.of(ALL).translate(path, query)
        read(found.query if found else "", SHIPPED)

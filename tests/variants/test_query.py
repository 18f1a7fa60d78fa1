"""One row for each way of saying something in the URL, and for each way of saying it wrong."""

import pytest

from edge.errors import (
    DuplicateParameter,
    InvalidParameter,
    OutputTooLarge,
    RequestError,
    UnknownParameter,
)
from edge.images import Format
from edge.variants.query import AcceptClass, read
from tests.variants.canonical import parse

CANONICAL = [
    ("", ""),
    ("w=400", "w=400"),
    ("width=400", "w=400"),
    ("wid=400&hei=300", "h=300&w=400"),
    ("w=333.5", "w=334"),
    ("w=%34%30%30", "w=400"),
    ("w=+400+", "w=400"),
    ("w=&h=5", "h=5"),
    ("&&w=5&", "w=5"),
    ("w=400&dpr=2", "w=800"),
    ("w=401&dpr=1.5", "w=602"),
    ("dpr=3", ""),
    ("size=2k", "size=2048"),
    ("size=2K&dpr=2", "size=4096"),
    ("size=1500", "size=1500"),
    ("size=4k&w=10", "w=10"),
    ("ar=16:9", "ar=16:9&fit=cover"),
    ("ar=32x18", "ar=16:9&fit=cover"),
    ("ar=1.5", "ar=3:2&fit=cover"),
    ("ar=1.91:1", "ar=191:100&fit=cover"),
    ("ar=1:1&fit=inside", ""),
    ("ar=1:1&w=800", "fit=cover&h=800&w=800"),
    ("ar=4:3&h=2025", "fit=cover&h=2025&w=2700"),
    ("ar=9:16&size=2k", "fit=cover&h=2048&w=1152"),
    ("ar=21:9&size=2k&fit=pad", "fit=pad&h=878&w=2048"),
    ("ar=4:3&w=10&h=10&fit=cover", "fit=cover&h=10&w=10"),
    ("w=8&h=6&fit=inside", "h=6&w=8"),
    ("w=8&h=6&fit=clip", "h=6&w=8"),
    ("w=8&h=6&fit=contain", "h=6&w=8"),
    ("w=8&h=6&fit=bounds", "h=6&w=8"),
    ("w=8&h=6&fit=crop", "fit=cover&h=6&w=8"),
    ("w=8&h=6&fit=COVER", "fit=cover&h=6&w=8"),
    ("w=8&h=6&fit=min", "fit=cover&h=6&w=8"),
    ("w=8&h=6&fit=fillmax", "fit=pad&h=6&w=8"),
    ("w=8&h=6&fit=squeeze", "fit=fill&h=6&w=8"),
    ("w=8&h=6&fit=scale", "fit=fill&h=6&w=8"),
    ("w=8&h=6&fit=max&up=4", "h=6&w=8"),
    ("w=8&h=6&fit=scale-down", "h=6&w=8"),
    ("w=8&fit=cover&g=top", "w=8"),
    ("fit=product", "fit=product&frame=0.85"),
    ("frame=.9", "fit=product&frame=0.9"),
    ("frame=0.9&fit=cover&w=1&h=1", "fit=cover&h=1&w=1"),
    ("w=8&h=6&fit=cover&gravity=top", "fit=cover&g=north&h=6&w=8"),
    ("w=8&h=6&fit=cover&position=right+top", "fit=cover&g=northeast&h=6&w=8"),
    ("w=8&h=6&fit=cover&g=0.5,0", "fit=cover&g=north&h=6&w=8"),
    ("w=8&h=6&fit=cover&g=0.25x0.3334", "fit=cover&g=0.25,0.333&h=6&w=8"),
    ("w=8&h=6&fit=cover&g=smart", "fit=cover&g=subject&h=6&w=8"),
    ("w=8&h=6&fit=cover&g=center", "fit=cover&h=6&w=8"),
    ("w=8&h=6&g=north", "h=6&w=8"),
    ("crop=10,20,300,400", "crop=10,20,300,400"),
    ("rect=0.1,0.1,0.5,.5", "crop=0.1000,0.1000,0.5000,0.5000"),
    ("crop=0.0,0,1,1", ""),
    ("trim=auto", "trim=10"),
    ("trim=1", "trim=10"),
    ("trim=off", ""),
    ("rot=-90", "rot=270"),
    ("rotate=360", ""),
    ("flip=horizontal", "flip=h"),
    ("flip=both", "flip=hv"),
    ("sharp=on", "sharp=auto"),
    ("sharpen=50", "sharp=50"),
    ("blur=2.50", "blur=2.5"),
    ("blur=0", ""),
    ("bg=fff", "bg=ffffff"),
    ("background=White", "bg=ffffff"),
    ("bg=%23FFF8", "bg=ffffff88"),
    ("bg=12345600", "bg=transparent"),
    ("bg=blur", "bg=blur"),
    ("bg=original", ""),
    ("bg=scene:oak-table", "bg=scene:oak-table&matte=auto"),
    ("bg=scene:oak-table&matte=off", "bg=scene:oak-table&matte=off"),
    ("matte=on", "bg=transparent&matte=on"),
    ("bg-remove=true&bg=fff", "bg=ffffff&matte=on"),
    ("segment=auto", "matte=auto"),
    ("up=2", "up=2"),
    ("upscale=true&w=9", "up=auto&w=9"),
    ("up=auto", ""),
    ("shadow=1&harmonize=on", "harmonize=1&shadow=1"),
    ("q=80", "q=80"),
    ("quality=auto", ""),
    ("maxbytes=60k", "maxbytes=60000"),
    ("max_bytes=1.5MiB", "maxbytes=1572864"),
    ("fm=jpeg", "fm=jpg"),
    ("format=WEBP", "fm=webp"),
    ("fm=auto", ""),
    ("fmt=webp", "fm=webp"),
    ("fmt=webp&fm=png", "fm=png"),
    ("fmt=webp&fm=auto", ""),
    ("fmt=auto", ""),
    ("w=1&w=2", "w=2"),
    ("w=1&width=2", "w=2"),
    ("utm_source=mail&w=5&gclid=x&cachebust=77", "w=5"),
    ("v=7&dl=a.jpg&wait=5&strict=1&exp=1&kid=a&w=5", "w=5"),
]


@pytest.mark.parametrize(("query", "canonical"), CANONICAL, ids=[q for q, _ in CANONICAL])
def test_a_query_means_this_canonical_form(shipped, query, canonical):
    transform = read(query, shipped).transform
    assert transform.canonical() == canonical
    assert parse(canonical) == transform
    assert read(canonical, shipped).transform == transform


AMAZON = "bg=ffffff&fit=product{fm}&frame={frame}&h={side}&matte={matte}&maxbytes=10000000"
AMAZON += "&preset=amazon@2026-1&up=auto&w={side}"


def amazon(fm="&fm=jpg", frame="0.85", side=2048, matte="auto"):
    return AMAZON.format(fm=fm, frame=frame, side=side, matte=matte)


PRESETS = [
    ("fmt=amazon", amazon()),
    ("preset=amazon", amazon()),
    ("p=Amazon", amazon()),
    ("fmt=AMAZON", amazon()),
    ("fmt=shopify&preset=amazon", amazon()),
    ("fmt=amazon,webp", amazon(fm="&fm=webp")),
    ("fmt=webp,amazon", amazon(fm="&fm=webp")),
    ("fmt=amazon,webp&fm=png", amazon(fm="&fm=png")),
    ("fmt=amazon,auto", amazon(fm="")),
    ("fmt=amazon&w=1000", amazon(side=1000)),
    ("fmt=amazon&h=1000", amazon(side=1000)),
    ("fmt=amazon&size=1k", amazon(side=1024)),
    ("fmt=amazon&dpr=2", amazon(side=4096)),
    ("fmt=amazon&frame=0.9", amazon(frame="0.9")),
    ("frame=0.9&fmt=amazon", amazon(frame="0.9")),
    ("fmt=amazon&matte=on", amazon(matte="on")),
]


@pytest.mark.parametrize(("query", "canonical"), PRESETS, ids=[q for q, _ in PRESETS])
def test_explicit_words_win_over_those_of_the_preset(shipped, query, canonical):
    transform = read(query, shipped).transform
    assert transform.canonical() == canonical
    assert parse(canonical) == transform


def test_two_explicit_sides_win_over_the_ratio_of_the_preset(shipped):
    transform = read("fmt=etsy&w=1000&h=1000", shipped).transform
    assert (transform.width, transform.height) == (1000, 1000)


WRONG = [
    ("w=0", "w", None),
    ("w=-5", "w", None),
    ("w=65536", "w", None),
    ("w=1e3", "w", None),
    ("w=1_000", "w", None),
    ("w=%EF%BC%91", "w", None),
    ("width=abc", "w", None),
    ("w=nan", "w", None),
    ("w=5%00", None, None),
    ("w%00=5", None, None),
    ("x=%0A", None, None),
    ("w=%zz", None, None),
    ("w=%2", None, None),
    ("w=%C3%28", "w", None),
    ("w=5 5", None, None),
    ("w=\u00e9", None, None),
    ("w=%2534%30", "w", None),
    ("dpr=0.4", "dpr", None),
    ("dpr=6", "dpr", None),
    ("ar=0:1", "ar", None),
    ("ar=100:1", "ar", None),
    ("ar=wide", "ar", None),
    ("size=3kk", "size", None),
    ("w=0.5", "w", None),
    ("h=0.99", "h", None),
    ("fit=covr", "fit", "cover"),
    ("fit=outside", "fit", "inside"),
    ("g=subjekt", "g", "subject"),
    ("g=1.5,0", "g", None),
    ("g=0.5", "g", None),
    ("crop=1,2,3", "crop", None),
    ("crop=0,0,0,5", "crop", None),
    ("crop=0.5,0,0.6,1", "crop", None),
    ("trim=101", "trim", None),
    ("rot=45", "rot", None),
    ("flip=z", "flip", None),
    ("sharp=200", "sharp", None),
    ("blur=101", "blur", None),
    ("bg=whit", "bg", "white"),
    ("bg=scene:../x", "bg", "scene:"),
    ("bg=scene:", "bg", "scene:"),
    ("matte=onn", "matte", "on"),
    ("up=3", "up", None),
    ("frame=1.2", "frame", None),
    ("q=0", "q", None),
    ("q=101", "q", None),
    ("maxbytes=5", "maxbytes", None),
    ("maxbytes=5TB", "maxbytes", None),
    ("fm=gif", "fm", None),
    ("fm=wepb", "fm", "webp"),
    ("fmt=amazn", "fmt", "amazon"),
    ("fmt=amazon,shopify", "fmt", None),
    ("fmt=webp,png", "fmt", None),
    ("fmt=amazon,", "fmt", None),
    ("preset=Amazom", "preset", "amazon"),
    ("preset=webp", "preset", None),
    ("preset=amazon@2026-1", "preset", "amazon"),
    ("dl=..%2Fx.jpg", "dl", None),
    ("dl=.htaccess", "dl", None),
    ("dl=a%E2%80%AEgpj.exe", "dl", None),
    ("wait=-1", "wait", None),
    ("strict=maybe", "strict", None),
    ("v=" + "x" * 65, "v", None),
    ("dl=" + "x" * 201, "dl", None),
    ("w=5&" + "a" * 2000, None, None),
]


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize(("query", "param", "near"), WRONG, ids=[q[:40] for q, _, _ in WRONG])
def test_a_wrong_value_is_refused_and_named(shipped, query, param, near, strict):
    with pytest.raises(RequestError) as refusal:
        read(query, shipped, strict=strict)
    if param:
        assert isinstance(refusal.value, InvalidParameter)
        assert refusal.value.param == param
        assert refusal.value.allowed
        assert refusal.value.nearest == near


@pytest.mark.parametrize("query", ["w=60000&dpr=2", "w=60000&ar=1:20", "size=4k&dpr=5&w=60000"])
def test_a_canvas_that_no_format_holds_is_too_large(shipped, query):
    with pytest.raises(OutputTooLarge):
        read(query, shipped)


class TestStrictGrammar:
    def test_an_unknown_word_is_refused_with_the_nearest_known_one(self, shipped):
        with pytest.raises(UnknownParameter) as refusal:
            read("widht=5", shipped, strict=True)
        assert refusal.value.param == "widht"
        assert refusal.value.nearest == "width"

    @pytest.mark.parametrize("query", ["w=1&w=1", "w=1&width=2", "sig=1&s=1"])
    def test_a_parameter_given_twice_is_refused(self, shipped, query):
        with pytest.raises(DuplicateParameter) as refusal:
            read(query, shipped, strict=True)
        assert refusal.value.param in ("w", "sig")

    @pytest.mark.parametrize(
        "query", ["utm_source=x", "UTM_Medium=x", "gclid=1", "fbclid=%E9%00"[:10], "msclkid=2"]
    )
    def test_tracking_parameters_are_passed_over_even_so(self, shipped, query):
        assert read(query + "&w=5", shipped, strict=True) == read(query + "&w=5", shipped)

    def test_names_are_lower_case(self, shipped):
        with pytest.raises(UnknownParameter):
            read("W=5", shipped, strict=True)


def test_the_lenient_grammar_says_what_it_passed_over(shipped):
    image_request = read("foo=1&w=5&utm_x=%E9&b%20r=2", shipped)
    assert image_request.ignored == ("foo", "utm_x", "b%20r")
    assert image_request.transform == read("w=5", shipped).transform


def test_a_foreign_signature_does_not_spoil_a_request(shipped):
    assert read("w=5&s=9a0364b9e99bb480dd25e1f0284c8555", shipped).transform.width == 5


def test_delivery_words_stand_beside_the_transform(shipped):
    sig = "ab" * 32
    image_request = read(f"v=7&dl=my+chair.jpg&wait=800&strict=1&expires=99&kid=a&s={sig}", shipped)
    assert image_request.transform == read("", shipped).transform
    assert (
        image_request.version,
        image_request.download,
        image_request.wait,
        image_request.strict,
    ) == ("7", "my chair.jpg", 800, True)
    assert (image_request.expires, image_request.key_id, image_request.signature) == (99, "a", sig)


WIDTHS = [
    ("w=300", (320, None)),
    ("w=320", (320, None)),
    ("w=321", (640, None)),
    ("w=5000", (1280, None)),
    ("w=300&dpr=2", (640, None)),
    ("w=500&h=250", (640, 320)),
    ("h=500", (None, 640)),
    ("w=500&ar=2:1", (640, 320)),
    ("fmt=amazon", (2048, 2048)),
    ("fmt=amazon&w=1000", (1280, 1280)),
    ("fmt=thumb&dpr=1.01", (640, 640)),
]


@pytest.mark.parametrize(("query", "sides"), WIDTHS, ids=[q for q, _ in WIDTHS])
def test_asked_lengths_are_rounded_up_to_the_allowed_widths(shipped, query, sides):
    transform = read(query, shipped, widths=(320, 640, 1280)).transform
    assert (transform.width, transform.height) == sides


AVIF, WEBP, BASE, NO_AVIF, NO_WEBP, PLAIN = AcceptClass
NEGOTIATED = [
    ("", AVIF, "jpg", Format.AVIF),
    ("", WEBP, "jpg", Format.WEBP),
    ("", BASE, "jpg", Format.JPEG),
    ("", BASE, ".JPEG", Format.JPEG),
    ("", BASE, "png", Format.PNG),
    ("", BASE, "webp", Format.WEBP),
    ("", BASE, "avif", Format.AVIF),
    ("", BASE, "gif", Format.PNG),
    ("", BASE, "tif", None),
    ("", BASE, "heic", None),
    ("", BASE, "", None),
    ("", NO_AVIF, "avif", None),
    ("", NO_AVIF, "webp", Format.WEBP),
    ("", NO_WEBP, "avif", Format.AVIF),
    ("", NO_WEBP, "webp", None),
    ("", PLAIN, "avif", None),
    ("", PLAIN, "webp", None),
    ("", PLAIN, "jpg", Format.JPEG),
    ("", PLAIN, "png", Format.PNG),
    ("bg=transparent", PLAIN, "webp", Format.PNG),
    ("bg=transparent", BASE, "heic", Format.PNG),
    ("fmt=auto", AVIF, "png", Format.AVIF),
    ("fmt=thumb", WEBP, "jpg", Format.WEBP),
    ("bg=transparent", BASE, "jpg", Format.PNG),
    ("matte=on", BASE, "jpg", Format.PNG),
    ("bg=fff", BASE, "jpg", Format.JPEG),
    ("bg=transparent", BASE, "webp", Format.WEBP),
]


@pytest.mark.parametrize(("query", "accept", "extension", "format"), NEGOTIATED)
def test_an_open_format_is_negotiated(shipped, query, accept, extension, format):
    """None: the picture decides, by whether something of it is see-through."""
    image_request = read(query, shipped)
    assert image_request.negotiates
    assert image_request.resolve(accept, extension).format is format


@pytest.mark.parametrize("accept", AcceptClass)
@pytest.mark.parametrize(
    ("query", "format"),
    [
        ("fm=png", Format.PNG),
        ("fmt=jpg", Format.JPEG),
        ("fmt=amazon", Format.JPEG),
        ("fmt=amazon,webp", Format.WEBP),
        ("fm=jpg&bg=transparent", Format.JPEG),
    ],
)
def test_a_definite_format_is_kept_whatever_the_browser_takes(shipped, query, accept, format):
    image_request = read(query, shipped)
    assert not image_request.negotiates
    assert image_request.resolve(accept, "webp").format is format


def test_resolving_changes_nothing_but_the_format(shipped):
    image_request = read("fmt=thumb", shipped)
    resolved = image_request.resolve(WEBP, "jpg")
    assert resolved.canonical().replace("&fm=webp", "") == image_request.transform.canonical()

"""URLs of other services become ours: each documented word means here what it means there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.dialects import ALL, Dialects
from edge.errors import InvalidParameter, RequestError, SettingsError, UnknownParameter
from edge.variants import presets
from edge.variants.query import AcceptClass, read

SHIPPED = presets.load()
EVERY = Dialects.of(["all"])

MEANS = {
    "imgix": {
        "/imgix/a.jpg?w=400&h=300": "w=400&h=300",
        "/imgix/a.jpg?w=400&h=300&fit=crop": "w=400&h=300&fit=cover",
        "/imgix/a.jpg?w=400&h=300&fit=crop&crop=faces,edges": "w=400&h=300&fit=cover&g=subject",
        "/imgix/a.jpg?w=400&h=300&fit=crop&crop=top,left": "w=400&h=300&fit=cover&g=northwest",
        "/imgix/a.jpg?w=400&h=300&fit=crop&crop=focalpoint&fp-x=0.2&fp-y=0.7":
            "w=400&h=300&fit=cover&g=0.2,0.7",
        "/imgix/a.jpg?w=400&h=300&fit=fill&fill=solid&fill-color=ff0000":
            "w=400&h=300&fit=pad&bg=ff0000",
        "/imgix/a.jpg?w=400&h=300&fit=fill&fill=blur": "w=400&h=300&fit=pad&bg=blur",
        "/imgix/a.jpg?w=400&ar=16:9&fit=crop": "w=400&ar=16:9&fit=cover",
        "/imgix/a.jpg?w=400&ar=16:9": "w=400",
        "/imgix/a.jpg?w=400&h=300&fit=scale": "w=400&h=300&fit=fill",
        "/imgix/a.jpg?auto=format,compress&q=60&fm=pjpg&dpr=2&w=9": "w=9&q=60&fm=jpg&dpr=2",
        "/imgix/a.jpg?rect=10,20,300,400&w=90&ixlib=js-4&s=0123": "crop=10,20,300,400&w=90",
        "/imgix/a.jpg?bg-remove=true&w=90": "matte=on&w=90",
    },
    "shopify": {
        "/files/a.jpg?crop=center&height=300&width=400": "w=400&h=300&fit=cover",
        "/files/a.jpg?crop=top&height=300&width=400&v=17": "w=400&h=300&fit=cover&g=north",
        "/files/a.jpg?height=300&pad_color=ff0&width=400": "w=400&h=300&fit=pad&bg=ffff00",
        "/files/a.jpg?crop=region&crop_height=50&crop_left=5&crop_top=6&crop_width=40&width=9":
            "crop=5,6,40,50&w=9",
        "/files/a_400x.jpg": "w=400",
        "/files/a_x300@2x.jpg": "h=300&dpr=2",
        "/files/a_400x300.jpg?v=1": "w=400&h=300",
        "/files/a_400x300_crop_bottom@3x.progressive.jpg": "w=400&h=300&fit=cover&g=south&dpr=3",
        "/files/a_grande.jpg": "w=600&h=600",
        "/files/a_master.jpg": "",
        "/shopify/files/a.jpg?height=300&width=400&format=pjpg": "w=400&h=300&fit=cover&fm=jpg",
    },
    "cloudinary": {
        "/demo/image/upload/c_fill,w_400,h_300,g_auto,f_auto,q_auto/v1/sku/a.jpg":
            "w=400&h=300&fit=cover&g=subject",
        "/image/upload/w_400/a.jpg": "w=400",
        "/image/upload/w_400,h_300/a.jpg": "w=400&h=300&fit=fill",
        "/image/upload/c_scale,w_400/a.jpg": "w=400",
        "/image/upload/c_limit,w_400,h_300/f_webp/q_80/a.jpg": "w=400&h=300&fm=webp&q=80",
        "/image/upload/c_pad,w_400,h_300,b_rgb:ff0000/a.jpg": "w=400&h=300&fit=pad&bg=ff0000",
        "/image/upload/c_pad,b_blurred:400:15,w_400,h_300/a.jpg": "w=400&h=300&fit=pad&bg=blur",
        "/image/upload/c_fill,ar_16:9,w_400,g_north_west/a.jpg":
            "w=400&ar=16:9&fit=cover&g=northwest",
        "/image/upload/c_crop,x_10,y_20,w_300,h_400/c_scale,w_90/a.jpg":
            "crop=10,20,300,400&w=90",
        "/image/upload/e_background_removal/c_pad,w_400,h_400,b_white/a.jpg":
            "matte=on&w=400&h=400&fit=pad&bg=ffffff",
        "/image/upload/s--AbC_1--/a_90,dpr_2.0,w_40/v2/x/a.jpg": "rot=90&dpr=2&w=40",
    },
    "cloudflare": {
        "/cdn-cgi/image/width=400/sku/a.jpg": "w=400&fit=max",
        "/cdn-cgi/image/w=400,h=300,fit=cover,g=auto,f=auto,q=75/a.jpg":
            "w=400&h=300&fit=cover&g=subject&q=75",
        "/cdn-cgi/image/width=400,height=300,fit=pad,background=%23ff0000/a.jpg":
            "w=400&h=300&fit=pad&bg=ff0000",
        "/cdn-cgi/image/width=400,height=300,fit=crop,gravity=0.5x0.2,format=avif/a.jpg":
            "w=400&h=300&fit=cover&g=0.5,0.2&fm=avif",
        "/cdn-cgi/image/width=400,height=300,fit=squeeze,metadata=none/a.jpg":
            "w=400&h=300&fit=fill",
        "/cdn-cgi/image/width=400,height=300,fit=contain,dpr=2/a.jpg": "w=400&h=300&dpr=2",
    },
    "next": {
        "/_next/image?url=%2Fsku%2Fa%20b.jpg&w=640&q=75": "w=640&q=75",
        "/_vercel/image?url=%2Fa.jpg&w=640&q=75": "w=640&q=75",
        "/.netlify/images?url=/a.jpg&w=64&h=32&fit=cover&position=top&fm=avif":
            "w=64&h=32&fit=cover&g=north&fm=avif",
        "/_image?href=%2Fa.jpg&w=64&h=32&f=webp": "w=64&h=32&fit=cover&fm=webp",
    },
    "ipx": {
        "/_ipx/_/a.jpg": "",
        "/_ipx/w_400,f_webp,q_80/sku/a.jpg": "w=400&fm=webp&q=80",
        "/_ipx/s_400x300/a.jpg": "w=400&h=300&fit=cover",
        "/_ipx/w_400&h_300&fit_contain&b_ff0000/a.jpg": "w=400&h=300&fit=pad&bg=ff0000",
        "/_ipx/s_400x300,fit_cover,pos_top/a.jpg": "w=400&h=300&fit=cover&g=north",
    },
    "imgproxy": {
        "/imgproxy/insecure/rs:fill:400:300/g:sm/plain/sku/a.jpg@webp":
            "w=400&h=300&fit=cover&g=subject&fm=webp",
        "/imgproxy/_/rs:fit:400:0/q:80/plain/a.jpg": "w=400&q=80",
        "/imgproxy/_/rs:fit:400:300:0:1/bg:255:0:0/plain/local:///a.jpg":
            "w=400&h=300&fit=pad&bg=ff0000",
        "/imgproxy/_/s:400:300/dpr:2/mb:40000/fn:shoe/cb:7/c3VlL2EuanBn.png":
            "w=400&h=300&dpr=2&maxbytes=40000&dl=shoe&fm=png",
        "/imgproxy/_/rt:force/w:400/h:300/g:fp:0.1:0.9/plain/a.jpg": "w=400&h=300&fit=fill",
        "/imgproxy/_/w:40/%70lain/%2561.jpg".replace("%70", "p").replace("%2561", "%61"): "w=40",
    },
    "thumbor": {
        "/thumbor/unsafe/400x300/sku/a.jpg": "w=400&h=300&fit=cover",
        "/thumbor/unsafe/400x0/a.jpg": "w=400",
        "/thumbor/unsafe/fit-in/400x300/filters:fill(ff0000):quality(80)/a.jpg":
            "w=400&h=300&fit=pad&bg=ff0000&q=80",
        "/thumbor/unsafe/10x20:310x420/90x90/left/top/a.jpg":
            "crop=10,20,300,400&w=90&h=90&fit=cover&g=northwest",
        "/thumbor/unsafe/0.3333333333333333x0.1:0.9x0.9/90x0/a.jpg":
            "crop=0.3333,0.1,0.5667,0.8&w=90",
        "/thumbor/unsafe/-400x-300/smart/filters:format(webp)/a.jpg":
            "w=400&h=300&fit=cover&flip=hv&g=subject&fm=webp",
        "/thumbor/kT3-sig=/trim/fit-in/400x300/filters:max_bytes(40000)/a.jpg":
            "trim=auto&w=400&h=300&maxbytes=40000",
    },
    "wordpress": {
        "/wordpress/2026/a.jpg?resize=400,300": "w=400&h=300&fit=cover",
        "/wordpress/a.jpg?fit=400,300&ssl=1": "w=400&h=300",
        "/wordpress/a.jpg?lb=400,300": "w=400&h=300&fit=pad",
        "/wordpress/a.jpg?w=400&zoom=2&quality=80&strip=all": "w=400&dpr=2&q=80",
        "/wordpress/a.jpg?crop=10,20,50,60&w=90": "crop=0.1,0.2,0.5,0.6&w=90",
        "/wordpress/a.jpg?crop=33.3333333333333,0,50,50&w=90": "crop=0.3333,0,0.5,0.5&w=90",
        "/wordpress/a.jpg?w=400&h=300&crop=1": "w=400&h=300&fit=cover",
    },
}  # fmt: skip
CASES = [pytest.param(url, ours, id=url) for urls in MEANS.values() for url, ours in urls.items()]


def translated(url: str, dialects: Dialects = EVERY, *, strict: bool = True, host: str = ""):
    path, _, query = url.partition("?")
    return dialects.translate(path, query, strict=strict, host=host)


def canonical(query: str) -> str:
    return read(query, SHIPPED, strict=True).resolve(AcceptClass.BASE, "jpg").canonical()


@pytest.mark.parametrize(("url", "ours"), CASES)
def test_it_means_what_it_means_there(url, ours):
    found = translated(url)
    assert canonical(found.query) == canonical(ours)
    assert found.ignored == ()


def test_every_dialect_is_tried():
    assert MEANS.keys() == ALL.keys()


def test_the_path_is_the_originals():
    for url, path in {
        "/_next/image?url=%2Fsku%2Fa%20b.jpg&w=9": "/sku/a%20b.jpg",
        "/demo/image/upload/w_9/v12/sku/a%20b.jpg": "/sku/a%20b.jpg",
        "/image/upload/v12/sku/a.jpg": "/sku/a.jpg",
        "/files/a_400x.jpg": "/files/a.jpg",
        "/imgproxy/x/w:9/plain/sku%2Fa.jpg": "/sku/a.jpg",
        "/imgproxy/x/w:9/c2t1L2EuanBn": "/sku/a.jpg",
        "/thumbor/unsafe/9x9/sku/a.jpg": "/sku/a.jpg",
        "/cdn-cgi/image/w=9/sku/a.jpg": "/sku/a.jpg",
        "/imgix/sku/a.jpg?w=9": "/sku/a.jpg",
    }.items():
        assert translated(url).path == path


@pytest.mark.parametrize(
    "url",
    [
        "/sku/a.jpg?w=400&h=300&fit=fill",
        "/sku/a.jpg?crop=0,0,10,10",
        "/image/upload/a.jpg",
        "/image/upload/folder/a.jpg",
        "/imgix.jpg",
        "/_next/static/a.jpg",
        "/files/a_big.jpg",
        "/files/iphone_x.jpg",
    ],
)
def test_a_url_of_ours_is_left_alone(url):
    assert translated(url) is None


def test_only_what_no_photo_is_called_is_read_by_default():
    standard = Dialects.of(["cloudflare", "cloudinary", "ipx", "next"])
    assert translated("/files/a_400x.jpg", standard) is None
    assert translated("/imgix/a.jpg?w=9", standard) is None
    assert translated("/_next/image?url=a.jpg&w=9", standard) is not None


def test_a_host_of_its_own_is_read_in_its_dialect():
    dialects = Dialects.of(["imgix@images.example.com"])
    host = dialects.host("Images.Example.com:8080")
    assert translated("/a.jpg?w=9&h=9&fit=fill", dialects, host=host).words["fit"] == "pad"
    assert dialects.host("other.example.com") == ""
    assert translated("/a.jpg?w=9&h=9&fit=fill", dialects) is None
    assert translated("/imgix/a.jpg?w=9", dialects) is None


def test_words_of_ours_pass_through_every_dialect():
    for url in (
        "/imgix/a.jpg?w=9&up=auto&sig=0&kid=k",
        "/image/upload/w_9/a.jpg?up=auto&sig=0&kid=k",
        "/cdn-cgi/image/w=9/a.jpg?up=auto&sig=0&kid=k",
        "/_next/image?url=/a.jpg&w=9&up=auto&sig=0&kid=k",
        "/thumbor/unsafe/9x9/a.jpg?up=auto&sig=0&kid=k",
    ):
        assert {"up": "auto", "sig": "0", "kid": "k"}.items() <= translated(url).words.items()


WITHOUT_EQUAL = [
    ("/imgix/a.jpg?w=9&sepia=50", "sepia=50"),
    ("/imgix/a.jpg?w=0.5", "w=0.5"),
    ("/image/upload/r_20,w_9/a.jpg", "r_20"),
    ("/image/upload/l_text:Arial_20:sale,w_9/a.jpg", "l_text:Arial_20:sale"),
    ("/cdn-cgi/image/w=9,border=3/a.jpg", "border=3"),
    ("/_ipx/w_9,grayscale_/a.jpg", "grayscale="),
    ("/imgproxy/_/w:9/wm:0.5/plain/a.jpg", "watermark=0.5"),
    ("/thumbor/unsafe/9x9/filters:grayscale()/a.jpg", "grayscale="),
    ("/wordpress/a.jpg?w=9&filter=grayscale", "filter=grayscale"),
]


@pytest.mark.parametrize(("url", "word"), WITHOUT_EQUAL, ids=lambda value: value)
def test_a_word_without_an_equal_is_told_or_refused(url, word):
    lenient = translated(url, strict=False)
    assert lenient.ignored[0].startswith(word)
    with pytest.raises(UnknownParameter):
        translated(url)


def test_the_nearest_of_ours_is_named():
    with pytest.raises(UnknownParameter) as caught:
        translated("/cdn-cgi/image/w=9,blur=20/a.jpg")
    assert caught.value.nearest == "blur=4"
    assert (
        "nearest: blur=4" in translated("/cdn-cgi/image/w=9,blur=20/a.jpg", strict=False).ignored[0]
    )


@pytest.mark.parametrize(
    "url",
    [
        "/imgix/a.jpg?fit=cover",
        "/files/a.jpg?crop=middle&pad_color=fff",
        "/image/upload/c_fill,w_9/c_pad,w_8/a.jpg",
        "/cdn-cgi/image/fit=outside/a.jpg",
        "/cdn-cgi/image/w=9/https://evil.example/a.jpg",
        "/cdn-cgi/image/w=9///evil.example/a.jpg",
        "/_next/image?w=9",
        "/_next/image?url=https%3A%2F%2Fevil.example%2Fa.jpg&w=9",
        "/_ipx/w_9/https://evil.example/a.jpg",
        "/imgproxy/_/w:9/plain/https://evil.example/a.jpg",
        "/thumbor/unsafe/9x9/https://evil.example/a.jpg",
        "/wordpress/a.jpg?resize=9",
        "/imgproxy/_/w:9/%ff%ff",
        "/image/upload/c_crop,x_a,y_b,w_c,h_d/w_9/a.jpg",
    ],
)
def test_what_a_service_does_not_have_or_may_not_ask_is_an_error_of_the_request(url):
    with pytest.raises(RequestError):
        translated(url, strict=False)


def test_a_source_may_be_a_url_on_a_host_that_the_settings_name():
    dialects = Dialects.of(["all"], ["Shop.example"])
    for url in (
        "/cdn-cgi/image/w=9/https://shop.example/sku/a%20b.jpg",
        "/_next/image?url=https%3A%2F%2Fshop.example%2Fsku%2Fa%2520b.jpg&w=9",
        "/_ipx/w_9/https://shop.example/sku/a%20b.jpg",
        "/imgproxy/_/w:9/plain/https://shop.example/sku/a%20b.jpg",
        "/thumbor/unsafe/9x9/https://shop.example/sku/a%20b.jpg",
    ):
        assert translated(url, dialects).path == "/sku/a%20b.jpg"


def test_an_unknown_dialect_names_the_nearest():
    with pytest.raises(SettingsError, match="did you mean cloudinary"):
        Dialects.of(["cloudinry"])


_TEXT = st.text("abcxyz0123456789_,:=&%/.-@+()", max_size=60)


@given(st.sampled_from(sorted(ALL)), _TEXT, _TEXT)
def test_no_url_brings_anything_but_words_or_an_error_of_the_request(name, path, query):
    try:
        found = EVERY.translate(f"/{name}/{path}", query, strict=False)
        if found:
            read(found.query, SHIPPED, strict=True)
    except RequestError:
        pass


@given(st.sampled_from([url for urls in MEANS.values() for url in urls]), st.integers(0, 80), _TEXT)
def test_nor_does_a_damaged_one(url, at, text):
    try:
        found = translated(url[:at] + text + url[at:], strict=False)
        if found:
            read(found.query, SHIPPED, strict=True)
    except (RequestError, InvalidParameter):
        pass

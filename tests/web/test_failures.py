"""Failures: RFC 9457, with what to change, and never a long life in a cache."""

import asyncio
import inspect

import pytest
from PIL import Image

from edge import errors
from edge.errors import JobNotFound
from edge.web import failures

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.EdgeError)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda k: k.__name__)
def test_every_class_has_a_row(kind):
    assert kind in failures.ROWS


@pytest.mark.parametrize("kind", CLASSES, ids=lambda k: k.__name__)
def test_no_failure_lives_long(kind):
    answer = failures.answer(kind("something"), "/x.jpg")
    assert answer.status >= 400
    control = answer.headers["cache-control"]
    if answer.status in (429, 502, 503, 504):
        assert control == "no-store"
        assert int(answer.headers["retry-after"]) >= 1
    elif answer.status == 404 and kind is not JobNotFound:
        assert control == "public, max-age=30"
    elif answer.status in (400, 403, 422) and control != "no-store":
        assert control == "public, max-age=60"
    else:
        assert control == "no-store"


@pytest.mark.parametrize(
    ("url", "status", "members"),
    [
        ("/sku/123.jpg?w=abc", 400, {"param": "w"}),
        ("/sku/123.jpg?fmt=amazn", 400, {"param": "fmt", "nearest": "amazon"}),
        ("/sku/123.jpg?fit=covr", 400, {"param": "fit", "nearest": "cover"}),
        ("/no/such.jpg", 404, {}),
        ("/sku/123.jpg?w=60000&h=60000&fit=pad", 422, {}),
        ("/a%00b.jpg", 400, {}),
    ],
)
async def test_a_problem_says_what_to_change(serve, url, status, members):
    answer = await (await serve()).get(url)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert members.items() <= problem.items()
    assert "max-age=31536000" not in str(answer.headers)
    assert "etag" not in answer.headers


async def test_the_problems_type_leads_to_a_description(serve):
    server = await serve()
    problem = (await server.get("/sku/123.jpg?w=abc")).json()
    assert (await server.get(problem["type"])).json()["status"] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/../photos-secret/a.jpg",
        "/%2e%2e/photos-secret/a.jpg",
        "/%252e%252e/photos-secret/a.jpg",
        "/..%5cphotos-secret/a.jpg",
        "/sku%2f..%2f..%2fphotos-secret/a.jpg",
        "/link.jpg",
        "//photos-secret/a.jpg",
    ],
)
async def test_no_path_leads_out_of_the_folder(serve, photos, path):
    secret = photos.parent / "photos-secret"
    secret.mkdir()
    (secret / "a.jpg").write_bytes((photos / "sku" / "123.jpg").read_bytes())
    (photos / "link.jpg").symlink_to(secret / "a.jpg")
    server = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path}?w=9 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    status = (await reader.read()).split()[1]
    writer.close()
    assert status in (b"400", b"404"), path


async def test_strict_grammar_refuses_what_lenient_passes_over(serve):
    lenient, strict = await serve(), await serve(EDGE_QUERY_STRICT="1")
    assert (await lenient.get("/sku/123.jpg?w=60&witdh=3")).status_code == 200
    refused = await strict.get("/sku/123.jpg?w=60&witdh=3")
    assert refused.status_code == 400
    assert refused.json()["nearest"] == "width"
    assert (await strict.get("/sku/123.jpg?w=60&w=61")).status_code == 400
    assert (await strict.get("/sku/123.jpg?w=60&utm_source=x")).status_code == 200


async def test_a_picture_stands_for_the_error_where_only_pictures_are_taken(serve):
    server = await serve()
    answer = await server.get("/no/such.jpg?w=320&h=200", accept="image/avif,image/*")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "public, max-age=30"
    assert b'width="320" height="200"' in answer.content
    always = await serve(EDGE_HTTP_PLACEHOLDER="always")
    assert (await always.get("/no/such.jpg")).headers["content-type"] == "image/svg+xml"


async def test_a_head_of_a_failure_has_no_body(serve):
    answer = await (await serve()).http.head("/no/such.jpg")
    assert answer.status_code == 404
    assert answer.content == b""


async def test_a_corrupt_original_is_named_and_nothing_is_stored(serve, photos):
    whole = (photos / "sku" / "123.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "text.jpg").write_text("this is no picture")
    server = await serve()
    for path, slug in (("cut", "original-corrupt"), ("text", "original-unsupported")):
        answer = await server.get(f"/{path}.jpg?w=60")
        assert answer.status_code == 422
        assert answer.json()["type"].endswith(slug)
    assert await server.metric('edge_tier_writes_total{outcome="ok"') == 0


async def test_where_no_subject_is_found_nobody_is_told_of_a_format(serve, photos):
    Image.new("RGB", (64, 64), (200, 200, 200)).save(photos / "even.png")
    answer = await (await serve()).get("/even.png?w=50&matte=on")
    told = answer.json()
    assert (answer.status_code, told["param"]) == (422, "matte")
    assert "no subject" in told["detail"]
    assert "format" not in told["title"]


async def test_an_upscale_over_the_cap_is_refused_before_any_network_runs(serve):
    server = await serve()
    answer = await server.get("/sku/123.jpg?w=9000&h=12000&up=4")
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("output-too-large")


async def test_a_full_gate_answers_at_once_with_503(serve, photos):
    photo_bytes = (photos / "sku" / "123.jpg").read_bytes()
    for number in range(30):
        (photos / f"{number}.jpg").write_bytes(photo_bytes)
    server = await serve(EDGE_LIMITS_CLASSICAL_RUNNING="1", EDGE_LIMITS_CLASSICAL_WAITING="0")
    answers = await asyncio.gather(*(server.get(f"/{n}.jpg?w=500&fm=webp") for n in range(30)))
    statuses = {a.status_code for a in answers}
    assert statuses == {200, 503}
    busy = next(a for a in answers if a.status_code == 503)
    assert busy.headers["cache-control"] == "no-store"
    assert int(busy.headers["retry-after"]) >= 1
    assert busy.json()["type"].endswith("busy")


@pytest.mark.parametrize(
    "detail",
    [
        "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.7:8001: refused",
        "Load model from /srv/models/matting/1/model.onnx failed",
        "no answer of http://internal-minio:9000/bucket",
        "ipv6:[fd00::7]:8001: timeout",
    ],
)
def test_trouble_of_this_side_is_told_without_its_places(detail):
    told = failures.problem(errors.ModelUnavailable(detail), "/")["detail"]
    for secret in ("10.0.0.7", "/srv", "minio", "fd00"):
        assert secret not in told


@pytest.mark.parametrize(("asked", "told"), [(None, "1"), (0.0, "1"), (6.2, "7"), (1e8, "60")])
def test_what_an_origin_asks_for_is_passed_on_within_a_minute(asked, told):
    error = errors.OriginUnavailable("the origin answers 503")
    error.retry_after = asked
    assert failures.answer(error, "/x.jpg").headers["retry-after"] == told

"""A photo may be called anything: what is encoded once in the URL is served from every origin."""

import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from edge.variants import signing
from tests.parts import Answer, WebServer
from tests.running import Running, Serve

KEY = "a secret of some length"
NAMES = [
    "100%baumwolle.jpg",
    "100%.jpg",
    "50%25off.jpg",
    "sale%20shirt.jpg",
    "a%2Fb.jpg",
    "S:42.jpg",
    "C:/Bilder/1.jpg",
    "rot + blau.jpg",
    "1+1=2&3;4,5.jpg",
    "neu#1?.jpg",
    "it's (2) [x] {y} ~!$@*.jpg",
    "Größe/Schöne Tasche.jpg",
    "日本/靴 1.jpg",
    "🎽.jpg",
    "a..b/...c/d .jpg"[:3] + "b/d .jpg",
    "shirt.v2.jpg",
]


@dataclass(frozen=True)
class Catalogue:
    """A server over one kind of origin, and how a file comes into that."""

    kind: str
    server: Running
    files: object

    def lay(self, path: str, body: bytes) -> None:
        if self.kind == "folder":
            file = Path(self.files) / path  # type: ignore[arg-type]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
        elif self.kind == "s3":
            client, bucket = self.files  # type: ignore[misc]
            client.put_object(Bucket=bucket, Key=f"shop/{path}", Body=body)
        else:
            self.files.answers[f"/shop/{quote(path)}"] = Answer(  # type: ignore[attr-defined]
                body, headers={"ETag": '"1"'}
            )

    async def get(self, path: str, query: str = "w=40", **headers: str):
        return await self.server.get(f"/{quote(path)}?{query}", **headers)


async def catalogue(
    kind: str,
    template: str,
    serve: Serve,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    **environ,
) -> Catalogue:
    environ |= {"EDGE_ORIGIN_HTTP_PRIVATE": "127.0.0.0/8"}
    if kind == "folder":
        url, files = str(tmp_path / "shop"), tmp_path / "shop"
        files.mkdir()
    elif kind == "s3":
        bucket = request.getfixturevalue("bucket")
        files = request.getfixturevalue("s3_client"), bucket
        url, environ["EDGE_S3_ENDPOINT_URL"] = (
            f"s3://{bucket}/shop",
            request.getfixturevalue("s3_endpoint"),
        )
    else:
        files = request.getfixturevalue("http_origin")
        url = f"{files.url}/shop"
    return Catalogue(kind, await serve(EDGE_ORIGIN_URL=url + template, **environ), files)


@pytest.fixture
def body(photos: Path) -> bytes:
    return (photos / "sku" / "123.jpg").read_bytes()


@pytest.fixture(params=["folder", "s3", "http"])
async def plain(request, serve, tmp_path) -> Catalogue:
    return await catalogue(request.param, "", serve, request, tmp_path)


@pytest.fixture(params=["folder", "s3", "http"])
async def templated(request, serve, tmp_path) -> Catalogue:
    return await catalogue(request.param, "/of/{stem}/main.{ext}", serve, request, tmp_path)


async def test_any_name_is_served_as_it_is_called(plain: Catalogue, body):
    for name in NAMES:
        plain.lay(name, body)
        answer = await plain.get(name)
        assert answer.status_code == 200, (name, answer.text)
        assert answer.headers["content-type"] == "image/jpeg"


async def test_any_name_goes_through_a_template(templated: Catalogue, body):
    for name in NAMES:
        stem, _, extension = name.rpartition(".")
        templated.lay(f"of/{stem}/main.{extension}", body)
        answer = await templated.get(name)
        assert answer.status_code == 200, (name, answer.text)


@pytest.mark.parametrize(("asked", "held"), [("NFC", "NFD"), ("NFD", "NFC")])
async def test_a_name_is_found_in_either_unicode_form(plain: Catalogue, body, asked, held):
    for name in ("Größe Ü.jpg", "Büro/Stühle/grün.jpg", "が/1.jpg"):
        plain.lay(unicodedata.normalize(held, name), body)
        answer = await plain.get(unicodedata.normalize(asked, name))
        assert answer.status_code == 200, (name, answer.text)
        folder, _, last = name.rpartition("/")
        mixed = f"{unicodedata.normalize(held, folder)}/{unicodedata.normalize(asked, last)}"
        assert (await plain.get(mixed.lstrip("/"))).status_code == 200


async def test_its_own_spelling_comes_first(plain: Catalogue, photos, body):
    other = io.BytesIO()
    Image.new("RGB", (30, 10), "red").save(other, "PNG")
    plain.lay(unicodedata.normalize("NFD", "grün.jpg"), other.getvalue())
    plain.lay(unicodedata.normalize("NFC", "grün.jpg"), body)
    answers = [
        await plain.get(unicodedata.normalize(form, "grün.jpg"), "w=9") for form in ("NFC", "NFD")
    ]
    assert [answer.headers["x-edge-size"] for answer in answers] == ["9x12", "9x3"]


async def test_another_extension_is_found_in_either_form(plain: Catalogue, body):
    plain.lay(unicodedata.normalize("NFD", "Größe.png"), body)
    assert (await plain.get(unicodedata.normalize("NFC", "Größe.webp"))).status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        "/../secret.jpg", "/%2e%2e/secret.jpg", "/%252e%252e/secret.jpg",
        "/%25252e%25252e/secret.jpg",
        "/..%2fsecret.jpg", "/..%252fsecret.jpg", "/a/..%5c..%5csecret.jpg", "/..%255csecret.jpg",
        "/..\\secret.jpg", "/secret.jpg%00.png", "/secret.jpg%2500.png",
        "/a/%2e%2e/%2e%2e/secret.jpg",
        "/.%2e/secret.jpg", "/%2e%252e/secret.jpg", "/../shop-secret/secret.jpg", "/a//secret.jpg",
        "/%2e%2e%2fsecret.jpg", "/%u002e%u002e/secret.jpg", "/%c0%ae%c0%ae/secret.jpg",
    ],
)  # fmt: skip
async def test_no_spelling_leads_out(plain: Catalogue, body, raw):
    """The raw path goes over the wire as it is; httpx would tidy it."""
    if plain.kind == "folder":
        (Path(plain.files).parent / "secret.jpg").write_bytes(body)  # type: ignore[arg-type]
    elif plain.kind == "http":
        for path in ("/secret.jpg", "/shop/../secret.jpg", "/shop/%2e%2e/secret.jpg"):
            plain.files.answers[path] = Answer(body)  # type: ignore[attr-defined]
    status = await raw_status(plain.server.port, raw)
    assert status in (400, 404)


async def raw_status(port: int, path: str) -> int:
    import asyncio

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"))
    head = await reader.readline()
    writer.close()
    return int(head.split()[1])


@pytest.mark.parametrize("kind", ["folder", "s3", "http"])
async def test_hidden_files_and_what_is_no_picture_are_404_and_no_origin_is_asked(
    serve, request, tmp_path, body, kind
):
    shop = await catalogue(kind, "", serve, request, tmp_path)
    for name in (".hidden.jpg", ".git/a.jpg", "a/.b/c.jpg", "._a.jpg", "a.html", "a.TXT", "b.json",
                 "c.pdf", "d.jpg.php", ".env"):  # fmt: skip
        shop.lay(name, body)
        answer = await shop.get(name)
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "public, max-age=30")
    if kind == "http":
        # the start asks once whether the origin is there at all
        asked = [seen.path for seen in shop.files.seen]  # type: ignore[attr-defined]
        assert set(asked) <= {"/shop"}


async def test_signatures_hold_over_such_names(serve, request, tmp_path, body):
    environ = {"EDGE_SIGNING_KEYS": f"k:{KEY}", "EDGE_SIGNING_REQUIRED": "1"}
    shop = await catalogue("folder", "", serve, request, tmp_path, **environ)
    keys = signing.SigningKeys.of([("k", KEY)])
    for name in NAMES:
        shop.lay(name, body)
        query = signing.sign(name, "w=40", keys)
        assert (await shop.get(name, query)).status_code == 200, name
        assert (await shop.get(f"x{name}", query)).status_code == 403


async def test_a_templates_own_text_is_part_of_a_url(serve, http_origin: WebServer, body):
    http_origin.answers["/a%20b/gr%C3%B6%C3%9Fe%201/1%252.jpg"] = Answer(body)
    server = await serve(
        EDGE_ORIGIN_URL=f"{http_origin.url}/a%20b/gr%C3%B6%C3%9Fe%201/{{path}}",
        EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8",
    )
    assert (await server.get("/1%252.jpg?w=40")).status_code == 200


async def test_errors_name_no_place_of_ours(
    serve, request, http_origin, photos, bucket, s3_endpoint
):
    """Neither folders, buckets and hosts, nor the paths that templates make."""
    http_origin.answers["/inner/r/main.jpg"] = Answer(
        status=302, headers={"Location": "http://10.1.2.3:8080/internal-host"}
    )
    http_origin.answers["/inner/s/main.jpg"] = Answer(b"", 500)
    http_origin.answers["/inner/t/main.jpg"] = Answer(b"x" * 10, length=20, cut=10)
    (photos / "inner").mkdir()
    (photos / "inner" / "loop.jpg").symlink_to("loop.jpg")
    (photos / "inner" / "out.jpg").symlink_to("/etc/hostname")
    server = await serve(
        EDGE_ORIGIN_URL=f"/h={http_origin.url}/inner/{{stem}}/main.{{ext}},/f={photos}/inner/{{path}},"
        f"/s=s3://{bucket}/inner/{{path}},/n=s3://no-such-{bucket}/inner/{{path}},"
        "/d=http://127.0.0.1:9/inner/{path}",
        EDGE_S3_ENDPOINT_URL=s3_endpoint,
        EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8",
        EDGE_ORIGIN_TIMEOUT="5",
    )
    for path in ("h/r.jpg", "h/s.jpg", "h/t.jpg", "h/missing.jpg", "f/loop.jpg", "f/out.jpg",
                 "f/missing.jpg", "s/missing.jpg", "n/missing.jpg", "d/x.jpg"):  # fmt: skip
        answer = await server.get(f"/{path}")
        assert answer.status_code >= 400
        for secret in ("inner", "127.0.0.1", "10.1.2.3", str(photos), bucket, "main", "internal"):
            assert secret not in answer.text, (path, answer.text)

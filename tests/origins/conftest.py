"""The origins, each on its real store, with the same originals laid into it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from edge.origins.base import Origin
from edge.origins.folder import FolderOrigin
from edge.origins.http import HttpOrigin
from edge.origins.s3 import S3Origin
from tests.parts import Answer, WebServer

MAX_BYTES = 100_000
LOOPBACK = ("127.0.0.0/8",)
KINDS = ("folder", "s3", "http")


@dataclass(frozen=True)
class Place:
    """An origin, and how a merchant puts a file into it or takes it away."""

    kind: str
    origin: Origin
    lay: Callable[[str, bytes], None]
    take: Callable[[str], None]


def http_place(server: WebServer, **options) -> Place:
    versions = iter(range(1_000))

    def lay(path: str, body: bytes) -> None:
        server.answers[f"/files/{path}"] = Answer(body, headers={"ETag": f'"v{next(versions)}"'})

    options = {"private_networks": LOOPBACK} | options
    origin = HttpOrigin(f"{server.url}/files", MAX_BYTES, 30.0, **options)
    return Place("http", origin, lay, lambda path: server.answers.pop(f"/files/{path}"))


@pytest.fixture
def open_place(request: pytest.FixtureRequest, tmp_path) -> Callable[..., Place]:
    def opened(kind: str, **options) -> Place:
        if kind == "folder":
            root = tmp_path / "originals"
            root.mkdir()

            def lay(path: str, body: bytes) -> None:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(body)

            origin: Origin = FolderOrigin(root, MAX_BYTES, **options)
            return Place(kind, origin, lay, lambda path: (root / path).unlink())
        if kind == "s3":
            client, bucket, endpoint = map(
                request.getfixturevalue, ("s3_client", "bucket", "s3_endpoint")
            )
            return Place(
                kind,
                S3Origin(bucket, "originals", endpoint, MAX_BYTES, 30.0, **options),
                lambda path, body: client.put_object(
                    Bucket=bucket, Key=f"originals/{path}", Body=body
                ),
                lambda path: client.delete_object(Bucket=bucket, Key=f"originals/{path}"),
            )
        return http_place(request.getfixturevalue("http_origin"), **options)

    return opened


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, open_place) -> AsyncIterator[Place]:
    opened = open_place(request.param)
    yield opened
    await opened.origin.close()


@pytest.fixture
def open_origin() -> Callable[..., HttpOrigin]:
    """An HTTP origin that may reach this machine, unless the test says otherwise."""

    def opened(base: str, timeout: float = 30.0, **options) -> HttpOrigin:
        options = {"private_networks": LOOPBACK, "neighbours": False} | options
        return HttpOrigin(base, MAX_BYTES, timeout, **options)

    return opened


@pytest.fixture
async def origin(http_origin: WebServer, open_origin) -> AsyncIterator[HttpOrigin]:
    opened = open_origin(http_origin.url)
    yield opened
    await opened.close()

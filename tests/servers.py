"""Fixtures of real parts: Redis, an S3 API, web servers, edge itself. `conftest.py` loads them
where what they need is installed."""

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from edge.errors import ModelUnavailable
from edge.settings import ModelsSettings
from edge.tools.public_networks import fetching
from tests.parts import RedisServer, S3Server, WebServer, absent
from tests.running import drawn_photos, photos, serve

__all__ = ["drawn_photos", "photos", "serve"]

os.environ.setdefault("AWS_ACCESS_KEY_ID", S3Server.access_key)
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", S3Server.secret_key)
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(scope="session")
def _shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(_shared_redis: RedisServer) -> str:
    """A real Redis with nothing in it."""
    _shared_redis.run("FLUSHALL")
    return _shared_redis.url


@pytest.fixture
def redis_server(tmp_path) -> Iterator[RedisServer]:
    """A real Redis of this test's own, to be killed, frozen or started again."""
    server = RedisServer(tmp_path).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of a real S3 API."""
    server = S3Server().start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def s3_client(s3_endpoint: str):
    """A plain client of that API, to lay things in and to look behind."""
    client = boto3.client("s3", endpoint_url=s3_endpoint)
    yield client
    client.close()


@pytest.fixture
def bucket(s3_client) -> str:
    """The name of an empty bucket."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def http_origin() -> Iterator[WebServer]:
    """A real web server on 127.0.0.1 whose answers the test sets."""
    server = WebServer().start()
    yield server
    server.stop()


FETCHED = ("u2netp", "ppocr-det", "centerface")
"""The public networks that `scripts/serve` fetches."""


@pytest.fixture(scope="session")
def public_networks() -> Path:
    """The folder of fetched networks of this machine, with those that `scripts/serve` fetches."""
    folder = Path(ModelsSettings().fetched_folder)
    for network in map(fetching.network, FETCHED):
        try:
            asyncio.run(fetching.fetch(network, folder, network.options(), print))
        except ModelUnavailable as error:
            absent(f"the network {network.name} cannot be fetched: {error.detail}")
    return folder

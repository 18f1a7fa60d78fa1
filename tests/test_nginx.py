"""Behind a real nginx with the configuration that the docs give."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.parts import free_port, need
from tests.replicas import Start, start
from tests.test_cdn import CLOSED, answers, asked_as_written

__all__ = ["start"]

pytestmark = pytest.mark.slow
CONF = Path(__file__).parent.parent / "docs" / "nginx.conf"
URL = "/sku/123.jpg?w=80"


@asynccontextmanager
async def nginx(edge: httpx.URL, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """nginx in front of the edge server of that URL."""
    program, port = need("nginx"), free_port()
    text = CONF.read_text()
    for old, new in {
        "127.0.0.1:8080": f"127.0.0.1:{edge.port}",
        "listen 6082": f"listen 127.0.0.1:{port}",
        "/var/cache/nginx/edge": str(folder / "cache"),
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "worker_processes auto;": f"worker_processes 1; error_log {folder}/error.log; daemon off;",
        "access_log off;": f"access_log off; proxy_temp_path {folder}/proxy;"
        f"client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi;"
        f"uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;",
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    conf = folder / "nginx.conf"
    conf.write_text(("user root;\n" if os.geteuid() == 0 else "") + text)
    command = [program, "-c", str(conf), "-e", str(folder / "error.log"), "-p", str(folder)]
    process = subprocess.Popen(command)  # noqa: ASYNC220 - it returns at once
    try:
        await answers(f"http://127.0.0.1:{port}/-/healthz")
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=180, verify=False
        ) as http:
            http.headers.clear()
            yield http
    finally:
        process.terminate()
        process.wait(120)


@pytest.fixture(autouse=True)
def _found() -> None:
    if not shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
        need("nginx")


async def test_many_who_want_one_picture_are_one_request(start: Start, tmp_path: Path):
    edge = await start()
    async with nginx(edge.http.base_url, tmp_path) as http:
        told = await asyncio.gather(*(http.get(URL) for _ in range(20)))
        assert {answer.status_code for answer in told} == {200}
        assert len({answer.content for answer in told}) == 1
        assert await edge.metric('edge_requests_total{route="image",status="200"}') == 1
        assert (await http.get(URL)).headers["x-cache"] == "HIT"


async def test_every_class_gets_its_own_copy(start: Start, tmp_path: Path):
    edge = await start()
    async with nginx(edge.http.base_url, tmp_path) as http:
        for _ in range(2):
            for accept, kind in (
                ("image/avif,image/webp,*/*", "image/avif"),
                ("image/avif;q=0,image/webp,*/*", "image/webp"),
                ("*/*", "image/jpeg"),
            ):
                answer = await http.get(URL, headers={"accept": accept})
                assert answer.headers["content-type"] == kind
        assert answer.headers["x-cache"] == "HIT"


async def test_when_edge_is_dead_the_proxy_shows_what_it_has(start: Start, tmp_path: Path):
    edge = await start(EDGE_HTTP_MAX_AGE="1")
    async with nginx(edge.http.base_url, tmp_path) as http:
        first = await http.get(URL)
        assert first.status_code == 200
        edge.process.kill()
        await edge.process.wait()
        await asyncio.sleep(2)
        for _ in range(3):
            stale = await http.get(URL)
            assert (stale.status_code, stale.content) == (200, first.content)
        assert (await http.get("/sku/123.jpg?w=81")).status_code == 502, "what it never had"


async def test_what_operators_ask_is_closed(start: Start, tmp_path: Path):
    edge = await start()
    async with nginx(edge.http.base_url, tmp_path) as http:
        for path in CLOSED:
            told = await asked_as_written(http, path)
            assert re.match(r"HTTP/1.1 (400|404) ", told), (path, told)
            assert "edge_requests" not in told
            assert '"status":"ready"' not in told
        problem = (await http.get("/sku/123.jpg?w=abc")).json()
        assert (await http.get(problem["type"])).status_code == 200

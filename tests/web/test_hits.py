"""What is answered without a task is what the application answers, to the byte."""

from urllib.parse import urlsplit

import httpx
import pytest

from edge.web.hits import Whole
from tests.running import Running, Serve

PATH = "/sku/123.jpg?w=120"
AVIF = "image/avif,image/webp,*/*"
ID = {"x-request-id": "a-request"}


def found(server: Running, url: str, method: str = "GET", **headers: str) -> object:
    """What the protocol is given for this request."""
    parts = urlsplit(url)
    given = {name.replace("_", "-"): value for name, value in headers.items()} | ID
    return server.parts.hits.find(
        {
            "type": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
    )


async def application(server: Running, url: str, method: str = "GET", **headers: str) -> Whole:
    """The same, asked of the application itself."""
    given = {name.replace("_", "-"): value for name, value in headers.items()} | ID
    transport = httpx.ASGITransport(app=server.parts.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
        http.headers.clear()
        answer = await http.request(method, url, headers=given)
    lines = b"".join(b"%b: %b\r\n" % field for field in answer.headers.raw)
    return answer.status_code, lines, answer.content


@pytest.mark.parametrize("accept", ["*/*", AVIF])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("condition", ["", '"{}"', 'W/"{}"', '"other", "{}"', "*", '"other"'])
async def test_an_answer_without_a_task_is_the_applications(
    serve: Serve, accept: str, method: str, condition: str
) -> None:
    server = await serve()
    etag = (await server.get(PATH, accept=accept)).headers["etag"].strip('"')
    headers = {"accept": accept} | ({"if_none_match": condition.format(etag)} if condition else {})
    hit = found(server, PATH, method, **headers)
    assert isinstance(hit, tuple)
    assert hit == await application(server, PATH, method, **headers)
    assert hit[0] == (200 if condition in ("", '"other"') else 304)
    assert bool(hit[2]) == (method == "GET" and hit[0] == 200)


async def test_an_unknown_etag_is_compared_with_what_a_tier_holds(serve: Serve) -> None:
    """A client may have its picture from another replica, or from before a start of this one."""
    server = await serve()
    etag = (await server.get(PATH)).headers["etag"]
    server.parts.delivery._keys._etags.clear()
    hit = found(server, PATH, if_none_match=etag)
    assert hit == await application(server, PATH, if_none_match=etag)
    assert isinstance(hit, tuple)
    assert hit[0] == 304


@pytest.mark.parametrize(
    ("url", "method"),
    [
        ("/sku/123.jpg?w=121", "GET"),
        ("/sku/123.jpg?w=none", "GET"),
        ("/sku/123.jpg?w=120&strict=1", "GET"),
        (PATH, "POST"),
        ("/-/healthz", "GET"),
        ("/", "GET"),
    ],
)
async def test_all_else_is_left_to_the_application(serve: Serve, url: str, method: str) -> None:
    """What was never asked for, what is wrong, what has to be checked, and what is no picture."""
    server = await serve()
    await server.get(PATH)
    await server.get("/sku/123.jpg?w=120&strict=1")
    assert found(server, url, method) is None

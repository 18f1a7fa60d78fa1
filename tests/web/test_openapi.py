"""The OpenAPI document: every route is in it, and answers are what it says they are."""

import re

import jsonschema
import pytest

from edge.web.gallery import Gallery
from edge.web.jobs import JobsRoutes
from edge.web.review import ReviewRoutes
from tests.running import TOKEN

BEARER = {"authorization": f"Bearer {TOKEN}"}
NAMED = {
    "/-/pictures": "Pictures",
    "/-/pictures?search=sku+123&limit=1": "Pictures",
    "/-/progress/nobody-waits": "Stage",
}


@pytest.fixture
async def document(serve):
    server = await serve()
    return (await server.get("/-/openapi.json")).json()


def plain(path: str) -> str:
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


@pytest.mark.parametrize("room", [Gallery, JobsRoutes, ReviewRoutes])
async def test_every_route_is_described(room, document):
    routes = room.routes(object.__new__(room))
    assert routes
    for route in routes:
        path = plain(route.path).replace("/{verb}", "/pause")
        for method in route.methods - {"HEAD"}:
            assert method.lower() in document["paths"][path], path


@pytest.mark.parametrize(("url", "schema"), NAMED.items())
async def test_what_the_page_asks_for_is_as_described(serve, document, url, schema):
    server = await serve()
    answer = await server.get(url)
    assert answer.status_code == 200
    described = document["paths"][re.sub(r"/nobody-waits$", "/{name}", url.partition("?")[0])]
    told = described["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert told == {"$ref": f"#/components/schemas/{schema}"}
    jsonschema.validate(answer.json(), document["components"]["schemas"][schema])


async def test_signing_is_as_described(serve, document):
    server = await serve(EDGE_SIGNING_KEYS="a:a secret of some length")
    schemas = document["components"]["schemas"]
    for body in ({"urls": ["/sku/123.jpg?w=80"]}, {"urls": ["/a.jpg"], "expires": 60}):
        jsonschema.validate(body, schemas["ToSign"])
        answer = await server.http.post("/-/sign", json=body, headers=BEARER)
        assert answer.status_code == 200
        jsonschema.validate(answer.json(), schemas["Signed"])
    for wrong in ({"urls": []}, {"urls": ["/a.jpg"], "expires": 0}, {"url": "/a.jpg"}):
        answer = await server.http.post("/-/sign", json=wrong, headers=BEARER)
        assert answer.status_code == 400
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schemas["ToSign"])

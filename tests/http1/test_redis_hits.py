"""What lies in Redis is answered without a task, and to the client there is no difference."""

import re
import socket
import time
from collections.abc import Iterator

import pytest

from edge.cache.redis import PREFIX
from tests.http1.clients import Process, everything, one_answer, serving, statuses
from tests.parts import RedisServer

SMALL = "/bottle.jpg?w=120&fm=jpg"
LARGE = "/bottle.jpg?w=2000&fm=png"
CHANGING = re.compile(rb"(?:date|x-request-id|server-timing|cache-status): [^\r]*\r\n")


@pytest.fixture(scope="module")
def redis(tmp_path_factory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def server(redis) -> Iterator[Process]:
    """No memory tier: every hit is one of Redis."""
    settings = {"EDGE_CACHE_REDIS_URL": redis.url, "EDGE_CACHE_MEMORY_BYTES": "0"}
    with serving(EDGE_CACHE_TIER_TIMEOUT="1", **settings) as process:
        yield process


def request(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "host: a", *lines, "", "")).encode()


def told(server: Process, path: str, *lines: str, method: str = "GET") -> bytes:
    """The answer on a connection of its own."""
    with server.connect() as wire:
        wire.sendall(request(path, *lines, "connection: close", method=method))
        return everything(wire)


def from_redis(answer: bytes) -> bool:
    return b"cache-status: edge; hit; detail=redis\r\n" in answer


def source(server: Process, word: str) -> float:
    return server.metric(f'edge_deliveries_total{{source="{word}"}}')


@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_a_hit_is_the_render_again_to_the_byte(server, path):
    rendered = told(server, path)
    before = source(server, "redis")
    hit = told(server, path)
    assert from_redis(hit)
    assert source(server, "redis") == before + 1
    assert CHANGING.sub(b"", hit) == CHANGING.sub(b"", rendered)


def test_head_and_304_say_the_same_without_the_body(server):
    told(server, SMALL)
    whole = told(server, SMALL)
    head = told(server, SMALL, method="HEAD")
    assert from_redis(head)
    assert CHANGING.sub(b"", head) == CHANGING.sub(b"", whole[: whole.find(b"\r\n\r\n") + 4])
    etag = re.search(rb"etag: ([^\r]+)", whole)[1].decode()
    assert statuses(told(server, SMALL, f"if-none-match: {etag}")) == [304]


def test_requests_behind_one_another_are_answered_in_order(server):
    paths = [SMALL, LARGE, "/mug.jpg?w=90&fm=jpg", "/-/healthz"] * 5
    singly = {path: told(server, path) and told(server, path) for path in paths}
    with server.connect() as wire:
        for path in paths[:-1]:
            wire.sendall(request(path))
        wire.sendall(request(paths[-1], "connection: close"))
        answers = everything(wire)
    assert statuses(answers) == [200] * len(paths)
    for path in paths:
        body = singly[path].partition(b"\r\n\r\n")[2]
        assert answers.count(body) == 5


def test_a_connection_stays_open_and_clients_that_leave_harm_nobody(server):
    told(server, SMALL)
    with server.connect() as wire:
        for _ in range(3):
            wire.sendall(request(SMALL))
            assert from_redis(one_answer(wire))
    for _ in range(30):
        leaving = server.connect()
        leaving.sendall(request(SMALL))
        leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        leaving.close()
    assert from_redis(told(server, SMALL))


def test_a_damaged_entry_is_rendered_anew_and_replaced(server, redis):
    whole = told(server, "/bottle.jpg?w=77&fm=jpg")
    [name] = [
        name
        for name in redis.run("KEYS", f"{PREFIX}r:*")
        if whole.partition(b"\r\n\r\n")[2] in redis.run("GET", name)
    ]
    redis.run("SETRANGE", name, redis.run("STRLEN", name) - 20, "damage")
    again = told(server, "/bottle.jpg?w=77&fm=jpg")
    assert statuses(again) == [200]
    assert not from_redis(again)
    assert from_redis(told(server, "/bottle.jpg?w=77&fm=jpg"))


@pytest.mark.parametrize("trouble", ["frozen", "gone"])
def test_without_redis_pictures_are_rendered_and_it_is_used_again_when_it_is_back(
    server, redis, trouble
):
    path = f"/bottle.jpg?w=88&fm=jpg&v={trouble}"
    told(server, path)
    assert from_redis(told(server, path))
    redis.freeze() if trouble == "frozen" else redis.kill()
    for _ in range(3):
        answer = told(server, path)
        assert statuses(answer) == [200]
        assert not from_redis(answer)
    redis.thaw() if trouble == "frozen" else redis.start()
    until = time.monotonic() + 120
    while not from_redis(told(server, path)):
        assert time.monotonic() < until, "Redis is back and nobody asks it"
        time.sleep(0.2)

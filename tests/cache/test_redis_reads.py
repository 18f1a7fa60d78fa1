"""Callers share connections to Redis, and none of them ever gets another's answer."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from edge.cache.redis import open_redis
from edge.cache.redis_reads import Reads
from tests.parts import RedisServer, free_port

TIMEOUT = 60.0


@pytest.fixture
async def opened() -> AsyncIterator[Callable[[str], Reads]]:
    """Reads of the Redis at a URL; closed when the test ends."""
    all_opened = []

    def of(url: str, timeout: float = TIMEOUT) -> Reads:
        client = open_redis(url, timeout)
        all_opened.append((client, Reads(client, timeout)))
        return all_opened[-1][1]

    yield of
    for client, reads in all_opened:
        await reads.close()
        await client.aclose()


def fill(server: RedisServer, count: int, length: int = 50) -> dict[bytes, bytes]:
    values = {b"k%d" % n: (b"%d," % n) * length for n in range(count)}
    server.run("MSET", *(part for pair in values.items() for part in pair))
    return values


async def test_hundreds_at_once_each_get_their_own_over_few_connections(opened, redis_server):
    values = fill(redis_server, 500)
    reads = opened(redis_server.url)
    assert await asyncio.gather(*map(reads.get, values)) == list(values.values())
    names = [client for client in redis_server.run("CLIENT", "LIST").splitlines() if client]
    assert len(names) <= 5, "four, and the one that asks"


async def test_what_is_not_there_is_none_and_an_empty_value_is_empty(opened, redis_server):
    redis_server.run("SET", "empty", "")
    reads = opened(redis_server.url)
    assert await asyncio.gather(reads.get(b"empty"), reads.get(b"none")) == [b"", None]


async def test_large_answers_among_small_ones_come_whole(opened, redis_server):
    large = bytes(range(256)) * 8_000
    redis_server.run("SET", "large", large)
    values = fill(redis_server, 20)
    reads = opened(redis_server.url)
    names = [name for small in values for name in (b"large", small)]
    for name, answer in zip(names, await asyncio.gather(*map(reads.get, names)), strict=True):
        assert answer == (large if name == b"large" else values[name])


async def test_an_error_of_redis_is_for_the_one_who_asked(opened, redis_server):
    redis_server.run("RPUSH", "a list", "1")
    redis_server.run("SET", "text", "1")
    reads = opened(redis_server.url)
    found = await asyncio.gather(
        *map(reads.get, (b"text", b"a list", b"text")), return_exceptions=True
    )
    assert found[0] == found[2] == b"1"
    assert isinstance(found[1], ResponseError)


async def test_who_gave_up_does_not_shift_the_answers_of_others(opened, redis_server):
    values = fill(redis_server, 50)
    reads = opened(redis_server.url)
    await reads.get(b"k0")
    asked = [asyncio.create_task(reads.get(name)) for name in values]
    await asyncio.sleep(0)
    for task in asked[::3]:
        task.cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    for number, (answer, value) in enumerate(zip(found, values.values(), strict=True)):
        assert isinstance(answer, asyncio.CancelledError) if number % 3 == 0 else answer == value


async def test_a_connection_that_redis_closed_is_replaced_and_nobody_notices(opened, redis_server):
    values = fill(redis_server, 10)
    reads = opened(redis_server.url)
    await reads.get(b"k0")
    for _ in range(3):
        redis_server.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert await asyncio.gather(*map(reads.get, values)) == list(values.values())


async def test_a_dead_redis_is_an_error_and_a_new_one_is_found(opened, redis_server):
    fill(redis_server, 1)
    reads = opened(redis_server.url)
    await reads.get(b"k0")
    redis_server.kill()
    for _ in range(3):
        with pytest.raises((RedisError, OSError)):
            await reads.get(b"k0")
    redis_server.start()
    assert await reads.get(b"k0") is None, "it came back empty"


async def test_a_frozen_redis_is_an_error_in_time_and_its_late_answers_reach_nobody(
    opened, redis_server
):
    values = fill(redis_server, 10)
    reads = opened(redis_server.url, 1.0)
    await reads.get(b"k0")
    redis_server.freeze()
    late = await asyncio.wait_for(
        asyncio.gather(*map(reads.get, values), return_exceptions=True), 30
    )
    assert all(isinstance(error, RedisTimeoutError) for error in late)
    redis_server.thaw()
    assert await asyncio.gather(*map(reads.get, values)) == list(values.values())


async def test_whoever_waits_when_it_closes_is_told(opened, redis_server):
    reads = opened(redis_server.url)
    await reads.get(b"k0")
    redis_server.freeze()
    asked = asyncio.create_task(reads.get(b"k0"))
    await asyncio.sleep(0.05)
    await reads.close()
    with pytest.raises(RedisConnectionError):
        await asked


async def test_user_password_and_database_of_the_url_are_used(opened, redis_server):
    redis_server.run("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all")
    redis_server.run("CONFIG", "SET", "requirepass", "another")
    place = redis_server.url.removeprefix("redis://").removesuffix("/0")
    for who in ("reader:secret", ":another"):
        reads = opened(f"redis://{who}@{place}/3")
        assert await reads.get(b"k0") is None
    with pytest.raises(RedisError):
        await opened(f"redis://reader:wrong@{place}/3").get(b"k0")


@pytest.fixture
def certificate(tmp_path) -> Path:
    """Its path without `.crt` or `.key`: for 127.0.0.1, signed by itself."""
    pem = tmp_path / "pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", f"{pem}.key", "-out", f"{pem}.crt"]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return pem


@pytest.mark.parametrize("way", ["tls", "unix"])
async def test_tls_and_sockets_in_the_file_system_work_alike(opened, tmp_path, certificate, way):
    port, path, pem = free_port(), tmp_path / "redis.sock", certificate
    tls = ("--tls-port", str(port), "--tls-cert-file", f"{pem}.crt", "--tls-key-file")
    options = (*tls, f"{pem}.key", "--tls-auth-clients", "no", "--unixsocket", str(path))
    server = RedisServer(tmp_path, *options).start()
    try:
        values = fill(server, 100, 5_000)
        url = {
            "tls": f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={pem}.crt",
            "unix": f"unix://{path}?db=0",
        }[way]
        assert await asyncio.gather(*map(opened(url).get, values)) == list(values.values())
        if way == "tls":
            with pytest.raises((RedisError, ssl.SSLError)):
                await opened(f"rediss://127.0.0.1:{port}/0").get(b"k0")
    finally:
        server.kill()

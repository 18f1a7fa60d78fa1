"""The guard around HTTP origins: no address inside, no host that was not allowed, no way around."""

import pytest
from yarl import URL

from edge.deadline import Deadline
from edge.errors import AddressForbidden, OriginUnavailable
from edge.origins.guarded_http import GuardedClient
from edge.origins.http import HttpOrigin
from tests.origins.conftest import LOOPBACK, MAX_BYTES
from tests.parts import Answer, WebServer

ETAG = {"ETag": '"v1"'}
BODY = b"\xff\xd8 not decoded here" * 50


def soon() -> Deadline:
    return Deadline.after(120)


def redirect(target: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": target})


# No way inside


SSRF_BASES = [
    "http://127.0.0.1",
    "http://127.0.0.1:80",
    "http://0.0.0.0",
    "http://127.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://0177.0.0.1",
    "http://017700000001",
    "http://10.0.0.1",
    "http://100.64.0.1",
    "http://169.254.169.254",
    "http://[::1]",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[2002:7f00:1::]",
    "http://[64:ff9b::7f00:1]",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "http://[fe80::1%25eth0]",
    "http://[fd00::1]",
    "http://localhost",
]


@pytest.mark.parametrize("base", SSRF_BASES)
async def test_an_address_that_is_not_public_is_never_asked(base, http_origin):
    """Each with the port of a real server, so that a connection would be seen."""
    with_port = f"{base.removesuffix(':80')}:{http_origin.port}"
    origin = HttpOrigin(with_port, MAX_BYTES, 2.0)
    for verb in (origin.fetch("a.jpg", soon()), origin.stamp("a.jpg", soon()), origin.ping()):
        with pytest.raises(AddressForbidden):
            await verb
    assert http_origin.seen == []
    await origin.close()


@pytest.mark.parametrize("base", SSRF_BASES)
async def test_a_redirect_inside_is_not_followed(base, http_origin, open_origin):
    """Also where someone allowed the host by name, and where loopback itself is allowed."""
    host = base.removeprefix("http://")
    if base.startswith(("http://127.0.0.1", "http://localhost", "http://[::ffff:")):
        host = "10.0.0.1"
    http_origin.answers["/a.jpg"] = redirect(f"http://{host}/admin")
    origin = open_origin(http_origin.url, allow_hosts=(host, host.strip("[]")))
    with pytest.raises(AddressForbidden):
        await origin.fetch("a.jpg", soon())
    assert http_origin.count("GET", "/admin") == 0
    await origin.close()


def resolver(*answers: list[str]):
    """Name resolution as an attacker's server does it: another answer each time."""
    calls = []

    async def resolve(host: str, port: int) -> list[str]:
        calls.append(host)
        return answers[min(len(calls), len(answers)) - 1]

    resolve.calls = calls
    return resolve


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1%1"]]
)
async def test_a_name_that_leads_inside_is_never_asked(http_origin, addresses):
    origin = HttpOrigin(
        f"http://shop.example:{http_origin.port}", MAX_BYTES, 2.0, resolve=resolver(addresses)
    )
    with pytest.raises(AddressForbidden):
        await origin.fetch("a.jpg", soon())
    assert http_origin.seen == []
    await origin.close()


async def test_the_connection_goes_to_the_address_that_was_checked(http_origin):
    """DNS rebinding: the second answer leads elsewhere, and nobody asks for it."""
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG)
    resolve = resolver(["127.0.0.1"], ["10.0.0.1"])
    origin = HttpOrigin(
        f"http://shop.example:{http_origin.port}",
        MAX_BYTES,
        2.0,
        private_networks=LOOPBACK,
        resolve=resolve,
    )
    assert (await origin.fetch("a.jpg", soon())).body == BODY
    assert resolve.calls == ["shop.example"]
    assert http_origin.seen[0].headers["Host"] == f"shop.example:{http_origin.port}"
    await origin.close()


async def test_a_name_that_leads_inside_at_the_second_connection_is_refused_then(http_origin):
    http_origin.answers["/a.jpg"] = Answer(BODY, headers=ETAG | {"Connection": "close"})
    origin = HttpOrigin(
        f"http://shop.example:{http_origin.port}",
        MAX_BYTES,
        2.0,
        private_networks=("127.0.0.1/32",),
        resolve=resolver(["127.0.0.1"], ["127.0.0.2"]),
    )
    await origin.fetch("a.jpg", soon())
    with pytest.raises(AddressForbidden):
        await origin.fetch("a.jpg", soon())
    await origin.close()


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_on_the_same_host_are_followed(origin, http_origin, status):
    http_origin.answers["/a.jpg"] = redirect("/b%20c/d.jpg", status)
    http_origin.answers["/b%20c/d.jpg"] = Answer(BODY, headers=ETAG)
    assert (await origin.fetch("a.jpg", soon())).body == BODY
    assert (await origin.stamp("a.jpg", soon())).version == '"v1"'


async def test_a_redirect_to_another_host_needs_its_permission(http_origin, open_origin):
    other = WebServer().start()
    other.answers["/b.jpg"] = Answer(BODY, headers=ETAG)
    http_origin.answers["/a.jpg"] = redirect(f"{other.url}/b.jpg")
    strict = open_origin(http_origin.url)
    with pytest.raises(AddressForbidden):
        await strict.fetch("a.jpg", soon())
    assert other.seen == []
    allowing = open_origin(http_origin.url, allow_hosts=(f"127.0.0.1:{other.port}",))
    assert (await allowing.fetch("a.jpg", soon())).body == BODY
    await strict.close()
    await allowing.close()
    other.stop()


@pytest.mark.parametrize("count", [5, 6])
async def test_five_redirects_are_followed_and_not_six(origin, http_origin, count):
    for number in range(count):
        http_origin.answers[f"/{number}.jpg"] = redirect(f"/{number + 1}.jpg")
    http_origin.answers[f"/{count}.jpg"] = Answer(BODY, headers=ETAG)
    if count <= 5:
        assert (await origin.fetch("0.jpg", soon())).body == BODY
    else:
        with pytest.raises(OriginUnavailable):
            await origin.fetch("0.jpg", soon())


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("ftp://127.0.0.1/a.jpg", AddressForbidden),
        ("file:///etc/passwd", AddressForbidden),
        ("gopher://127.0.0.1:6379/_FLUSHALL", AddressForbidden),
        ("http://127.0.0.1:22/a.jpg", AddressForbidden),
        ("//evil.example/a.jpg", AddressForbidden),
        ("http://user:pass@{host}/b.jpg", AddressForbidden),
        ("http://{host}@evil.example/b.jpg", AddressForbidden),
        ("http://[bad", OriginUnavailable),
        ("", OriginUnavailable),
    ],
)
async def test_redirects_of_other_kinds_are_refused(origin, http_origin, target, error):
    http_origin.answers["/a.jpg"] = redirect(target.format(host=f"127.0.0.1:{http_origin.port}"))
    http_origin.answers["/b.jpg"] = Answer(BODY, headers=ETAG)
    with pytest.raises(error):
        await origin.fetch("a.jpg", soon())


async def test_a_redirect_from_https_to_http_is_refused(http_origin):
    client = GuardedClient(URL("https://shop.example"), ("cdn.example",))
    with pytest.raises(AddressForbidden):
        async with client.request("GET", URL("http://cdn.example/a.jpg")):
            pass

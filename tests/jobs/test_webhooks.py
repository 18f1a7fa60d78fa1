"""Webhooks arrive signed, are sent again until they are taken, and never lead inside."""

import asyncio
import base64
import re
import time
from pathlib import Path

import pytest
import standardwebhooks

from edge.errors import AddressForbidden, FeedRejected, SettingsError
from edge.jobs.store import Event
from edge.jobs.webhooks import MOST_TRIES, Webhooks, keys_of, signature
from edge.origins.outbound import Outbound
from tests.jobs.receiver import OTHER, SECRET, Receiver
from tests.web.jobs import RULED, over, post, run

HERE = {
    "EDGE_JOBS_WEBHOOK_SECRET": SECRET, "EDGE_JOBS_PRIVATE": "127.0.0.0/8",
    "EDGE_JOBS_BACKOFF": "0.05",
}  # fmt: skip
FEED = "sku,url\na,/sku/123.jpg\nb,/sku/456.png\n"


async def arrived(receiver: Receiver, count: int) -> None:
    for _ in range(2400):
        if len(receiver.received) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(receiver.received)} of {count}")


async def test_the_end_of_a_job_is_told_and_verifies_by_the_conventions_own_library(serve):
    with Receiver() as receiver:
        server = await serve(**HERE)
        facts = await run(server, f"/-/jobs?query=w=30&label=x&webhook={receiver.url}", FEED)
        await arrived(receiver, 1)
        [received] = receiver.received
    told = standardwebhooks.Webhook(SECRET).verify(received.body, received.headers)
    assert told["type"] == "job.finished"
    assert told["data"]["id"] == facts["id"]
    assert told["data"]["counts"]["succeeded"] == 2
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(received.body + b" ", received.headers)


async def test_a_receiver_that_fails_twice_hears_the_same_message_a_third_time(serve):
    with Receiver(500, 503, 204) as receiver:
        server = await serve(**HERE)
        await run(server, f"/-/jobs?query=w=30&webhook={receiver.url}", FEED)
        await arrived(receiver, 3)
        await asyncio.sleep(0.5)
        assert len(receiver.received) == 3
        assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
        verify = standardwebhooks.Webhook(SECRET).verify
        assert len({verify(one.body, one.headers)["data"]["id"] for one in receiver.received}) == 1


async def test_a_job_of_which_nothing_came_is_told_as_failed(serve):
    with Receiver() as receiver:
        server = await serve(**HERE)
        facts = await run(server, f"/-/jobs?query=w=30&webhook={receiver.url}", "url\n/none.jpg\n")
        await arrived(receiver, 1)
        assert facts["status"] == "failed"
        assert receiver.received[0].event["type"] == "job.failed"


async def test_held_items_are_told(serve, tmp_path):
    (tmp_path / "presets.toml").write_text(RULED)
    with Receiver() as receiver:
        server = await serve(**HERE, EDGE_PRESETS_FILE=str(tmp_path / "presets.toml"))
        submitted = await post(
            server, f"/-/jobs?preset=thumb&accept=webp&webhook={receiver.url}", FEED
        )
        facts = await over(server, submitted.json()["id"])
        await arrived(receiver, 1 + facts["counts"]["held"])
        held = [one.event["data"] for one in receiver.received if one.event["type"] == "item.held"]
        assert len(held) == facts["counts"]["held"] == 2
        assert all(one["rules"] or one["review"] for one in held)


async def test_without_a_secret_or_a_public_address_no_job_may_name_one(serve):
    server = await serve()
    answer = await post(server, "/-/jobs?query=w=30&webhook=https://hooks.example/x", FEED)
    assert "EDGE_JOBS_WEBHOOK_SECRET" in answer.json()["detail"]
    assert answer.status_code == 400
    server = await serve(EDGE_JOBS_WEBHOOK_SECRET=SECRET)
    for url, status in (
        ("http://127.0.0.1:1/x", 403), ("http://[::1]/x", 403), ("http://2130706433/", 403),
        ("http://169.254.169.254/latest", 403), ("http://u:p@hooks.example/", 403),
        ("gopher://x/", 400), ("nothing", 400),
    ):  # fmt: skip
        answer = await post(server, f"/-/jobs?query=w=30&webhook={url}", FEED)
        assert answer.status_code == status, (url, answer.text)


async def resolved_inside(host: str, port: int):
    return ["10.0.0.7"]


def hooks(private=(), resolve=None, backoff=1.0):
    resolving = {"resolve": resolve} if resolve else {}
    return Webhooks(Outbound(private, 60.0, **resolving), [SECRET], backoff)


async def test_a_name_that_resolves_inside_is_given_up_and_never_asked():
    outbound = Outbound((), 2.0, resolved_inside)
    with pytest.raises(AddressForbidden):
        await outbound.post("https://hooks.example/x", b"", {})
    told = await hooks(resolve=resolved_inside).deliver(
        "https://hooks.example/x", Event("m", "t", {})
    )
    assert told is None


async def test_redirects_are_not_followed_and_count_as_failures():
    with Receiver(204) as inside, Receiver((302, {"location": inside.url})) as receiver:
        wait = await hooks(["127.0.0.0/8"]).deliver(receiver.url, Event("m", "t", {}))
        assert wait is not None
        assert inside.received == []


async def test_waits_grow_honour_retry_after_and_end():
    with Receiver((503, {"retry-after": "40"})) as receiver:
        asked = await hooks(["127.0.0.0/8"]).deliver(receiver.url, Event("m", "t", {}))
        assert 40 <= asked < 42
    with Receiver(500) as receiver:
        waits = [
            await hooks(["127.0.0.0/8"]).deliver(receiver.url, Event("m", "t", {}, tries))
            for tries in (0, 3, MOST_TRIES - 1)
        ]
    assert 0.5 <= waits[0] <= 1
    assert 32 <= waits[1] <= 64
    assert waits[2] is None
    with Receiver(410) as receiver:
        assert await hooks(["127.0.0.0/8"]).deliver(receiver.url, Event("m", "t", {})) is None


def test_while_secrets_change_both_sign():
    body, now = b'{"a": 1}', int(time.time())
    both = signature(keys_of([SECRET, OTHER]), "msg_1", now, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": both}
    for secret in (SECRET, OTHER):
        standardwebhooks.Webhook(secret).verify(body, headers)


@pytest.mark.parametrize(
    "secret", ["whsec_short", "whsec_!!!", base64.b64encode(b"x" * 8).decode()]
)
def test_a_secret_that_is_none_is_refused_at_start(secret):
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET"):
        keys_of([secret])


async def test_a_feed_is_not_fetched_beyond_its_bounds(http_origin, tmp_path):
    from tests.parts import Answer

    outbound = Outbound(["127.0.0.0/8"], 60.0)
    http_origin.answers["/big"] = Answer(b"x" * 5000, chunked=True)
    http_origin.answers["/gone"] = Answer(b"", 404)
    with (tmp_path / "feed").open("wb") as file:
        with pytest.raises(FeedRejected, match="over"):
            await outbound.download(f"{http_origin.url}/big", file, 1000)
        with pytest.raises(FeedRejected, match="404"):
            await outbound.download(f"{http_origin.url}/gone", file, 1000)


def test_the_example_of_the_docs_verifies_what_we_sign():
    page = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    body, now = b'{"a": 1}', int(time.time())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": signature(keys_of([OTHER, SECRET]), "msg_1", now, body),
    }
    assert names["verified"](SECRET, headers, body)
    assert not names["verified"](SECRET, headers, body + b" ")
    assert not names["verified"](SECRET, headers | {"webhook-timestamp": str(now - 400)}, body)

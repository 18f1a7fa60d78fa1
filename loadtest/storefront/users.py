"""The visitors as locust's users. Importing this lets gevent replace the blocking parts of the
standard library, so nothing else imports it but a run."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import gevent
from gevent.pool import Pool
from locust import FastHttpUser, between, task

from loadtest.storefront import shop
from loadtest.storefront.recording import Recorder, Sample, outcome
from loadtest.storefront.servers import Rotation
from loadtest.storefront.shop import Popularity, StoreRequest

CONNECTIONS = 6
"""Of one browser to one host, as all the large ones do with HTTP/1.1."""

KEPT = 200
"""Pictures that a returning visitor's browser still has, and asks about by their ETag."""


@dataclass
class World:
    """What all users share during a run."""

    photos: Sequence[str]
    presets: Sequence[str]
    rotation: Rotation
    recorder: Recorder
    popular: Popularity
    start: float = field(default_factory=time.monotonic)
    phase: str = "cold"


class Visitor(FastHttpUser):
    """Somebody who asks for pictures, and holds each answer against what was asked."""

    abstract = True
    host = "http://edge"
    world: ClassVar[World]
    seeds: ClassVar[random.Random] = random.Random(19)
    concurrency = CONNECTIONS
    connection_timeout = 20.0
    network_timeout = 90.0

    def on_start(self) -> None:
        self.rng = random.Random(self.seeds.random())
        self.etags: dict[tuple[str, str], str] = {}

    def all_of(self, asked: Sequence[StoreRequest]) -> None:
        """As a browser loads a page: several at once."""
        Pool(CONNECTIONS).map(self.ask, asked)

    def ask(self, asked: StoreRequest) -> None:
        begun = time.monotonic()
        headers = {"Accept": asked.accept}
        known = self.etags.get((asked.path, asked.accept))
        if known and asked.method == "GET":
            headers["If-None-Match"] = known
        answer = self._answer(asked, headers)
        if not answer.status_code:  # no connection, or a broken one: the next replica
            self.world.recorder.retried += 1
            gevent.sleep(0.05)
            answer = self._answer(asked, headers)
        self._record(asked, answer, begun)

    def _answer(self, asked: StoreRequest, headers: dict[str, str]):
        url = self.world.rotation.next() + asked.path
        with self.client.request(
            asked.method, url, headers=headers, name=asked.kind, catch_response=True
        ) as answer:
            answer.success()  # judged below, by what was asked
            return answer

    def _record(self, asked: StoreRequest, answer, begun: float) -> None:
        now, world = time.monotonic(), self.world
        headers = answer.headers or {}
        body = answer.content or b""
        came = outcome(answer.status_code, headers.get("cache-status", ""))
        world.recorder.samples.append(
            Sample(
                now - world.start, world.phase, asked.kind, came, answer.status_code,
                now - begun, len(body),
            )
        )  # fmt: skip
        if answer.status_code == 200:
            self._check(asked, headers, body)
            if asked.method == "GET" and "etag" in headers and len(self.etags) < KEPT:
                self.etags[asked.path, asked.accept] = headers["etag"]
        elif (
            came not in ("304", "refused", "late", "failed")
            and answer.status_code not in asked.statuses
        ):
            world.recorder.wrong[f"{answer.status_code} for {asked.path.partition('?')[2]}"] += 1

    def _check(self, asked: StoreRequest, headers, body: bytes) -> None:
        recorder, given = self.world.recorder, headers.get("content-type", "")
        if 200 not in asked.statuses:
            recorder.wrong[f"200 for {asked.path}"] += 1
        if asked.expects and given != asked.expects:
            recorder.wrong[f"{given} for Accept: {asked.accept}"] += 1
        if asked.method == "GET":
            if len(body) != int(headers.get("content-length", -1)):
                recorder.wrong["a body of another length"] += 1
            recorder.body(asked.path, given, body)


class Shopper(Visitor):
    """Looks at listings and products, half a second to two between pages; some come back and ask
    about what their browser has kept."""

    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        super().on_start()
        self.who = shop.visitor(self.rng)

    def _forget(self) -> None:
        if self.rng.random() < 0.3:  # somebody else, with an empty browser
            self.who = shop.visitor(self.rng)
            self.etags.clear()

    @task(2)
    def listing(self) -> None:
        self._forget()
        self.all_of(shop.listing(self.rng, self.who, self.world.photos, self.world.popular))

    @task(3)
    def product(self) -> None:
        self.all_of(shop.product(self.rng, self.who, self.world.photos, self.world.popular))


class Feed(Visitor):
    """Publishes one product after the other in every preset, one picture at a time."""

    wait_time = between(2, 4)

    @task
    def publish(self) -> None:
        photo = self.rng.choice(self.world.photos)
        for asked in shop.fan_out(photo, self.world.presets):
            self.ask(asked)


class Bot(Visitor):
    """Crawls evenly, old links and mistyped ones among them, and keeps nothing."""

    wait_time = between(0.1, 0.4)

    @task
    def crawl(self) -> None:
        self.etags.clear()
        self.ask(shop.crawl(self.rng, self.world.photos))

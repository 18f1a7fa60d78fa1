"""What a shop's visitors ask for: pages of pictures, as values. No clock, no network."""

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

ACCEPTS: tuple[tuple[str, str, float], ...] = (
    ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/avif", 0.72),
    ("image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "image/webp", 0.20),
    ("*/*", "image/jpeg", 0.08),
)
"""`Accept`, the type that a photo then comes in, and the share of the visitors who send it."""

WIDTHS = (160, 240, 320, 480, 640, 960, 1280, 1920)
"""The `srcset` of every picture of the shop, CSS pixels times density."""

LISTED = 24
"""Pictures of one listing page."""

DEVICES: tuple[tuple[str, int, float, float], ...] = (
    ("phone", 390, 3.0, 0.45),
    ("phone, older", 360, 2.0, 0.25),
    ("laptop", 1440, 2.0, 0.12),
    ("desktop", 1920, 1.0, 0.18),
)
"""Name, width of the window in CSS pixels, density, share of the visitors."""

PRESETS = ("thumb", "display", "instagram", "etsy", "ebay", "shopify", "amazon")
"""What a feed asks of one photo, the cheap ones first."""


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """One request.

    `kind` is shopper, feed or bot; `accept` the header; `expects` the content type that an answer
    with 200 must have, empty: any; `statuses` those that are right.
    """

    kind: str
    path: str
    accept: str = "*/*"
    expects: str = ""
    method: str = "GET"
    statuses: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at pages: a window, its density, and what its browser can show."""

    window: int
    density: float
    accept: str
    expects: str

    def width(self, share: float) -> int:
        """The width of the `srcset` that a browser takes for a picture of that share of the window:
        the smallest that is no smaller than its device pixels, else the largest."""
        needed = self.window * share * self.density
        return next((width for width in WIDTHS if width >= needed), WIDTHS[-1])


class Popularity:
    """Which of `count` products is looked at: the r-th most popular with a probability that is
    proportional to 1 / r ** exponent.

    Requests for pages follow such a law with exponents of 0.64 to 0.83 (Breslau, Cao, Fan, Phillips
    and Shenker, "Web Caching and Zipf-like Distributions: Evidence and Implications", INFOCOM 1999,
    table 1).
    """

    def __init__(self, count: int, exponent: float = 0.8) -> None:
        if count < 1:
            raise ValueError("a shop has at least one product")
        self._sums = list(accumulate(rank**-exponent for rank in range(1, count + 1)))

    def one(self, rng: random.Random) -> int:
        """The index of one product; 0 is the most popular."""
        return min(bisect(self._sums, rng.random() * self._sums[-1]), len(self._sums) - 1)

    def share(self, index: int) -> float:
        """The share of all looks that this product has."""
        before = self._sums[index - 1] if index else 0.0
        return (self._sums[index] - before) / self._sums[-1]


def visitor(rng: random.Random) -> Visitor:
    _, window, density, _ = rng.choices(DEVICES, [row[3] for row in DEVICES])[0]
    accept, expects, _ = rng.choices(ACCEPTS, [row[2] for row in ACCEPTS])[0]
    return Visitor(window, density, accept, expects)


def listing(
    rng: random.Random, who: Visitor, photos: Sequence[str], popular: Popularity
) -> list[StoreRequest]:
    """A page of a category: many products, each a third of a phone's window, a sixth of a large."""
    width = who.width(1 / 2 if who.window < 800 else 1 / 6)
    chosen = {popular.one(rng): None for _ in range(LISTED)}
    return [_picture(who, photos[index], f"w={width}&h={width}&fit=cover") for index in chosen]


def product(
    rng: random.Random, who: Visitor, photos: Sequence[str], popular: Popularity
) -> list[StoreRequest]:
    """A product's page: its photo large, small ones of others beside it, now and then the zoom."""
    photo = photos[popular.one(rng)]
    asked = [_picture(who, photo, f"w={who.width(1.0 if who.window < 800 else 0.5)}")]
    others = {popular.one(rng): None for _ in range(4)}
    asked += [_picture(who, photos[index], "w=160&h=160&fit=cover") for index in others]
    if rng.random() < 0.2:
        asked.append(_picture(who, photo, f"w={WIDTHS[-1]}"))
    return asked


def fan_out(photo: str, presets: Sequence[str]) -> Iterator[StoreRequest]:
    """What a feed asks when a product is published: one photo in every preset."""
    for preset in presets:
        yield StoreRequest("feed", f"/{photo}?fmt={preset}", statuses=(200, 422))


def crawl(rng: random.Random, photos: Sequence[str]) -> StoreRequest:
    """What a bot asks: any product as likely as any other, old links, mistyped ones, heads."""
    photo = rng.choice(photos)
    return rng.choices(
        (
            StoreRequest("bot", f"/{photo}?w=1280&fm=jpg", expects="image/jpeg"),
            StoreRequest("bot", f"/{photo}?w={rng.choice(WIDTHS)}&fm=webp", expects="image/webp"),
            StoreRequest("bot", f"/{photo}?w=640&fm=jpg", method="HEAD", expects="image/jpeg"),
            StoreRequest("bot", f"/gone/{rng.randrange(10**6)}.jpg?w=640", statuses=(404,)),
            StoreRequest("bot", f"/{photo}?w=wide", statuses=(400,)),
        ),
        (4, 2, 2, 1, 1),
    )[0]


def _picture(who: Visitor, photo: str, query: str) -> StoreRequest:
    return StoreRequest("shopper", f"/{photo}?{query}", who.accept, who.expects)

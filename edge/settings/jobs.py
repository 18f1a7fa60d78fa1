"""Jobs, and what a person decides of them."""

from dataclasses import dataclass

from edge.kinds import BYTES, COUNT, SECONDS, TEXT, setting
from edge.settings.kinds import FLAG, NETWORKS, PLACES, PRICES, WORDS


@dataclass(frozen=True, slots=True)
class JobsSettings:
    depth: int = setting(
        1000, COUNT, "Items of jobs kept on the queue; the rest waits in its feed.", low=1
    )
    at_once: int = setting(
        0, COUNT, "Items that one worker works on at once; 0: two for each engine thread.",
        low=0, high=256,
    )  # fmt: skip
    tries: int = setting(
        5, COUNT, "Tries of an item that fails for a reason that may be temporary.", low=1, high=100
    )
    backoff: float = setting(
        2.0, SECONDS, "Wait before the second try; doubled each time.", low=0.01, high=3600
    )
    backoff_max: float = setting(300.0, SECONDS, "Longest such wait.", low=0.01, high=86400)
    heartbeat: float = setting(
        15.0, SECONDS, "Time without a heartbeat after which a worker's items go to others.",
        low=1, high=3600,
    )  # fmt: skip
    stalled: float = setting(
        120.0, SECONDS, "Time without a finished item after which lost items are queued again.",
        low=1, high=86400,
    )  # fmt: skip
    nice: int = setting(
        10, COUNT, "Niceness of workers, 0 to 19; gives way to a server on the same machine.",
        low=0, high=19,
    )  # fmt: skip
    spare_cores: int = setting(
        1, COUNT,
        "Cores that a worker keeps off while a server on the same machine answers clients, where "
        "the worker has more than that; 0: none.",
        low=0, high=256,
    )  # fmt: skip
    keep: float = setting(7 * 86400.0, SECONDS, "How long a job that is over is kept.", low=60)
    file: str = setting(
        "", TEXT, "Where jobs are kept without Redis: a file. Empty: in memory, lost at the end."
    )
    feed_bytes: int = setting(64 * 2**20, BYTES, "Largest feed, once unpacked.", low=1024)
    feed_items: int = setting(1_000_000, COUNT, "Most pictures of one job.", low=1)
    export: tuple[str, ...] = setting(
        (), PLACES, "Folders and s3://bucket/prefix that jobs over HTTP may write to. Empty: none."
    )
    webhook_secret: tuple[str, ...] = setting(
        (), WORDS, "whsec_ and base64 of 24 to 64 bytes; of several, all sign. Empty: no webhooks.",
        secret=True,
    )  # fmt: skip
    private: tuple[str, ...] = setting(
        (), NETWORKS, "Networks that webhooks and feeds by URL may reach although not public."
    )
    prices: tuple[tuple[str, float], ...] = setting(
        (), PRICES,
        "For the ledger: cpu and network (or one network's name) by the hour, picture, gigabyte.",
    )  # fmt: skip
    currency: str = setting("EUR", TEXT, "Of the prices.")


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    required: bool = setting(
        False, FLAG, "Keep held pictures out of exports until a person has approved them."
    )

"""Where originals lie, where renditions are kept, and what is written into files."""

from dataclasses import dataclass
from pathlib import Path

from edge.kinds import BYTES, SECONDS, TEXT, setting
from edge.settings.kinds import HOSTS, NETWORKS, PLACE, WEB_URL, cache_home


@dataclass(frozen=True, slots=True)
class OriginsSettings:
    url: str = setting(
        "",
        TEXT,
        "Where originals live: a folder, s3://bucket/prefix, https://host/prefix; several by path "
        "prefix: /sku=s3://raw/{stem}.tif,/media=https://host. Empty: the bundled samples.",
    )
    scenes: str = setting(
        "",
        TEXT,
        "Folder or URL of background pictures for bg=scene:<name>. Empty: the bundled ones.",
    )
    max_bytes: int = setting(64 * 2**20, BYTES, "Largest original in bytes.", low=1024)
    timeout: float = setting(
        10.0, SECONDS, "Longest time for one answer of an origin.", low=0.1, high=300
    )
    http_allow: tuple[str, ...] = setting(
        (), HOSTS, "Further hosts that an HTTP origin may redirect to, such as cdn.example.com."
    )
    http_private: tuple[str, ...] = setting(
        (), NETWORKS, "Networks that may be reached although not public, such as 10.1.0.0/16."
    )
    remember: float = setting(
        10.0, SECONDS, "How long an original's validator is used before the origin is asked again.",
        low=0, high=86400,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CacheSettings:
    memory_bytes: int = setting(256 * 2**20, BYTES, "Bytes of the memory tier; 0: none.", low=0)
    original_bytes: int = setting(
        64 * 2**20, BYTES, "Bytes of recent originals kept in memory; 0: none.", low=0
    )
    enlarged_bytes: int = setting(
        192 * 2**20,
        BYTES,
        "Bytes of enlarged tiles and decontaminated subjects kept in memory for the next "
        "preset; 0: none.",
        low=0,
    )
    redis_url: str = setting("", TEXT, "redis://host:6379/0 adds the shared tier and leases.")
    redis_ttl: float = setting(7 * 86400.0, SECONDS, "How long Redis keeps a rendition.", low=1)
    store_url: str = setting(
        "", PLACE, "The durable tier: a folder or s3://bucket/prefix. Empty: none."
    )
    store_bytes: int = setting(
        10 * 2**30, BYTES, "Bytes of the durable tier where it is a folder.", low=0
    )
    tier_timeout: float = setting(
        1.0, SECONDS, "Longest wait for Redis or the durable tier; later counts as a miss.",
        low=0.01, high=60,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FilesSettings:
    provenance: str = setting(
        "auto",
        TEXT,
        "Write into edited pictures (XMP) how they were made: never, auto (unless bytes are "
        "limited), or always.",
        choices=("never", "auto", "always"),
    )
    verdicts: str = setting(
        "auto",
        TEXT,
        "Folder in which `edge render` records its verdicts on pictures, for `edge verify`. "
        "auto: edge/verdicts in the cache folder (~/.cache, or XDG_CACHE_HOME). Empty: none.",
    )

    @property
    def verdicts_folder(self) -> Path | None:
        """Where verdicts are noted."""
        if self.verdicts == "auto":
            return Path(cache_home(), "edge", "verdicts")
        return Path(self.verdicts) if self.verdicts else None


@dataclass(frozen=True, slots=True)
class S3Settings:
    endpoint_url: str = setting(
        "", WEB_URL, "Endpoint of an S3 API other than Amazon's, such as http://127.0.0.1:9000."
    )

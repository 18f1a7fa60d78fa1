"""The sections of the settings, each a frozen dataclass; a field is one `EDGE_*` variable."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from edge.settings.kinds import (
    BYTES,
    COUNT,
    FLAG,
    HOSTS,
    NETWORKS,
    NUMBER,
    PAIRS,
    PLACE,
    PLACES,
    PORT,
    PRICES,
    SECONDS,
    TEXT,
    WEB_URL,
    WIDTHS,
    WORDS,
    setting,
)
from edge.settings.limits import Decode, Limits

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Server:
    host: str = setting("127.0.0.1", TEXT, "Address to listen on; 0.0.0.0 for all.")
    port: int = setting(8080, PORT, "Port to listen on.", low=0, high=65535)
    admin_port: int = setting(
        0,
        PORT,
        "A second port. With it, /-/ is answered there alone, but for /-/problems and "
        "/-/openapi.json; 0: none.",
        low=0,
        high=65535,
    )
    threads: int = setting(
        0,
        COUNT,
        "Threads that decode, transform and encode; 0: one more than cores.",
        low=0,
        high=256,
    )
    deadline: float = setting(30.0, SECONDS, "Longest time for one request.", low=0.1, high=600)
    head_timeout: float = setting(
        10.0, SECONDS, "Longest time for the head of a request to come.", low=0.1, high=600
    )
    reader_timeout: float = setting(
        30.0,
        SECONDS,
        "Time in which a client must take 1 KiB for each second of it, or all that is left.",
        low=0.1,
        high=600,
    )
    drain: float = setting(
        35.0,
        SECONDS,
        "Longest time to finish requests after SIGTERM; longer than EDGE_SERVER_DEADLINE, so that "
        "all that were let in are answered.",
        low=0,
        high=600,
    )
    shutdown_delay: float = setting(
        1.0,
        SECONDS,
        "After SIGTERM, how long new requests are still answered while readiness says draining, "
        "so that balancers hear of it first; EDGE_SERVER_DRAIN begins after it.",
        low=0,
        high=300,
    )
    keep_alive: float = setting(
        75.0,
        SECONDS,
        "How long a connection is kept between requests; longer than the proxy before it keeps it.",
        low=1,
        high=3600,
    )
    log: str = setting("json", TEXT, "Form of the log.", choices=("json", "text"))
    log_level: str = setting(
        "info", TEXT, "Least level logged.", choices=("debug", "info", "warning", "error")
    )
    access_log: str = setting(
        "auto",
        TEXT,
        "Which requests have a line in the log: errors (refused and failed ones), auto (all but "
        "hits in memory and probes), all. Its form is that of EDGE_SERVER_LOG.",
        choices=("errors", "auto", "all"),
    )
    engine: str = setting(
        "auto",
        TEXT,
        "Imaging engine expected at start: pillow-simd refuses to start on stock Pillow.",
        choices=("auto", "pillow-simd", "pillow"),
    )
    playground: bool = setting(True, FLAG, "Serve the page of examples at /.")


@dataclass(frozen=True, slots=True)
class Origins:
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
        10.0, SECONDS, "How long an original's validator is trusted before it is asked again.",
        low=0, high=86400,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cache:
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
class Http:
    max_age: int = setting(86400, COUNT, "max-age of a final rendition, in seconds.", low=0)
    cdn_max_age: int = setting(
        31536000, COUNT, "max-age for the CDN (CDN-Cache-Control), in seconds.", low=0
    )
    stale_while_revalidate: int = setting(86400, COUNT, "stale-while-revalidate, seconds.", low=0)
    stale_if_error: int = setting(604800, COUNT, "stale-if-error, in seconds.", low=0)
    fallback_after: int = setting(
        0,
        COUNT,
        "Milliseconds to wait for the networks before a fallback picture is served and the "
        "final one "
        "made behind it; 0: only where the URL says wait=.",
        low=0,
        high=600_000,
    )
    fallback_max_age: int = setting(
        30,
        COUNT,
        "How long a CDN keeps a fallback picture, in seconds; 0: none is served, a late one "
        "is a 503.",
        low=0,
        high=3600,
    )
    client_hints: bool = setting(
        False,
        FLAG,
        "Listen to what browsers tell of screen and connection: dpr=auto, up=auto, Save-Data.",
    )
    placeholder: str = setting(
        "auto",
        TEXT,
        "Answer errors with a sized picture: never, always, or auto (an Accept of images alone).",
        choices=("never", "auto", "always"),
    )


@dataclass(frozen=True, slots=True)
class Files:
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
        "Folder in which `edge render` notes what it said of a picture, for `edge verify`. auto: "
        "edge/verdicts in the cache folder (~/.cache, or XDG_CACHE_HOME). Empty: none.",
    )

    @property
    def verdicts_folder(self) -> Path | None:
        """Where verdicts are noted."""
        if self.verdicts == "auto":
            return Path(_cache_home(), "edge", "verdicts")
        return Path(self.verdicts) if self.verdicts else None


def _cache_home() -> str:
    return os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")


@dataclass(frozen=True, slots=True)
class Query:
    strict: bool = setting(
        False, FLAG, "Refuse unknown and duplicate parameters instead of passing them over."
    )
    widths: tuple[int, ...] = setting(
        (), WIDTHS, "Widths that w is rounded up to, such as 320,640,1280,2048. Empty: any width."
    )
    dialects: tuple[str, ...] = setting(
        ("cloudflare", "cloudinary", "ipx", "next"),
        WORDS,
        "Services whose URLs are read: names, all, or name@host for one on a host of its own.",
        variable="EDGE_DIALECTS",
    )
    sources: tuple[str, ...] = setting(
        (),
        HOSTS,
        "Hosts whose URLs name originals of this server, where a dialect names sources by URL.",
    )


@dataclass(frozen=True, slots=True)
class Presets:
    file: str = setting("", TEXT, "A TOML file of your own presets, merged over the shipped ones.")


@dataclass(frozen=True, slots=True)
class Signing:
    keys: tuple[tuple[str, str], ...] = setting(
        (),
        PAIRS,
        "kid:secret,kid2:secret2, each secret at least 16 bytes; the first one signs, all verify.",
        secret=True,
    )
    file: str = setting(
        "",
        TEXT,
        "A TOML file of further keys, each [[key]] with id, secret and, where it is bound to some, "
        "paths and presets; read anew when it changes.",
    )
    required: bool = setting(False, FLAG, "Refuse URLs without a valid signature.")


@dataclass(frozen=True, slots=True)
class Admin:
    token: str = setting(
        "", TEXT, "Bearer token of at least 16 bytes with every role. Empty: none.", secret=True
    )
    file: str = setting(
        "",
        TEXT,
        "A TOML file of further tokens, each [[token]] with name, token and roles (purge, metrics, "
        "explain, jobs, review, sign); read anew when it changes.",
    )
    metrics: bool = setting(
        False,
        FLAG,
        "Ask for a token with the role metrics at /-/metrics, and at /-/readyz for more than its "
        "status.",
    )


@dataclass(frozen=True, slots=True)
class Jobs:
    depth: int = setting(
        1000, COUNT, "Items of jobs kept on the queue; the rest waits in its feed.", low=1
    )
    at_once: int = setting(
        0, COUNT, "Items that one worker works on at once; 0: two for each engine thread.",
        low=0, high=256,
    )  # fmt: skip
    tries: int = setting(5, COUNT, "Tries of an item whose failure may pass.", low=1, high=100)
    backoff: float = setting(
        2.0, SECONDS, "Wait before the second try; doubled each time.", low=0.01, high=3600
    )
    backoff_max: float = setting(300.0, SECONDS, "Longest such wait.", low=0.01, high=86400)
    heartbeat: float = setting(
        15.0, SECONDS, "After so long in silence a worker's items go to the others.",
        low=1, high=3600,
    )  # fmt: skip
    stalled: float = setting(
        120.0, SECONDS, "After so long without an end, items that got lost are queued anew.",
        low=1, high=86400,
    )  # fmt: skip
    nice: int = setting(
        10, COUNT, "How far a worker steps back on a machine that it shares with a server; 0: not.",
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
class Review:
    required: bool = setting(
        False, FLAG, "Keep held pictures out of exports until a person has approved them."
    )


@dataclass(frozen=True, slots=True)
class Triton:
    url: str = setting(
        "", TEXT, "grpc://host:8001 runs the networks on Triton. Empty: in this process."
    )
    shared_memory: bool = setting(
        False, FLAG, "Hand tensors to a Triton on the same host through shared memory."
    )
    in_flight: int = setting(32, COUNT, "Requests to Triton at once.", low=1, high=4096)


_BUNDLED = str(_ROOT / "triton_models")


@dataclass(frozen=True, slots=True)
class ModelsFolder:
    folder: str = setting(_BUNDLED, TEXT, "The Triton model repository.")
    fetched: str = setting(
        "auto",
        TEXT,
        "Folder of the networks that `edge models fetch` brings, which go before those of "
        "EDGE_MODELS_FOLDER. auto: edge/models in the cache folder (~/.cache, or XDG_CACHE_HOME), "
        "as long as EDGE_MODELS_FOLDER is the bundled one. Empty: none.",
    )
    threads: int = setting(
        0, COUNT, "Threads of all embedded networks together; 0: one per core.", low=0, high=256
    )
    backend: str = setting(
        "auto",
        TEXT,
        "What runs embedded networks: onnxruntime, openvino (the extra edge[openvino]), or auto: "
        "the one that is quicker at a tile when the server starts.",
        choices=("auto", "onnxruntime", "openvino"),
    )
    precision: str = setting(
        "auto",
        TEXT,
        "f32: no embedded network computes in bfloat16. auto: those may whose answers it hardly "
        "moves, where OpenVINO runs them quicker so.",
        choices=("auto", "f32"),
    )

    @property
    def fetched_folder(self) -> str:
        """Where fetched networks go."""
        if self.fetched == "auto":
            return os.path.join(_cache_home(), "edge", "models")
        return self.fetched

    @property
    def folders(self) -> tuple[str, ...]:
        """The model repositories, of which the first that has a network counts."""
        away = self.fetched == "auto" and self.folder != _BUNDLED
        over = "" if away else self.fetched_folder
        return (over, self.folder) if over else (self.folder,)


@dataclass(frozen=True, slots=True)
class Tracing:
    url: str = setting(
        "",
        WEB_URL,
        "An OpenTelemetry collector that takes OTLP over HTTP, such as http://collector:4318. "
        "Empty: nothing is traced.",
    )
    share: float = setting(
        1.0,
        NUMBER,
        "Of the requests without a trace of their own, the share that is traced. Who sends "
        "traceparent decides for himself.",
        low=0,
        high=1,
    )
    service: str = setting("edge", TEXT, "The name of this service in traces.")


@dataclass(frozen=True, slots=True)
class S3:
    endpoint_url: str = setting(
        "", WEB_URL, "Endpoint of an S3 API other than Amazon's, such as http://127.0.0.1:9000."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a server needs to know, each section one frozen dataclass."""

    server: Server = field(default_factory=Server)
    origin: Origins = field(default_factory=Origins)
    cache: Cache = field(default_factory=Cache)
    http: Http = field(default_factory=Http)
    files: Files = field(default_factory=Files)
    limits: Limits = field(default_factory=Limits)
    decode: Decode = field(default_factory=Decode)
    query: Query = field(default_factory=Query)
    presets: Presets = field(default_factory=Presets)
    signing: Signing = field(default_factory=Signing)
    admin: Admin = field(default_factory=Admin)
    jobs: Jobs = field(default_factory=Jobs)
    review: Review = field(default_factory=Review)
    triton: Triton = field(default_factory=Triton)
    models: ModelsFolder = field(default_factory=ModelsFolder)
    s3: S3 = field(default_factory=S3)
    tracing: Tracing = field(default_factory=Tracing)

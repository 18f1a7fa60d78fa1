"""How requests are taken, read and answered."""

from dataclasses import dataclass

from edge.kinds import COUNT, SECONDS, TEXT, setting
from edge.settings.kinds import FLAG, HOSTS, NUMBER, PAIRS, PORT, WEB_URL, WIDTHS, WORDS


@dataclass(frozen=True, slots=True)
class ServerSettings:
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
    processes: int = setting(
        0,
        COUNT,
        "Processes that render pictures without networks, so that hits do not wait for threads "
        "that render: one more than cores, each takes 60 MB; 0: threads make them all.",
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
        "Longest time to finish requests after SIGTERM; longer than EDGE_SERVER_DEADLINE, so "
        "that all accepted ones are answered.",
        low=0,
        high=600,
    )
    shutdown_delay: float = setting(
        1.0,
        SECONDS,
        "After SIGTERM, how long new requests are still answered while readiness says draining, "
        "so that load balancers notice first; EDGE_SERVER_DRAIN begins after it.",
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
class HttpSettings:
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
        "Use client hints on screen and connection: dpr=auto, up=auto, Save-Data.",
    )
    placeholder: str = setting(
        "auto",
        TEXT,
        "Answer errors with a sized picture: never, always, or auto (an Accept of images alone).",
        choices=("never", "auto", "always"),
    )


@dataclass(frozen=True, slots=True)
class QuerySettings:
    strict: bool = setting(
        False, FLAG, "Refuse unknown and duplicate parameters instead of ignoring them."
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
class PresetsSettings:
    file: str = setting("", TEXT, "A TOML file of your own presets, merged over the shipped ones.")


@dataclass(frozen=True, slots=True)
class SigningSettings:
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
class AdminSettings:
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
        "Require a token with the role metrics at /-/metrics, and at /-/readyz for more than its "
        "status.",
    )


@dataclass(frozen=True, slots=True)
class TracingSettings:
    url: str = setting(
        "",
        WEB_URL,
        "An OpenTelemetry collector that takes OTLP over HTTP, such as http://collector:4318. "
        "Empty: nothing is traced.",
    )
    share: float = setting(
        1.0,
        NUMBER,
        "Of the requests without a trace of their own, the share that is traced. A traceparent "
        "header decides for its own request.",
        low=0,
        high=1,
    )
    service: str = setting("edge", TEXT, "The name of this service in traces.")

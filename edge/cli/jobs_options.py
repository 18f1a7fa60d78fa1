"""The options of `edge worker`, `edge prewarm` and `edge jobs`, and what they make a job of."""

import argparse
from pathlib import Path

from edge.cli.values import COUNT, INTEGER, PORT
from edge.jobs.feeds import FORMATS
from edge.jobs.model import Options

_FEED = (
    "CSV, JSON lines, JSON, a Google Merchant feed (RSS, Atom) or a product sitemap; plain or "
    "gzip; prewarm and cost --dry-run take a folder, too: every picture in it"
)
_STATUSES = ("failed", "held", "succeeded", "rejected", "waiting", "queued", "retrying", "refused")


def fill_worker(worker: argparse.ArgumentParser) -> None:
    """The options of `edge worker`."""
    worker.add_argument(
        "--at-once", type=INTEGER, metavar="N",
        help="items at the same time; 0: only feed the queue; default EDGE_JOBS_AT_ONCE",
    )  # fmt: skip
    worker.add_argument(
        "--metrics-port", type=PORT, default=0, metavar="PORT", help="serve metrics there"
    )


def fill_prewarm(prewarm: argparse.ArgumentParser) -> None:
    """The options of `edge prewarm`."""
    _add_feed(prewarm)
    prewarm.add_argument("--label", default="", help="whose job it is, for the ledger")
    prewarm.add_argument("--webhook", default="", metavar="URL", help="notified of the end")
    prewarm.add_argument(
        "--to", default="", metavar="PLACE",
        help="write the pictures to a folder, s3://bucket/prefix, or either with a name.zip",
    )  # fmt: skip
    prewarm.add_argument(
        "--name", default=Options().pattern, metavar="PATTERN",
        help="how files are named there: {sku}.{preset}.{ext}, and further columns of the feed",
    )  # fmt: skip
    prewarm.add_argument("--strict", action="store_true", help="a bad line refuses the feed")
    prewarm.add_argument("--watch", action="store_true", help="stay until the job is over")
    prewarm.add_argument(
        "--here", action="store_true", help="work in this process, whatever Redis there is"
    )
    prewarm.add_argument(
        "--checkpoint", type=Path, metavar="FILE",
        help="where a job in this process is kept; default a name of the feed's own",
    )  # fmt: skip
    prewarm.add_argument("--report", type=Path, metavar="FILE", help="as .json, .csv or .html")
    _add_server(prewarm)


def fill_jobs(jobs: argparse.ArgumentParser, codes: str) -> None:
    """The verbs of `edge jobs`; `codes` explain the exit codes."""
    verbs = jobs.add_subparsers(metavar="VERB", dest="what", required=True)
    about = {
        "list": "the newest jobs",
        "show": "one job, and items of it",
        "pause": "queue no further items of a job",
        "resume": "resume a paused job",
        "retry": "retry the failed items of a job, or resume a cancelled one",
        "cancel": "end a job",
        "cost": "what jobs have cost, or what a feed would (--dry-run)",
    }
    for name, help in about.items():
        verb = verbs.add_parser(
            name, help=help, description=f"{help[0].upper()}{help[1:]}.", epilog=codes
        )
        if name == "cost":
            verb.add_argument("--label", help="of the jobs of this label alone")
            verb.add_argument("--dry-run", action="store_true", help="of FEED, before it begins")
            verb.add_argument("--samples", type=INTEGER, default=3, metavar="N", help=(
                "pictures to make of each preset that has no history: 3"))  # fmt: skip
            verb.add_argument("--workers", type=COUNT, default=1, metavar="N", help="there are: 1")
            _add_feed(verb, optional=True)
        elif name == "list":
            verb.add_argument("--limit", type=COUNT, default=20, metavar="N")
        else:
            verb.add_argument("job", metavar="JOB", help="its id")
        if name == "show":
            verb.add_argument("--items", choices=_STATUSES, help="list those of this status")
            verb.add_argument("--limit", type=COUNT, default=100, metavar="N")
        verb.add_argument("--json", action="store_true", help="as JSON")
        _add_server(verb)


def _add_feed(verb: argparse.ArgumentParser, *, optional: bool = False) -> None:
    nargs = {"nargs": "?"} if optional else {}
    verb.add_argument("feed", type=Path, metavar="FEED", help=_FEED, **nargs)  # type: ignore[arg-type]
    verb.add_argument(
        "--preset", dest="presets", action="append", default=[], metavar="NAME",
        help="to make of each line that names none of its own; may be given several times",
    )  # fmt: skip
    verb.add_argument("--query", default="", metavar="QUERY", help="further parameters: 'w=800'")
    verb.add_argument("--accept", default="base", choices=("base", "webp", "avif"))
    verb.add_argument("--base", default="", metavar="URL", help="what of a URL is the origin")
    verb.add_argument("--format", default="", choices=FORMATS, help="of the feed")


def _add_server(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--server", metavar="URL", help="of a running server; EDGE_ADMIN_TOKEN")


def options_of(options: argparse.Namespace) -> Options:
    """What `prewarm` or `jobs cost` were given, as a job's options."""
    given = vars(options)
    return Options(
        presets=tuple(dict.fromkeys(options.presets)),
        query=options.query.lstrip("?"),
        accept=options.accept,
        base=options.base,
        label=given.get("label") or "",
        webhook=given.get("webhook", ""),
        to=given.get("to", ""),
        pattern=given.get("name", Options().pattern),
        strict=given.get("strict", False),
        format=options.format,
    )

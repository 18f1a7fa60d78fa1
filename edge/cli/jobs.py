"""`edge worker`, `edge prewarm` and `edge jobs`: their options, what they print, how they end."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edge import working
from edge.cli import jobs_commands, jobs_text
from edge.cli.jobs_commands import Wanted
from edge.cli.jobs_remote import RemoteJobs
from edge.errors import SettingsError
from edge.jobs.feeds import FORMATS
from edge.jobs.model import JobState, Options
from edge.settings import Settings

_Result = TypeVar("_Result")

_FEED = (
    "CSV, JSON lines, JSON, a Google Merchant feed (RSS, Atom) or a product sitemap; plain or gzip"
)
_STATUSES = ("failed", "held", "succeeded", "rejected", "waiting", "queued", "retrying", "refused")


def fill_worker(worker: argparse.ArgumentParser) -> None:
    """The options of `edge worker`."""
    worker.add_argument(
        "--at-once", type=int, metavar="N",
        help="items at the same time; 0: only feed the queue; default EDGE_JOBS_AT_ONCE",
    )  # fmt: skip
    worker.add_argument(
        "--metrics-port", type=int, default=0, metavar="PORT", help="serve metrics there"
    )


def work(options: argparse.Namespace, given: Settings) -> bool:
    working.work(given, options.at_once, options.metrics_port)
    return True


def fill_prewarm(prewarm: argparse.ArgumentParser) -> None:
    """The options of `edge prewarm`."""
    _add_feed(prewarm)
    prewarm.add_argument("--label", default="", help="whose job it is, for the ledger")
    prewarm.add_argument("--webhook", default="", metavar="URL", help="told of the end")
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
        "pause": "queue no more of a job",
        "resume": "go on with a paused job",
        "retry": "try the failed items of a job again, or go on with a cancelled one",
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
            verb.add_argument("--samples", type=int, default=3, metavar="N", help=(
                "pictures to make of each preset that has no history: 3"))  # fmt: skip
            verb.add_argument("--workers", type=int, default=1, metavar="N", help="there are: 1")
            _add_feed(verb, optional=True)
        elif name == "list":
            verb.add_argument("--limit", type=int, default=20, metavar="N")
        else:
            verb.add_argument("job", metavar="JOB", help="its id")
        if name == "show":
            verb.add_argument("--items", choices=_STATUSES, help="list those of this status")
            verb.add_argument("--limit", type=int, default=100, metavar="N")
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


def prewarm(options: argparse.Namespace, given: Settings) -> bool:
    """Whether everything was made; a job that is only submitted counts as done."""
    if options.report:
        jobs_commands.form_of(options.report)
    wanted = Wanted(options.feed, _options(options), options.checkpoint, options.report)
    if options.server:
        return _prewarm_there(options, RemoteJobs(given, options.server), wanted)
    if given.cache.redis_url and not options.here:
        return _prewarm_in_redis(options, given, wanted)
    with _progress() as told:
        begun = _begun(options)
        facts = _stoppable(jobs_commands.prewarm_here(given, wanted, begun, told))
    return _ended(facts)


def _stoppable(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run it; SIGTERM ends it in order, as an interrupt from the keyboard does.

    Raises:
        KeyboardInterrupt: it was ended.
    """

    async def run() -> _Result:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(run())
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error


def _prewarm_there(options: argparse.Namespace, remote: RemoteJobs, wanted: Wanted) -> bool:
    facts: Mapping[str, Any] = jobs_commands.submit_there(remote, wanted)
    _submitted(facts)
    if not options.watch:
        print(f"follow it: edge jobs show {facts['id']} --server {remote.place}")
        return True
    with _progress(f"edge jobs show {facts['id']} --server {remote.place}") as told:
        facts = asyncio.run(jobs_commands.watch_there(remote, facts["id"], told))
    if wanted.report:
        form = jobs_commands.form_of(wanted.report)
        wanted.report.write_bytes(remote.report(facts["id"], form))
    return _ended(facts)


def _prewarm_in_redis(options: argparse.Namespace, given: Settings, wanted: Wanted) -> bool:
    facts: Mapping[str, Any] = asyncio.run(jobs_commands.submit_to_redis(given, wanted))
    _submitted(facts)
    if not options.watch:
        print(f"follow it: edge jobs show {facts['id']}")
        return True
    with _progress(f"edge jobs show {facts['id']}") as told:
        facts = asyncio.run(jobs_commands.watch_in_redis(given, facts["id"], told))
    if wanted.report:
        asyncio.run(jobs_commands.report_in_redis(given, facts["id"], wanted.report))
    return _ended(facts)


def jobs(options: argparse.Namespace, given: Settings) -> bool:
    """One verb of `edge jobs`; whether what it shows is well."""
    there = RemoteJobs(given, options.server) if options.server else None
    if there is None and not given.cache.redis_url and options.what != "cost":
        there = RemoteJobs(given, None)
    if options.what == "cost":
        return _cost(options, given)
    if options.what == "list":
        found = there.list(options.limit) if there else asyncio.run(
            jobs_commands.list_in_redis(given, options.limit))  # fmt: skip
        _print(found, options, jobs_text.listed)
        return True
    if options.what == "show":
        return _show(options, given, there)
    steered = there.steer(options.job, options.what) if there else asyncio.run(
        jobs_commands.steer_in_redis(given, options.job, options.what))  # fmt: skip
    _print([steered], options, jobs_text.listed)
    return True


def _show(options: argparse.Namespace, given: Settings, there: RemoteJobs | None) -> bool:
    status, limit = options.items or "", options.limit
    if there:
        facts: Mapping[str, Any] = there.show(options.job)
        rows: Sequence[Mapping[str, Any]] = (
            there.items(options.job, status, limit) if status else []
        )
    else:
        facts, rows = asyncio.run(jobs_commands.show_in_redis(given, options.job, status, limit))
    if options.json:
        print(json.dumps({**facts, "items": list(rows)}, indent=2))
    else:
        print("\n".join(jobs_text.job(facts)))
        for row in rows:
            print(jobs_text.item(row))
    return facts["status"] not in (JobState.FAILED, JobState.PARTIAL)


def _cost(options: argparse.Namespace, given: Settings) -> bool:
    if not options.dry_run:
        there = None if given.cache.redis_url and not options.server else options.server
        spent = asyncio.run(jobs_commands.ledger_in_redis(given, options.label)) if (
            there is None and given.cache.redis_url
        ) else RemoteJobs(given, there).ledger(options.label)  # fmt: skip
        _print(spent, options, jobs_text.ledger)
        return True
    if options.feed is None:
        raise SettingsError("--dry-run needs a FEED")
    wanted = Wanted(options.feed, _options(options))
    if options.server:
        words = [
            *jobs_commands.words_of(wanted.options), ("dry_run", "1"),
            ("samples", str(options.samples)), ("workers", str(options.workers)),
        ]  # fmt: skip
        told = RemoteJobs(given, options.server).submit(wanted.feed, words)
    else:
        told = asyncio.run(
            jobs_commands.estimate_here(
                given, wanted, samples=options.samples, workers=options.workers
            )
        )
    _print(told, options, jobs_text.estimate)
    return True


def _options(options: argparse.Namespace) -> Options:
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


def _begun(options: argparse.Namespace) -> Any:
    def begun(facts: Mapping[str, Any]) -> None:
        left, total = facts["counts"]["open"], facts["total"]
        again = f", {total - left:,} of them before" if left < total else ""
        _note(f"{total:,} pictures{again}; checkpoint {facts['checkpoint']}")
        if facts["refused"]:
            _note(f"{facts['refused']:,} lines are no items; --report lists them")

    return begun


def _submitted(facts: Mapping[str, Any]) -> None:
    print(f"{facts['id']}: {facts['total']:,} pictures, {facts['refused']:,} lines refused")
    for one in facts["refusals"][:10]:
        _note(f"line {one['line']}, {one['field']}: {one['detail']}")


@contextmanager
def _progress(how: str = "the same command") -> Iterator[jobs_commands.Told]:
    """Done, failed, rate and time left on standard error, where that is a terminal."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    except ImportError:
        yield lambda facts: None
        return
    columns = (
        BarColumn(None), MofNCompleteColumn(), TextColumn("{task.fields[rest]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=False) as bar:
        task = bar.add_task("", total=None, rest="")

        def told(facts: Mapping[str, Any]) -> None:
            bar.update(
                task, total=facts["total"], completed=facts["done"], rest=jobs_text.progress(facts)
            )

        try:
            yield told
        except (KeyboardInterrupt, asyncio.CancelledError):
            bar.stop()
            _note(f"stopped; to go on: {how}")
            raise


def _ended(facts: Mapping[str, Any]) -> bool:
    print("\n".join(jobs_text.job(facts)))
    return bool(facts["status"] == JobState.SUCCEEDED)


def _print(told: Any, options: argparse.Namespace, lines: Any) -> None:
    print(json.dumps(told, indent=2) if options.json else "\n".join(lines(told)))


def _note(text: str) -> None:
    print(text, file=sys.stderr)

"""`edge worker`, `edge prewarm` and `edge jobs`: what they do, what they print, how they end."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from edge import working
from edge.cli import jobs_commands, jobs_text
from edge.cli.jobs_commands import PrewarmOptions, RedisJobs
from edge.cli.jobs_options import options_of
from edge.cli.remote import RemoteJobs
from edge.errors import SettingsError
from edge.jobs.model import JobState
from edge.settings import Settings

_Result = TypeVar("_Result")


def work(options: argparse.Namespace, given: Settings) -> bool:
    working.work(given, options.at_once, options.metrics_port)
    return True


def prewarm(options: argparse.Namespace, given: Settings) -> bool:
    """Whether everything was made; a job that is only submitted counts as done."""
    if options.report:
        jobs_commands.form_of(options.report)
    with jobs_commands.feed_of(options.feed) as feed:
        prewarm = PrewarmOptions(feed, options_of(options), options.checkpoint, options.report)
        return _prewarm(options, jobs_commands.on_folder(given, options.feed), prewarm)


def _prewarm(options: argparse.Namespace, given: Settings, prewarm: PrewarmOptions) -> bool:
    if options.server or (given.cache.redis_url and not options.here):
        return _prewarm_elsewhere(options, _jobs(given, options.server), prewarm)
    with _progress() as report:
        begun = _begun(options)
        facts = _stoppable(jobs_commands.prewarm_here(given, prewarm, begun, report))
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


def _jobs(given: Settings, server: str | None) -> RemoteJobs | RedisJobs:
    """Of a server that is named, else those in the Redis of the settings, else of the server that
    these say."""
    if given.cache.redis_url and not server:
        return RedisJobs(given)
    return RemoteJobs(given, server)


def _prewarm_elsewhere(
    options: argparse.Namespace, jobs: RemoteJobs | RedisJobs, prewarm: PrewarmOptions
) -> bool:
    facts: Mapping[str, Any] = jobs.submit(prewarm.feed, prewarm.options)
    _submitted(facts)
    server = f" --server {jobs.place}" if isinstance(jobs, RemoteJobs) else ""
    follow = f"edge jobs show {facts['id']}{server}"
    if not options.watch:
        print(f"follow it: {follow}")
        return True
    with _progress(follow) as report:
        facts = jobs_commands.watch(jobs, facts["id"], report)
    if prewarm.report:
        form = jobs_commands.form_of(prewarm.report)
        prewarm.report.write_bytes(jobs.report(facts["id"], form))
    return _ended(facts)


def jobs(options: argparse.Namespace, given: Settings) -> bool:
    """One verb of `edge jobs`; whether what it shows is well."""
    if options.what == "cost":
        return _cost(options, given)
    found = _jobs(given, options.server)
    if options.what == "list":
        _print(found.list(options.limit), options, jobs_text.listed)
        return True
    if options.what == "show":
        return _show(options, found)
    _print([found.steer(options.job, options.what)], options, jobs_text.listed)
    return True


def _show(options: argparse.Namespace, jobs: RemoteJobs | RedisJobs) -> bool:
    facts = jobs.show(options.job)
    rows = jobs.items(options.job, options.items, options.limit) if options.items else []
    if options.json:
        print(json.dumps({**facts, "items": list(rows)}, indent=2))
    else:
        print("\n".join(jobs_text.job(facts)))
        for row in rows:
            print(jobs_text.item(row))
    return facts["status"] not in (JobState.FAILED, JobState.PARTIAL)


def _cost(options: argparse.Namespace, given: Settings) -> bool:
    if not options.dry_run:
        _print(_jobs(given, options.server).ledger(options.label), options, jobs_text.ledger)
        return True
    if options.feed is None:
        raise SettingsError("--dry-run needs a FEED")
    counts = {name: vars(options)[name] for name in ("samples", "workers")}
    given = jobs_commands.on_folder(given, options.feed)
    with jobs_commands.feed_of(options.feed) as feed:
        prewarm = PrewarmOptions(feed, options_of(options))
        if options.server:
            remote = RemoteJobs(given, options.server)
            report = remote.submit(prewarm.feed, prewarm.options, dry_run=1, **counts)
        else:
            report = asyncio.run(jobs_commands.estimate_here(given, prewarm, **counts))
    _print(report, options, jobs_text.estimate)
    return True


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
def _progress(how: str = "the same command") -> Iterator[jobs_commands.Progress]:
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

        def report(facts: Mapping[str, Any]) -> None:
            bar.update(
                task, total=facts["total"], completed=facts["done"], rest=jobs_text.progress(facts)
            )

        try:
            yield report
        except (KeyboardInterrupt, asyncio.CancelledError):
            bar.stop()
            _note(f"stopped; to resume: {how}")
            raise


def _ended(facts: Mapping[str, Any]) -> bool:
    print("\n".join(jobs_text.job(facts)))
    return bool(facts["status"] == JobState.SUCCEEDED)


def _print(report: Any, options: argparse.Namespace, lines: Any) -> None:
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))


def _note(text: str) -> None:
    print(text, file=sys.stderr)

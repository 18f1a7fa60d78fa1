"""`edge worker`, `edge prewarm` and `edge jobs`: what they do, what they print, how they end."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from edge import working
from edge.cli import jobs_commands, jobs_text
from edge.cli.jobs_commands import Wanted
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
    wanted = Wanted(options.feed, options_of(options), options.checkpoint, options.report)
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
    wanted = Wanted(options.feed, options_of(options))
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

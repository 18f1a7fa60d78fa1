"""Jobs as lines of text, for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def progress(facts: Mapping[str, Any]) -> str:
    """The text after the progress bar."""
    left = facts["time_left"]
    words = [f"{facts['counts'].get('failed', 0)} failed", f"{facts['rate']:.1f}/s"]
    if held := facts["counts"].get("held", 0):
        words.insert(1, f"{held} held")
    return ", ".join(words if left is None else [*words, f"{_time(left)} left"])


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def job(facts: Mapping[str, Any]) -> Iterator[str]:
    """The state and the cost of a job."""
    counts = ", ".join(f"{count:,} {name}" for name, count in facts["counts"].items() if count)
    label = f", label {facts['label']}" if facts["label"] else ""
    yield f"{facts['id']}: {facts['status']}{label}"
    yield f"  {facts['total']:,} pictures: {counts}; {facts['cached']:,} were there before"
    if facts["refused"]:
        yield f"  {facts['refused']:,} lines of the feed were refused"
    if facts["time_left"] is not None:
        yield f"  {facts['rate']:.1f} a second, {_time(facts['time_left'])} left"
    yield from ledger(facts["cost"])


def ledger(cost: Mapping[str, Any]) -> Iterator[str]:
    """A ledger, and each preset's share."""
    networks = sum(cost["network_seconds"].values())
    yield (
        f"  {cost['cost']:.4f} {cost['currency']}: {cost['pictures']:,} pictures, "
        f"{cost['bytes']:,} bytes, {cost['cpu_seconds']:.1f} s of processor, "
        f"{networks:.1f} s of networks"
    )
    for preset, one in cost["presets"].items():
        seconds = sum(one["network_seconds"].values())
        yield (
            f"    {preset}: {one['pictures']:,} pictures ({one['cached']:,} cached), "
            f"{one['cpu_seconds']:.1f} s, {seconds:.1f} s of networks, {one['cost']:.4f}"
        )


_EACH = (("cpu_seconds_each", "processor"), ("network_seconds_each", "networks"))


def estimate(facts: Mapping[str, Any]) -> Iterator[str]:
    """An estimate."""
    yield (
        f"{facts['total']:,} pictures: {facts['cached']:,} are there, {facts['missing']:,} are to "
        f"be made, {facts['networks']:,} of them with networks"
    )
    if facts["failed"] or facts["refused"]:
        yield f"{facts['failed']:,} cannot be had, {facts['refused']:,} lines are no items"
    unknown = f" and {facts['unknown']:,} of unknown cost" if facts["unknown"] else ""
    yield (
        f"about {_time(facts['seconds'])} on {facts['workers']} worker(s), "
        f"{facts['cost']:.4f} {facts['currency']}{unknown}"
    )
    for preset, one in facts["presets"].items():
        each = ", ".join(
            f"{one[name]:.2f} s of {what} each"
            for name, what in _EACH
            if name in one
        )  # fmt: skip
        source = f" ({each}, from {one['from']})" if "from" in one else ""
        yield f"  {preset}: {one['cached']:,} there, {one['missing']:,} to be made{source}"
    for problem in facts["problems"]:
        line = f"line {problem['line']}, {problem['field']}: " if "line" in problem else ""
        yield f"  {line}{problem['detail']}"


def listed(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line a job."""
    for facts in found:
        counts = facts["counts"]
        yield (
            f"{facts['id']}  {facts['status']:<9}  {facts['done']:>7,} of {facts['total']:>7,}  "
            f"{counts.get('failed', 0):>5,} failed  {counts.get('held', 0):>5,} held  "
            f"{facts['label']}"
        ).rstrip()


def item(row: Mapping[str, Any]) -> str:
    """One line for an item, or for a line that was none."""
    words = (
        f"line {row['line']}", row.get("sku", ""), row.get("preset", ""), row["state"],
        row.get("url", ""), row.get("error", "") or row.get("compliance", ""),
    )  # fmt: skip
    return "  " + "  ".join(filter(None, words))

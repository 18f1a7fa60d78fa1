"""What was seen: every answer, and once a second the state of the servers; and what follows."""

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PHASES = ("cold", "warm", "deploy", "after")
HITS = ("memory", "redis", "store")
OUTCOMES = (*HITS, "304", "render", "joined", "fallback", "4xx", "refused", "late", "failed")
"""Where an answer came from, by its own headers: a tier's hit; not modified; rendered for it, or
for another at the same time; something in place of a late picture; an error of the request; 503;
504, out of time; any other failure, a broken connection among them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer. `at` in seconds since the start, `seconds` to the last byte."""

    at: float
    phase: str
    kind: str
    outcome: str
    status: int
    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True)
class State:
    """The servers at one moment: MiB of each, and what they have counted since the start."""

    at: float
    resident: tuple[float, ...]
    renders: float
    refused: float
    fetched: float
    waiting: float


def outcome(status: int, cache_status: str) -> str:
    """Where an answer came from, by its status and `Cache-Status` (RFC 9211)."""
    if status == 304:
        return "304"
    if status in (503, 504):
        return "refused" if status == 503 else "late"
    if status == 0 or status >= 500:
        return "failed"
    if status >= 400:
        return "4xx"
    if "hit" in cache_status:
        tier = re.search(r"detail=(\w+)", cache_status)
        return tier[1] if tier and tier[1] in HITS else "store"
    if "collapsed" in cache_status:
        return "joined"
    return "render" if "stored" in cache_status else "fallback"


@dataclass
class Recorder:
    """Collects a run."""

    samples: list[Sample] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    _bodies: dict[tuple[str, str], int] = field(default_factory=dict)
    _before: dict[str, float] = field(default_factory=dict)
    _base: Counter[str] = field(default_factory=Counter)

    def body(self, path: str, content_type: str, body: bytes) -> None:
        """One URL in one type is one picture for the whole run, whichever replica answers."""
        key = path, content_type
        if self._bodies.setdefault(key, zlib.crc32(body)) != zlib.crc32(body):
            self.wrong["two pictures under one URL"] += 1

    def state(
        self, at: float, resident: Sequence[float], counted: Mapping[str, Mapping[str, float]]
    ) -> None:
        """What each process counts goes on where its successor begins again from nothing."""
        names = {
            "renders": "edge_renders_total",
            "refused": "edge_admission_refused_total",
            "fetched": "edge_origin_fetches_total",
        }
        for process, values in counted.items():
            for name, metric in names.items():
                key = f"{process} {name}"
                value = values.get(metric, self._before.get(key, 0.0))
                self._base[name] += max(0.0, value - self._before.get(key, 0.0))
                self._before[key] = value
        waiting = sum(values.get("edge_admission_waiting", 0.0) for values in counted.values())
        totals = (self._base[name] for name in names)
        self.states.append(State(at, tuple(resident), *totals, waiting))


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def summary(recorder: Recorder) -> dict[str, Any]:
    """The numbers of a run by which it is judged and compared with another; times in ms."""
    samples = recorder.samples
    by_phase = {phase: [s for s in samples if s.phase == phase] for phase in PHASES}
    numbers: dict[str, Any] = {
        "requests": len(samples),
        "seconds": max((s.at for s in samples), default=0.0),
        "retried": recorder.retried,
        "wrong": dict(recorder.wrong),
        "wrong_answers": sum(recorder.wrong.values()),
        "failed": sum(s.outcome == "failed" for s in samples),
    }
    for phase, mine in by_phase.items():
        numbers[f"{phase}.requests"] = len(mine)
        numbers[f"{phase}.hit_share"] = hit_share(mine)
        numbers[f"{phase}.refused_share"] = _share(s.outcome == "refused" for s in mine)
        numbers[f"{phase}.late_share"] = _share(s.outcome == "late" for s in mine)
        numbers[f"{phase}.failed"] = sum(s.outcome == "failed" for s in mine)
        hits = [s.seconds * 1000 for s in mine if s.outcome in HITS]
        numbers[f"{phase}.hit_p50_ms"] = quantile(hits, 0.5)
        numbers[f"{phase}.hit_p99_ms"] = quantile(hits, 0.99)
    for (kind, came), times in sorted(latencies(samples).items()):
        numbers[f"{kind}.{came}.p50_ms"] = quantile(times, 0.5)
        numbers[f"{kind}.{came}.p99_ms"] = quantile(times, 0.99)
    renders = [s.seconds * 1000 for s in samples if s.outcome == "render"]
    numbers["render_p50_ms"] = quantile(renders, 0.5)
    numbers["warm.hit_p99_over_render_p50"] = (
        numbers["warm.hit_p99_ms"] / numbers["render_p50_ms"] if renders else math.nan
    )
    return numbers | _of_servers(recorder.states)


def _of_servers(states: Sequence[State]) -> dict[str, float]:
    if not states:
        return {}
    last, seconds = states[-1], max(states[-1].at, 1e-9)
    return {
        "renders": last.renders,
        "renders_per_second": last.renders / seconds,
        "refused_by_gate": last.refused,
        "originals_fetched": last.fetched,
        "resident_mib": max(max(state.resident, default=0.0) for state in states),
    }


def latencies(samples: Iterable[Sample]) -> dict[tuple[str, str], list[float]]:
    """Milliseconds by class of visitor and by where the answer came from."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for sample in samples:
        found[sample.kind, sample.outcome].append(sample.seconds * 1000)
    return found


def hit_share(samples: Sequence[Sample]) -> float:
    """Hits among the answers that carry or confirm a picture."""
    return _share(s.outcome in (*HITS, "304") for s in samples if s.outcome in OUTCOMES[:7])


def _share(flags: Iterable[bool]) -> float:
    known = list(flags)
    return sum(known) / len(known) if known else math.nan

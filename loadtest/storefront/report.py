"""A run as one HTML file: objectives, latencies by class and outcome, renders, memory, refusals."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from loadtest import plots
from loadtest.plots import Mark, figure, table
from loadtest.storefront.objectives import Verdict
from loadtest.storefront.recording import (
    HITS,
    OUTCOMES,
    PHASES,
    Recorder,
    Sample,
    latencies,
    quantile,
)

OF = dict(zip(OUTCOMES, plots.COLOURS, strict=True))
"""The colour of each outcome, the same in every figure."""


def write(
    title: str, recorder: Recorder, numbers: dict[str, Any], verdicts: Sequence[Verdict]
) -> str:
    """The HTML of a run's report."""
    ends = _phase_ends(recorder.samples)
    parts = [
        _judged(verdicts),
        _latency_table(recorder.samples),
        _cumulative(recorder.samples),
        _over_time(recorder.samples, ends),
        _answers(recorder.samples, ends),
        _renders(recorder, ends),
        _memory(recorder, ends),
        _refusals(recorder, ends),
        "<h2>All numbers</h2>",
        table(("number", "value"), [(k, v) for k, v in numbers.items() if k != "wrong"]),
    ]
    return plots.page(title, parts)


def _judged(verdicts: Sequence[Verdict]) -> str:
    met = all(verdict.met for verdict in verdicts)
    rows = [
        (Mark(v.met), v.objective.number, math.nan if v.value is None else v.value,
         v.objective.bound, v.objective.why)
        for v in verdicts
    ]  # fmt: skip
    word = '<span class="met">passed</span>' if met else '<span class="missed">failed</span>'
    return f"<p>The run {word}.</p>" + table(("", "number", "is", "must be", "because"), rows)


def _latency_table(samples: Sequence[Sample]) -> str:
    rows = [
        (
            kind,
            came,
            len(times),
            *(quantile(times, share) for share in (0.5, 0.9, 0.99)),
            max(times),
        )
        for (kind, came), times in sorted(latencies(samples).items())
    ]
    heads = ("visitors", "answer", "requests", "p50 ms", "p90 ms", "p99 ms", "slowest ms")
    return "<h2>Latency by class and by where the answer came from</h2>" + table(heads, rows)


def _cumulative(samples: Sequence[Sample]) -> str:
    caption = "Share of the answers that took at most so long, by where they came from."
    with figure("Latency, cumulated", caption) as (axes, out):
        for name in OUTCOMES:
            times = sorted(s.seconds * 1000 for s in samples if s.outcome == name)
            if len(times) > 1:
                shares = [(index + 1) / len(times) for index in range(len(times))]
                label = f"{name} ({len(times)})"
                axes.step(times, shares, where="post", label=label, color=OF[name])
        axes.set_xscale("log")
        axes.set(xlabel="milliseconds to the last byte", ylabel="share")
        axes.legend(fontsize="small")
    return out[0]


def _over_time(samples: Sequence[Sample], ends: dict[str, float]) -> str:
    caption = "Median (line) and p99 (dashes) in each fiftieth of the run."
    with figure("Latency over the run", caption) as (axes, out):
        for colour, (name, of) in zip(
            plots.COLOURS, (("hits", HITS), ("renders", ("render", "joined"))), strict=False
        ):
            mine = [s for s in samples if s.outcome in of]
            for share, style in ((0.5, "-"), (0.99, "--")):
                at, values = _binned(mine, lambda s, share=share: quantile(s, share))
                label = name if share == 0.5 else None
                axes.plot(at, values, style, color=colour, label=label)
        axes.set_yscale("log")
        axes.set(xlabel="seconds", ylabel="milliseconds")
        _shade(axes, ends)
        axes.legend(fontsize="small")
    return out[0]


def _binned(
    samples: Sequence[Sample], of: Callable[[list[float]], float], bins: int = 50
) -> tuple[list[float], list[float]]:
    width = max((s.at for s in samples), default=1.0) / bins or 1.0
    groups: dict[int, list[float]] = {}
    for sample in samples:
        groups.setdefault(int(sample.at / width), []).append(sample.seconds * 1000)
    return [(i + 0.5) * width for i in sorted(groups)], [of(groups[i]) for i in sorted(groups)]


def _answers(samples: Sequence[Sample], ends: dict[str, float]) -> str:
    caption = "Answers a second by where they came from, one upon the other."
    with figure("Answers", caption) as (axes, out):
        last = int(max((s.at for s in samples), default=0)) + 1
        counts = {name: Counter[int]() for name in OUTCOMES}
        for sample in samples:
            counts[sample.outcome][int(sample.at)] += 1
        shown = [name for name in OUTCOMES if counts[name]]
        axes.stackplot(
            range(last),
            [[counts[name][t] for t in range(last)] for name in shown],
            labels=shown,
            colors=[OF[name] for name in shown],
        )
        axes.set(xlabel="seconds", ylabel="answers a second")
        _shade(axes, ends)
        axes.legend(fontsize="small", loc="upper left", ncols=3)
    return out[0]


def _renders(recorder: Recorder, ends: dict[str, float]) -> str:
    caption = "Renders, originals fetched, and requests that wait for a place."
    with figure("Render rate", caption) as (axes, out):
        states = recorder.states
        for name in ("renders", "fetched"):
            at, rates = _rates([(s.at, getattr(s, name)) for s in states])
            axes.plot(at, rates, label=f"{name} a second")
        axes.plot([s.at for s in states], [s.waiting for s in states], ":", label="waiting")
        axes.set(xlabel="seconds")
        _shade(axes, ends)
        axes.legend(fontsize="small")
    return out[0]


def _rates(counts: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    pairs = list(itertools.pairwise(counts))
    at = [after[0] for _, after in pairs]
    return at, [(b[1] - a[1]) / max(b[0] - a[0], 1e-9) for a, b in pairs]


def _memory(recorder: Recorder, ends: dict[str, float]) -> str:
    caption = "Resident memory of each replica; a deploy begins anew."
    with figure("Memory", caption) as (axes, out):
        states = recorder.states
        for index in range(len(states[0].resident) if states else 0):
            mib = [state.resident[index] or math.nan for state in states]
            axes.plot([state.at for state in states], mib, label=f"replica {index + 1}")
        axes.set(xlabel="seconds", ylabel="MiB")
        axes.set_ylim(bottom=0)
        _shade(axes, ends)
        axes.legend(fontsize="small")
    return out[0]


def _refusals(recorder: Recorder, ends: dict[str, float]) -> str:
    caption = "Answers a second that were refused (503), out of time (504) or failed."
    with figure("Refusals and failures", caption, height=2.4) as (axes, out):
        for name in ("refused", "late", "failed"):
            counts = Counter(int(s.at) for s in recorder.samples if s.outcome == name)
            last = int(max((s.at for s in recorder.samples), default=0)) + 1
            each = [counts[t] for t in range(last)]
            axes.plot(range(last), each, label=f"{name} ({sum(each)})", color=OF[name])
        axes.set(xlabel="seconds", ylabel="a second")
        axes.set_ylim(bottom=0, top=max(1.0, axes.get_ylim()[1]))
        _shade(axes, ends)
        axes.legend(fontsize="small")
    return out[0]


def _phase_ends(samples: Sequence[Sample]) -> dict[str, float]:
    return {
        phase: max(s.at for s in samples if s.phase == phase)
        for phase in PHASES
        if any(s.phase == phase for s in samples)
    }


def _shade(axes, ends: dict[str, float]) -> None:
    before = 0.0
    for index, (phase, end) in enumerate(ends.items()):
        if index % 2:
            axes.axvspan(before, max(before, end), color="#5f6b76", alpha=0.08, linewidth=0)
        axes.annotate(
            phase, (before, 1.0), xycoords=("data", "axes fraction"), fontsize="small",
            color="#5f6b76", va="bottom",
        )  # fmt: skip
        before = max(before, end)

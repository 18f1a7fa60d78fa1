"""What the load tests share: starting servers, driving them with wrk, reading what wrk says."""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
EDGE = ROOT / ".venv" / "bin" / "edge"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of wrk against one server. Latencies and CPU time per request in milliseconds."""

    server: str
    per_second: float
    p50: float
    p99: float
    errors: int
    cpu: float = float("nan")


def photos(folder: Path, kinds: Sequence[str], every: int = 1) -> list[str]:
    """The paths of every so many-th picture of a folder, in it."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    return sorted(path.relative_to(folder).as_posix() for path in found)[::every]


@contextmanager
def edge_on(folder: Path, **settings: str) -> Iterator[str]:
    """A server of that folder until the block ends; its base URL."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    env = {"EDGE_SERVER_PORT": str(port), "EDGE_ORIGIN_URL": str(folder)}
    quiet = {"EDGE_SERVER_LOG_LEVEL": "error"}
    with server([EDGE, "serve"], f"{base}/-/healthz", env | quiet | settings):
        yield base


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(
    command: Sequence[str | Path],
    probe: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; `probe` is a URL that answers once it is up."""
    process = subprocess.Popen(
        [str(word) for word in command],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_answer(process, probe)
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def _await_answer(process: subprocess.Popen[bytes], probe: str) -> None:
    for _ in range(1200):  # a busy machine takes its time
        if process.poll() is not None:
            sys.exit(f"{process.args!r} ended with {process.returncode} before it answered")
        try:
            with urlopen(probe, timeout=5):
                return
        except HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{process.args!r} did not answer {probe}")


@contextmanager
def elsewhere() -> Iterator[None]:
    """Shoppers are on machines of their own: here they wake before anything else, where that is
    allowed, so that the server's waits alone are seen. What is started meanwhile does not."""
    with suppress(OSError, AttributeError):
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(1))
    try:
        yield
    finally:
        with suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def cpu_seconds(group: int) -> float:
    """User and system time so far of every process that a contestant started."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wrk(
    name: str,
    url: str,
    *,
    seconds: float,
    connections: int,
    script: Path | None = None,
    group: int | None = None,
) -> Run:
    """Drive one URL, or what a Lua script makes of it, and read the summary."""
    if not shutil.which("wrk"):
        sys.exit("wrk is needed: apt-get install wrk")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "--latency"]
    command += ["-s", str(script)] if script else []
    before = cpu_seconds(group) if group else 0.0
    told = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    spent = cpu_seconds(group) - before if group else float("nan")
    requests = int(_found(r"(\d+) requests in", told) or 0)
    return Run(
        name,
        float(_found(r"Requests/sec:\s+([\d.]+)", told) or 0),
        _milliseconds(_found(r"50%\s+(\S+)", told)),
        _milliseconds(_found(r"99%\s+(\S+)", told)),
        int(_found(r"Non-2xx or 3xx responses: (\d+)", told) or 0)
        + sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", told)),
        spent * 1000 / requests if requests else float("nan"),
    )


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match[1] if match else None


def _milliseconds(text: str | None) -> float:
    """wrk writes 800us, 12.3ms, 1.2s or 1.0m; where nothing was answered, -nan."""
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text or "")
    if match is None:
        return float("nan")
    return float(match[1]) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[match[2]]


def in_turn(rounds: int, runs: Mapping[str, Callable[[], Run]]) -> dict[str, list[Run]]:
    """Every contestant once a round, so that the machine's moods hit all alike."""
    results: dict[str, list[Run]] = {name: [] for name in runs}
    for turn in range(rounds):
        for name, run in runs.items():
            result = run()
            results[name].append(result)
            print(
                f"round {turn + 1}/{rounds}  {name:<14} {result.per_second:9.1f}/s  "
                f"p50 {result.p50:8.1f} ms  p99 {result.p99:8.1f} ms  cpu {result.cpu:7.3f} ms  "
                f"errors {result.errors}",
                flush=True,
            )
    return results


def ratios(results: Mapping[str, list[Run]], ours: str) -> dict[str, float]:
    """Median over the rounds of our requests per second over each other contestant's."""
    return {
        name: statistics.median(
            mine.per_second / other.per_second
            for mine, other in zip(results[ours], runs, strict=True)
        )
        for name, runs in results.items()
        if name != ours
    }


def cpu_ratios(results: Mapping[str, list[Run]], ours: str) -> dict[str, float]:
    """Median over the rounds of our processor time per request over each other contestant's."""
    return {
        name: statistics.median(
            mine.cpu / other.cpu for mine, other in zip(results[ours], runs, strict=True)
        )
        for name, runs in results.items()
        if name != ours
    }


def keep(name: str, results: Mapping[str, list[Run]], **facts: object) -> None:
    """Print the medians and write everything to loadtest/results/<name>.json."""
    for contestant, runs in results.items():
        rate = statistics.median(r.per_second for r in runs)
        cpu = statistics.median(r.cpu for r in runs)
        print(f"{contestant:<14} median {rate:.1f}/s, cpu {cpu:.3f} ms a request")
    folder = ROOT / "loadtest" / "results"
    folder.mkdir(exist_ok=True)
    runs = {contestant: [asdict(run) for run in each] for contestant, each in results.items()}
    (folder / f"{name}.json").write_text(json.dumps({"runs": runs, **facts}, indent=2))

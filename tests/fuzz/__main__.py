"""Fuzzing for as long as is wished; `scripts/fuzz` calls it.

python -m tests.fuzz --minutes 60 --jobs 2 --format tiff
python -m tests.fuzz FILE...          decode these once, and say what is wrong with them
"""

import argparse
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from tests.fuzz.harness import Finding, Pair, hunt, minimised, seeds

FORMATS = ("jpg", "png", "webp", "avif", "gif", "tiff", "heic")
_FOUND = Path(".fuzz")


class _Findings:
    """Keeps each kind of finding once per format, shortened, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._seen: dict[tuple[str, str], int] = {}

    def add(self, format: str, finding: Finding) -> None:
        with self._lock:
            key = (format, finding.kind)
            self._seen[key] = self._seen.get(key, 0) + 1
            many = self._seen[key]
        if many > 20:
            return
        name = f"{finding.kind}-{hashlib.sha256(finding.body).hexdigest()[:10]}.{format}"
        self._folder.mkdir(exist_ok=True)
        (self._folder / name).write_bytes(finding.body)
        print(f"{name}: {finding.detail}", flush=True)

    def __len__(self) -> int:
        return sum(self._seen.values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=1, help="formats at a time, two processes each")
    parser.add_argument("--format", choices=FORMATS, action="append")
    parser.add_argument("--seed", default=str(time.time_ns()))
    given = parser.parse_args()
    if given.files:
        return _decode(given.files)
    findings = _Findings(_FOUND)
    formats = given.format or list(FORMATS)
    each = 60 * given.minutes * given.jobs / len(formats)

    def run(format: str) -> int:
        seed = f"{given.seed} {format}"
        count = hunt(seeds(format), seed, each, lambda finding: findings.add(format, finding))
        print(f"{format}: {count} inputs, each decoded twice, seed {seed!r}", flush=True)
        return count

    with ThreadPoolExecutor(given.jobs) as pool:
        total = sum(pool.map(run, formats))
    print(f"{total} inputs, {len(findings)} findings")
    return 1 if len(findings) else 0


def _decode(paths: list[Path]) -> int:
    """Say what is wrong with each file, and write what is left of it when shortened."""
    wrong = 0
    with Pair() as pair:
        for path in paths:
            finding = pair.finding(path.read_bytes())
            print(f"{path}: {f'{finding.kind}: {finding.detail}' if finding else 'fine'}")
            if finding:
                wrong += 1
                short = minimised(finding)
                path.with_suffix(f".short{path.suffix}").write_bytes(short.body)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

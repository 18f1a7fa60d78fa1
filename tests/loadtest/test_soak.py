"""The soak: what counts as flat, and a short form of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.soak import SERIES, judge

ROOT = Path(__file__).parent.parent.parent


def test_what_rises_by_more_than_a_twentieth_in_the_last_third_is_not_flat():
    rising = [300.0] * 100 + [400.0] * 100 + [421.0] * 100
    assert not judge({"memory": rising})[0].met
    assert judge({"memory": [300.0] * 100 + [400.0] * 100 + [419.0] * 100})[0].met
    assert judge({"memory": [900.0] * 100 + [400.0] * 200})[0].met, "the first third warms up"


def test_of_what_there_is_little_two_more_are_flat():
    assert judge({"leases": [0.0] * 20 + [1.5] * 10})[0].met
    assert not judge({"leases": [0.0] * 20 + [3.0] * 10})[0].met


def test_what_was_never_seen_is_not_flat():
    assert not judge({"tasks": []})[0].met
    assert not judge({"tasks": [float("nan")] * 30})[0].met
    assert judge({"tasks": [20.0, float("nan")] * 30})[0].met, "half of it was"


@pytest.mark.slow
def test_a_minute_of_everything_leaves_no_descriptor_task_or_lease_behind(tmp_path: Path):
    """Memory is still warming up in so short a time: only what counts things is held to be flat."""
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.soak", "--minutes", "0.6", "--clients", "3",
         "--memory", "8MiB", "--out", str(tmp_path / "soak.html")],
        cwd=ROOT, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    run = json.loads((tmp_path / "soak.json").read_text())
    assert set(run["series"]) == set(SERIES)
    verdicts = {flat.name: flat for flat in judge(run["series"], tolerance=0.25)}
    assert all(verdicts[name].met for name in SERIES if name != "memory"), done.stdout
    assert "500" not in run["statuses"], done.stdout
    assert run["statuses"].get("broken", 0) == 0
    assert run["statuses"]["exit"] == 0
    assert run["statuses"]["200"] > 10
    assert run["statuses"]["left"] > 0
    assert (tmp_path / "soak.html").read_text().count("<svg") == len(SERIES)

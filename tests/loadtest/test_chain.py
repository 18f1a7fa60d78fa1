"""The benchmark of whole pictures on Triton, run small: two edges a design, instant networks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.servers import installation

ROOT = Path(__file__).parent.parent.parent
CHAIN = ROOT / "loadtest" / "chain.py"


@pytest.mark.slow
def test_both_designs_are_measured_with_several_edges_on_one_triton(tmp_path: Path):
    installation()
    told = tmp_path / "chain.json"
    done = subprocess.run(
        [sys.executable, str(CHAIN), "--instant", "--edges", "2", "--photos", "3", "--rounds", "1",
         "--at-once", "1", "3", "--least", "3", "--chains", "1", "--out", str(told)],
        cwd=ROOT, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    head, *table = done.stdout.splitlines()
    assert "2 edges a design" in head
    assert "instant networks" in head
    assert len(table) == 1 + 4, done.stdout
    runs = json.loads(told.read_text())["runs"]
    for run in runs:
        assert run["failures"] == 0
        assert len(run["milliseconds"]) == 3
        assert run["edge"] > 0
        assert run["triton"] > 0
        asked = {name.partition(" ")[2] for name in run["counted"]}
        assert "matting" in asked
        assert ("product_chain" in asked) == (run["design"] == "product chain")

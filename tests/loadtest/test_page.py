"""The page of results says what the programs have kept, and nothing that they have not."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


def run(cpu: float) -> dict[str, object]:
    return {"server": "x", "per_second": 1.0, "p50": 1.0, "p99": 2.0, "errors": 0, "cpu": cpu}


def page(results: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "loadtest/page.py", "--results", str(results), *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """As `hits.py` and `misses.py` keep them."""
    kept = {
        "hits-small": {
            "runs": {"memory": [run(0.03), run(0.05), run(0.04)], "nginx": [run(0.005)] * 3},
            "bytes": 11_000,
        },
        "misses-400": {
            "case": "2048 px to <400 px> JPEG",
            "runs": {"edge": [run(11.0), run(12.0), run(13.0)], "sharp": [run(24.0)] * 3},
            "likeness": {"edge": {"psnr": 38.25, "ssim": 0.98765, "bytes": 10_031}},
        },
    }
    for name, facts in kept.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    return tmp_path


def test_medians_and_ratios_of_all_contestants_stand_on_the_page(results: Path) -> None:
    done = page(results)
    assert done.returncode == 0, done.stderr
    text = (results / "page.html").read_text()
    assert "a hit of 11 kB" in text
    assert '<td class="number">40</td><td class="number">1</td>' in text
    assert '<td class="number">5</td><td class="number">0.125</td>' in text
    assert "2048 px to &lt;400 px&gt; JPEG" in text
    assert '<td>sharp</td><td class="number">24</td><td class="number">2</td>' in text
    assert "10,031 bytes, 38.2 dB, SSIM 0.9877" in text
    assert text.count("<svg") == 2
    assert "cold" not in text


def test_the_pictures_have_a_bar_for_each(results: Path, tmp_path: Path) -> None:
    """Twice as long for twice the time: measured in pixels of our colour and of the others'."""
    assert page(results, "--pictures", str(tmp_path / "pictures")).returncode == 0
    with Image.open(tmp_path / "pictures" / "misses.png") as drawn:
        pixels = np.asarray(drawn.convert("RGB")).astype(int)
    ours = (np.abs(pixels - (11, 110, 79)).max(axis=2) <= 3).sum(axis=1).max()
    assert ours > 100
    assert (tmp_path / "pictures" / "hits.png").exists()


def test_without_results_it_says_so(tmp_path: Path) -> None:
    done = page(tmp_path)
    assert done.returncode == 1
    assert "nothing was measured yet" in done.stderr

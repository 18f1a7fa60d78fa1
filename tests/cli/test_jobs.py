"""Jobs from the command line: in this process, on a server, and whatever ends it in the middle."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.parts import free_port, wait_for
from tests.running import TOKEN, photo

LINES = 900


@pytest.fixture
def shop(tmp_path: Path) -> dict[str, str]:
    """An environment with ten photos that lay there for a while, a durable tier and a feed."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(10):
        path = photos / f"{number}.jpg"
        photo(80, 60, number).save(path)
        os.utime(
            path, (time.time() - 60,) * 2
        )  # a file that is still being written has another name
    rows = [f"s{n},/{n % 10}.jpg,w={16 + n // 10}&fm=jpg" for n in range(LINES)]
    (tmp_path / "feed.csv").write_text("sku,url,query\n" + "\n".join(rows) + "\n")
    return {
        **os.environ,
        "EDGE_ORIGIN_URL": str(photos),
        "EDGE_CACHE_STORE_URL": str(tmp_path / "store"),
        "EDGE_SERVER_THREADS": "1",
        "EDGE_ADMIN_TOKEN": TOKEN,
        "COLUMNS": "200",
    }


def edge(shop: dict, *arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        env={**shop, **environ}, cwd=cwd, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def begun(shop: dict, cwd: Path, *arguments: str) -> subprocess.Popen:
    """`edge prewarm` in the middle of its work."""
    process = subprocess.Popen(  # whoever runs the suite in the background ignores SIGINT
        [sys.executable, "-m", "edge", "prewarm", "feed.csv", *arguments],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=shop, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    out = cwd / "out"
    wait_for("prewarm", lambda: len(list(out.glob("*.jpg"))) > 20, process)
    assert len(list(out.glob("*.jpg"))) < LINES, "it was over before the blow"
    return process


def files(cwd: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((cwd / "out").glob("*.jpg"))}


def hidden(cwd: Path) -> list[str]:
    return [path.name for path in (cwd / "out").glob(".*")]


PREWARM = ("prewarm", "feed.csv", "--to", "out", "--name", "{sku}.jpg")


def test_a_feed_is_worked_off_here_with_a_report_and_leaves_no_checkpoint(shop, tmp_path):
    done = edge(shop, *PREWARM, "--report", "report.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{LINES} pictures: {LINES} succeeded; 0 were there before" in done.stdout
    assert len(files(tmp_path)) == LINES
    assert len((tmp_path / "report.csv").read_text().splitlines()) == LINES + 1
    assert list(tmp_path.glob(".edge-prewarm*")) == []
    again = edge(shop, *PREWARM, cwd=tmp_path)
    assert f"{LINES} were there before" in again.stdout


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_whatever_ends_it_the_same_command_goes_on(shop, tmp_path, blow):
    process = begun(shop, tmp_path, "--to", "out", "--name", "{sku}.jpg")
    process.send_signal(blow)
    _, said = process.communicate(timeout=60)
    [checkpoint] = tmp_path.glob(".edge-prewarm-*.jobs")
    if blow != signal.SIGKILL:
        assert process.returncode == 130
        assert "to resume: the same command" in said
        assert "Traceback" not in said
        assert hidden(tmp_path) == [], "what was being written was ended, or taken away"
    (tmp_path / "out" / f".edge-{'0' * 16}.part").write_bytes(b"as a kill leaves it")
    (tmp_path / "out" / ".of-another-program.part").write_bytes(b"not ours")
    before = files(tmp_path)
    assert 20 < len(before) < LINES
    done = edge(shop, *PREWARM, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"checkpoint {checkpoint.name}" in done.stderr
    assert "of them before" in done.stderr
    after = files(tmp_path)
    assert len(after) == LINES
    assert before.items() <= after.items()
    assert hidden(tmp_path) == [".of-another-program.part"]


def test_failures_end_with_1_and_the_same_command_tries_them_again(shop, tmp_path):
    with (tmp_path / "feed.csv").open("a") as feed:
        feed.write("late,/late.jpg,w=30\nbroken\n")
    failed = edge(shop, *PREWARM, "--report", "report.json", cwd=tmp_path)
    assert failed.returncode == 1
    assert "1 failed" in failed.stdout
    assert "1 lines are no items" in failed.stderr
    photo(50, 50).save(Path(shop["EDGE_ORIGIN_URL"]) / "late.jpg")
    done = edge(shop, *PREWARM, cwd=tmp_path)
    assert f"{LINES + 1} of them" in done.stderr or f"{LINES} of them" in done.stderr
    assert f"{LINES + 1} succeeded" in done.stdout
    assert len(files(tmp_path)) == LINES + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prewarm", "none.csv"), "no such file"),
        (("prewarm", "feed.csv", "--preset", "amazn"), "did you mean: amazon"),
        (("prewarm", "feed.csv", "--to", "out", "--name", "same.jpg"), "would both be written"),
        (("prewarm", "feed.csv", "--report", "x.pdf"), ".html"),
        (("prewarm", "feed.csv", "--server", "gopher://x"), "http://"),
        (("prewarm", "feed.csv", "--report", "none/x.csv"), "no such folder"),
        (("jobs", "cost", "--dry-run"), "needs a FEED"),
        (("jobs", "cost", "--dry-run", "none.csv"), "no such file"),
        (("jobs", "cost", "--dry-run", "none.csv", "--server", "http://x"), "no such file"),
        (("worker",), "EDGE_CACHE_REDIS_URL"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_allowed(shop, tmp_path, arguments, said):
    done = edge(shop, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_is_a_feed_of_its_pictures_and_their_origin(shop, tmp_path):
    photos = tmp_path / "photos"
    for path in sorted(photos.iterdir())[2:]:
        path.unlink()
    (photos / "sub").mkdir()
    photo(80, 60, 3).save(photos / "sub" / "50% #1?.jpg")
    reckoned = edge(
        shop, "jobs", "cost", "photos", "--dry-run", "--preset", "thumb",
        cwd=tmp_path, EDGE_ORIGIN_URL="",
    )  # fmt: skip
    assert "3 pictures: 0 are there, 3 are to be made" in reckoned.stdout, reckoned.stderr
    done = edge(
        shop, "prewarm", "photos", "--preset", "thumb", "--to", "out",
        cwd=tmp_path, EDGE_ORIGIN_URL="",
    )  # fmt: skip
    assert "3 pictures: 3 succeeded" in done.stdout, done.stderr
    assert len(files(tmp_path)) == 3
    assert edge(shop, "verify", "out", "--for", "thumb", cwd=tmp_path).returncode == 0


def test_a_file_name_that_no_url_can_say_costs_its_line_alone(shop, tmp_path):
    photos = tmp_path / "photos"
    shutil.copy(next(photos.iterdir()), os.fsencode(photos) + b"/\xff.jpg")
    total = len(list(photos.iterdir())) - 1
    done = edge(
        shop, "prewarm", "photos", "--preset", "thumb", "--to", "out",
        cwd=tmp_path, EDGE_ORIGIN_URL="",
    )  # fmt: skip
    assert f"{total} pictures: {total} succeeded" in done.stdout, done.stderr
    assert "1 lines of the feed were refused" in done.stdout
    assert "Traceback" not in done.stderr


def test_without_any_place_for_the_pictures_it_is_refused(shop, tmp_path):
    done = edge(shop, "prewarm", "feed.csv", cwd=tmp_path, EDGE_CACHE_STORE_URL="")
    assert done.returncode == 2
    assert "EDGE_CACHE_STORE_URL" in done.stderr


def test_a_server_that_is_not_there_ends_with_1(shop, tmp_path):
    place = f"http://127.0.0.1:{free_port()}"
    for arguments in (
        ("prewarm", "feed.csv", "--server", place),
        ("jobs", "list", "--server", place),
    ):
        done = edge(shop, *arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert "cannot be reached" in done.stderr


def test_a_running_server_is_given_the_feed_and_asked_about_it(shop, tmp_path):
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "edge", "serve"],
        env={**shop, "EDGE_SERVER_PORT": str(port), "EDGE_SERVER_LOG_LEVEL": "error"},
    )
    there = ("--server", f"http://127.0.0.1:{port}")
    try:
        wait_for("edge", lambda: edge(shop, "jobs", "list", *there, cwd=tmp_path).returncode == 0)
        done = edge(
            shop, "prewarm", "feed.csv", "--label", "may", "--watch", "--report", "r.html", *there,
            cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"{LINES} succeeded" in done.stdout
        assert "</html>" in (tmp_path / "r.html").read_text()
        [job] = json.loads(edge(shop, "jobs", "list", "--json", *there, cwd=tmp_path).stdout)
        shown = edge(shop, "jobs", "show", job["id"], "--items", "succeeded", *there, cwd=tmp_path)
        assert shown.stdout.count("/0.jpg") == 10
        retried = edge(shop, "jobs", "retry", job["id"], *there, cwd=tmp_path)
        assert retried.returncode == 1
        assert "409" in retried.stderr
        cost = json.loads(
            edge(shop, "jobs", "cost", "--label", "may", "--json", *there, cwd=tmp_path).stdout
        )
        assert cost["pictures"] == LINES
        report = edge(shop, "jobs", "cost", "--dry-run", "feed.csv", *there, cwd=tmp_path)
        assert f"{LINES} are there, 0 are to be made" in report.stdout
        slow = edge(shop, "prewarm", "feed.csv", "--query", "q=51", *there, cwd=tmp_path)
        id = slow.stdout.partition(":")[0]
        cancelled = edge(shop, "jobs", "cancel", id, *there, cwd=tmp_path)
        assert "cancelled" in cancelled.stdout or "409" in cancelled.stderr
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def test_what_a_feed_would_cost_is_told_before_it_begins(shop, tmp_path):
    done = edge(
        shop, "jobs", "cost", "--dry-run", "feed.csv", "--workers", "2", "--json", cwd=tmp_path,
        EDGE_JOBS_PRICES="cpu:1000",
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert (report["total"], report["cached"], report["missing"]) == (LINES, 0, LINES)
    assert report["cost"] > 0
    assert report["seconds"] > 0
    start = time.monotonic()
    assert edge(shop, "jobs", "cost", "--dry-run", "feed.csv", cwd=tmp_path).returncode == 0
    assert time.monotonic() - start < 120

"""`edge render`: one file, many or a pipe, and the truth about what came out."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from edge.cli import main
from edge.cli.main import DONE, FAILED, USAGE
from tests.running import photo


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith("EDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EDGE_MODELS_FETCHED", "")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "wood").mkdir(parents=True)
    photo(300, 400).save(folder / "chair.jpg")
    photo(400, 300, 1).save(folder / "wood" / "table.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.jpg").write_bytes(b"no picture")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_verdict_and_what_to_review_are_told(photos, tmp_path, capsys):
    out = tmp_path / "out.webp"
    assert main.run(["render", str(photos / "chair.jpg"), "fmt=thumb", "-o", str(out)]) == DONE
    told = capsys.readouterr().out
    assert "  thumb/" in told
    assert "; pass" in told


def test_strict_refuses_what_breaks_a_rule_and_writes_nothing(photos, tmp_path, capsys):
    out = tmp_path / "out.jpg"
    image_request = ["render", str(photos / "chair.jpg"), "-o", str(out)]
    assert main.run([*image_request, "fmt=amazon-alt&w=200&up=off"]) == DONE
    assert "; fail; rule=long_min" in capsys.readouterr().out
    out.unlink()
    assert main.run([*image_request, "fmt=amazon-alt&w=200&up=off&strict=1"]) == FAILED
    assert "long_min" in capsys.readouterr().err
    assert not out.exists()


def test_folders_and_presets_make_a_file_each(photos, tmp_path):
    out = tmp_path / "made"
    arguments = [
        "render",
        str(photos),
        "--preset",
        "thumb",
        "--preset",
        "display",
        "up=off&fm=jpg",
    ]
    assert main.run([*arguments, "-o", str(out)]) == DONE
    made = names(out)
    assert [name.rpartition(".")[0] for name in made] == [
        "chair-display",
        "chair-thumb",
        "wood/table-display",
        "wood/table-thumb",
    ]
    for name in made:
        with Image.open(out / name) as image:
            image.load()


def test_a_pattern_that_no_shell_filled_in_is_filled_in(photos, tmp_path):
    out = tmp_path / "made"
    pattern = str(photos / "**" / "*.png")
    assert main.run(["render", pattern, "w=60&fm=jpg", "-o", f"{out}/"]) == DONE
    assert names(out) == ["wood/table.jpg"]


def test_json_is_one_list_with_what_a_header_would_say(photos, tmp_path, capsys):
    broken = photos / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    out = tmp_path / "made"
    assert main.run(["render", str(photos), "fmt=thumb", "-o", str(out), "--json"]) == FAILED
    told = {Path(row["file"]).name: row for row in json.loads(capsys.readouterr().out)}
    assert told["chair.jpg"]["compliance"].endswith("; pass")
    assert told["chair.jpg"]["bytes"] == Path(told["chair.jpg"]["output"]).stat().st_size
    assert told["broken.jpg"]["type"] == "OriginalCorrupt"
    assert "broken" not in " ".join(names(out))


def test_two_files_that_would_be_one_are_not_written_over_each_other(photos, tmp_path, capsys):
    photo(50, 50).save(photos / "chair.png")
    out = tmp_path / "made"
    assert main.run(["render", str(photos), "w=40&fm=jpg", "-o", str(out)]) == FAILED
    assert "is already that of" in capsys.readouterr().err
    assert names(out) == ["chair.jpg", "wood/table.jpg"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{}", "w=40", "-o", "-"), "standard output"),
        (("-", "{}", "w=40", "-o", "x"), "stands alone"),
        (("{}/none*.jpg", "w=40", "-o", "x"), "no file fits"),
        (("{}", "w=40", "h=40", "-o", "x"), "two queries"),
        (("{}", "--preset", "amazn", "-o", "x"), "did you mean: amazon"),
        (("{}", "fmt=thumb", "--preset", "amazon", "-o", "x"), "so does --preset"),
        (("w=40", "-o", "x"), "name a file"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_anything_is_made(
    photos, arguments, said, capsys
):
    given = [argument.format(photos) for argument in arguments]
    assert main.run(["render", *given]) == USAGE
    assert said in capsys.readouterr().err


def test_the_configured_tiers_keep_what_was_made(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EDGE_CACHE_STORE_URL", str(tmp_path / "store"))
    image_request = [
        "render",
        str(photos / "chair.jpg"),
        "w=70",
        "-o",
        str(tmp_path / "a.jpg"),
        "--json",
    ]
    sources = []
    for _ in range(2):
        assert main.run(image_request) == DONE
        sources.append(json.loads(capsys.readouterr().out)[0]["source"])
    assert sources == ["render", "folder"]
    photo(300, 400, 9).save(photos / "chair.jpg")
    assert main.run(image_request) == DONE
    assert json.loads(capsys.readouterr().out)[0]["source"] == "render", "other bytes, other name"


def edge(*arguments: str, **more):
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments], capture_output=True, timeout=120, **more
    )


@pytest.mark.slow
@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_a_pipe_gives_the_picture_alone_and_tells_on_the_side(photos, output):
    body = (photos / "chair.jpg").read_bytes()
    done = edge("render", "-", "w=60&fm=webp", "-o", output, input=body)
    assert done.returncode == DONE
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == ("WEBP", (60, 80))
    assert b"webp 60x80" in done.stderr


@pytest.mark.slow
def test_a_named_pipe_is_written_to_and_stays_one(photos, tmp_path):
    pipe = tmp_path / "out.jpg"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        done = edge("render", str(photos / "chair.jpg"), "w=40", "-o", str(pipe))
        body, _ = reader.communicate(timeout=60)
    assert done.returncode == DONE
    with Image.open(io.BytesIO(body)) as image:
        assert image.width == 40
    assert pipe.is_fifo()
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.slow
def test_a_reader_that_leaves_makes_no_traceback():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "edge", "models"],
            stdout=gone,
            stderr=subprocess.PIPE,
            timeout=120,
        )
    assert done.stderr == b""
    assert done.returncode == DONE


def test_a_preset_that_is_nearly_one_is_not_purged(monkeypatch, capsys):
    monkeypatch.setenv("EDGE_ADMIN_TOKEN", "let-me-in-as-an-operator")
    assert main.run(["purge", "--preset", "amzon"]) == USAGE
    told = capsys.readouterr().err
    assert "did you mean: amazon" in told
    assert "--tag preset:amzon" in told


@pytest.mark.slow
def test_a_reader_that_leaves_keeps_no_rendition_from_being_made(photos, tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = ["render", str(photos), "w=20", "-o", str(tmp_path / "out")]
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-u", "-m", "edge", *command],
            stdout=gone, stderr=subprocess.PIPE, timeout=120,
        )  # fmt: skip
    assert done.stderr == b""
    assert done.returncode == DONE
    assert names(tmp_path / "out") == ["chair.jpg", "wood/table.png"]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["render {} w=40 -o -", "render {} w=40 -o - --json",
                                       "explain {} w=40"])  # fmt: skip
def test_streams_that_are_closed_make_no_traceback(photos, arguments):
    command = [sys.executable, "-m", "edge", *arguments.format(photos / "chair.jpg").split()]
    done = subprocess.run(
        ["sh", "-c", '"$@" >&- <&-', "sh", *command], stderr=subprocess.PIPE, timeout=120
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == DONE

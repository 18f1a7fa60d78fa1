"""`edge models add | list | check | bench` as a person types them: words and exit codes."""

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from edge.cli import main
from edge.cli.main import DONE, FAILED, USAGE
from tests.tools import foreign_networks as foreign

SHIPPED = Path(__file__).parents[3] / "triton_models"


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_an_added_matting_network_is_listed_checked_timed_and_cuts_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(SHIPPED / "upscale_x2", folder / "upscale_x2")
    file = str(foreign.darkness(tmp_path / "theirs.onnx", foreign.square(320, 1), extra=6))
    place = ["--models", str(folder)]
    assert main.run(["models", "add", file, "--as", "matting", *place]) == DONE
    answer = told(capsys)
    assert f"added {folder}/matting, digest " in answer
    assert "320x320x3 -> 320x320x1" in answer
    assert "320 pixels, imagenet; d0: sigmoid" in answer

    assert main.run(["models", "list", *place]) == FAILED, "other roles are empty"
    rows = capsys.readouterr().out.splitlines()
    assert next(row for row in rows if row.startswith("matting ")).endswith(" ok")
    assert main.run(["models", "check", *place]) == DONE
    assert "matting ok" in told(capsys)
    assert main.run(["models", "bench", "matting", "--runs", "1", *place]) == DONE
    assert "matting embedded 1 " in told(capsys)

    monkeypatch.setenv("EDGE_MODELS_FOLDER", str(folder))
    scene = Image.effect_noise((160, 120), 120).point(lambda level: 210 + level // 6)
    ImageDraw.Draw(scene).ellipse((50, 30, 110, 90), fill=0)
    scene.convert("RGB").save(tmp_path / "scene.png")
    out = tmp_path / "cut.png"
    assert (
        main.run(["render", str(tmp_path / "scene.png"), "matte=on&w=160", "-o", str(out)]) == DONE
    )
    with Image.open(out) as made:
        low, high = made.getchannel("A").getextrema()
    assert (low, high) == (0, 255), "the network's matte is in it"


def test_the_codes_and_the_words_of_what_goes_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(foreign.enlarger(tmp_path / "theirs.onnx", foreign.square(32), 2))
    add = ["models", "add", file, "--models", str(tmp_path / "models"), "--as"]
    assert main.run([*add, "upscale_x4"]) == FAILED
    assert "allowed: float [N,3,4H,4W]" in capsys.readouterr().err
    assert main.run([*add, "upscale_x2"]) == DONE
    assert main.run([*add, "upscale_x2"]) == USAGE
    assert "--replace" in capsys.readouterr().err
    assert main.run([*add, "upscale_x2", "--replace", "--batch", "2"]) == DONE
    assert main.run([*add, "upscale_x2", "--name", "a/b"]) == USAGE
    for wrong in (["portrait"], ["matting", "--mean", "1,2"], ["matting", "--side", "many"]):
        with pytest.raises(SystemExit) as left:
            main.run([*add, *wrong])
        assert left.value.code == USAGE
    assert main.run(["models", "bench", "none", "--models", str(tmp_path / "models")]) == FAILED


@pytest.mark.parametrize("verb", ["list", "check", "bench", "add"])
def test_every_verb_of_models_explains_itself(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main.run(["models", verb, "--help"])
    assert left.value.code == DONE
    told = capsys.readouterr().out
    assert "--models FOLDER" in told
    assert "exit codes: 0 done" in told


def test_a_broken_answer_ends_check_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SHIPPED / "upscale_x2", tmp_path / "upscale_x2")
    stored = tmp_path / "upscale_x2/reference.json"
    stored.write_text(stored.read_text().replace("233.", "133."))
    assert main.run(["models", "check", "--models", str(tmp_path)]) == FAILED
    assert "upscale_x2 FAIL" in told(capsys)

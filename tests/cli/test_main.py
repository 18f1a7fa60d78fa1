"""The command line: each verb does what its help says, and ends with the code that it promises."""

import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from PIL import Image

from edge.cli import main
from edge.cli.main import DONE, FAILED, USAGE
from edge.variants import paths, signing
from tests.parts import free_port
from tests.running import TOKEN, photo

VERBS = (
    "serve",
    "render",
    "explain",
    "verify",
    "sign",
    "purge",
    "models",
    "triton",
    "worker",
    "prewarm",
    "jobs",
)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith("EDGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def chair(tmp_path: Path) -> Path:
    file = tmp_path / "chair.jpg"
    photo(600, 800).save(file, quality=90)
    return file


def usage_of(*arguments: str) -> int:
    """The exit code of a command that argparse itself refuses."""
    with pytest.raises(SystemExit) as left:
        main.run(arguments)
    return int(left.value.code)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_examples_that_parse(verb, capsys):
    assert usage_of(verb, "--help") == DONE
    told = capsys.readouterr().out
    assert "examples:" in told
    assert "exit codes: 0 done, 1 could not be done, 2 wrong usage" in told
    assert f"edge {verb}" in told


def test_the_verbs_are_these(capsys):
    assert usage_of("--help") == DONE
    told = capsys.readouterr().out
    assert set(re.findall(r"^    (\w+) ", told, re.MULTILINE)) == set(VERBS)


def test_the_help_of_serve_lists_every_setting(capsys):
    from edge import settings

    assert usage_of("serve", "--help") == DONE
    told = capsys.readouterr().out
    for row in settings.rows():
        assert row.variable in told


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("bake",),
        ("render",),
        ("render", "a.jpg"),
        ("verify", "a.jpg"),
        ("purge",),
        ("purge", "--tag", "a", "--key", "b"),
        ("models", "eat"),
        ("triton", "--grpc-port", "many"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_ends_with_2(arguments, capsys):
    assert usage_of(*arguments) == USAGE
    assert "usage: edge" in capsys.readouterr().err


def test_a_wrong_setting_ends_with_2_and_is_named(monkeypatch, capsys):
    monkeypatch.setenv("EDGE_SERVER_PORT", "many")
    assert main.run(["models"]) == USAGE
    assert "EDGE_SERVER_PORT" in capsys.readouterr().err


def test_render_writes_the_whole_picture(chair, tmp_path, capsys):
    out = tmp_path / "chair.webp"
    assert main.run(["render", str(chair), "w=300", "-o", str(out)]) == DONE
    with Image.open(out) as made:
        assert (made.format, made.size) == ("WEBP", (300, 400))
    assert "webp 300x400" in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["chair.jpg", "chair.webp"]


def test_the_query_wins_over_the_extension(chair, tmp_path):
    out = tmp_path / "chair.webp"
    assert main.run(["render", str(chair), "w=60&fm=png", "-o", str(out)]) == DONE
    with Image.open(out) as made:
        assert made.format == "PNG"


def test_a_failed_render_leaves_what_was_there_and_nothing_else(tmp_path, capsys):
    broken, out = tmp_path / "broken.jpg", tmp_path / "out.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    out.write_bytes(b"precious")
    assert main.run(["render", str(broken), "w=60", "-o", str(out)]) == FAILED
    assert out.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.jpg", "out.jpg"]
    assert capsys.readouterr().err.startswith("edge: ")


def test_a_target_that_cannot_be_written_leaves_nothing(chair, tmp_path, capsys):
    target = tmp_path / "none" / "chair.jpg"
    assert main.run(["render", str(chair), "w=60", "-o", str(target)]) == FAILED
    assert "cannot be written" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["chair.jpg"]


def test_a_file_that_is_not_there_ends_with_1(tmp_path, capsys):
    out = tmp_path / "out.jpg"
    assert main.run(["render", str(tmp_path / "no.jpg"), "-o", str(out)]) == FAILED
    assert "cannot be read" in capsys.readouterr().err
    assert not out.exists()


def test_a_misspelt_word_of_the_query_ends_with_2_and_the_nearest(chair, tmp_path, capsys):
    assert main.run(["render", str(chair), "widht=60", "-o", str(tmp_path / "o.jpg")]) == USAGE
    assert "did you mean: width" in capsys.readouterr().err
    assert main.run(["explain", str(chair), "fmt=amazn"]) == USAGE
    assert "did you mean: amazon" in capsys.readouterr().err


def test_explain_says_what_would_be_done(chair, capsys):
    assert main.run(["explain", str(chair), "width=300"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told["transform"] == "fm=jpg&w=300"
    assert told["facts"]["size"] == [600, 800]
    assert told["plan"]["canvas"] == [300, 400]


def test_verify_passes_a_good_picture_and_names_what_a_bad_one_breaks(tmp_path, capsys):
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    photo(400, 400).save(good, quality=85)
    photo(400, 300).save(bad, quality=85)
    assert main.run(["verify", str(good), "--for", "thumb"]) == DONE
    assert "; pass" in capsys.readouterr().out
    assert main.run(["verify", str(good), str(bad), "--for", "thumb"]) == FAILED
    told = capsys.readouterr().out
    assert "rule=ratios" in told
    assert "FAIL  ratios" in told


def test_verify_of_a_folder_is_that_of_each_picture_in_it(tmp_path, capsys):
    photo(400, 400).save(tmp_path / "good.jpg", quality=85)
    photo(400, 300).save(tmp_path / "bad.jpg", quality=85)
    (tmp_path / "manifest.csv").write_text("file")
    assert main.run(["verify", str(tmp_path), "--for", "thumb"]) == FAILED
    told = capsys.readouterr().out
    assert f"{tmp_path / 'good.jpg'}: thumb/" in told
    assert "FAIL  ratios" in told
    assert "manifest" not in told


def test_verify_as_json_is_one_list_with_every_file(tmp_path, capsys):
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    photo(400, 400).save(good, quality=85)
    bad.write_bytes(b"%PDF-1.7")
    assert main.run(["verify", str(good), str(bad), "--for", "thumb", "--json"]) == FAILED
    first, second = json.loads(capsys.readouterr().out)
    assert (first["file"], first["passed"]) == (str(good), True)
    assert (second["passed"], "a PDF" in second["problem"]) == (False, True)


def test_verify_for_an_unknown_preset_ends_with_2(chair, capsys):
    assert main.run(["verify", str(chair), "--for", "amazn"]) == USAGE
    assert "did you mean: amazon" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["", "https://img.shop.example"])
def test_a_signed_url_is_accepted_until_it_expires(monkeypatch, capsys, host):
    monkeypatch.setenv("EDGE_SIGNING_KEYS", "new:the second secret,old:the first secret of all")
    keys = signing.SigningKeys.of(
        (("new", "the second secret"), ("old", "the first secret of all"))
    )
    asked = f"{host}/sku/red%20shoe.jpg?w=800&fmt=amazon"
    assert main.run(["sign", asked, "--expires", "60"]) == DONE
    url = capsys.readouterr().out.strip()
    assert url.startswith(f"{host}/sku/red%20shoe.jpg?")
    parts = urlsplit(url)
    path = paths.read(parts.path)
    signing.verify(path, parts.query, keys, required=True)
    with pytest.raises(signing.SignatureExpired):
        signing.verify(path, parts.query, keys, required=True, now=time.time() + 61)
    with pytest.raises(signing.SignatureWrong):
        signing.verify(path, parts.query.replace("w=800", "w=801"), keys, required=True)


def test_sign_takes_the_key_that_is_named(monkeypatch, capsys):
    monkeypatch.setenv("EDGE_SIGNING_KEYS", "new:the second secret,old:the first secret of all")
    assert main.run(["sign", "/a.jpg?w=8", "--kid", "old"]) == DONE
    query = urlsplit(capsys.readouterr().out.strip()).query
    signing.verify(
        "a.jpg", query, signing.SigningKeys.of([("old", "the first secret of all")]), required=True
    )
    assert main.run(["sign", "/a.jpg?w=8", "--kid", "lost"]) == USAGE
    assert "lost" in capsys.readouterr().err


def test_sign_without_a_key_ends_with_2(capsys):
    assert main.run(["sign", "/a.jpg?w=8"]) == USAGE
    assert "EDGE_SIGNING_KEYS" in capsys.readouterr().err


async def test_purge_empties_a_running_server(serve, monkeypatch, capsys):
    server = await serve()
    await server.get("/sku/123.jpg?w=60")
    await server.get("/sku/456.png?w=60")
    monkeypatch.setenv("EDGE_ADMIN_TOKEN", TOKEN)
    command = ["purge", "--original", "/sku/123.jpg", "--server", f"http://127.0.0.1:{server.port}"]
    assert await asyncio.to_thread(main.run, command) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told == {"original": "/sku/123.jpg", "removed": {"memory": 1}}
    assert "hit" not in (await server.get("/sku/123.jpg?w=60")).headers["cache-status"]
    assert "hit" in (await server.get("/sku/456.png?w=60")).headers["cache-status"]


async def test_a_refused_purge_ends_with_1_and_the_servers_reason(serve, monkeypatch, capsys):
    server = await serve()
    monkeypatch.setenv("EDGE_ADMIN_TOKEN", "wrong")
    command = ["purge", "--tag", "x", "--server", f"http://127.0.0.1:{server.port}"]
    assert await asyncio.to_thread(main.run, command) == FAILED
    told = capsys.readouterr().err
    assert "401" in told
    assert "Authorization" in told
    assert "wrong" not in told


def test_purge_says_what_it_lacks(monkeypatch, capsys):
    assert main.run(["purge", "--tag", "x"]) == USAGE
    assert "EDGE_ADMIN_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("EDGE_ADMIN_TOKEN", "x")
    assert main.run(["purge", "--tag", "x", "--server", "file:///etc/passwd"]) == USAGE
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        port = taken.getsockname()[1]
        assert main.run(["purge", "--tag", "x", "--server", f"http://127.0.0.1:{port}"]) == FAILED
    assert "cannot be reached" in capsys.readouterr().err


def test_models_lists_every_role_and_says_what_is_not_there(monkeypatch, tmp_path, capsys):
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("EDGE_MODELS_FOLDER", str(tmp_path / "models"))
    assert main.run(["models"]) == FAILED
    told = capsys.readouterr().out
    for role in ("upscale_x2", "upscale_x4", "matting"):
        assert role in told


def test_models_check_asks_each_network(capsys):
    assert main.run(["models", "check"]) == DONE
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["model", "state", "seconds", "answer"]
    assert len(rows) >= 3
    assert all(" ok " in row for row in rows[1:])


def test_serve_on_a_taken_port_ends_with_2_and_says_so(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("EDGE_SERVER_PORT", str(port))
        monkeypatch.setattr("edge.logs.configure", lambda *_: None)
        assert main.run(["serve"]) == USAGE
    told = capsys.readouterr().err
    assert f"EDGE_SERVER_PORT={port}" in told
    assert "in use" in told


@pytest.mark.slow
def test_serve_answers_and_ends_with_0_on_sigterm(photos):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "serve"],
        env={**os.environ, "EDGE_SERVER_PORT": str(port), "EDGE_ORIGIN_URL": str(photos)},
        stderr=subprocess.PIPE,
    )
    try:
        body = fetched(f"http://127.0.0.1:{port}/sku/123.jpg?w=60")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    with Image.open(io.BytesIO(body)) as made:
        assert made.size == (60, 80)
    assert process.returncode == DONE
    messages = [json.loads(line)["message"] for line in log.splitlines()]
    assert messages[0] == "serving"
    assert messages[-1] == "stopped"


def fetched(url: str) -> bytes:
    for _ in range(900):
        try:
            with urlopen(url, timeout=120) as answer:
                return answer.read()
        except ConnectionError:
            time.sleep(0.2)
        except OSError as error:
            if not isinstance(getattr(error, "reason", None), ConnectionError):
                raise
            time.sleep(0.2)
    raise RuntimeError(f"{url} does not answer")

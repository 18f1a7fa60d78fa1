"""`edge verify` of what edge made says what was said when it was made; of all else, what it
sees."""

import asyncio
import contextlib
import io
import json
import shutil
from pathlib import Path

import pytest

from edge.cli import main
from edge.cli.main import DONE, FAILED, USAGE
from edge.cli.verdicts import Verdicts, sha256
from edge.errors import SettingsError
from edge.rendering.compliance.report import Finding, Report
from edge.rendering.compliance.verify import as_reported
from edge.web.reported import compliance_line, read_compliance

SAMPLES = Path(main.__file__).parent.parent / "samples"
QUERY = "fmt=amazon&w=1600&h=1600&matte=on"
DOUBTFUL = "amazon/2026-1; pass; review=doubt"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A glass, cut out for Amazon: the cut is doubtful, which no finished file shows."""
    folder = tmp_path_factory.mktemp("made")
    told, out = io.StringIO(), folder / "main.jpg"
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.setenv("EDGE_FILES_VERDICTS", str(folder / "verdicts"))
        assert main.run(["render", str(SAMPLES / "glass.jpg"), QUERY, "-o", str(out)]) == DONE
    assert DOUBTFUL in told.getvalue()
    return out


@pytest.fixture
def glass(made, tmp_path, monkeypatch) -> Path:
    """A copy of it, and what was noted of it."""
    monkeypatch.setenv("EDGE_FILES_VERDICTS", str(made.parent / "verdicts"))
    return Path(shutil.copy(made, tmp_path / "main.jpg"))


def verified(capsys, file: Path, *options: str) -> tuple[int, dict]:
    code = main.run(["verify", str(file), "--for", "amazon", "--json", *options])
    [told] = json.loads(capsys.readouterr().out)
    return code, told


def test_what_render_said_verify_says(glass, capsys):
    assert main.run(["verify", str(glass), "--for", "amazon"]) == DONE
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"{glass}: {DOUBTFUL} (as reported when edge made it)"
    moved = glass.rename(glass.with_name("renamed.jpg"))
    assert verified(capsys, moved)[1]["as_reported"] is True


def test_anew_it_sees_the_file_alone(glass, capsys):
    code, told = verified(capsys, glass, "--anew")
    assert code == DONE
    assert "as_reported" not in told


def test_other_bytes_are_another_picture(glass, capsys):
    glass.write_bytes(glass.read_bytes() + b"\0")
    assert "as_reported" not in verified(capsys, glass)[1]


def test_another_preset_is_judged_by_what_is_seen(glass, capsys):
    assert main.run(["verify", str(glass), "--for", "instagram", "--json"]) in (DONE, FAILED)
    [told] = json.loads(capsys.readouterr().out)
    assert "as_reported" not in told
    assert told["preset"] == "instagram"


async def test_it_is_what_the_server_says_of_the_same_picture(serve, made, glass):
    server = await serve(EDGE_ORIGIN_URL="")
    answer = await server.get(f"/glass.jpg?{QUERY}")
    verdicts = Verdicts(made.parent / "verdicts")
    assert answer.content == glass.read_bytes()
    assert compliance_line(verdicts.find(answer.content)) == answer.headers["x-edge-compliance"]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_manifest_counts_where_it_is_named_and_only_there(tmp_path, capsys, glass, form):
    picture = tmp_path / "exported" / "123.jpg"
    picture.parent.mkdir()
    picture.write_bytes(glass.read_bytes() + b"\0")
    row = {"sha256": sha256(picture.read_bytes()),
           "compliance": "amazon/2026-1; fail; rule=no_text,drift_max; notes=small"}  # fmt: skip
    manifest = picture.with_name(f"manifest.{form}")
    if form == "csv":
        manifest.write_text(
            f'line,sha256,compliance\n1,,\n2,{row["sha256"]},"{row["compliance"]}"\n'
        )
    else:
        manifest.write_text(f"{json.dumps({'line': 1})}\n{json.dumps(row)}\n")
    assert "as_reported" not in verified(capsys, picture)[1], (
        "it may come from whoever sent the pictures"
    )
    code, told = verified(capsys, picture, "--manifest", str(manifest))
    assert (code, told["passed"], told["as_reported"]) == (FAILED, False, True)
    broken = {one["rule"] for one in told["findings"] if not one["passed"]}
    assert broken == {"no_text", "drift_max"}


@pytest.mark.parametrize("text", [None, "no JSON", "\xff\xfe"])
def test_a_manifest_that_is_none_is_named(tmp_path, capsys, glass, text):
    manifest = tmp_path / "manifest.jsonl"
    if text is not None:
        manifest.write_bytes(text.encode("latin-1"))
    arguments = ["verify", str(glass), "--for", "amazon", "--manifest", str(manifest)]
    assert main.run(arguments) == USAGE
    assert str(manifest) in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_costs_the_note_and_not_the_picture(tmp_path):
    (tmp_path / "file").write_text("")
    verdicts = Verdicts(tmp_path / "file" / "below")
    verdicts.note(b"picture", read_compliance(DOUBTFUL))
    assert verdicts.find(b"picture") is None
    assert Verdicts(None).find(b"picture") is None
    with pytest.raises(SettingsError):
        Verdicts(None, tmp_path)


def test_notes_are_bounded_and_the_oldest_go(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.cli.verdicts._MOST_NOTED", 256 * 2)
    verdicts = Verdicts(tmp_path)
    for number in range(3000):
        verdicts.note(str(number).encode(), read_compliance(DOUBTFUL))
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) <= 256 * 2
    assert verdicts.find(b"2999") == read_compliance(DOUBTFUL)


def finding(rule: str, passed: bool) -> Finding:
    return Finding(rule, passed, 1, 2)


def test_no_rule_that_passed_is_broken_and_none_that_was_broken_is_forgotten():
    report = Report("a", "1", (finding("background", False), finding("srgb", True)))
    for told in (
        "a/1; pass",
        "a/1; fail; rule=srgb,synthesized_max; review=doubt; notes=small,worn",
    ):
        report = as_reported(report, read_compliance(told))
        assert compliance_line(report.compliance) == told


def test_a_file_of_the_same_verdict_stays_as_it_was_seen():
    report = Report("a", "1", (finding("background", False), finding("srgb", True)))
    assert (
        as_reported(report, read_compliance("a/1; fail; rule=background")).findings
        == report.findings
    )


async def verified_here(capsys, *words: str) -> tuple[int, dict]:
    """`edge verify` beside a server of the same event loop."""
    words = ("verify", *words, "--for", "amazon", "--json")
    code = await asyncio.to_thread(main.run, list(words))
    [told] = json.loads(capsys.readouterr().out)
    return code, told


@pytest.fixture
async def shop(serve, monkeypatch, tmp_path):
    """A server of the samples on a port, and a user who has made no picture himself."""
    monkeypatch.setenv("EDGE_FILES_VERDICTS", str(tmp_path / "verdicts"))
    server = await serve(EDGE_ORIGIN_URL="")
    return server, f"http://127.0.0.1:{server.port}/glass.jpg?{QUERY}"


async def test_of_a_url_it_says_what_the_server_says_and_of_copies_from_then_on(
    shop, tmp_path, capsys
):
    server, url = shop
    answer = await server.get(f"/glass.jpg?{QUERY}")
    code, told = await verified_here(capsys, url)
    assert code == DONE
    assert told["as_reported"] is True
    assert answer.headers["x-edge-compliance"] == DOUBTFUL
    copy = tmp_path / "downloaded.jpg"
    copy.write_bytes(answer.content)
    assert (await verified_here(capsys, str(copy)))[1]["as_reported"] is True
    assert "as_reported" not in (await verified_here(capsys, url, "--anew"))[1]


@pytest.mark.parametrize("accept", ["*/*", "image/webp,*/*", "image/avif,image/webp,*/*"])
async def test_a_downloaded_file_is_judged_as_by_the_server_that_is_named(
    shop, tmp_path, capsys, accept
):
    """Whatever format it was made in for the client that downloaded it."""
    server, _ = shop
    query = "fmt=amazon-alt&w=1600"
    answer = await server.get(f"/glass.jpg?{query}", accept=accept)
    file = tmp_path / "downloaded"
    file.write_bytes(answer.content)
    words = (
        "verify",
        str(file),
        "--for",
        "amazon-alt",
        "--url",
        f"http://127.0.0.1:{server.port}/glass.jpg?{query}",
    )
    await asyncio.to_thread(main.run, list(words))
    line = capsys.readouterr().out.splitlines()[0]
    said = answer.headers["x-edge-compliance"]
    assert line == f"{file}: {said} (as reported when edge made it)"


async def test_other_bytes_than_the_servers_are_not_believed(shop, tmp_path, capsys):
    server, url = shop
    file = tmp_path / "changed.jpg"
    file.write_bytes((await server.get(f"/glass.jpg?{QUERY}")).content + b"\0")
    code, told = await verified_here(capsys, str(file), "--url", url)
    assert code == FAILED
    assert "another picture" in told["problem"]


async def test_a_server_that_refuses_or_is_away_is_the_files_problem(shop, capsys):
    server, _ = shop
    for url, why in (
        (f"http://127.0.0.1:{server.port}/none.jpg?fmt=amazon", "404"),
        ("http://127.0.0.1:1/a.jpg", "cannot be fetched"),
    ):
        code, told = await verified_here(capsys, url)
        assert code == FAILED
        assert why in told["problem"]


def test_one_url_is_where_one_file_is_from(glass, capsys):
    words = ["verify", str(glass), str(glass), "--for", "amazon", "--url", "http://a.example/b.jpg"]
    assert main.run(words) == USAGE
    assert "several files" in capsys.readouterr().err

"""What the commands answer as values: requests read strictly, a verdict a file, whole tables."""

import pytest

from edge import settings
from edge.cli import commands, local, models_commands
from edge.errors import OriginalNotFound, SettingsError, UnknownParameter
from edge.images import Format, Size
from tests.running import photo


@pytest.fixture
def given():
    return settings.load({"EDGE_SERVER_THREADS": "1", "EDGE_MODELS_FETCHED": ""})


@pytest.fixture
def chair(tmp_path):
    file = tmp_path / "chair.jpg"
    photo(600, 800).save(file, quality=90)
    return file


async def rendered(given, file, query, suffix):
    image_request = commands.image_request_of(given, query)
    async with local.open_local_renderer(given) as renderer:
        return (await renderer.make(local.original_of(file), image_request, suffix)).rendition


async def test_a_file_is_rendered_as_the_server_would(given, chair):
    made = await rendered(given, chair, "?w=150&ar=1:1", ".png")
    assert (made.format, made.size) == (Format.PNG, Size(150, 150))


async def test_a_file_is_not_rendered_by_a_word_that_means_nothing(given, chair):
    with pytest.raises(UnknownParameter):
        await rendered(given, chair, "w=150&utm=1", ".png")


async def test_explaining_makes_nothing_but_reads_the_file(given, chair, tmp_path):
    told = await commands.explain_file(given, chair, "w=150")
    assert told["plan"]["canvas"] == [150, 200]
    with pytest.raises(OriginalNotFound):
        await commands.explain_file(given, tmp_path / "none.jpg", "w=150")


async def test_a_users_preset_counts_here_too(chair, tmp_path):
    file = tmp_path / "presets.toml"
    file.write_text('[tile]\nw = 90\nar = "1:1"\nfm = "webp"\n\n[tile.rules]\nratios = ["1:1"]\n')
    given = settings.load({"EDGE_PRESETS_FILE": str(file)})
    made = await rendered(given, chair, "fmt=tile", ".jpg")
    assert (made.format, made.size) == (Format.WEBP, Size(90, 90))
    out = tmp_path / "tile.webp"
    out.write_bytes(made.body)
    preset = commands.preset_named(given, "tile")
    kept, broken = await commands.verify_files(given, [str(out), str(chair)], preset)
    assert kept.passed
    assert not broken.passed


async def test_a_file_that_cannot_be_verified_is_a_failed_verdict(given, tmp_path):
    preset = commands.preset_named(given, "thumb")
    [verdict] = await commands.verify_files(given, [str(tmp_path / "none.jpg")], preset)
    assert not verdict.passed
    assert "cannot be read" in verdict.problem
    assert verdict.as_facts()["passed"] is False


def test_a_purge_needs_the_token_before_anything_is_sent(given):
    with pytest.raises(SettingsError, match="EDGE_ADMIN_TOKEN"):
        commands.purge(given, "http://127.0.0.1:9", "tag", "x")


@pytest.mark.slow
async def test_models_are_timed_with_one_piece_and_a_full_batch(given):
    good, rows = await models_commands.models_table(given, "bench")
    assert good
    assert {row[2] for row in rows[1:]} >= {"1"}
    assert all(float(row[3]) > 0 for row in rows[1:])


async def test_a_render_by_preset_is_held_against_its_rules(given, chair):
    made = await rendered(given, chair, "fmt=thumb", ".jpg")
    assert made.reported.compliance.passed

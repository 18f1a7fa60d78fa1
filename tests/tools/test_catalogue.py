"""What the command line says of the models."""

from pathlib import Path

from edge.models.embedded import EmbeddedModels
from edge.models.roles import ROLES
from edge.models.selftest import FILE
from edge.tools import catalogue
from tests.models import networks


def test_the_list_has_every_role_and_every_model(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "upscale_x2", 32, 2, overlap=4)
    networks.nearest(tmp_path, "upscale_x4", 32, 2)
    networks.nearest(tmp_path, "toy", 16, 3)
    rows = {row.name: row for row in catalogue.list(tmp_path)}
    assert set(rows) == {*ROLES, "toy"}
    good = rows["upscale_x2"]
    assert (good.inputs, good.outputs) == (("image 32x32x3",), ("enlarged 64x64x3",))
    assert (good.max_batch_size, good.problem) == (8, "")
    assert len(good.digest) == 16
    assert good.bytes == (tmp_path / "upscale_x2/1/model.onnx").stat().st_size
    assert "must take" in rows["upscale_x4"].problem
    assert "no whole model 'matting'" in rows["matting"].problem


async def test_the_check_finds_what_is_broken_and_goes_on(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "upscale_x2", 32, 2)
    networks.nearest(tmp_path, "upscale_x4", 32, 2)
    networks.nearest(tmp_path, "damaged", 32, 2)
    (tmp_path / "damaged/1/model.onnx").write_bytes(b"rubbish")
    models = EmbeddedModels(tmp_path, threads=1)
    rows = {row.name: row for row in await catalogue.check(models, tmp_path)}
    await models.close()
    assert {name: row.ready for name, row in rows.items()} == {
        "upscale_x2": True, "upscale_x4": False, "damaged": False,
    }  # fmt: skip
    assert rows["upscale_x2"].facts["seconds"] > 0
    assert "cannot be loaded" in rows["damaged"].detail


async def test_recorded_answers_are_what_the_next_check_asks_for(tiny: Path) -> None:
    models = EmbeddedModels(tiny, threads=1)
    paths = await catalogue.record(models, tiny, ["upscale_x2"])
    rows = {row.name: row for row in await catalogue.check(models, tiny)}
    await models.close()
    assert paths == (tiny / "upscale_x2" / FILE,)
    assert rows["upscale_x2"].detail == "equals its stored answer"
    assert "no answer of this network is stored" in rows["upscale_x4"].detail


async def test_the_bench_times_one_piece_and_a_full_batch(tiny: Path) -> None:
    models = EmbeddedModels(tiny, threads=1)
    rows = await catalogue.bench(models, tiny, ["upscale_x2"], runs=3)
    await models.close()
    assert [(row.name, row.batch, row.runtime) for row in rows] == [
        ("upscale_x2", 1, "embedded"),
        ("upscale_x2", 8, "embedded"),
    ]
    for row in rows:
        assert 0 < row.median <= row.slowest
        assert row.per_piece == row.median / row.batch

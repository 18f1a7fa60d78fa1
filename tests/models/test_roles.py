"""Names and shapes in code and in the shipped repository are the same."""

from pathlib import Path

import pytest

from edge.errors import ModelContractBroken
from edge.models import roles
from edge.models.repository import Repository
from tests.models import networks

SHIPPED = Path(__file__).parents[2] / "triton_models"


def test_something_is_shipped() -> None:
    assert {"upscale_x2", "upscale_x4"} <= set(Repository(SHIPPED).names())


@pytest.mark.parametrize("name", Repository(SHIPPED).names())
def test_a_shipped_model_has_the_shapes_that_its_role_needs(name: str) -> None:
    roles.check(Repository(SHIPPED).spec(name))


@pytest.mark.parametrize("name", [*roles.ROLES, roles.MATTING_SECOND, roles.TEXT_DETECTION])
def test_a_model_of_other_shapes_is_refused_by_its_role(tmp_path: Path, name: str) -> None:
    networks.nearest(tmp_path, name, 10, 3)
    with pytest.raises(ModelContractBroken, match=name):
        roles.check(Repository(tmp_path).spec(name))


@pytest.mark.parametrize("name", roles.MASKS)
def test_a_network_that_looks_at_a_whole_picture_says_its_side(tmp_path: Path, name: str) -> None:
    for side in (64, 320, 1024):
        networks.luminance_matte(tmp_path, name, side=side)
        assert roles.side_of(Repository(tmp_path).spec(name)) == side
    for side in (63, 5000):
        networks.luminance_matte(tmp_path, name, side=side)
        with pytest.raises(ModelContractBroken, match=f"{name}: takes"):
            roles.side_of(Repository(tmp_path).spec(name))


def test_a_model_without_a_role_may_be_anything(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "toy", 10, 3)
    roles.check(Repository(tmp_path).spec("toy"))


def test_an_overlap_that_eats_the_tile_is_refused(tmp_path: Path) -> None:
    networks.nearest(tmp_path, "upscale_x2", 16, 2, overlap=8)
    with pytest.raises(ModelContractBroken, match="leaves nothing"):
        roles.check(Repository(tmp_path).spec("upscale_x2"))

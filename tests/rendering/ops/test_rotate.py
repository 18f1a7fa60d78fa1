import pytest

from edge.variants.transform import Transform
from edge.variants.values import CropRegion
from tests.rendering.stage import BLUE, GREEN, RED, WHITE, corners, made, quarters


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (90, [WHITE, RED, GREEN, BLUE]),
        (180, [BLUE, WHITE, RED, GREEN]),
        (270, [GREEN, BLUE, WHITE, RED]),
    ],
)
def test_a_turn_is_clockwise_and_exact(degrees, expected):
    turned = made(Transform(rotate=degrees), quarters(80, 60))
    assert corners(turned) == expected
    assert turned.size == ((80, 60) if degrees == 180 else (60, 80))


def test_width_speaks_of_the_turned_picture():
    assert made(Transform(rotate=90, width=30), quarters(80, 60)).size == (30, 40)


def test_a_crop_speaks_of_the_picture_before_the_turn():
    shown = made(Transform(rotate=90, crop=CropRegion(40, 0, 40, 30)), quarters(80, 60))
    assert shown.size == (30, 40)
    assert corners(shown) == [GREEN] * 4


def test_four_quarter_turns_are_the_original():
    image = quarters()
    turned = image
    for _ in range(4):
        turned = made(Transform(rotate=90), turned)
    assert turned.tobytes() == image.tobytes()

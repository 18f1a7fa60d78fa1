import pytest

from edge.variants.transform import Transform
from edge.variants.values import FlipMode
from tests.rendering.stage import BLUE, GREEN, RED, WHITE, corners, made, quarters


@pytest.mark.parametrize(
    ("flip", "expected"),
    [
        (FlipMode.HORIZONTAL, [GREEN, RED, WHITE, BLUE]),
        (FlipMode.VERTICAL, [WHITE, BLUE, GREEN, RED]),
        (FlipMode.BOTH, [BLUE, WHITE, RED, GREEN]),
    ],
)
def test_a_flip_mirrors_exactly(flip, expected):
    assert corners(made(Transform(flip=flip), quarters())) == expected


def test_a_flip_comes_after_the_turn():
    """Turned clockwise the quarters read W R G B; mirrored left to right, R W B G."""
    shown = made(Transform(rotate=90, flip=FlipMode.HORIZONTAL), quarters())
    assert corners(shown) == [RED, WHITE, BLUE, GREEN]

"""What a matte tells of its subject."""

import pytest
from PIL import Image

from edge.images import WHITE, Size
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.matting.mattes import Matte, Segmentation
from edge.rendering.pixels.geometry import Area, touches


@pytest.mark.parametrize("left", range(4))
def test_a_subject_touches_an_edge_where_framing_takes_it_for_cut(left: int) -> None:
    image, size = Image.new("L", (90, 70)), Size(90, 70)
    image.paste(255, (left, 20, 60, 60))
    subject = Area(left, 20, 60, 60).scaled(1 / size.width, 1 / size.height)
    told = Segmentation(Analysis(WHITE, True), Matte(image, subject, "network", 0.0)).refined
    at_near, _ = touches(left, 60, 0, size.width)
    assert told.touches == (("left",) if at_near else ())

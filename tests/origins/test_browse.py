"""The pictures that the page of examples shows."""

import os

from edge.origins.browse import Listing
from edge.origins.routes import parse_routes


async def test_only_what_a_url_can_name_is_shown(tmp_path):
    """A name that is no UTF-8, with a backslash or a line break, and hidden files are left out."""
    root = os.fsencode(tmp_path)
    os.mkdir(root + b"/.git")
    for name in (b"a.jpg", b"100%.png", b"b\xff.jpg", b"c\\d.jpg", b"e\n.jpg", b".f.jpg", b"g.html",
                 b".git/h.jpg", b"gr\xc3\xbcn #1?.webp"):  # fmt: skip
        os.close(os.open(root + b"/" + name, os.O_CREAT | os.O_WRONLY))
    assert await Listing(parse_routes(str(tmp_path))).paths() == (
        "100%.png",
        "a.jpg",
        "grün #1?.webp",
    )

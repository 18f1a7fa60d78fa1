"""The table of public networks says all that a fetch and its reader need."""

import re

import pytest

from edge.errors import InvalidParameter
from edge.tools.public_networks import fetching
from edge.tools.public_networks.downloading import Release, Wheel

ROWS = fetching.table()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_can_be_added_as_it_stands(name: str) -> None:
    network = ROWS[name]
    network.options().check()
    assert network.options().model == network.role
    assert network.options(role="matting", name="mine").model == "mine"


@pytest.mark.parametrize("name", ROWS)
def test_a_row_pins_its_file_and_says_whose_it_is(name: str) -> None:
    network = ROWS[name]
    assert re.fullmatch(r"[0-9a-f]{64}", network.expected.sha256)
    assert network.expected.size > 100_000
    assert network.licence in ("Apache-2.0", "MIT", "BSD-3-Clause")
    assert network.licence_read
    assert network.without
    assert network.observed != bool(network.hashes_from), "a hash of others says whose it is"


@pytest.mark.parametrize("name", ROWS)
def test_sources_are_pinned_wheels_or_https(name: str) -> None:
    for source in ROWS[name].sources:
        if isinstance(source, Wheel):
            assert re.fullmatch(r"[\w-]+==[\w.]+", source.requirement)
        else:
            assert isinstance(source, Release)
            assert source.url.startswith("https://")


def test_what_serves_by_default_is_on_the_package_index() -> None:
    """Where only a mirror of it is reached, as in many firms."""
    for name in ("u2netp", "u2net", "ppocr-det", "centerface"):
        assert isinstance(ROWS[name].sources[0], Wheel)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidParameter) as caught:
        fetching.network("u2nett")
    assert caught.value.nearest in ("u2net", "u2netp")
    assert "isnet" in caught.value.allowed

"""The shipped presets, read once."""

import pytest

from edge.variants import presets


@pytest.fixture(scope="session")
def shipped() -> presets.Presets:
    return presets.load()

"""The Python client writes what the server writes."""

import importlib.util
import json

import pytest

from tests.clients.running import CLIENTS

VECTORS = json.loads((CLIENTS / "vectors.json").read_text())


def _client():
    spec = importlib.util.spec_from_file_location(
        "edgeimages", CLIENTS / "python" / "edgeimages.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


edgeimages = _client()


def each(group):
    return pytest.mark.parametrize("vector", VECTORS[group], ids=lambda vector: vector["name"])


@each("urls")
def test_a_url(vector):
    assert edgeimages.url(vector["base"], vector["path"], vector["params"]) == vector["url"]


@each("srcsets")
def test_a_srcset(vector):
    widths, densities = vector["widths"] or edgeimages.WIDTHS, vector["densities"] or ()
    made = edgeimages.srcset(vector["base"], vector["path"], vector["params"], widths, densities)
    assert made == vector["srcset"]


@each("sizes")
def test_sizes(vector):
    assert edgeimages.sizes(vector["lengths"]) == vector["sizes"]


@each("signed")
def test_a_signature(vector):
    key = (VECTORS["kid"], VECTORS["secret"], vector["expires"])
    assert edgeimages.sign(vector["unsigned"], *key) == vector["url"]


@pytest.mark.parametrize("unsigned", ["/a.jpg?w=1&w=2", "/a.jpg?sig=0"])
def test_what_cannot_be_signed_is_an_error(unsigned):
    with pytest.raises(ValueError, match="twice"):
        edgeimages.sign(unsigned, "a", "b" * 16)

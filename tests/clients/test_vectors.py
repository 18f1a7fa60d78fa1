"""The clients' vectors are what the server's code writes now, and what a server answers to."""

import importlib.machinery
import importlib.util
import json

import pytest

from edge.variants import paths, presets, signing
from edge.variants.query import AcceptClass, read
from tests.clients.running import CLIENTS, ROOT

VECTORS = json.loads((CLIENTS / "vectors.json").read_text())


def _script():
    loader = importlib.machinery.SourceFileLoader("vectors", str(ROOT / "scripts" / "vectors"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("vectors", loader))
    loader.exec_module(module)
    return module


def test_they_are_up_to_date():
    assert _script().made() == VECTORS, "run scripts/vectors"


@pytest.mark.parametrize("vector", VECTORS["signed"], ids=lambda vector: vector["name"])
def test_the_server_takes_each_signature(vector):
    location, _, query = vector["url"].partition("?")
    path = paths.read("/" + location.split("example.com", 1)[-1].lstrip("/"))
    keys = signing.SigningKeys.of([(VECTORS["kid"], VECTORS["secret"])])
    signing.verify(path, query, keys, required=True, now=0)


@pytest.mark.parametrize("vector", VECTORS["urls"], ids=lambda vector: vector["name"])
def test_each_url_is_a_strict_request_of_the_canonical_form(vector):
    request = read(vector["url"].partition("?")[2], presets.load(), strict=True)
    extension = paths.extension(vector["path"])
    assert request.resolve(AcceptClass.BASE, extension).canonical() == vector["canonical"]

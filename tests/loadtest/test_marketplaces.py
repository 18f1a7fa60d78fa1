"""The load test of marketplaces reads what explain answers, by the keys that explain writes."""

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.deadline import Deadline
from edge.errors import ModelMissing
from edge.images import Format, Original, Stamp
from edge.limits import Limits
from edge.rendering.render import Renderer
from edge.variants.transform import Transform
from edge.variants.values import MatteMode
from edge.web.failures import problem
from tests.rendering.photos import blob, photo
from tests.rendering.stage import Inline, NoModels

LOADTEST = Path(__file__).parents[2] / "loadtest"


@pytest.fixture
def cut_named(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], str]:
    monkeypatch.syspath_prepend(str(LOADTEST))
    named: Callable[[dict[str, Any]], str] = importlib.import_module("marketplaces").cut_named
    return named


async def explained(transform: Transform) -> dict[str, Any]:
    stream = io.BytesIO()
    photo(blob).image.save(stream, "PNG")
    original = Original("a.png", stream.getvalue(), Stamp("1"))
    renderer = Renderer(Inline(), NoModels(), Limits())
    return await renderer.explain(original, transform, deadline=Deadline.after(60))


async def test_who_cut_the_subject_out_is_read_from_what_explain_answers(cut_named):
    cut = await explained(Transform(width=100, matte=MatteMode.ON, format=Format.PNG))
    assert cut_named(cut) == "plain-background"
    assert cut_named(await explained(Transform(width=100, format=Format.PNG))) == "not"
    assert cut_named(problem(ModelMissing("no network"), "/a")) == "model-missing"

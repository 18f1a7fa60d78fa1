"""Doubt: one probability, higher the more speaks against a cut."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from edge.images import Color
from edge.rendering.analysis.analysis import Analysis
from edge.rendering.compliance.review import notes, review
from edge.rendering.matting.doubt import DOUBT_NUMBERS, WEIGHTS, Evidence, doubt_of
from tests.rendering.stage import facts

ROOT = Path(__file__).parents[3]
ANALYSIS = Analysis(Color(255, 255, 255), True, cut_by="network")


def test_it_weighs_all_that_fusion_tells() -> None:
    assert set(WEIGHTS) == {field.name for field in fields(Evidence)}


def test_a_clean_cut_is_hardly_doubted_and_a_torn_one_much() -> None:
    assert doubt_of(Evidence(even=0.9)) < DOUBT_NUMBERS.review
    torn = Evidence(unsure=0.6, traces=0.3, scene=1.0)
    assert doubt_of(torn) > 0.8


@pytest.mark.parametrize("name", ["unsure", "traces", "pale", "scene"])
def test_whatever_speaks_against_a_cut_raises_it(name: str) -> None:
    clean = Evidence(even=0.9)
    assert doubt_of(replace(clean, **{name: 0.5})) > doubt_of(clean)


def test_it_stays_a_probability() -> None:
    worst = Evidence(**dict.fromkeys(WEIGHTS, 50.0))
    assert 0 <= doubt_of(Evidence(even=50.0)) < doubt_of(worst) <= 1


def test_review_means_doubt_or_that_nothing_was_cut_out() -> None:
    assert review(replace(ANALYSIS, doubt=0.0, flags=("detail",))) == ("doubt",)
    assert review(replace(ANALYSIS, doubt=DOUBT_NUMBERS.review)) == ("doubt",)
    assert review(replace(ANALYSIS, doubt=DOUBT_NUMBERS.review - 0.01)) == ()
    assert review(None) == ()


def test_facts_about_a_photo_are_notes() -> None:
    hard = replace(ANALYSIS, touches=("left",), flags=("several", "detail"), doubt=0.0)
    assert notes(hard, facts(200, 900)) == ("detail", "several", "small")
    cut = replace(hard, flags=("several",), cut_by="network")
    assert notes(cut, facts(200, 900)) == ("several", "cut-by-edge", "small")
    assert notes(ANALYSIS, facts(600, 800)) == ()
    assert review(cut) == ()


def test_the_verdicts_it_was_fitted_on_are_there_for_each_photo_once() -> None:
    lines = (ROOT / "training" / "matting" / "verdicts.tsv").read_text().splitlines()[1:]
    assert len({line.split("\t")[0] for line in lines}) == len(lines) == 299
    assert all(re.fullmatch(r"[^\t]+(\t(sell|reject)){6}", line) for line in lines)

"""The one table of parameters holds together, so that parsing, docs and OpenAPI can trust it."""

from collections import Counter
from dataclasses import fields

import pytest

from edge.errors import InvalidParameter
from edge.variants.parameters import BY_NAME, PARAMETERS, PICTURE
from edge.variants.transform import WORDS, Transform

ROWS = pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.name)


def test_no_word_names_two_parameters():
    words = Counter(word for row in PARAMETERS for word in (row.name, *row.aliases))
    assert [word for word, times in words.items() if times > 1] == []
    assert set(words) == set(BY_NAME)


def test_every_field_of_a_transform_has_a_word_and_a_row():
    assert set(WORDS.values()) == {f.name for f in fields(Transform)} - {"preset_version"}
    assert set(WORDS) <= {row.name for row in PARAMETERS}
    assert set(WORDS) - {"preset"} == PICTURE


@ROWS
def test_the_example_of_a_row_is_one_that_it_reads(row):
    row.read(row.example)


@ROWS
def test_the_choices_that_a_row_teaches_are_ones_that_it_reads(row):
    for word in row.kind.choices:
        row.read(word)


@ROWS
def test_a_row_says_what_it_is_for_and_what_it_may_be(row):
    assert row.help.endswith(".")
    assert row.kind.allowed
    assert row.default
    assert row.kind.type in ("string", "integer", "number")


@ROWS
def test_a_refusal_names_the_parameter_and_what_is_allowed(row):
    with pytest.raises(InvalidParameter) as refusal:
        row.read("\x7f/" * 80)
    assert refusal.value.param == row.name
    assert refusal.value.allowed == row.kind.allowed
    assert "\x7f" not in refusal.value.detail

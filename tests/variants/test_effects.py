"""What each word of a query does beside the others."""

import pytest

from edge.errors import InvalidParameter
from edge.variants import presets
from edge.variants.effects import Effect, effects

SHIPPED = presets.load()


def by_word(query: str) -> dict[str, Effect]:
    return {effect.word: effect for effect in effects(query, SHIPPED)}


@pytest.mark.parametrize(
    ("query", "word", "by"),
    [
        ("w=300&size=1k", "size", "w"),
        ("fmt=amazon&preset=thumb", "fmt", "preset"),
        ("fmt=png&fm=webp", "fmt", "fm"),
        ("w=300&dpr=1", "dpr", None),
        ("dpr=2", "dpr", None),
        ("w=300&rot=0", "rot", None),
    ],
)
def test_a_word_that_changes_nothing_is_named_with_what_overrules_it(query, word, by):
    effect = by_word(query)[word]
    assert (effect.counts, effect.by) == (False, by)


def test_words_that_count_are_told_as_such_by_whatever_name():
    hints_read = by_word("width=300&blur=2&fmt=amazon")
    assert {name for name, effect in hints_read.items() if effect.counts} == {"w", "blur", "fmt"}


def test_what_shapes_no_picture_is_left_out():
    assert set(by_word("w=300&dl=a.jpg&v=7&sig=abc&unknown=1")) == {"w"}


def test_a_query_that_cannot_be_read_is_refused():
    assert by_word("w=300&flip=q")["w"].given == "300"
    with pytest.raises(InvalidParameter):
        effects("%ff=%ff&w=%ff", SHIPPED)
